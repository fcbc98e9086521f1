"""Values from outside, made inert before they meet any text: one line, no control or direction-changing characters."""

from __future__ import annotations

import unicodedata
from typing import Any

UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control, format (direction overrides), surrogate, private and unassigned characters."""

BREAKS = frozenset("\r\n\t\v\f\x1c\x1d\x1e\x85\u2028\u2029")

SIGNS = ("#", ">", "!", "-", "|", "$")
"""What begins a block at the start of a template's line."""

HELD, BAR = "\ue000", "\ue001"
"""Private characters: "no block begins here", and the bar that divides no row; `blocks` takes them out again."""

LONGEST = 20_000  # As long as a fact may be: what a person wrote for the authority is never cut short.


def inert(value: Any) -> Any:
    """Return a value so that it can begin no line, no block and no cell of its own."""
    if not isinstance(value, str):
        return value
    kept = value
    # Nearly every value is one line of plain words, and is not taken apart.
    if not value.replace("\u00a0", " ").replace("\u202f", " ").isprintable():
        line = "".join(" " if character in BREAKS else character for character in value)
        kept = "".join(
            character for character in line if character == BAR or unicodedata.category(character) not in UNPRINTABLE
        )
    kept = kept.replace("|", BAR)
    if len(kept) > LONGEST:
        kept = kept[: LONGEST - 1] + "…"
    return HELD + kept if kept.startswith(SIGNS) else kept


def free(text: str) -> str:
    """Return a text with the private characters taken out and its bars back."""
    return text.replace(HELD, "").replace(BAR, "|")
