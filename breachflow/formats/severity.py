"""A product's severity on OCSF's scale: by its word, or by bands of its number; the original is kept beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from breachflow.core.event import Severity

WORDS: Mapping[str, Severity] = {
    "informational": "informational", "information": "informational", "info": "informational",
    "none": "informational", "notice": "informational", "debug": "informational", "very low": "informational",
    "low": "low", "minor": "low", "warning": "low", "warn": "low",
    "medium": "medium", "moderate": "medium", "med": "medium", "average": "medium", "error": "medium",
    "high": "high", "major": "high", "severe": "high", "important": "high",
    "critical": "critical", "very high": "critical", "urgent": "critical", "crit": "critical", "alert": "critical",
    "fatal": "fatal", "emergency": "fatal", "emerg": "fatal",
}  # fmt: skip
"""Words that products share. A word that a product uses otherwise stands in its own scale."""

PERCENT: Sequence[tuple[float, Severity]] = (
    (0, "informational"), (1, "low"), (40, "medium"), (70, "high"), (90, "critical"),
)  # fmt: skip
"""Scores of 0 to 100, cut as CVSS cuts 0 to 10; a product that documents its own bands has them in its mapping."""

TEN: Sequence[tuple[float, Severity]] = tuple((floor / 10, word) for floor, word in PERCENT)
"""CVSS v3's qualitative scale: none, low from 0.1, medium from 4, high from 7, critical from 9."""


def by_word(value: Any, words: Mapping[str, Severity] = WORDS) -> Severity | None:
    """The severity that this word means; `None` where it is no word of the scale."""
    if isinstance(value, str):
        return words.get(value.strip().lower())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return words.get(str(value))
    return None


def by_band(value: Any, bands: Sequence[tuple[float, Severity]]) -> Severity | None:
    """The severity whose band this number is in; below the lowest floor, or no number, says nothing."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    found: Severity | None = None
    for floor, word in bands:
        if value >= floor:
            found = word
    return found
