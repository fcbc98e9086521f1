"""All formats by name, and the one that a record is written in."""

from __future__ import annotations

from functools import cache
from typing import Any

from breachflow.formats.format import Format


@cache
def shipped() -> dict[str, Format]:
    """Every format that ships with breachflow, by name; native and CloudEvents are read ahead of these."""
    coded: tuple[Format, ...] = ()
    return {known.name: known for known in coded}


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
    index = _by_mark()
    best: Format | None = None
    for mark in index.keys() & document.keys() if len(index) < len(document) else [k for k in document if k in index]:
        for known in index[mark]:
            if known is not best and (best is None or known.rank > best.rank) and known.recognise(document):
                best = known
    return best
