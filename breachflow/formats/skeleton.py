"""A first mapping for JSON that no reader knows, guessed from its keys: for a person to correct, not to trust."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from breachflow.formats import instants, severity

MAX_PATHS = 400
"""Values that are looked at; a record with more is described by its first ones."""
MAX_GUESSES = 4
MAX_DEPTH = 6

_PLAIN = re.compile(r"[A-Za-z0-9_@$ :/-]+")
_NAMED: dict[str, re.Pattern[str]] = {
    "id": re.compile(r"(^|[._-])(alert|event|finding|incident|detection|record)?[_-]?(uu|gu|u)?id$", re.IGNORECASE),
    "title": re.compile(
        r"(title|rule[_-]?name|alert[_-]?name|signature|subject|^name$|summary|event[_-]?(type|name))", re.IGNORECASE
    ),
    "description": re.compile(r"(desc|message|reason|details?$|text)", re.IGNORECASE),
    "severity": re.compile(r"(severity|priority|level|risk|score|urgency|criticality)", re.IGNORECASE),
    "assets": re.compile(
        r"(host|computer|device|machine|asset|bucket|database|server|endpoint|resource)", re.IGNORECASE
    ),
    "users": re.compile(r"(user|account|actor|login|principal|email|upn)", re.IGNORECASE),
}
_DETECTION = re.compile(r"detect|alert|creat|raised|found|trigger", re.IGNORECASE)
_LATER = re.compile(r"updat|modif|ingest|insert|index|receiv|process|sync", re.IGNORECASE)
_NOW = datetime(2050, 1, 1, tzinfo=UTC)  # Only whether a value is a time matters here, not which year syslog meant.


def skeleton(document: Any, name: str = "my-product") -> str:
    """A TOML mapping of that name whose paths are guessed from this record; it holds paths, never values.

    The result can be read as it stands where a title was found; the guesses beside each other are alternatives.
    """
    record = document if isinstance(document, dict) else {}
    found = list(_leaves(record, "", 0))[:MAX_PATHS]
    shapes = {path: shape for path, value in found if (shape := _time(value)) is not None}
    times = sorted(shapes, key=_rank_time)
    naive = bool(times) and shapes[times[0]] == "naive"
    guesses = {part: _guess(pattern, found, set(times)) for part, pattern in _NAMED.items()}
    levels = guesses.pop("severity")
    guesses["title"] = guesses["title"] or guesses["description"] or [path for path, _ in found[:1]] or ["title"]
    top = [key for key in record if _PLAIN.fullmatch(key)][:3] or ["id"]
    lines = [
        "# Guessed from one record: keep the paths that are right, delete the others, and try it again with",
        "#   breachflow normalise --mapping THIS-FILE RECORD",
        f"name = {json.dumps(name)}",
        ("" if naive else "# ") + 'zone = "UTC"    # of times without offset: the zone that the product writes',
        "",
        "[[recognise]]",
        f"keys = {_toml([_quoted(key) for key in top])}",
        "",
        "[event]",
        f"title = {_toml(guesses.pop('title'))}",
        f"detected_at = {_toml(times[:MAX_GUESSES])}"
        + ("" if times else "    # no time found: the receipt time is used"),
        *(f"{part} = {_toml(paths)}" for part, paths in guesses.items() if paths),
    ]
    for path in levels:
        lines += ["", "[[severity]]", f"from = {json.dumps(path)}", '# words = { p1 = "critical" }  or']
        lines += ['# bands = [[0, "low"], [50, "medium"], [80, "high"]]']
    return "\n".join(lines) + "\n"


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < MAX_DEPTH:
        for key, inner in islice(value.items(), MAX_PATHS):
            if not key.strip() or '"' in key or not key.isprintable():
                continue  # No path can name it, and a person would not either.
            yield from _leaves(inner, f"{path}.{_quoted(key)}" if path else _quoted(key), depth + 1)
    elif isinstance(value, list) and depth < MAX_DEPTH:
        for inner in value[:1]:
            yield from _leaves(inner, f"{path}[]", depth + 1)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and path:
        yield path, value


def _quoted(key: str) -> str:
    return key if _PLAIN.fullmatch(key) and key.strip() == key else f'"{key}"'


def _time(value: Any) -> str | None:
    """Whether this value is a time, and whether it states its offset."""
    try:
        return None if instants.parse(value, None, _NOW) is None else "stated"
    except instants.NaiveTimeError:
        return "naive"


def _rank_time(path: str) -> tuple[bool, bool, int]:
    return bool(_LATER.search(path)), not _DETECTION.search(path), path.count(".")


def _guess(pattern: re.Pattern[str], found: list[tuple[str, Any]], times: set[str]) -> list[str]:
    hits = [(path, value) for path, value in found if path not in times and pattern.search(path.rsplit(".", 1)[-1])]
    hits.sort(key=lambda hit: (severity.by_word(hit[1]) is None, hit[0].count(".")))
    return [path for path, _ in hits[:MAX_GUESSES]]


def _toml(values: list[str]) -> str:
    # JSON's strings and lists are TOML's, save that TOML knows no surrogate pairs: so no escapes beyond ASCII.
    return json.dumps(values, ensure_ascii=False)
