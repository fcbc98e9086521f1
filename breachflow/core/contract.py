"""JSON Schema of the types that cross the border: made from the types that read and write them, fit to be read."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from breachflow.core import assessment, case, decision, event, facts

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LOCAL = "#/$defs/{name}"

# RFC 3339 5.6. The calendar's own rules (no 30 February) are left to `format`.
_CLOCK = r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$"
DAY = "-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

_ENUMERATIONS = {
    frozenset(words): list(words)
    for module in (assessment, case, decision, event, facts)
    for words in map(get_args, vars(module).values())
    if words and all(isinstance(word, str) for word in words)
}
"""The words of each enumeration in the order in which the vocabulary states them, mildest first."""


def definitions(
    types: Sequence[Any],
    *,
    ref: str = LOCAL,
    days: str = f"[0-9]{{4}}{DAY}",
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the schema of each type and of all that they hold, by name.

    `days` is a pattern of the days on which an instant may lie; `words` describes keys: type, key, sentence.
    """
    _, parts = msgspec.json.schema_components(types, ref_template=ref)
    for name, part in parts.items():
        _tidy(part, instant(days))
        for key, sentence in (words or {}).get(name, {}).items():
            part["properties"][key]["description"] = sentence
    return dict(parts)


def instant(days: str) -> dict[str, Any]:
    """Return the schema of a point in time with its offset, on these days (a pattern)."""
    return {"type": "string", "format": "date-time", "pattern": f"^({days}){_CLOCK}"}


def document(title: str, description: str, body: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole JSON Schema document."""
    return {"$schema": DIALECT, "title": title, "description": description, **body, "$defs": dict(parts)}


def text(schema: Mapping[str, Any]) -> str:
    """Return a schema as it is printed and kept in a file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=1).decode() + "\n"


def _tidy(schema: Any, moment: Mapping[str, Any]) -> None:
    """Say in place what msgspec does not: offsets of instants, the order of words; leave out what says nothing."""
    if isinstance(schema, list):
        for part in schema:
            _tidy(part, moment)
    if not isinstance(schema, dict):
        return
    if schema.get("format") == "date-time":
        schema.update(moment)
    if isinstance(description := schema.get("description"), str):
        schema["description"] = inspect.cleandoc(description)
    if isinstance(stated := schema.get("enum"), list):
        schema["enum"] = _ENUMERATIONS.get(frozenset(stated), stated)
    if "default" in schema and schema["default"] in (None, ""):
        del schema["default"]
    for part in schema.values():
        _tidy(part, moment)
