"""The pages of the products: how to send, what is read, a sample of ours, and the event that is made of it.

What a product's own steps are is written by hand in `products/sending.toml`, what the readers with logic read in
`products/readers.toml`; everything else comes from the mappings and the readers themselves.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from breachflow import formats
from breachflow.cli.normalised import line
from breachflow.formats import native, native_schema
from breachflow.formats.mapping import Mapping, Scale, parsed
from breachflow.formats.severity import WORDS

ROOT = Path(__file__).parents[1]
PRODUCTS = ROOT / "docs" / "products"
MAPPINGS = ROOT / "breachflow" / "formats" / "mappings"
SAMPLES = ROOT / "tests" / "fixtures" / "formats"

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
MADE = "<!-- Made by `make docs` from docs/products/*.toml, the mappings and the samples; do not edit. -->"

FIELDS = {
    "title": "`title`: the first that says something",
    "detected_at": "`detected_at`: the first that is a time",
    "id": "`id`: the first that says something",
    "stable": "`id`, where there is none: a digest of all of these",
    "instance": "`source`: the format's name and, behind it, the first of these",
    "case": "`case`: the first that says something",
    "description": "`description`: the first that says something",
    "occurred_from": "`occurred_from`: the first that says something",
    "occurred_to": "`occurred_to`: the first that says something",
    "assets": "`assets`: all of these",
    "users": "users, pseudonymised before they are stored: all of these",
}
NEVER_MISSING = {
    "detected_at": "otherwise the instant of receipt",
    "id": "otherwise a digest of the whole record",
    "title": "otherwise the format's name",
}

WAYS = {
    "webhook": (
        "**Webhook.** URL `https://breachflow.example.org/events?format={name}`, method POST, header `Authorization: Bearer "
        "TOKEN`, body: the alert as JSON, one or a list. Where the product cannot set a header, use [a proxy that adds "
        "it](bridges.md#tls-and-a-proxy-that-adds-the-token)."
    ),
    "syslog": (
        "**Syslog.** Let [rsyslog](bridges.md#rsyslog) or [Vector](bridges.md#vector) take the lines and put them onto "
        "Kafka as they came."
    ),
    "poll": "**By API.** Ask every few minutes and post the answer as it comes: [polling](bridges.md#polling-an-api).",
    "file": (
        "**By file.** JSON, a list, or lines: [Filebeat](bridges.md#filebeat) or [Vector](bridges.md#vector) for a file "
        "that grows; `breachflow ingest FILE` or `breachflow produce FILE` for one that does not."
    ),
    "kafka": (
        "**Kafka.** A pipeline that has the records already puts them onto `breachflow.security-events` as they are "
        "([Vector](bridges.md#vector), [Logstash](bridges.md#logstash))."
    ),
}  # fmt: skip


def pages() -> dict[Path, str]:
    """Return every page with its text, the index included."""
    sending, readers = _toml("sending.toml"), _toml("readers.toml")
    mappings = {one.name: (one, _notes(raw)) for one, raw in _mappings()}
    written = {PRODUCTS / f"{slug}.md": _page(page, mappings, readers) for slug, page in sending.items()}
    return written | {PRODUCTS / "README.md": _index(sending, mappings, readers)}


def described() -> list[str]:
    """Return the formats that the pages describe, in their order."""
    return [name for page in _toml("sending.toml").values() for name in page["formats"]]


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((PRODUCTS / name).read_text(encoding="utf-8"))


def _mappings() -> Iterable[tuple[Mapping, str]]:
    for path in sorted(MAPPINGS.glob("*.toml")):
        raw = path.read_bytes()
        yield parsed(raw), raw.decode()


def _notes(raw: str) -> str:
    """Return the comment on top of a mapping, as a paragraph."""
    lines = []
    for one in raw.splitlines():
        if not one.startswith("#"):
            break
        lines.append(one.lstrip("# "))
    return " ".join(lines)


def _index(sending: dict[str, Any], mappings: dict[str, Any], readers: dict[str, Any]) -> str:
    words: dict[str, list[str]] = {}
    for word, meant in WORDS.items():
        words.setdefault(meant, []).append(f"`{word}`")
    groups: dict[str, list[str]] = {}
    for slug, page in sending.items():
        names = ", ".join(f"`{name}`" for name in page["formats"])
        groups.setdefault(page["group"], []).append(f"| {page['group']} | [{page['title']}]({slug}.md) | {names} |")
    first = "Open formats"
    order = [first, *sorted((name for name in groups if name != first), key=str.casefold)]
    rows = "\n".join(row for name in order for row in groups[name])
    return f"""{MADE}
# Products

One page for each product: how to send to Kafka or to `POST /events`, which fields are read, how severe is severe, a sample
written by us, and the event that breachflow makes of it. {len(mappings) + len(readers)} formats.

| of | page | formats |
|---|---|---|
{rows}

