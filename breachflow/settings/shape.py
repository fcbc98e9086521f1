"""What is wrong with the form of a file: keys that do not exist or are missing, values of the wrong kind."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from breachflow.settings.flaw import Flaw
from breachflow.settings.toml_lines import Path

_IN_WORDS = {
    "str": "a text in quotation marks", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "a list", "object": "a table", "null": "nothing", "datetime": "an instant", "date": "a date",
    "time": "a time",
}  # fmt: skip
_PATTERNS = {
    r"^\d{9}$": "nine digits without spaces",
    r"^[A-Z]{2}$": "a country code of two capitals, like FR",
    r"^[a-z0-9][a-z0-9._-]{0,63}$": "an id: small letters, digits, dot, hyphen and underscore, at most 64",
}


def flaws(value: Any, kind: type[Struct], path: Path = ()) -> Iterator[Flaw]:
    """Yield everything in `value` (as TOML gives it) that does not fit the struct, not only the first."""
    if not isinstance(value, dict):
        yield Flaw("error", path, f"must be a table, with keys like `{msgspec.structs.fields(kind)[0].name}`.")
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    meant = set()
    for key in value:
        if key not in fields:
            near = _nearest(key, fields.keys() - value.keys())
            meant.add(near)
            yield Flaw("error", (*path, key), f"there is no such key here{_asked(near)}")
    for name, field in fields.items():
        if name in value:
            yield from _value(value[name], field.type, (*path, name))
        elif field.required and name not in meant:
            yield Flaw("error", path, f"`{name}` is missing.")


def _value(value: Any, annotation: Any, path: Path) -> Iterator[Flaw]:
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, Struct):
        yield from flaws(value, bare, path)
        return
    if get_origin(bare) is dict and isinstance(value, dict):
        element = get_args(bare)[1]
        for key, one in value.items():
            yield from _value(one, element, (*path, key))
        return
    if get_origin(bare) is tuple and get_args(bare)[1:] == (...,) and isinstance(value, list):
        element = get_args(bare)[0]
        inner = [flaw for place, one in enumerate(value) for flaw in _value(one, element, (*path, place))]
        yield from inner
        if inner:
            return
    try:
        _decoder(annotation)(value)
    except msgspec.ValidationError as error:
        yield Flaw("error", path, _sentence(str(error), value, bare))


@cache
def _decoder(annotation: Any) -> Any:
    return lambda value: msgspec.convert(value, annotation)


def _bare(annotation: Any) -> Any:
    """Return the annotation without its limits and without `None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        choices = [choice for choice in get_args(annotation) if choice is not type(None)]
        return _bare(choices[0]) if len(choices) == 1 else annotation
    return annotation


def _sentence(message: str, value: Any, bare: Any) -> str:
    if get_origin(bare) is Literal and isinstance(value, str):
        choices = get_args(bare)
        listed = f"; choose from {', '.join(choices)}." if len(choices) <= 12 else "."
        return f"there is no such choice{_asked(_nearest(value, choices), otherwise=listed)}"
    if (wrong := re.match(r"Expected `([a-z]+)(?: \| null)?`, got `([a-z]+)`", message)) is not None:
        expected, got = (_IN_WORDS.get(word, word) for word in wrong.groups())
        return f"must be {expected}; this is {got}."
    if (pattern := re.match(r"Expected `str` matching regex '(.*)'", message)) is not None:
        form = pattern[1].replace("\\\\", "\\")
        return f"must be {_PATTERNS.get(form, 'an e-mail address like dpo@example.eu')}."
    limit = re.match(r"Expected `[a-z]+`( of length)? (>=|<=|>|<) (\S+)", message)
    if limit is not None:
        word = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}[limit[2]]
        counted = " entries" if isinstance(value, list) else " characters"
        return f"must have {word} {limit[3]}{counted}." if limit[1] else f"must be {word} {limit[3]}."
    return f"does not fit: {message.partition(' - at ')[0]}."


def _nearest(word: str, choices: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, sorted(choices), n=1, cutoff=0.6)), None)


def _asked(near: str | None, otherwise: str = ".") -> str:
    return f"; did you mean `{near}`?" if near is not None else otherwise
