"""What to map next: the assets that events name and of which the data map knows nothing, counted and bounded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from breachflow.store import statements as sql
from breachflow.store.chapter import ALL, Chapter
from breachflow.store.instants import plain, read, written
from breachflow.store.rows import UnmappedRow

MOST = 10_000  # Names; a person maps a few dozen in a day, and a flood of invented ones must not fill the disk.
KEPT = 8_000  # Names left after a flood, the most frequent ones: room for new ones until the next trimming.
ROOM = 2_000  # Names that one process may add before it counts again; so far may several together exceed the bound.


class Unmapped(Chapter):
    """Assets without an entry, in small letters, each with how often it was seen."""

    _room = 0

    def unmapped(self) -> list[UnmappedRow]:
        """Return all of them, the most frequent first. Some may have been mapped since: ask the data map."""
        return [
            UnmappedRow(asset=asset, seen=seen, first_at=read(first), last_at=read(last))
            for asset, seen, first, last in self._engine.rows(sql.UNMAPPED, (ALL,))
        ]

    def forget_unmapped(self, mapped: Collection[str], before: datetime) -> None:
        """Forget those that are mapped by now, those not seen since `before`, and where too many are left the rarest.

        Names of machines may name people; they go with the events that named them.
        """
        with self._engine.transaction():
            if mapped:
                self._engine.many(sql.FORGET_UNMAPPED, [(asset,) for asset in sorted(mapped)])
            self._engine.many(sql.EXPIRE_UNMAPPED, [(written(before),)])
            if int(self._engine.rows(sql.UNMAPPED_COUNT)[0][0]) > KEPT:
                self._engine.many(sql.TRIM_UNMAPPED, [(ALL, KEPT)])
        self._room = 0

    def _see(self, unmapped: Mapping[str, int], at: datetime) -> None:
        """Count these, once a batch and inside its transaction; where there is no room, only those known already."""
        if not unmapped:
            return
        instant = written(at)
        # In one order everywhere, so that two workers on PostgreSQL never wait for each other in a ring.
        rows: Sequence[tuple[Any, ...]] = [(instant, seen, plain(name)) for name, seen in sorted(unmapped.items())]
        if len(rows) > self._room:
            self._room = min(MOST - int(self._engine.rows(sql.UNMAPPED_COUNT)[0][0]), ROOM)
        if len(rows) > self._room:
            self._engine.many(sql.SEE_UNMAPPED_AGAIN, rows)
            return
        self._room -= len(rows)
        self._engine.many(sql.SEE_UNMAPPED, [(*row, instant) for row in rows])
