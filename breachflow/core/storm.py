"""A storm of cases: beyond a few mails to one person in a quarter of an hour, the rest is gathered into one digest.

Each notice that is gathered stays a duty of its own: it is proven by the digest that told it, case by case, and whoever
acts on one case acts on that case. What is near its deadline, overdue or an alarm never waits for a digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from breachflow.core.assessment import Risk
from breachflow.core.briefing import Deadline, briefing
from breachflow.core.case import Case, Notice, NoticeKind, Stage
from breachflow.core.identity import notice_id
from breachflow.core.ladder import scale
from breachflow.core.organisation import Organisation, Person
from breachflow.core.overview import risk

QUARTER = timedelta(minutes=15)

URGENT = timedelta(hours=12)
"""In the last sixth of a clock (twelve hours of 72) every notice leaves on its own."""

GATHERED: frozenset[NoticeKind] = frozenset({"opened", "rung", "climb", "flag"})

MOST_LINES = 50  # A longer list is not read; it ends with how many there are besides.


class Line(Struct, frozen=True, kw_only=True):
    """One case in a digest: whose, until when, and the command that would move it on."""

    case: str
    stage: Stage
    controllers: tuple[str, ...]
    risk: Risk | None
    first: Deadline | None
    command: str


class Digest(Struct, frozen=True, kw_only=True):
    """What one digest tells: the cases, the most urgent first, and how many there are besides."""

    lines: tuple[Line, ...]
    cases: int
    notices: int

    @property
    def more(self) -> int:
        """How many cases are not listed."""
        return self.cases - len(self.lines)


def quarter_after(now: datetime) -> datetime:
    """Return the end of the quarter of an hour that this instant lies in."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour + QUARTER * ((now - hour) // QUARTER + 1)


def can_wait(notice: Notice, case: Case | None, until: datetime) -> bool:
    """Whether this notice may be told by a digest that leaves then: none of its clocks is in its last hours by then.

    A case with a compromised channel takes its own way, and is never gathered with others.
    """
    if case is None or notice.kind not in GATHERED or case.compromised:
        return False
    named = {clock for clock, _ in notice.rungs} or {clock.id for clock in case.clocks}
    spoken = [clock for clock in case.clocks if clock.id in named and clock.stop is None]
    return all(clock.act_by - until > URGENT * scale(clock) for clock in spoken)


def owed(person: str, at: datetime) -> Notice:
    """Return the digest that this person is owed at the end of this quarter of an hour: one, whoever asks for it."""
    return Notice(id=notice_id("digest", person, at.astimezone(UTC).isoformat()), kind="digest", to=person, at=at)


def digest(
    notices: Sequence[Notice], cases: Mapping[str, Case], organisation: Organisation, person: Person, now: datetime
) -> Digest:
    """Put together what a digest tells this person: one line a case, whatever the number of its notices."""
    lines = {
        notice.case: _line(notice, cases[notice.case], organisation, person, now)
        for notice in notices
        if notice.case is not None and notice.case in cases
    }
    # What has no running clock left is the least urgent.
    ordered = sorted(lines.values(), key=lambda line: (line.first is None, line.first and line.first.left, line.case))
    return Digest(lines=tuple(ordered[:MOST_LINES]), cases=len(lines), notices=len(notices))


def _line(notice: Notice, case: Case, organisation: Organisation, person: Person, now: datetime) -> Line:
    brief = briefing(notice, case, organisation, {}, now, person)
    return Line(
        case=case.id,
        stage=case.stage,
        controllers=brief.controllers,
        risk=risk(case),
        first=brief.first,
        command=brief.commands[0].line,
    )
