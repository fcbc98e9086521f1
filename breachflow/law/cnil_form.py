"""The vocabulary of the CNIL's form: which words stand in its open data for which of our keys, in both directions."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

_NEXT_VALUE = re.compile(r",(?=\S)")
"""Several values of one cell are joined by a comma without a space; a comma inside a label has one behind it."""


@cache
def _form() -> dict[str, Any]:
    return tomllib.loads((files("breachflow.law") / "cnil_form.toml").read_text(encoding="utf-8"))


def columns() -> Mapping[str, str]:
    """Return the header of each column by its key, in the form's order."""
    headers: Mapping[str, str] = _form()["columns"]
    return headers


def words(column: str) -> Mapping[str, str]:
    """Return the form's words of a column by our keys."""
    found: Mapping[str, str] = _form()[column]
    return found


def key(column: str, word: str) -> str | None:
    """Return the key of a word of the form, however it is accented and quoted; `None` where the form has none such."""
    return _keys(column).get(plain(word))


def values(cell: str) -> list[str]:
    """Return the values of a cell that may hold several."""
    return [value.strip() for value in _NEXT_VALUE.split(cell) if value.strip()]


def plain(word: str) -> str:
    """Return a word without accents, apostrophes and spacing, in small letters: the extracts differ in those alone."""
    apart = unicodedata.normalize("NFKD", word).casefold()
    return "".join(letter for letter in apart if letter.isalnum())


@cache
def _keys(column: str) -> dict[str, str]:
    return {plain(word): name for name, word in words(column).items()}
