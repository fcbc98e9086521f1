"""Strings from outside, made harmless: no control character, no bidirectional override, no surrogate, bounded."""

from __future__ import annotations

from typing import Any, Final

from breachflow.formats.limits import MAX_DESCRIPTION

# C0 and C1 controls move a terminal's cursor, bidirectional controls show a name as another, NUL cannot be stored by
# PostgreSQL, lone surrogates cannot be encoded, line separators forge a second log line.
_BIDIRECTIONAL = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), *_BIDIRECTIONAL, 0x2028, 0x2029, 0xFEFF]
_LINE: Final = dict.fromkeys([*_CONTROLS, *range(0xD800, 0xE000)], " ")
_ASCII_CONTROLS: Final = bytes(code for code in (*range(0x20), 0x7F) if code not in (0x0A, 0x09))
_TEXT: Final = {code: with_ for code, with_ in _LINE.items() if code not in (0x0A, 0x09)}


def line(value: str, limit: int) -> str:
    """One line of at most `limit` characters: controls become spaces, outer spaces go, a cut shows as an ellipsis."""
    if not value.isprintable():
        value = value[: 4 * limit].translate(_LINE)
    value = value.strip()
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


def text(value: str, limit: int = MAX_DESCRIPTION) -> str:
    """Text of at most `limit` characters: newlines and tabs stay, other controls become spaces."""
    value = value[: 4 * limit]
    if not _harmless(value):
        value = value.replace("\r\n", "\n")
        value = value if _harmless(value) else value.translate(_TEXT)
    value = value.strip()
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


def _harmless(value: str) -> bool:
    # Most long texts are ASCII with several lines: their bytes are looked through four times as fast.
    if value.isascii():
        return len(value.encode().translate(None, _ASCII_CONTROLS)) == len(value)
    return value.replace("\n", "").replace("\t", "").isprintable()


def harmless(value: Any) -> Any:
    """The same JSON value with every string in it made harmless, keys included."""
    if isinstance(value, str):
        return value if value.isprintable() else value.replace("\r\n", "\n").translate(_TEXT)
    if isinstance(value, list):
        return [harmless(item) for item in value]
    if isinstance(value, dict):
        return {harmless(key): harmless(item) for key, item in value.items()}
    return value
