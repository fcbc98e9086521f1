"""Where in a record a value stands: `a.b[].c`, compiled once, followed many times, whatever the record's shape.

- `event.user`: a key inside a key
- `users[].name`: each element of a list
- `hits[0].id`: one element; `[-1]` is the last
- `params[name=doc_title].value`: the elements whose `name` is `doc_title`
- `[kind=host].label`: the record's own `label`, where its `kind` is `host`
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
Push = Callable[[Any, list[Any]], None]

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


def gatherer(*sources: str) -> Gatherer:
    """Follow these paths and templates to every value that says something (not null, not empty)."""
    if not sources:
        return _nowhere
    # Most paths are keys inside keys: those are followed here, the others hand on what they find step by step.
    ways = tuple(_way(source) for source in sources)
    plain = [(key, inner) for key, inner, _ in ways if key is not None and inner is not None]
    if len(plain) == len(ways) <= MAX_FOUND:
        return _keys_only(plain)

    def gather(record: Any) -> list[Any]:
        found: list[Any] = []
        for key, inner, push in ways:
            if key is None:
                push(record, found)
                continue
            if (value := record.get(key)) is None:
                continue
            if inner is None:
                push(value, found)
                continue
            for name in inner:
                if type(value) is not dict:
                    break
                value = value.get(name)
            else:
                if (value or value == 0) and len(found) < MAX_FOUND:
                    found.append(value)
        return found

    return gather


def _keys_only(ways: list[tuple[str, tuple[str, ...]]]) -> Gatherer:
    """Follow keys inside keys, as most formats need it: each gives one value at most."""
    flat = tuple(key for key, inner in ways if not inner)
    deep = tuple(ways)
    if len(flat) == len(ways):

        def pick(record: Any) -> list[Any]:
            return [value for key in flat if (value := record.get(key)) or value == 0]

        return pick

    def follow(record: Any) -> list[Any]:
        found: list[Any] = []
        for key, inner in deep:
            if (value := record.get(key)) is None:
                continue
            for name in inner:
                if type(value) is not dict:
                    break
                value = value.get(name)
            else:
                if value or value == 0:
                    found.append(value)
        return found

    return follow


def _nowhere(_: Any) -> list[Any]:
    return []


def _way(source: str) -> tuple[str | None, tuple[str, ...] | None, Push]:
    """The first key, where there is one; the keys inside it, where there is nothing else; what follows the rest."""
    if "{" in source:
        return None, None, _filled(template(source))
    steps = _steps(source)
    if all(kind == "key" for kind, _ in steps):
        key, *inner = (str(what) for _, what in steps)
        return key, tuple(inner), _keep
    key_or_none, push = _pushing(source)
    return key_or_none, None, push


def _pushing(path: str) -> tuple[str | None, Push]:
    """The first key of a path, if it begins with one, and what follows the rest of it."""
    (first_kind, key), *rest = steps = _steps(path)
    plain = first_kind == "key"
    push: Push = _keep
    for kind, what in reversed(rest if plain else steps):
        push = _STEPS[kind](what, push)
    return str(key) if plain else None, push


def _filled(fill: Getter) -> Push:
    def step(record: Any, found: list[Any]) -> None:
        if (value := fill(record)) is not None:
            found.append(value)

    return step


def getter(path: str) -> Getter:
    """Follow this path to its first value that says something; `None` where there is none."""
    steps = _steps(path)
    if any(kind != "key" for kind, _ in steps):
        gather = gatherer(path)

        def nearest(record: Any) -> Any:
            found = gather(record)
            return found[0] if found else None

        return nearest
    first_key, *rest = (str(what) for _, what in steps)
    if not rest:

        def one(record: Any) -> Any:
            value = record.get(first_key)
            return value if value or value == 0 else None

        return one
    if len(rest) == 1:
        (only,) = rest

        def two(record: Any) -> Any:
            value = record.get(first_key)
            if type(value) is not dict:
                return None
            value = value.get(only)
            return value if value or value == 0 else None

        return two
    *between, last = rest
    middle = tuple(between)

    def follow(record: Any) -> Any:
        value = record.get(first_key)
        for key in middle:
            if type(value) is not dict:
                return None
            value = value.get(key)
        if type(value) is not dict:
            return None
        value = value.get(last)
        return value if value or value == 0 else None

    return follow


def first(sources: tuple[str, ...]) -> Getter:
    """The first of these paths and templates that says something."""
    if not sources:
        return _nothing
    getters = tuple(template(source) if "{" in source else getter(source) for source in sources)
    if len(getters) == 1:
        return getters[0]

    def choose(record: Any) -> Any:
        for get in getters:
            if (value := get(record)) is not None:
                return value
        return None

    return choose


def _nothing(_: Any) -> None:
    return None


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
    if not steps or steps[0][0] not in ("key", "where"):
        raise PathError(f"{path!r} is no path: it begins with a key")
    return steps


# Each step hands on what it finds to the next; the last keeps it. `0` and `False` say something, empty things do not.
def _keep(value: Any, found: list[Any]) -> None:
    if (value or value == 0) and len(found) < MAX_FOUND:
        found.append(value)


def _key(key: str, push: Push) -> Push:
    def step(value: Any, found: list[Any]) -> None:
        if isinstance(value, dict) and (inner := value.get(key)) is not None:
            push(inner, found)

    return step


def _each(_: None, push: Push) -> Push:
    def step(value: Any, found: list[Any]) -> None:
        if isinstance(value, list):
            for item in value[:MAX_FOUND]:
                push(item, found)
        elif isinstance(value, dict):
            push(value, found)  # Products write a list of one as the one; `a[].b` then means its `b`.

    return step


def _at(index: int, push: Push) -> Push:
    def step(value: Any, found: list[Any]) -> None:
        if isinstance(value, list) and -len(value) <= index < len(value):
            push(value[index], found)

    return step


def _where(wanted: tuple[str, str], push: Push) -> Push:
    key, word = wanted

    def step(value: Any, found: list[Any]) -> None:
        if isinstance(value, (list, dict)):
            for item in value[:MAX_FOUND] if isinstance(value, list) else (value,):
                if isinstance(item, dict) and (is_ := item.get(key)) is not None and _spelt(is_) == word:
                    push(item, found)

    return step


def _json(_: None, push: Push) -> Push:
    def step(value: Any, found: list[Any]) -> None:
        if isinstance(value, str) and (held := _held(value)) is not None:
            push(held, found)

    return step


_STEPS: dict[str, Callable[[Any, Push], Push]] = {
    "key": _key, "each": _each, "at": _at, "where": _where, "json": _json,
}  # fmt: skip


def _spelt(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _held(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return decode(text.encode("utf-8", "replace"))
    except Unreadable:
        return None
