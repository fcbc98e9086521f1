"""What operators watch: how much is open, due, waiting or held. Every question is bounded, and follows an index."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from breachflow.core.case import Clock
from breachflow.store import statements as sql
from breachflow.store.chapter import Chapter
from breachflow.store.instants import read, written


class Waiting(Struct, frozen=True):
    """How many mails wait to leave, and since when the oldest has."""

    count: int
    oldest: datetime | None


class _Clocks(Struct):
    """What a case's document says of its clocks."""

    alarm: bool = False
    clocks: tuple[Clock, ...] = ()


class Urgent(Struct, frozen=True):
    """The clocks of the most urgent open cases, and how many of these cases nobody could be told about."""

    clocks: tuple[Clock, ...]
    alarms: int


_read_clocks = msgspec.json.Decoder(_Clocks).decode


class Watching(Chapter):
    """Counts for metrics and `doctor`; `limit` is where counting stops, so that no question grows with the database."""

    def clock(self) -> datetime:
        """Return the time by the database's own clock; SQLite's is this machine's, in whole seconds."""
        ((instant,),) = self._engine.rows(sql.DATABASE_CLOCK)
        if isinstance(instant, str):
            return datetime.fromisoformat(instant).replace(tzinfo=UTC)
        found: datetime = instant
        return found

    def open_by_stage(self, limit: int) -> dict[str, int]:
        """Return how many open cases are in which stage."""
        return dict(self._engine.rows(sql.OPEN_BY_STAGE, (limit,)))

    def urgent(self, limit: int) -> Urgent:
        """Return the clocks of the open cases with a deadline, the most urgent cases first."""
        found = [_read_clocks(doc) for (doc,) in self._engine.rows(sql.OPEN_DOCS, (limit,))]
        return Urgent(tuple(clock for one in found for clock in one.clocks), sum(one.alarm for one in found))

    def waiting(self, limit: int) -> Waiting:
        """Return how many mails wait to leave, and since when the oldest of them is owed."""
        ((count, oldest),) = self._engine.rows(sql.WAITING_MAILS, (limit,))
        return Waiting(count, None if oldest is None else read(oldest))

    def given_up(self, since: datetime, limit: int) -> int:
        """Return how many mails were given up that were to leave after `since`."""
        return int(self._engine.rows(sql.GIVEN_UP, (written(since), limit))[0][0])

    def held(self, limit: int) -> int:
        """Return how many dead letters wait for somebody to look."""
        return int(self._engine.rows(sql.HELD, (limit,))[0][0])

    def undrafted_count(self, limit: int) -> int:
        """Return how many cases state something newer than their drafts."""
        return int(self._engine.rows(sql.UNDRAFTED_COUNT, (limit,))[0][0])
