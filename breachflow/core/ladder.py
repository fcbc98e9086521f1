"""The ladder: when somebody must be told about a running clock, who, and what silence or an answer changes.

1. Rungs stand at fixed times before the deadline; after it one more every few hours, for as long as it is overdue.
2. A rung that was missed (the process was down, the deadline moved) is told at once; several missed make one mail.
3. An acknowledgement silences the ladder for a while and lapses; what fell due meanwhile is told when it lapses.
4. Without an acknowledgement or a decision the next rank is told as well, one after the other.
5. Only the end of the clock ends the ladder.
6. Targets that are no legal deadline (triage, the CNIL's complement) call the first two ranks only, and once a day
   when they have passed: the clock of Art. 33 beside them calls everybody.
7. In quiet hours a rung waits until they end, but not into the last third of its clock, and never once it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.case import Clock
from breachflow.core.organisation import Ladder, Rank
from breachflow.core.quiet import Quiet

REFERENCE = timedelta(hours=72)
"""The length of clock that the ladder of the organisation file is written for; other clocks scale it."""

CLIMB_FASTER_INSIDE = timedelta(hours=24)
"""In the last third of a clock silence is answered three times as fast."""

LAST_HOURS = timedelta(hours=6)
"""Inside these an acknowledgement holds minutes, not hours: "I am on it" must not be the last word before T-0."""


GENTLE = frozenset({"triage", "cnil-complement"})
GENTLE_RANKS = 2
GENTLE_EVERY = timedelta(hours=24)

LENGTHS = 1024  # Clocks have a dozen lengths; an authority's order may set any, and must not fill the memory.


class Climb:
    """The organisation's ladder, with the rungs of every length of clock worked out once."""

    __slots__ = ("_before", "_ranks", "ladder", "quiet", "ranks_in_order")

    def __init__(self, ladder: Ladder, zone: str = "Europe/Paris") -> None:
        self.ladder = ladder
        start, until = ladder.quiet_from, ladder.quiet_until
        self.quiet = Quiet(time.fromisoformat(start), time.fromisoformat(until), zone) if start and until else None
        rest: tuple[Rank, ...] = ("dpo", "deputy", "ciso", "executive", "legal", "security")
        self.ranks_in_order = (*ladder.climb, *(rank for rank in rest if rank not in ladder.climb))
        self._before: dict[timedelta, tuple[timedelta, ...]] = {}
        self._ranks: dict[tuple[bool, int, int], tuple[Rank, ...]] = {}

    def before(self, clock: Clock) -> tuple[timedelta, ...]:
        """Return how long before its deadline each rung of this clock stands, the first rung first."""
        length = clock.act_by - clock.started
        found = self._before.get(length)
        if found is None:
            if len(self._before) >= LENGTHS:
                self._before.clear()
            found = tuple(timedelta(hours=rung.before_hours) * scale(clock) for rung in self.ladder.rungs)
            self._before[length] = found
        return found

    def ranks(self, clock: Clock, fired: int, reached: int) -> tuple[Rank, ...]:
        """Return everybody whom the rungs after `fired`, up to `reached`, tell; the climb's order first."""
        most = len(self.ladder.rungs)
        asked = (clock.regime in GENTLE, min(fired, most), min(reached, most + 1))
        found = self._ranks.get(asked)
        if found is None:
            gentle, low, high = asked
            rungs = self.ladder.rungs[low:high] or self.ladder.rungs[-1:]
            told = {rank for rung in rungs for rank in rung.tell}
            if high > most:
                told |= set(self.ladder.rungs[-1].tell)
            if gentle:
                told &= set(self.ladder.climb[:GENTLE_RANKS])
            found = self._ranks[asked] = tuple(rank for rank in self.ranks_in_order if rank in told)
        return found


class Call(Struct, frozen=True):
    """Who must be told now about a clock: the rung's name (`T-24`, `T+4`), the ranks, and whether it is a climb."""

    rung: str
    tell: tuple[Rank, ...]
    climb: bool = False
    overdue: bool = False


def begin(clock: Clock, climb: Climb, now: datetime) -> Clock:
    """Put the clock on its first rung as told: the mail that says that the case was opened speaks for it."""
    fresh = replace(clock, acked_by=None, acked_until=None)
    reached = max(passed(fresh, climb, now), 1)
    started = replace(fresh, rung=reached, climbed=_height(climb, climb.ranks(fresh, 0, reached)), told_at=now)
    return replace(started, next_rung_at=next_at(started, climb))


def moved(clock: Clock, climb: Climb, now: datetime) -> Clock:
    """Set the ladder to the clock's new deadline: rungs no longer reached will fire again, missed ones fire now."""
    there = replace(clock, rung=max(1, min(clock.rung, passed(clock, climb, now))))
    return replace(there, next_rung_at=next_at(there, climb))


