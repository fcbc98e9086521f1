"""Where in a record a value stands: `a.b[].c`, compiled once, followed many times, whatever the record's shape.

- `event.user`: a key inside a key
- `users[].name`: each element of a list
- `hits[0].id`: one element; `[-1]` is the last
- `params[name=doc_title].value`: the elements whose `name` is `doc_title`
- `"kibana.alert.uuid".x`: a key that holds dots itself
- `Data<json>.ts`: JSON inside a string
- `{host} on {site}`: a template; every path in it must be there
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from breachflow.core.event import Unreadable
from breachflow.formats.document import decode

MAX_FOUND = 200
"""Values of one path that are looked at; a list of millions is no reason to walk it."""

Getter = Callable[[Any], Any]
Gatherer = Callable[[Any], list[Any]]

_STEP = re.compile(
    r"""\.?(?:(?P<key>[^.\[\]<>"{}]+)|"(?P<quoted>[^"]+)")|(?P<each>\[\])|\[(?P<at>-?\d+)\]"""
    r"""|\[(?P<name>[^=\]]+)=(?P<is>[^\]]+)\]|(?P<json><json>)"""
)
_PLACE = re.compile(r"\{([^{}]+)\}")


class PathError(ValueError):
    """A path that is not written as the ones above."""


def top(path: str) -> str:
    """The first key of a path."""
    return str(_steps(path)[0][1])


def gatherer(path: str) -> Gatherer:
    """Follow this path to every value that says something (not null, not empty)."""
    steps = _steps(path)
    if all(kind == "key" for kind, _ in steps):
        get = getter(path)
        return lambda record: [] if (value := get(record)) is None else [value]

    def gather(record: Any) -> list[Any]:
        values = [record]
        for kind, what in steps:
            values = _followed(kind, what, values)
        return [value for value in values if value is not None and value not in ("", [], {})]

    return gather


def getter(path: str) -> Getter:
    """Follow this path to its first value that says something; `None` where there is none."""
    steps = _steps(path)
    if any(kind != "key" for kind, _ in steps):
        gather = gatherer(path)
        return lambda record: next(iter(gather(record)), None)
    keys = tuple(str(what) for _, what in steps)
    if len(keys) == 1:
        (only,) = keys

        def one(record: Any) -> Any:
            value = record.get(only) if isinstance(record, dict) else None
            return None if value in ("", [], {}) else value

        return one

    def follow(record: Any) -> Any:
        for key in keys:
            if not isinstance(record, dict):
                return None
            record = record.get(key)
        return None if record in ("", [], {}) else record

    return follow


def first(sources: tuple[str, ...]) -> Getter:
    """The first of these paths and templates that says something."""
    getters = tuple(template(source) if "{" in source else getter(source) for source in sources)

    def choose(record: Any) -> Any:
        for get in getters:
            value = get(record)
            if value is not None:
                return value
        return None

    return choose


def template(source: str) -> Getter:
    """Text with paths in braces; `None` where one of them says nothing or is no scalar."""
    parts = _PLACE.split(source)
    texts, getters = parts[::2], [getter(path) for path in parts[1::2]]
    if any("{" in text or "}" in text for text in texts):
        raise PathError(f"the braces of {source!r} do not match")

    def fill(record: Any) -> str | None:
        said = [texts[0]]
        for get, text in zip(getters, texts[1:], strict=True):
            value = get(record)
            if not isinstance(value, (str, int, float)):
                return None
            said += (str(value), text)
        return "".join(said)

    return fill


def _steps(path: str) -> list[tuple[str, Any]]:
    steps: list[tuple[str, Any]] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or (at and found["key"] and path[at] != "."):
            raise PathError(f"{path!r} is no path: write keys with dots between them, lists as key[]")
        at = found.end()
        if found["each"]:
            steps.append(("each", None))
        elif found["at"]:
            steps.append(("at", int(found["at"])))
        elif found["name"]:
            steps.append(("where", (found["name"], found["is"])))
        elif found["json"]:
            steps.append(("json", None))
        else:
            steps.append(("key", found["key"] or found["quoted"]))
    if not steps or steps[0][0] != "key":
        raise PathError(f"{path!r} is no path: it begins with a key")
    return steps


def _followed(kind: str, what: Any, values: list[Any]) -> list[Any]:
    if kind == "key":
        return [value.get(what) for value in values if isinstance(value, dict)]
    if kind == "json":
        return [held for value in values if isinstance(value, str) and (held := _held(value)) is not None]
    found: list[Any] = []
    for value in values:
        if not isinstance(value, list):
            # Products write a list of one as the one; `a[].b` then means its `b`.
            if kind == "each" and isinstance(value, dict):
                found.append(value)
            continue
        if kind == "each":
            found.extend(value[:MAX_FOUND])
        elif kind == "at":
            found.extend(value[what : what + 1 or None])
        else:
            key, wanted = what
            found.extend(item for item in value if isinstance(item, dict) and item.get(key) == wanted)
        if len(found) > MAX_FOUND:
            return found[:MAX_FOUND]
    return found


def _held(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return decode(text.encode("utf-8", "replace"))
    except Unreadable:
        return None
