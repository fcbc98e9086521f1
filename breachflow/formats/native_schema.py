"""The JSON Schema of the native event: what a producer writes, made from the types that read it."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

from breachflow.core import contract
from breachflow.core.event import SecurityEvent
from breachflow.formats.native import REQUIRED, SCHEMA, WRITTEN_BY_READERS

EVENT = "SecurityEvent"

# A boundary's day is let in whole: with its offset the instant may lie inside.
_DETECTED = f"(199[0-9]|20[0-9]{{2}}){contract.DAY}|1989-12-31|2100-01-01"
_OCCURRED = f"(19|20)[0-9]{{2}}{contract.DAY}|1899-12-31|2100-01-01"
_NOT_BLANK = r"[^\s\x00-\x1f\x7f-\x9f]"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of one native event."""
    parts = definitions()
    body = parts.pop(EVENT)
    description = body.pop("description")
    del body["title"]
    return contract.document(SCHEMA, description, body, parts)


def definitions(ref: str = contract.LOCAL) -> dict[str, Any]:
    """Return the schema of the event and of all that it holds, by name; `ref` says how they name each other."""
    parts = contract.definitions([SecurityEvent], ref=ref, days=_OCCURRED, words=words())
    keys: dict[str, Any] = {"schema": {"const": SCHEMA, "description": "The name of this contract; may be left out."}}
    for name, value in parts[EVENT]["properties"].items():
        if name in WRITTEN_BY_READERS:
            continue
        keys[name] = value if name in REQUIRED or _nullable(value) else _or_null(value)
    keys["detected_at"] |= contract.instant(_DETECTED)
    for name in ("id", "source", "title"):
        keys[name]["pattern"] = _NOT_BLANK
    parts[EVENT] |= {
        "description": (
            "One security event, in breachflow's own words. Absent or null means unknown, and unknown is never read "
            'as zero, as "no" or as "none". Keys that are not listed are refused. Beyond this schema the reader '
            "refuses a key that is said twice, a day that is not in the calendar, a count written with a point, and a "
            "title, id or source of invisible characters only."
        ),
        "properties": keys,
    }  # fmt: skip
    return parts


def words() -> dict[str, dict[str, str]]:
    """Return what every key means: by type, by key."""
    file = resources.files("breachflow.formats") / "vocabulary.toml"
    read: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return read


def _nullable(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {"anyOf": [schema, {"type": "null"}], **kept}
