"""Text from outside, made harmless for a header line or a mail's body."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"  # Joiners that spelling needs; every other format character only hides or reorders text.

_SUSPECT = re.compile(r"[^\n\t\x20-\x7e\u00a0-\u00ac\u00ae-\u036f]")
_FOLD = re.compile(r"[ \t\n]+")


def line(text: str, longest: int) -> str:
    """Return the text as one line of at most `longest` characters, without controls, breaks and direction marks.

    Header injection needs a line break, and a right-to-left override makes `fdp.exe` out of `exe.pdf`: neither is left.
    """
    # `=?` opens an encoded word, in which a line break can travel unseen (RFC 2047).
    flat = _FOLD.sub(" ", body(text)).strip().replace("=?", "= ?")
    return flat if len(flat) <= longest else flat[: longest - 1].rstrip() + "…"


def body(text: str) -> str:
    """Return the text with only line feeds and tabs left of the control characters, and no direction marks."""
    return _SUSPECT.sub(_harmless, text.replace("\r\n", "\n").replace("\r", "\n"))


def _harmless(found: re.Match[str]) -> str:
    character = found[0]
    kind = unicodedata.category(character)
    if kind == "Cc":
        return " "
    if kind in ("Zl", "Zp"):
        return "\n"
    if kind == "Cs":
        return "\ufffd"
    return "" if kind == "Cf" and character not in JOINERS else character
