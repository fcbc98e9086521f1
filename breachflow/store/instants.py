"""Instants as both databases keep them: UTC text of a fixed width, which sorts and which people can read."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

_encode = msgspec.json.Encoder().encode
REMEMBERED = 4096  # Most instants of a batch are the same few: "now", and what is so many hours from it.
WHOLE_SECOND = 22  # Length of "2026-05-04T12:00:00Z" with its quotes: the microseconds were zero and left out.


@lru_cache(REMEMBERED)
def written(at: datetime) -> str:
    """Return the instant as `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    text = _encode(at.astimezone(UTC))
    if len(text) == WHOLE_SECOND:
        return text[1:20].decode() + ".000000Z"
    return text[1:-1].decode()


def written_or_none(at: datetime | None) -> str | None:
    """Return the instant as text, `None` for none."""
    return None if at is None else written(at)


def read(text: str) -> datetime:
    """Return the instant that `written` wrote."""
    return datetime.fromisoformat(text)


def plain(text: str) -> str:
    """Return the text as both databases can hold it: NUL becomes U+FFFD, a lone surrogate a question mark.

    PostgreSQL has no NUL in text, and neither engine the name of a file that is not UTF-8.
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
