"""What a mail to the DPO must say first: what happened, for whom, until when, what is proposed and why, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from breachflow.core.assessment import Assessment
from breachflow.core.case import Case, Clock, ClockState, Notice, Stage, facts_of
from breachflow.core.clock import state
from breachflow.core.drafting import MOST_QUESTIONS
from breachflow.core.facts import incident_types
from breachflow.core.organisation import Organisation

MOST_REASONS = 3  # The first lines of a mail are read; the whole assessment is one command away.


class Deadline(Struct, frozen=True, kw_only=True):
    """One running clock as a mail tells it; `left` is negative once it has passed."""

    clock: Clock
    state: ClockState
    left: timedelta
    rung: str | None
    controller: str | None


class Opinion(Struct, frozen=True, kw_only=True):
    """What the engine proposes for one controller, with its first reasons."""

    controller: str
    answer: Assessment
    reasons: tuple[tuple[str, bool], ...]


class Briefing(Struct, frozen=True, kw_only=True):
    """Everything a mail tells. `deadlines` come most urgent first; `commands` are the moves that are open."""

    notice: Notice
    case: Case | None
    now: datetime
    controllers: tuple[str, ...]
    deadlines: tuple[Deadline, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    questions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    first: Deadline | None = None
    precautionary: bool = False


def briefing(
    notice: Notice, case: Case | None, organisation: Organisation, answers: Mapping[str, Assessment], now: datetime
) -> Briefing:
    """Put together what this notice tells."""
    if case is None:
        return Briefing(notice=notice, case=None, now=now, controllers=(), commands=("deadletters list",))
    names = {controller.id: controller.name for controller in organisation.controllers}
    rungs = dict(notice.rungs)
    running = sorted((clock for clock in case.clocks if clock.stop is None), key=lambda clock: clock.act_by)
    deadlines = tuple(
        Deadline(
            clock=clock,
            state=state(clock, now),
            left=clock.act_by - now,
            rung=rungs.get(clock.id),
            controller=names.get(clock.controller or "", clock.controller),
        )
        for clock in running
    )
    spoken = [deadline for deadline in deadlines if deadline.rung is not None]
    authority = [deadline for deadline in deadlines if deadline.clock.regime in ("gdpr-art33", "gdpr-art33-2")]
    return Briefing(
        notice=notice,
        case=case,
        now=now,
        controllers=tuple(dict.fromkeys(names.get(part.controller, part.controller) for part in case.parts)),
        deadlines=deadlines,
        opinions=tuple(_opinion(names.get(ident, ident), answer) for ident, answer in answers.items()),
        questions=tuple(dict.fromkeys(fact for answer in answers.values() for fact in answer.unknown))[:MOST_QUESTIONS],
        types=incident_types(facts_of(case)),
        commands=_commands(case),
        # A new case is told by the deadline of the law; a rung by the clock that it belongs to.
        first=next(iter((authority if notice.kind == "opened" else spoken) or authority or deadlines), None),
        precautionary=any(answer.basis == "precautionary" for answer in answers.values()),
    )


def _opinion(controller: str, answer: Assessment) -> Opinion:
    first = [(reason.rule, reason.because.startswith("Not ruled out")) for reason in answer.reasons]
    return Opinion(controller=controller, answer=answer, reasons=tuple(first[:MOST_REASONS]))


def _commands(case: Case) -> tuple[str, ...]:
    """Return the commands that are open to this case and would move it on; details are the reader's to fill in."""
    if case.stage is Stage.SUSPECTED:
        lines = ["confirm {} --aware 2026-11-24T10:17+01:00", "dismiss {}"]
    elif case.stage is Stage.HANDLED:
        lines = ["close {}"]
    else:
        lines = [line for clock in case.clocks if clock.stop is None for line in _ending(case, clock)]
    lines += ["facts set {} people_count=…", "ack {}"]
    return tuple(f"breachflow {line.format(case.id)} --by … --reason …" for line in dict.fromkeys(lines))


def _ending(case: Case, clock: Clock) -> list[str]:
    """Return the commands that end this clock."""
    several = f" --controller {clock.controller}" if len({part.controller for part in case.parts}) > 1 else ""
    if clock.regime == "gdpr-art33":
        proposed = any(
            part.proposal is None or part.proposal.notify_authority
            for part in case.parts
            if part.controller == clock.controller
        )
        filed = "filed {} --reference …" + several
        return [filed] if proposed else ["exempt {} --advised-by … --advice …" + several, filed]
    if clock.regime in ("gdpr-art34", "art34-order"):
        return ["informed {} --means …" + several]
    if clock.regime == "cnil-complement":
        return ["filed {} --complement --reference …" + several]
    return [] if clock.regime == "triage" else ["done {} " + clock.id]
