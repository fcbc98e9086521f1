"""Names of things that must come out the same every time: cases, events, notices."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is misheard or misread on the telephone."""

SLOT_SECONDS = 86_400 / 32**3
"""Three characters count the slots of a day (2.6 s each), so that case ids sort by the time they were opened."""


_decode = msgspec.json.Decoder().decode
_sorted = msgspec.json.Encoder(order="sorted").encode


def case_id(source: str, event_id: str, now: datetime, attempt: int = 0) -> str:
    """Return the id of the case that this event opens now: `BF-261124-F3K7ZKQ4D`.

    Derived, not drawn: the same event at the same instant gives the same id. `attempt` gives another one where two
    events of one slot meet in the same six characters.
    """
    utc = now.astimezone(UTC)
    slot = int((utc.hour * 3600 + utc.minute * 60 + utc.second + utc.microsecond / 1e6) / SLOT_SECONDS)
    digest = _digest(8, source, event_id, utc.isoformat(), str(attempt))
    return f"BF-{utc:%y%m%d}-{_base32(slot, 3)}{_base32(int.from_bytes(digest, 'big'), 6)}"


def event_identity(source: str, event_id: str) -> bytes:
    """Return the idempotency key of an event: who says so and which one, in 16 bytes."""
    return _digest(16, source, event_id)


def content_of(raw: bytes) -> bytes:
    """Return the hash of what an event says, in 16 bytes: the same identity with other content is a revision."""
    return blake2b(raw, digest_size=16).digest()


def same_said(one: bytes, other: bytes) -> bool:
    """Whether two payloads are one JSON document, whatever the order of its keys and the space between them."""
    try:
        return _sorted(_decode(one)) == _sorted(_decode(other))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def notice_id(*duty: str) -> str:
    """Return the id of the mail that this duty owes: the same duty never makes a second, different mail."""
    return _digest(13, *duty).hex()


def _digest(size: int, *parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _base32(number: int, width: int) -> str:
    return "".join(ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(width)))
