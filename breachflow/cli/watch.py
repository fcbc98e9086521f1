"""A hand-wound watch: time passes only when it is told to, and every ladder that falls due on the way is climbed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

MOST_BEATS = 100_000  # A story that is due for ever at one instant is a bug; it must end with a sentence, not hang.


class Beating(Protocol):
    """What has to be done as time passes: the next instant something is due, and doing it."""

    def next_due(self) -> datetime | None:
        """Return the next instant at which a ladder is due, or `None`."""

    def beat(self) -> None:
        """Do everything that is due now."""


class Watch:
    """The instant it is, and who must be woken as it moves on."""

    def __init__(self, start: datetime) -> None:
        self.instant = start

    def __call__(self) -> datetime:
        """Return the instant it is."""
        return self.instant

    def advance(self, until: datetime, heart: Beating, seen: Callable[[], None] | None = None) -> None:
        """Let time pass until then, stopping at every instant at which something is due."""
        for _ in range(MOST_BEATS):
            due = heart.next_due()
            if due is None or due > until:
                break
            self.instant = max(self.instant, due)
            heart.beat()
            if seen is not None:
                seen()
            if (after := heart.next_due()) is not None and after <= self.instant:
                self.instant += timedelta(seconds=1)
        else:
            raise RuntimeError(f"something is due for ever at {self.instant.isoformat()}")
        self.instant = max(self.instant, until)
        heart.beat()
        if seen is not None:
            seen()
