"""Values from outside, made inert before they meet any text: one line, no control or direction-changing characters."""

from __future__ import annotations

import unicodedata
from typing import Any

UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control, format (direction overrides), surrogate, private and unassigned characters."""

LONGEST = 2_000  # A title or description in a mail or form; the register has it whole.


def inert(value: Any) -> Any:
    """Return a value so that it can begin no line, no cell and no markup of its own."""
    if not isinstance(value, str):
        return value
    kept = "".join(" " if character in "\r\n\t\v\f\u2028\u2029" else character for character in value)
    kept = "".join(
        character for character in kept if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    kept = kept.replace("|", "\N{BROKEN BAR}")
    return kept if len(kept) <= LONGEST else kept[: LONGEST - 1] + "…"
