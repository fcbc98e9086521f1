"""What goes out to other systems: register entries in their order, and dead letters without their bytes.

Each goes out at least once. Nothing is put aside for it: the register is the queue, and a case knows up to which entry
it has gone out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from breachflow.store import statements as sql
from breachflow.store.chapter import Chapter
from breachflow.store.instants import plain, read, written


class Announcement(Struct, frozen=True, kw_only=True):
    """One register entry that has not gone out yet: its open part, which holds no personal data."""

    case: str
    seq: int
    at: datetime
    kind: str
    body: dict[str, Any]


class DeadAnnouncement(Struct, frozen=True, kw_only=True):
    """One dead letter that has not gone out yet."""

    id: str
    at: datetime
    reason: str
    origin: str
    sha256: str
    size: int


class Publishing(Chapter):
    """Entries and dead letters are put in by `commit`; here they are taken out."""

    def hold(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take or renew a lease until then; `False` while somebody else holds it."""
        with self._engine.transaction():
            return self._engine.many(sql.HOLD, [(name, holder, written(until), written(now))]) > 0

    def unpublished(self, limit: int) -> list[Announcement]:
        """Return entries that have not gone out, those of one case in their order and without a gap."""
        return [
            Announcement(case=case, seq=seq, at=read(at), kind=kind, body=msgspec.json.decode(body))
            for case, seq, at, kind, body in self._engine.rows(sql.UNPUBLISHED, (limit, limit))
        ]

    def unpublished_dead(self, limit: int) -> list[DeadAnnouncement]:
        """Return dead letters that have not gone out, the oldest first."""
        return [
            DeadAnnouncement(id=ident, at=read(at), reason=reason, origin=origin, sha256=sha256, size=size)
            for ident, at, reason, origin, sha256, size in self._engine.rows(sql.UNPUBLISHED_DEAD, (limit,))
        ]

    def mark_published(self, entries: Sequence[Announcement], dead: Sequence[DeadAnnouncement] = ()) -> None:
        """Record that these have gone out; never back."""
        last: dict[str, int] = {}
        for entry in entries:
            last[entry.case] = max(entry.seq, last.get(entry.case, 0))
        with self._engine.transaction():
            # In one order everywhere, as `commit` moves cases.
            if last:
                self._engine.many(sql.SET_PUBLISHED, [(seq, plain(case), seq) for case, seq in sorted(last.items())])
            if dead:
                self._engine.many(sql.SET_DEAD_PUBLISHED, [(letter.id,) for letter in dead])
