"""Who is told: from ranks and rungs to one notice per person, and to the next person where one cannot be reached."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from breachflow.core import ladder
from breachflow.core.case import Case, Clock, Notice, NoticeKind, Signal
from breachflow.core.charter import Charter
from breachflow.core.identity import notice_id
from breachflow.core.organisation import Person, Rank


def notices(
    case: Case,
    kind: NoticeKind,
    ranks: Iterable[Rank],
    rungs: tuple[tuple[str, str], ...],
    charter: Charter,
    now: datetime,
    **detail: Any,
) -> tuple[Notice, ...]:
    """Return one notice for everybody of these ranks; the next ranks on the climb where nobody has them."""
    return tuple(_notice(case, kind, person, rungs, now, detail) for person in _people(ranks, charter))


def opening(case: Case, clocks: Iterable[Clock], charter: Charter, now: datetime, **detail: Any) -> tuple[Notice, ...]:
    """Return the notices that say that these clocks have started: one mail a person for all of them.

    `again`, the case's version, where a clock that was told already runs on: it is told once more.
    """
    climb = charter.climb
    running = [clock for clock in clocks if clock.stop is None]
    ranks = {rank for clock in running for rank in climb.ranks(clock, 0, clock.rung)}
    rungs = tuple((clock.id, ladder.rung_name(clock, climb, clock.rung)) for clock in running)
    return notices(case, "opened", ranks, rungs, charter, now, **detail) if running else ()


def anew(case: Case, charter: Charter, now: datetime) -> tuple[Notice, ...]:
    """Return the notices that tell everybody who was told so far once more, since the way that it went is compromised.

    What went out by it may never have arrived, or may have been read by others.
    """
    climb = charter.climb
    running = [clock for clock in case.clocks if clock.stop is None]
    ranks = {rank for clock in running for rank in climb.ranks(clock, 0, clock.rung)}
    ranks |= {rank for clock in running for rank in climb.ladder.climb[: clock.climbed]}
    return notices(case, "channel", ranks, (), charter, now) if running else ()


def closed(case: Case | None, charter: Charter) -> frozenset[str]:
    """Return the names of the providers that no mail of this case may take."""
    if case is None:
        return frozenset()
    own = charter.policy.own_mail if "mail" in case.compromised else ()
    return frozenset({*case.compromised, *own})


def address(person: Person, case: Case | None, charter: Charter) -> str:
    """Return where this person is reached about this case: outside the own mail where that is compromised."""
    breached = case is not None and ("mail" in case.compromised or set(case.compromised) & set(charter.policy.own_mail))
    return person.alternative_email if breached and person.alternative_email else person.email


def next_after(notice: Notice, charter: Charter, now: datetime) -> Notice | None:
    """Return the same duty addressed to the next person on the climb, or `None` when everybody has been tried."""
    tried = {*notice.tried, notice.to}
    for person in _in_order(charter):
        if person.id not in tried:
            return Notice(
                id=notice_id(notice.id, "instead", person.id),
                kind=notice.kind,
                to=person.id,
                at=now,
                case=notice.case,
                rungs=notice.rungs,
                tried=(*notice.tried, notice.to),
                detail=notice.detail,
            )
    return None


def unread(charter: Charter, now: datetime) -> tuple[Notice, ...]:
    """Return the notices that say that something could not be read: one a person an hour, whatever the number.

    A SIEM that sends what nobody reads is a clock that does not start; those who run it must know.
    """
    people = charter.organisation.ranked("security") or charter.organisation.ranked("dpo")
    hour = now.astimezone(UTC).strftime("%Y-%m-%dT%H")
    ids = {person.id: notice_id("quarantine", hour, person.id) for person in people}
    return tuple(Notice(id=ident, kind="quarantine", to=person, at=now) for person, ident in ids.items())


def still_owed(notice: Notice | Signal, case: Case | None) -> bool:
    """Whether a notice or signal that has not left yet should still leave: not once all its clocks have stopped."""
    if case is None or notice.kind not in ("rung", "climb", "overdue"):
        return True
    spoken = {clock for clock, _ in notice.rungs}
    return any(clock.stop is None for clock in case.clocks if clock.id in spoken)


def _notice(
    case: Case,
    kind: NoticeKind,
    person: Person,
    rungs: tuple[tuple[str, str], ...],
    now: datetime,
    detail: dict[str, Any],
) -> Notice:
    deadlines = {clock.id: clock.act_by.isoformat() for clock in case.clocks}
    duty = [f"{clock}@{rung}@{deadlines.get(clock, '')}" for clock, rung in rungs] or [str(case.version)]
    if "again" in detail:
        duty.append(f"again {detail['again']}")
    return Notice(
        id=notice_id(case.id, kind, person.id, *duty),
        kind=kind,
        to=person.id,
        at=now,
        case=case.id,
        rungs=rungs,
        detail=detail,
    )


def _people(ranks: Iterable[Rank], charter: Charter) -> list[Person]:
    wanted = set(ranks)
    people = [person for person in _in_order(charter) if person.rank in wanted]
    # A rank that nobody has must not swallow the call: the next one on the climb is told instead.
    return people or list(_in_order(charter))[:1]


def _in_order(charter: Charter) -> list[Person]:
    climb = charter.policy.ladder.climb
    order = {rank: place for place, rank in enumerate(climb)}
    return sorted(charter.organisation.people, key=lambda person: order.get(person.rank, len(climb)))
