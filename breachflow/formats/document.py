"""Bytes into one JSON document, or the sentence that says why not; whatever the bytes are."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from breachflow.core.event import Unreadable
from breachflow.formats.limits import MAX_DEPTH, MAX_PAYLOAD

BOM = b"\xef\xbb\xbf"
_KEY_TOKEN = re.compile(rb'"\s*:')
LONGEST_NAMED = 60  # Characters of a key that an error names.
_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"{}[]")
_decoder = msgspec.json.Decoder()
encode = msgspec.json.Encoder().encode
"""A JSON value as its bytes."""


def decode(raw: bytes) -> Any:
    """The JSON document in these bytes.

    Raises `Unreadable` for anything else: not UTF-8, malformed, NaN or infinite, a number out of range, a lone
    surrogate, nested deeper than `MAX_DEPTH`, larger than `MAX_PAYLOAD`. A byte order mark is tolerated.
    """
    if len(raw) > MAX_PAYLOAD:
        raise Unreadable(f"the payload has {len(raw)} bytes, {MAX_PAYLOAD} are read at most: send its records singly")
    if raw.startswith(BOM):
        raw = raw[3:]
    try:
        document = _decoder.decode(raw)
    except UnicodeDecodeError:
        raise Unreadable("the payload is not UTF-8") from None
    except msgspec.DecodeError as error:
        if not raw or raw.isspace():
            raise Unreadable("the payload is empty") from None
        raise Unreadable(_fault(str(error))) from None
    except RecursionError:
        raise Unreadable(_too_deep()) from None
    if not _shallow(raw) and _deeper_than(document, MAX_DEPTH):
        raise Unreadable(_too_deep())
    return document


def refuse_duplicate_keys(raw: bytes, document: Any) -> None:
    """Refuse a document that says one key twice: readers disagree on which counts, so nobody knows what was meant.

    Every key ends in a quote and a colon, so as many of those as decoded keys means no key was said twice.
    """
    if len(_KEY_TOKEN.findall(raw)) != _keys(document):
        text = raw.decode(errors="replace")
        # A line of syslog has words ahead of its JSON.
        start = next((place for place, letter in enumerate(text) if letter in "{["), 0)
        try:
            _strict.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError) as error:
            raise Unreadable("the JSON cannot be searched for keys that are said twice") from error


def _fault(message: str) -> str:
    # msgspec's own words name the byte, never the content.
    if "truncated" in message:
        return "the JSON ends before it is complete, or holds half of a surrogate pair"
    if "out of range" in message:
        return "the JSON holds a number out of range"
    return message.replace("JSON is malformed", "not JSON").rstrip(".")


def _too_deep() -> str:
    return f"the JSON is nested deeper than {MAX_DEPTH} levels"


def _shallow(raw: bytes) -> bool:
    """Whether the brackets alone already show that the nesting stays below the limit, as they nearly always do.

    Each level needs two of them. Pairs that hold nothing are one level; taken away again and again, what stays are
    brackets inside strings.
    """
    brackets = raw.translate(None, _NO_BRACKET)
    level = 0
    while len(brackets) > 2 * (MAX_DEPTH - level) and level < MAX_DEPTH:
        fewer = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(fewer) == len(brackets):
            return False
        brackets = fewer
        level += 1
    return level < MAX_DEPTH


def _deeper_than(document: Any, levels: int) -> bool:
    layer = [document]
    while layer and levels:
        levels -= 1
        layer = [
            child
            for node in layer
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
    return bool(layer)


def _keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys(item) for item in value.values() if isinstance(item, (dict, list)))
    if isinstance(value, list):
        return sum(_keys(item) for item in value if isinstance(item, (dict, list)))
    return 0


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            _said_twice(key)
        seen.add(key)


def _said_twice(key: str) -> NoReturn:
    named = f"`{key}`" if key.isidentifier() and len(key) <= LONGEST_NAMED else "a key"
    raise Unreadable(f"the JSON says {named} twice in one object: which of the two counts is anybody's guess")


_strict = json.JSONDecoder(object_pairs_hook=_distinct, parse_int=str)
"""Says every key; whole numbers stay text, since one may have more digits than Python reads."""
