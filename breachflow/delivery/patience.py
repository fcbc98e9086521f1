"""How long to wait before a deferred mail is tried again."""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b

FIRST = timedelta(seconds=10)  # A server that restarts is back by then.
LONGEST = timedelta(minutes=5)  # A rung must not wait longer for a server that came back.


def backoff(attempt: int, notice_id: str, longest: timedelta = LONGEST) -> timedelta:
    """Return the wait after the `attempt`-th try (from 1): doubled each time, up to a quarter more or less.

    The spread comes from the notice's id: mails that failed together do not come back together, and a replay waits
    exactly as long.
    """
    plain: timedelta = min(FIRST * 2 ** min(max(attempt, 1) - 1, 16), longest)
    drawn = int.from_bytes(blake2b(f"{attempt}:{notice_id}".encode(), digest_size=4).digest(), "big") / 2**32
    return timedelta(seconds=plain.total_seconds() * (0.75 + drawn / 2))