Not here? `breachflow normalise FILE` says whether a record is recognised all the same; many products write CEF, OCSF or
ECS. For any other JSON, [a mapping of your own](../mappings.md) is one file. A system of your own writes
[native events](native.md).

## What holds for every product

- **Try a record first:** `breachflow normalise RECORD.json` prints the event that it becomes, and writes nothing.
- **The format is recognised**, record by record. Naming it (`POST /events?format=NAME`,
  `BREACHFLOW_EVENT_TOPICS=topic=NAME`, `--format NAME`) is faster and leaves no doubt.
- **`source` and `id` are the identity.** The same content again is a duplicate; new content under the same identity is a
  revision, so send updates too: a later verdict reaches its case.
- **The instant of detection starts the clocks**, so the page says which one is taken. A time without offset is refused
  unless the vendor documents its zone or [you declare it](../mappings.md#what-holds); nothing is guessed. Placeholders (1970, 0001, 9999) are no times.
- **User names are pseudonymised** with a key of the installation before anything is stored, in titles and descriptions
  too; `normalise`, which stores nothing, shows them as they are.
- **A record names users, assets and an alert; it rarely says whose data, which kinds or how many people.** That comes
  from the data map, by the assets, and from people. Facts are read only where a record states them.
- **What cannot be read is kept:** `breachflow deadletters list`.

How to carry records over, with configurations: [bridges.md](bridges.md). How `POST /events` answers:
[../http.md](../http.md).

## Words of severity that all formats share

Case does not matter. A format's own words and numbers, on its page, go first.

| severity | words |
|---|---|
{chr(10).join(f"| {meant} | {', '.join(said)} |" for meant, said in words.items())}
"""


def _page(page: dict[str, Any], mappings: dict[str, Any], readers: dict[str, Any]) -> str:
    names = page["formats"]
    parts = [MADE, f"# {page['title']}", f"Formats: {', '.join(f'[`{name}`](#{name})' for name in names)}."]
    parts += ["## How to send it", page["send"].strip()]
    parts += [WAYS[way].format(name=names[0]) for way in page["ways"]]
    parts.append(
        "[Bridges](bridges.md) has the configurations of the pieces in between, [http.md](../http.md) the answers of "
        f"`POST /events`. Try a record of yours first: `breachflow normalise --format {names[0]} RECORD`."
    )
    for name in names:
        parts += _format(name, mappings.get(name), readers.get(name))
    return "\n\n".join(parts) + "\n"


def _format(name: str, mapped: tuple[Mapping, str] | None, reader: dict[str, Any] | None) -> list[str]:
    if mapped is not None:
        mapping, notes = mapped
        event = msgspec.structs.asdict(mapping.event)
        parts = [f"## {name}", notes, *_fields(event, mapping.zone), *_severity(mapping.severity)]
        parts += [*_verdict(mapping), *_facts(mapping), *_recognised(mapping)]
    elif reader is not None:
        parts = [f"## {name}", f"{reader['product']}."]
        if "also" in reader:
            parts.append("\n".join(f"- {one}" for one in reader["also"]))
        if name == native.NAME:
            parts += _vocabulary()
        if "event" in reader:
            parts += _fields(reader["event"], reader.get("zone"), reader)
        parts += _table("Severity", ("read from", "how"), reader.get("severity", ()))
        parts += _table("Verdict", ("read from", "how"), reader.get("verdict", ()))
    else:
        raise KeyError(f"{name}: neither a mapping nor an entry of readers.toml")
    return parts + _sample(name)


def _vocabulary() -> list[str]:
    """Return what each key of the native event means and may hold."""
    whole = native_schema.schema()
    parts = {"Keys of the event": whole} | {f"Keys of {name}": part for name, part in whole["$defs"].items()}
    found = []
    for title, part in parts.items():
        required = part.get("required", ())
        rows = [
            (f"`{key}`{' (required)' if key in required else ''}", _values(said), said["description"])
            for key, said in part["properties"].items()
        ]
        found += _table(title, ("key", "value", "meaning"), rows)
    return found


def _values(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        first, *others = [_values(one) for one in schema["anyOf"] if one != {"type": "null"}]
        if others == [f"a list of: {first}"]:
            return f"{first}; one, or a list"
        return " or ".join([first, *(one for one in others if one != "a whole number")])
    if "$ref" in schema:
        return f"an object, {schema['$ref'].rpartition('/')[2]}"
    if "const" in schema or "enum" in schema:
        return " ".join(_code(word) for word in schema.get("enum", [schema.get("const")]))
    kind = schema["type"]
    if kind == "array":
        return f"a list of: {_values(schema['items'])}"
    if kind == "object":
        return f"an object: country to {_values(schema['additionalProperties'])}"
    if schema.get("format") == "date-time":
        return "RFC 3339 with offset"
    if kind == "string":
        limit = schema.get("maxLength")
        return (
            f"text, at most {limit:,} characters" if limit else "two capital letters" if "pattern" in schema else "text"
        )
    return {"boolean": "true, false", "integer": "a whole number", "number": "a number"}[kind]


def _recognised(mapping: Mapping) -> list[str]:
    rules = []
    for rule in mapping.recognise:
        said = [f"has {', '.join(_code(key) for key in rule.keys)}"]
        said += [f"{_code(path)} is {_or(_code(value) for value in values)}" for path, values in rule.equals.items()]
        said += [f"has no {_code(path)}" for path in rule.absent]
        rules.append(f"- {'; '.join(said)}")
    return ["### How it is recognised", "By one of these; the record", "\n".join(rules)]


def _fields(event: dict[str, Any], zone: str | None, reader: dict[str, Any] | None = None) -> list[str]:
    otherwise = NEVER_MISSING | (reader or {}).get("otherwise", {})
    if event.get("stable"):
        del otherwise["id"]
    rows = []
    for part, words in FIELDS.items():
        if sources := event.get(part):
            said = ", ".join(_place(source, reader) for source in sources)
            rows.append((words, f"{said}; {otherwise[part]}" if part in otherwise else said))
        elif part == "detected_at":
            rows.append(("`detected_at`", "the record states none: the instant of receipt"))
        elif part == "id" and reader is not None:
            rows.append(("`id`", f"a digest of {reader['digest']}"))
    said = f"A time without offset is read as {zone}, and the event says so (`zone_assumed`)."
    return _table("Fields that are read", ("of the event", "from the record"), rows) + ([said] if zone else [])


def _place(source: str, reader: dict[str, Any] | None) -> str:
    """Return where a value stands: in lines of CEF and LEEF, a field of the extension or one of the header."""
    if reader is None or not any(path.startswith("fields.") for path in reader["event"].get("id", ())):
        return _code(source)
    if source.startswith("fields."):
        return _code(source.removeprefix("fields."))
    return {"syslog_time": "the time of the syslog header", "class_id": "the header's class"}.get(
        source, f"the header's {source}"
    )


def _severity(scales: tuple[Scale, ...]) -> list[str]:
    same: dict[str, list[str]] = {}
    for scale in scales:
        said = [f"from {floor:g} {meant}" for floor, meant in scale.bands]
        said += [f"{_code(word)} {meant}" for word, meant in scale.words.items()]
        same.setdefault(", ".join(said) or "the word, as in [the common list](README.md)", []).append(
            _code(scale.from_)
        )
    rows = [(", ".join(dict.fromkeys(paths)), how) for how, paths in same.items()]
    if not rows:
        return ["Severity: the record states none that is read; the case is judged by its facts."]
    return [*_table("Severity", ("read from", "how"), rows), "The first that gives a severity counts."]


def _verdict(mapping: Mapping) -> list[str]:
    if mapping.verdict is None:
        return ["Verdict: the record states none; every alert is suspected until a person decides."]
    rows = [
        (meant, ", ".join(_code(word) for word in words))
        for meant, words in (
            ("confirmed", mapping.verdict.confirmed),
            ("false positive", mapping.verdict.false_positive),
            ("test", mapping.verdict.test),
        )
        if words
    ]
    where = ", ".join(_code(path) for path in mapping.verdict.from_)
    return [*_table("Verdict", ("verdict", "words"), rows), f"Looked for in {where}. Any other word: suspected."]


def _facts(mapping: Mapping) -> list[str]:
    rows = []
    if mapping.facts is not None:
        rows.append(("every record", _as_facts(mapping.facts)))
    rows += [
        (f"{_code(one.path)} is {_or(_code(word) for word in one.is_)}", _as_facts(one.facts)) for one in mapping.when
    ]
    return _table("Facts", ("where", "the event states"), rows)


def _as_facts(facts: Any) -> str:
    return ", ".join(f"`{key}`: {_code(value)}" for key, value in msgspec.to_builtins(facts).items())


def _sample(name: str) -> list[str]:
    (path,) = SAMPLES.glob(f"{name}.*")
    raw = path.read_bytes()
    (reading,) = formats.read(raw, received_at=RECEIVED, format=name)
    made = {key: value for key, value in line(reading, path.name, 1).items() if key not in ("file", "record")}
    text = raw.decode().strip()
    if path.suffix == ".json":
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    receipt = " The record has no instant: it was received at noon." if made["detected_at_basis"] == "receipt" else ""
    return [
        "### A sample, invented by us",
        f"```{'json' if path.suffix == '.json' else 'text'}\n{text}\n```",
        f"What `breachflow normalise` makes of it:{receipt}",
        f"```json\n{json.dumps(made, indent=2, ensure_ascii=False)}\n```",
    ]


def _table(title: str, heads: tuple[str, ...], rows: Iterable[Iterable[str]]) -> list[str]:
    found = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    if not found:
        return []
    return [f"### {title}", "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *found])]


def _code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _or(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
