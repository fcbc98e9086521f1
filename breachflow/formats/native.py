"""The native event, `breachflow.security_event.v1`: our own contract, so it is read to the letter."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args

import msgspec
from msgspec import structs

from breachflow.core.event import SEVERITIES, SecurityEvent, Unreadable, Verdict
from breachflow.core.facts import FACT_NAMES, DiscoveredBy
from breachflow.formats.document import refuse_duplicate_keys
from breachflow.formats.limits import EARLIEST, EARLIEST_OCCURRENCE, LATEST, MAX_IDENTITY, MAX_TITLE
from breachflow.formats.reading import Context
from breachflow.formats.text import harmless, line

NAME = "native"
SCHEMA = "breachflow.security_event.v1"
WRITTEN_BY_READERS = frozenset({"format", "detected_at_basis", "users"})
KEYS = tuple(name for name in SecurityEvent.__struct_fields__ if name not in WRITTEN_BY_READERS)
_KEYS = frozenset(KEYS)
REQUIRED = ("id", "source", "detected_at", "title")
_REQUIRED = frozenset(REQUIRED)

_CHOICES = {"severity": SEVERITIES, "verdict": get_args(Verdict), "reported_by": get_args(DiscoveredBy)}
_AT = re.compile(r" - at (?:`key` in )?`\$\.?([^`]*)`$")
_QUOTED = re.compile(r" '[^']*'")
# Escapes and raw bytes that may become a control or bidirectional character; without them nothing needs cleaning.
_SUSPICIOUS = re.compile(
    rb"\\u|\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf"
)


def recognise(document: dict[str, Any]) -> bool:
    """Whether this object means to be a native event.

    It does with our schema's name, with `detected_at` and another required key, or with three required keys and no
    key that is not ours: products have `id`, `source` and `title` too.
    """
    if document.get("schema") == SCHEMA:
        return True
    stated = len(_REQUIRED.intersection(document))
    if "detected_at" in document:
        return stated >= 2
    return stated >= 3 and _KEYS.issuperset(document)


def read(document: dict[str, Any], raw: bytes, context: Context) -> SecurityEvent:  # noqa: ARG001 - as every reader.
    """The native event in this object; `raw` are its bytes.

    Raises `Unreadable` naming the key: unknown keys, wrong types, values outside the vocabulary, a time without
    offset or outside 1990 to 2100, a key said twice.
    """
    refuse_duplicate_keys(raw, document)
    if "schema" in document:
        if document["schema"] != SCHEMA:
            raise Unreadable(f"`schema` is not {SCHEMA}: this version reads no other")
        document = {key: value for key, value in document.items() if key != "schema"}
    if not _KEYS.issuperset(document):
        raise Unreadable(_unknown(next(key for key in document if key not in _KEYS), "", KEYS))
    # "Absent or null means unknown."
    stated = {key: value for key, value in document.items() if value is not None}
    if _suspicious(raw):
        stated = harmless(stated)
    for key in REQUIRED:
        if key not in stated:
            raise Unreadable(f"`{key}` is missing: a native event states {', '.join(REQUIRED)}")
    for key, limit in (("id", MAX_IDENTITY), ("source", MAX_IDENTITY), ("title", MAX_TITLE)):
        if isinstance(value := stated[key], str) and len(value) <= limit:
            stated[key] = line(value, limit)
            if not stated[key]:
                raise Unreadable(f"`{key}` is blank")
    try:
        event = msgspec.convert(stated, SecurityEvent)
    except msgspec.ValidationError as error:
        raise Unreadable(_sentence(str(error))) from None
    _check_instants(event, "")
    return structs.replace(event, detected_at=event.detected_at.astimezone(UTC))


def _suspicious(raw: bytes) -> bool:
    # Most events are plain ASCII, which is searched for two words in a fraction of the time.
    if raw.isascii():
        return b"\\u" in raw or b"\x7f" in raw
    return _SUSPICIOUS.search(raw) is not None


def _sentence(message: str) -> str:
    """Msgspec's message in our words, without the value that it quotes."""
    found = _AT.search(message)
    path = found.group(1) if found else ""
    said = _AT.sub("", message)
    name = f"`{path}`" if path else "the event"
    if said.startswith("Object contains unknown field"):
        key = said.split("`")[1]
        return _unknown(key, path, tuple(FACT_NAMES) if path == "facts" else ())
    if said.startswith("Expected `datetime` with a timezone"):
        return f"{name} has no offset: write it as 2026-01-31T09:00:00+01:00; a zone is never guessed"
    if said.startswith("Invalid RFC3339"):
        return f"{name} is not an RFC 3339 time such as 2026-01-31T09:00:00+01:00"
    if path in _CHOICES and said.startswith("Invalid enum"):
        return f"{name} is none of {', '.join(_CHOICES[path])}"
    if said.startswith("Invalid enum"):
        return f"{name} is not a word of the vocabulary"
    if said.startswith("Expected"):
        return f"{name}: {said[0].lower()}{said[1:]}"
    return f"{name}: {_QUOTED.sub('', said)}"


def _unknown(key: str, path: str, known: tuple[str, ...]) -> str:
    # A key that is no plain word may itself be content; then only the place is named.
    where = f" in `{path}`" if path else ""
    if key in WRITTEN_BY_READERS:
        return f"`{key}`{where} is written by the reader, not by a producer: leave it out"
    named = f"`{key}`" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}", key) else "a key that is no plain word"
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"{named}{where} is not a key of the vocabulary: did you mean `{near[0]}`?"
    if not path and key in FACT_NAMES:
        return f"{named} is a fact: put it inside `facts`"
    return f"{named}{where} is not a key of the vocabulary"


def _check_instants(value: Any, path: str) -> None:
    """Refuse an instant that is a placeholder, or on which a sum of days could overflow."""
    if isinstance(value, datetime):
        earliest = EARLIEST if path == "detected_at" else EARLIEST_OCCURRENCE
        if not earliest <= value < LATEST:
            raise Unreadable(f"`{path}` lies outside {earliest.year} to {LATEST.year}")
    elif isinstance(value, msgspec.Struct):
        for name in _timed(type(value)):
            if (inner := getattr(value, name)) is not None:
                _check_instants(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            if isinstance(inner, msgspec.Struct):
                _check_instants(inner, f"{path}[{index}]")


@cache
def _timed(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of this struct in which an instant may stand, at whatever depth; most of them hold none."""
    return tuple(field.name for field in structs.fields(kind) if _holds_instant(field.type))


def _holds_instant(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return bool(_timed(kind))
    return kind is datetime or any(_holds_instant(part) for part in get_args(kind))
