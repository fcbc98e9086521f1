"""Signals that are owed to other systems, who is handing them over, what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from breachflow.core.case import Signal
from breachflow.store import statements as sql
from breachflow.store.chapter import Chapter
from breachflow.store.instants import plain, read, written

PostState = Literal["queued", "sent", "failed", "dropped"]
"""`queued`: owed, to be tried at `next_at`. `sent`: the address took it. `failed`: given up. `dropped`: no longer owed.
"""

_read_signal = msgspec.json.Decoder(Signal).decode


class LeasedPost(Struct, frozen=True, kw_only=True):
    """A signal that is this process's to hand over for now; `attempts` counts this one."""

    signal: Signal
    attempts: int


class PostRow(Struct, frozen=True, kw_only=True):
    """A signal to one address, as it is on record: `hook` is its name, `answer` the code or what went wrong."""

    signal: Signal
    hook: str
    state: PostState
    next_at: datetime
    attempts: int
    settled_at: datetime | None
    answer: str


class Posts(Chapter):
    """Signals are put in by `commit`, in the transaction of the step that they tell; here they are taken out."""

    def lease_post(self, hook: str, now: datetime, until: datetime) -> LeasedPost | None:
        """Claim the signal that this address has waited for longest, until `until`; `None` where it waits for none."""
        at = written(now)
        for doc, attempts in self._engine.rows(sql.LEASE_POST, (written(until), hook, hook, at, at)):
            return LeasedPost(signal=_read_signal(doc), attempts=attempts)
        return None

    def settle_post(
        self, signal: str, hook: str, state: PostState, now: datetime, *, answer: str = "",
        next_at: datetime | None = None,
    ) -> None:  # fmt: skip
        """Record the end of one attempt; `queued` with `next_at` tries again then."""
        assert next_at is not None or state != "queued", "a retry says when"
        row = (state, written(next_at or now), written(now), plain(answer), signal, hook)
        with self._engine.transaction():
            self._engine.many(sql.SETTLE_POST, [row])

    def posts(self, case_id: str) -> list[PostRow]:
        """Return every signal about a case, for each address, in the order in which they were owed."""
        return [
            PostRow(
                signal=_read_signal(doc), hook=hook, state=state, next_at=read(next_at), attempts=attempts,
                settled_at=None if settled_at is None else read(settled_at), answer=answer,
            )
            for doc, hook, state, next_at, attempts, settled_at, answer in
            self._engine.rows(sql.POSTS_OF, (plain(case_id),))
        ]  # fmt: skip
