"""One payload into a neighbour of it: changes that know JSON, and changes that know only bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

LONGEST = 64_000
"""Bytes of a mutated payload; larger ones are the hostile inputs' matter, and slow here."""

NUMBERS = (
    "0", "-0", "-1", "1", "0.1", "1e400", "-1e400", "1e-400", "9007199254740993", "18446744073709551616",
    "4200000000", "1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "133500000000000000",
    "638000000000000000", "2147483648", "1" * 400, "0." + "3" * 400, "NaN", "Infinity",
)  # fmt: skip
TEXTS = (
    "", " ", "\x00", "\ud800", "\u202e", "\ufeff", "\u2028", "None", "null", "n/a", "true", "0", "-1", "1e400", "9" * 5_000,
    "x" * 30_000, "é" * 300, "{", "[]", '{"a": 1}', '[{"a": {}}]', "\\", '"', "'", "|", "=", "%s%n", "{0}", "{{7*7}}",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "2026-W01-1T01",
    "Feb 29 2023 00:00:00", "1700000000", "1700000000.5", "/Date(99999999999999)/", "2026-11-24T09:00:00+99:99",
    "Nov 24 09:00:00", "٣٤٥٦", "²", "²²²²-²²-²²T00:00:00", "2099-12-31T23:59:59.999999-12:00", "1900-01-01",
)  # fmt: skip
TOKENS = (
    b"|", b"=", b"\\", b"\\=", b'"', b",", b";", b"\n", b"\r\n", b"{", b"}", b"[", b"]", b":", b"\x00", b"\xff",
    b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"CEF:0|", b"LEEF:2.0|", b"<134>", b"1 - - - - - ", b"null", b"1e999",
    b"\xc2\xb2", b"0x5e|", b"cs1Label=", b" rt=", b"2026-11-24T09:00:00", b'[a@1 b="c"]',
)  # fmt: skip


class Literal(str):
    """A piece of text that stands in the JSON as it is, quoted or not."""

    __slots__ = ()


class Twice(dict[str, Any]):
    """An object of which one key is written twice."""


def mutated(seed: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A neighbour of this payload, one to four steps away; `others` are payloads to take pieces from."""
    payload = seed
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        document = _document(payload) if rng.random() < 0.8 else None
        payload = written(_changed(document, others, rng)) if document is not None else _bytes(payload, others, rng)
    return payload[:LONGEST]


def written(value: Any) -> bytes:
    """The JSON of a value, with what JSON cannot say written as it is."""
    return _text(value).encode("utf-8", "surrogatepass")


def _document(payload: bytes) -> Any:
    if payload.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, Literal):
        return value
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key)}:{_text(item)}" for key, item in value.items()]
        return "{" + ",".join(pairs + pairs[:1] if isinstance(value, Twice) else pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _changed(document: Any, others: list[bytes], rng: random.Random) -> Any:
    """The same document with something else at one of its places."""
    places = list(_places(document, ()))
    path = rng.choice(places)
    if not path:
        return rng.choice(_STEPS)(document, others, rng)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    last = path[-1]
    fate = rng.random()
    if fate < 0.15:
        del parent[last]
    elif fate < 0.25 and isinstance(parent, dict):
        parent[rng.choice(_keys(others, rng))] = parent.pop(last)
    elif fate < 0.3 and isinstance(parent, dict):
        return _replaced(document, path[:-1], Twice(parent))
    else:
        parent[last] = rng.choice(_STEPS)(parent[last], others, rng)
    return document


def _replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return document


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    if len(path) < 12:
        items = value.items() if isinstance(value, dict) else enumerate(value[:50]) if isinstance(value, list) else ()
        for key, item in items:
            yield from _places(item, (*path, key))


def _keys(others: list[bytes], rng: random.Random) -> list[str]:
    other = _document(rng.choice(others)) if others else None
    found = [place[-1] for place in _places(other, ()) if place and isinstance(place[-1], str)] if other else []
    return [*found, "", "id", "data", "records", "x" * 300]


def _number(_: Any, __: list[bytes], rng: random.Random) -> Any:
    return Literal(rng.choice(NUMBERS))


def _odd(_: Any, __: list[bytes], rng: random.Random) -> Any:
    return rng.choice(TEXTS)


def _other_type(value: Any, _: list[bytes], rng: random.Random) -> Any:
    return rng.choice([None, True, False, [], {}, [value], {"name": value}, str(value)[:200], [None, value, 7], 3.5])


def _nested(value: Any, _: list[bytes], rng: random.Random) -> Any:
    for _level in range(rng.choice((1, 2, 50, 99, 101))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def _many(value: Any, _: list[bytes], rng: random.Random) -> Any:
    return [value] * rng.choice((2, 101, 300)) if len(str(value)) < 100 else [value, value]


def _inside_text(value: Any, _: list[bytes], rng: random.Random) -> Any:
    if not isinstance(value, str):
        return json.dumps(value, default=str)[:2_000]
    at = rng.randint(0, len(value))
    return value[:at] + rng.choice(TEXTS)[:100] + value[at + rng.choice((0, 1, 3)) :]


def _grafted(value: Any, others: list[bytes], rng: random.Random) -> Any:
    """A piece of another payload."""
    other = _document(rng.choice(others)) if others else None
    if other is None:
        return value
    for key in rng.choice(list(_places(other, ()))):
        other = other[key]
    return other


Step = Callable[[Any, list[bytes], random.Random], Any]
_STEPS: tuple[Step, ...] = (_number, _odd, _odd, _other_type, _other_type, _nested, _many, _inside_text, _grafted)


def _bytes(payload: bytes, others: list[bytes], rng: random.Random) -> bytes:
    at, length = rng.randint(0, len(payload)), rng.choice((0, 1, 1, 4, 40))
    match rng.randint(0, 6):
        case 0:
            return payload[:at] + payload[at + length :]
        case 1:
            return payload[:at] + bytes(rng.randrange(256) for _ in range(length)) + payload[at:]
        case 2:
            return payload[:at] + payload[at : at + length] * rng.choice((2, 5, 500)) + payload[at + length :]
        case 3 if others:
            other = rng.choice(others)
            return payload[:at] + other[rng.randint(0, len(other)) :]
        case 4:
            return payload[:at]
        case 5 if payload:
            at = min(at, len(payload) - 1)
            return payload[:at] + bytes([payload[at] ^ (1 << rng.randrange(8))]) + payload[at + 1 :]
    return payload[:at] + rng.choice(TOKENS) + payload[at + length :]
