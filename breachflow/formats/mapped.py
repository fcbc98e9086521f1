"""A mapping at work: its paths compiled once, then followed through each record of its format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from breachflow.core.event import SecurityEvent, Severity, Verdict
from breachflow.core.facts import Facts, changed, known
from breachflow.formats import instants, paths, severity, told
from breachflow.formats.format import Document, Format
from breachflow.formats.mapping import Mapping, MappingError, Recognise, VerdictWords, parsed, placed
from breachflow.formats.reading import Context


def load_mapping(content: bytes) -> Format:
    """The format that this TOML describes, as in `mapping`.

    Raises `MappingError` naming the line or the key that is wrong.
    """
    mapping = parsed(content)
    try:
        if mapping.zone is not None:
            instants.zone_of(mapping.zone)
        return compiled(mapping)
    except ValueError as error:
        raise MappingError(placed(str(error), content.decode())) from None


def compiled(mapping: Mapping) -> Format:
    """The mapping with its paths ready to follow; `ValueError` for a path that is none, or for no recognition."""
    if not mapping.recognise or any(not rule.keys for rule in mapping.recognise):
        raise ValueError("every [[recognise]] needs `keys`: without them the mapping would claim every record")
    return Format(
        name=mapping.name,
        marks=tuple({paths.top(rule.keys[0]) for rule in mapping.recognise}),
        recognise=_recogniser(mapping.recognise),
        read=_reader(mapping),
    )


def _recogniser(rules: tuple[Recognise, ...]) -> Callable[[Document], int]:
    ready = [
        (
            frozenset(paths.top(key) for key in rule.keys),
            tuple(paths.gatherer(key) for key in rule.keys if key != paths.top(key)) or None,
            tuple((paths.gatherer(path), frozenset(map(_word, values))) for path, values in rule.equals.items()),
            tuple(paths.gatherer(path) for path in rule.absent),
            len(rule.keys) + 2 * len(rule.equals) + len(rule.absent),
        )
        for rule in rules
    ]
    ready.sort(key=lambda rule: -rule[-1])

    def recognise(record: Document) -> int:
        keys = record.keys()
        for tops, deeper, equal, absent, weight in ready:
            if (
                tops <= keys
                and (deeper is None or _every(deeper, record))
                and (not equal or _all_among(equal, record))
                and not (absent and any(gather(record) for gather in absent))
            ):
                return weight
        return 0

    return recognise


def _every(gatherers: tuple[paths.Gatherer, ...], record: Document) -> bool:
    for gather in gatherers:  # noqa: SIM110 - a loop, because this runs for every candidate of every record.
        if not gather(record):
            return False
    return True


def _all_among(equal: tuple[tuple[paths.Gatherer, frozenset[str]], ...], record: Document) -> bool:
    for gather, words in equal:
        for value in gather(record):
            if _word(value) in words:
                break
        else:
            return False
    return True


def _reader(mapping: Mapping) -> Callable[[Document, bytes, Context], SecurityEvent]:
    spots = mapping.event
    title = [paths.first((source,)) for source in spots.title]
    detected_at = [paths.first((source,)) for source in spots.detected_at]
    identity, instance, case = paths.first(spots.id), paths.first(spots.instance), paths.first(spots.case)
    stable = [paths.getter(path) for path in spots.stable]
    description = paths.first(spots.description)
    since, until = paths.first(spots.occurred_from), paths.first(spots.occurred_to)
    assets, users = paths.gatherer(*spots.assets), paths.gatherer(*spots.users)
    scales = [
        (paths.getter(scale.from_), {**severity.WORDS, **_lower(scale.words)}, scale.bands)
        for scale in mapping.severity
    ]
    verdict = _verdict(mapping.verdict)
    facts = _facts(mapping)

    def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
        original = severe = None
        for get, words, bands in scales:
            if (value := get(record)) is None:
                continue
            original = value if original is None else original
            severe = (severity.by_band(value, bands) if bands else None) or severity.by_word(value, words)
            if severe is not None:
                original = value
                break
        return told.event(
            told.Told(
                title=(get(record) for get in title),
                detected_at=(get(record) for get in detected_at),
                id=identity(record),
                stable=(get(record) for get in stable),
                instance=instance(record),
                description=description(record),
                severity=severe,
                original_severity=original,
                verdict=verdict(record),
                case=case(record),
                assets=assets(record),
                users=users(record),
                occurred_from=since(record),
                occurred_to=until(record),
                facts=facts(record),
                zone=mapping.zone,
            ),
            mapping.name,
            raw,
            context,
        )

    return read


def _verdict(words: VerdictWords | None) -> Callable[[Document], Verdict]:
    if words is None:
        return lambda record: "suspected"  # noqa: ARG005 - called as the other one is.
    gather = paths.gatherer(*words.from_)
    meant: dict[str, Verdict] = {}
    meant.update(dict.fromkeys(map(_word, words.confirmed), "confirmed"))
    meant.update(dict.fromkeys(map(_word, words.false_positive), "false_positive"))
    meant.update(dict.fromkeys(map(_word, words.test), "test"))

    def decide(record: Document) -> Verdict:
        for value in gather(record):
            if isinstance(value, (str, int)) and (found := meant.get(_word(value))):
                return found
        return "suspected"

    return decide


def _facts(mapping: Mapping) -> Callable[[Document], Facts | None]:
    always = mapping.facts
    conditions = [(paths.gatherer(one.path), frozenset(map(_word, one.is_)), known(one.facts)) for one in mapping.when]
    if not conditions:
        return lambda record: always  # noqa: ARG005 - called as the other one is.

    def state(record: Document) -> Facts | None:
        facts = always
        for gather, words, values in conditions:
            if any(_word(value) in words for value in gather(record)):
                facts = changed(facts or Facts(), **values)
        return facts

    return state


def _word(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else str(value).lower()


def _lower(words: dict[str, Severity]) -> dict[str, Severity]:
    return {word.lower(): meant for word, meant in words.items()}
