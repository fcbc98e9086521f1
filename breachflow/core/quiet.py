"""Quiet hours: the nights of the organisation's zone in which a rung that can wait does wait.

A night runs from the first instant at which the wall shows `quiet_from` to the first at which it shows `quiet_until`,
so that it is one stretch of time also where the clocks are changed in it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Quiet(Struct, frozen=True):
    """From when until when it is quiet, every night, in which zone. `until` at or before `start` is the next day's."""

    start: time
    until: time
    zone: str

    def end(self, at: datetime) -> datetime | None:
        """Return when the night that this instant lies in is over, or `None` where it lies in none."""
        zone = ZoneInfo(self.zone)
        today = at.astimezone(zone).date()
        for day in (today - DAY, today):
            begins, ends = instant(day, self.start, zone), instant(self._morning(day), self.until, zone)
            if begins <= at < ends:
                return ends
        return None

    def _morning(self, evening: date) -> date:
        return evening + DAY if self.until <= self.start else evening


def instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the first instant of the day at which the wall shows this time, or a later one where it skips it."""
    shown = datetime.combine(day, wall, zone)
    at = shown.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return at
    # The clock is put forward over this time: the first later time that it shows is the instant of the change.
    change = shown.replace(fold=1).astimezone(UTC)
    while change.astimezone(zone).utcoffset() != at.astimezone(zone).utcoffset():
        change += MINUTE
    return change
