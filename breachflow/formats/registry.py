"""All formats by name, and the one that a record is written in."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources
from typing import Any

from breachflow.formats import cef, cnil, ecs, macie, ocsf, stix, veris
from breachflow.formats.format import Format
from breachflow.formats.mapped import load_mapping

SHAPES = 1_024
"""Sets of marks whose candidates are remembered: a source sends few, and sends them again and again."""


@cache
def shipped() -> dict[str, Format]:
    """Every format that ships with breachflow, by name; native and CloudEvents are read ahead of these."""
    folder = resources.files("breachflow.formats") / "mappings"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    mapped = [load_mapping(file.read_bytes()) for file in files]
    return {known.name: known for known in (*coded(), *mapped)}


def coded() -> tuple[Format, ...]:
    """The formats that have logic, each in a module of its own."""
    return (*ecs.FORMATS, *cef.FORMATS, macie.FORMAT, cnil.FORMAT, ocsf.FORMAT, stix.FORMAT, veris.FORMAT)


@cache
def _by_mark() -> dict[str, tuple[Format, ...]]:
    return marked(tuple(shipped().values()))


def marked(formats: tuple[Format, ...]) -> dict[str, tuple[Format, ...]]:
    """These formats under each of their marks."""
    index: dict[str, list[Format]] = {}
    for known in formats:
        for mark in known.marks:
            index.setdefault(mark, []).append(known)
    return {mark: tuple(candidates) for mark, candidates in index.items()}


def recognise(document: dict[str, Any], extra: tuple[Format, ...] = ()) -> Format | None:
    """The most specific format that recognises this record; formats in `extra` go before the shipped ones."""
    for known in extra:
        if any(mark in document for mark in known.marks) and known.recognise(document):
            return known
    best: Format | None = None
    recognised = 0
    index = _by_mark()
    for known in _candidates(tuple([key for key in document if key in index])):
        if (score := known.recognise(document)) > recognised:
            best, recognised = known, score
    return best


@lru_cache(maxsize=SHAPES)
def _candidates(marks: tuple[str, ...]) -> tuple[Format, ...]:
    """The formats under these marks, each once, in the order of the marks."""
    index = _by_mark()
    return tuple({known.name: known for mark in marks for known in index[mark]}.values())
