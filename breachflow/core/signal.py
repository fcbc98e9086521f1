"""What other systems are told beside the mails: one small, signed-off fact for each duty, with no personal data in it.

A chat room or an on-call service needs to know that a clock speaks, not what happened to whom: neither title nor
description nor the name of a person is in a signal.
"""

from __future__ import annotations

from typing import Any

from breachflow.core.case import Case, Change, Clock, Notice, NoticeKind, Signal
from breachflow.core.facts import Instant
from breachflow.core.identity import notice_id
from breachflow.core.overview import next_step, risk, utc

SIGNALLED: frozenset[NoticeKind] = frozenset({"opened", "rung", "climb", "overdue", "alarm", "channel"})
"""A flag asks one person, and what could not be read belongs to no case: both stay with mail."""

AUTHORITY = ("gdpr-art33", "gdpr-art33-2")


def signals(change: Change) -> tuple[Signal, ...]:
    """Return what a step has to tell other systems: each duty once, however many people are mailed, and an alarm."""
    case = change.case
    if case is None:
        return ()
    found: dict[str, Signal] = {}
    for notice in change.notices:
        # Whoever is told instead of somebody else is told the same: the signal has gone out with the first.
        if notice.kind in SIGNALLED and not notice.tried:
            signal = _spoken(case, notice)
            found.setdefault(signal.id, signal)
    for entry in change.entries:
        if "alarm" in entry.body:
            ident = notice_id(case.id, "signal", "alarm", str(case.version))
            found[ident] = _signal(ident, case, "alarm", entry.at, ())
    return tuple(found.values())


def _spoken(case: Case, notice: Notice) -> Signal:
    deadlines = {clock.id: clock.act_by.isoformat() for clock in case.clocks}
    duty = [f"{clock}@{rung}@{deadlines.get(clock, '')}" for clock, rung in notice.rungs] or [str(case.version)]
    return _signal(notice_id(case.id, "signal", notice.kind, *duty), case, notice.kind, notice.at, notice.rungs)


def _signal(ident: str, case: Case, kind: NoticeKind, at: Instant, rungs: tuple[tuple[str, str], ...]) -> Signal:
    clock = _first(case, kind, rungs)
    data: dict[str, Any] = {
        "case": case.id,
        "stage": case.stage.value,
        "risk": risk(case),
        "controller": case.parts[0].controller,
        "controllers": list(dict.fromkeys(part.controller for part in case.parts)),
        "next_command": next_step(case, at).command,
    }
    if clock is not None:
        data["controller"] = clock.controller or data["controller"]
        data["regime"] = clock.regime
        data["rung"] = dict(rungs).get(clock.id)
        data["act_by"] = utc(clock.act_by)
        data["remaining_seconds"] = int((clock.act_by - at).total_seconds())
    body = {"type": f"breachflow.case.{kind}", "timestamp": utc(at), "data": data}
    return Signal(id=ident, kind=kind, case=case.id, at=at, body=body, rungs=rungs)


def _first(case: Case, kind: NoticeKind, rungs: tuple[tuple[str, str], ...]) -> Clock | None:
    """Return the clock that the signal is about: of a new case the one of the law, else the nearest that speaks."""
    named = dict(rungs)
    running = sorted((clock for clock in case.clocks if clock.stop is None), key=lambda clock: clock.act_by)
    spoken = [clock for clock in running if clock.id in named]
    authority = [clock for clock in spoken if clock.regime in AUTHORITY] if kind == "opened" else []
    return next(iter(authority or spoken or running), None)