def call(clock: Clock, climb: Climb, now: datetime) -> tuple[Clock, Call | None]:
    """Return the clock after now, and who must be told, if anybody."""
    if clock.stop is not None or clock.next_rung_at is None or clock.next_rung_at > now:
        return clock, None
    held = held_until(clock, climb, now)
    if held > now:
        return replace(clock, next_rung_at=held), None
    reached = passed(clock, climb, now)
    if clock.acked_until is not None and clock.acked_until > now:
        waiting = replace(clock, next_rung_at=next_at(clock, climb))
        return waiting, None
    lapsed = clock if clock.acked_until is None else replace(clock, acked_by=None, acked_until=None)
    if reached > clock.rung:
        tell = climb.ranks(clock, clock.rung, reached)
        climbed = max(clock.climbed, _height(climb, tell))
        after = replace(lapsed, rung=reached, climbed=climbed, told_at=now)
        told = Call(rung_name(clock, climb, reached), tell, overdue=now >= clock.act_by)
        return replace(after, next_rung_at=next_at(after, climb)), told
    climb_at = _climb_at(lapsed, climb)
    if climb_at is not None and climb_at <= now:
        rank = climb.ladder.climb[lapsed.climbed]
        after = replace(lapsed, climbed=lapsed.climbed + 1, told_at=now)
        told = Call(rung_name(clock, climb, clock.rung), (rank,), climb=True, overdue=now >= clock.act_by)
        return replace(after, next_rung_at=next_at(after, climb)), told
    return replace(lapsed, next_rung_at=next_at(lapsed, climb)), None


def acknowledge(clock: Clock, climb: Climb, by: str, now: datetime) -> Clock:
    """Silence the ladder until the acknowledgement lapses; near the deadline that is soon."""
    hours = timedelta(hours=climb.ladder.ack_hours)
    minutes = timedelta(minutes=climb.ladder.ack_minutes_last_six_hours)
    last = LAST_HOURS * scale(clock)
    until = now + minutes if clock.act_by - now <= last else min(now + hours, clock.act_by - last)
    # The silence that follows is counted from the end of the acknowledgement, not from its beginning.
    acked = replace(clock, acked_by=by, acked_until=until, told_at=until)
    return replace(acked, next_rung_at=next_at(acked, climb))


def answered(clock: Clock, climb: Climb, now: datetime) -> Clock:
    """Take a decision about the case as a sign of life: the climb starts over, the rungs stay where they are."""
    if clock.stop is not None or clock.acked_until is not None:
        return clock
    height = _height(climb, climb.ranks(clock, 0, clock.rung))
    alive = replace(clock, told_at=now, climbed=min(clock.climbed, height))
    return replace(alive, next_rung_at=next_at(alive, climb))


def next_at(clock: Clock, climb: Climb) -> datetime:
    """Return when this clock needs attention next: at a rung, a climb, or the end of an acknowledgement or a night."""
    at = rung_at(clock, climb, clock.rung)
    climb_at = _climb_at(clock, climb)
    if climb_at is not None and climb_at < at:
        at = climb_at
    return held_until(clock, climb, max(at, clock.acked_until) if clock.acked_until is not None else at)


def held_until(clock: Clock, climb: Climb, at: datetime) -> datetime:
    """Return when what is due at this instant is told: then, or at the end of the quiet hours that it lies in.

    Nothing waits in the last third of a clock or after its deadline, and nothing waits into them.
    """
    if climb.quiet is None:
        return at
    wakeful = clock.act_by - CLIMB_FASTER_INSIDE * scale(clock)
    if at >= wakeful:
        return at
    end = climb.quiet.end(at)
    return at if end is None else min(end, wakeful)


def rung_at(clock: Clock, climb: Climb, index: int) -> datetime:
    """Return the instant of rung number `index`, counted from 0; past the last one they repeat while overdue."""
    before = climb.before(clock)
    if index < len(before):
        return clock.act_by - before[index]
    return clock.act_by + _every(clock, climb) * (index - len(before) + 1)


def passed(clock: Clock, climb: Climb, now: datetime) -> int:
    """Return how many rungs lie at or before now."""
    left, before = clock.act_by - now, climb.before(clock)
    count = sum(length >= left for length in before)
    if count == len(before) and now > clock.act_by:
        count += int(-left / _every(clock, climb))
    return count


def rung_name(clock: Clock, climb: Climb, reached: int) -> str:
    """Return the name of the last rung reached, in hours: `T-24`, `T-0`, `T+8`."""
    hours = (rung_at(clock, climb, reached - 1) - clock.act_by).total_seconds() / 3600
    return f"T{'+' if hours > 0 else '-'}{abs(hours):.3g}"


def scale(clock: Clock) -> float:
    """Return how long this clock is compared with 72 hours."""
    return max(clock.act_by - clock.started, timedelta()) / REFERENCE


def _climb_at(clock: Clock, climb: Climb) -> datetime | None:
    if clock.told_at is None or clock.climbed >= (GENTLE_RANKS if clock.regime in GENTLE else len(climb.ladder.climb)):
        return None
    wait = timedelta(hours=climb.ladder.climb_after_hours) * min(scale(clock), 1.0)
    at = clock.told_at + wait
    fast_from = clock.act_by - CLIMB_FASTER_INSIDE * scale(clock)
    return at if at < fast_from else max(clock.told_at + wait / 3, fast_from)


def _every(clock: Clock, climb: Climb) -> timedelta:
    return GENTLE_EVERY if clock.regime in GENTLE else timedelta(hours=climb.ladder.overdue_every_hours)


def _height(climb: Climb, tell: Sequence[Rank]) -> int:
    """Return how high on the climb these ranks reach: somebody already told is not climbed to again."""
    return max((climb.ladder.climb.index(rank) + 1 for rank in tell if rank in climb.ladder.climb), default=0)
