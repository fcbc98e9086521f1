"""What a mail to the DPO must say first: what happened, for whom, until when, what is proposed and why, what to do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.assessment import Assessment
from breachflow.core.case import Case, Clock, ClockState, Notice, Part, Stage, facts_of, is_open
from breachflow.core.clock import aware_or_earliest, state
from breachflow.core.drafting_material import Question, Said, asked, said
from breachflow.core.facts import incident_types
from breachflow.core.organisation import Organisation, Person

MOST_REASONS = 3  # The first lines of a mail are read; the whole assessment is one command away.
MOST_QUESTIONS = 5  # A mail that asks twenty things gets none answered.

Doing = Literal[
    "confirm", "dismiss", "reopen", "facts", "filed", "complement", "exempt", "informed", "done", "close", "ack",
    "show", "draft", "draft_people", "draft_controller", "deadletters",
]  # fmt: skip
"""What a command does, as the mail words it."""


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
    reasons: tuple[Said, ...]


class Command(Struct, frozen=True, kw_only=True):
    """One command that is open to this case, ready to paste; "…" stands where only a person knows what to write.

    `controller` is named where the case has several; `regime` where the command speaks of one clock among others.
    """

    does: Doing
    line: str
    controller: str | None = None
    regime: str | None = None


class Briefing(Struct, frozen=True, kw_only=True):
    """Everything a mail tells. `deadlines` come most urgent first; `commands` are what would move the case on.

    `first` is the clock that the mail is about. `started` is what the clocks run from, provisional or set by a person.
    `phones` are the people who can still be called where mail has not reached anybody.
    """

    notice: Notice
    case: Case | None
    now: datetime
    controllers: tuple[str, ...]
    commands: tuple[Command, ...]
    deadlines: tuple[Deadline, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    questions: tuple[Question, ...] = ()
    types: tuple[str, ...] = ()
    first: Deadline | None = None
    risk: str | None = None
    precaution: bool = False
    started: datetime | None = None
    phones: tuple[Person, ...] = ()


def briefing(
    notice: Notice,
    case: Case | None,
    organisation: Organisation,
    answers: Mapping[str, Assessment],
    now: datetime,
    person: Person,
) -> Briefing:
    """Put together what this notice tells this person."""
    if case is None:
        listing = Command(does="deadletters", line="breachflow deadletters list")
        return Briefing(notice=notice, case=None, now=now, controllers=(), commands=(listing,))
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
    order = ("unlikely", "risk", "high")
    return Briefing(
        notice=notice,
        case=case,
        now=now,
        controllers=tuple(dict.fromkeys(names.get(part.controller, part.controller) for part in case.parts)),
        commands=_commands(notice, case, organisation, answers, now, person),
        deadlines=deadlines,
        opinions=tuple(
            Opinion(
                controller=_called(ident, names),
                answer=answer,
                reasons=tuple(said(reason) for reason in answer.reasons[:MOST_REASONS]),
            )
            for ident, answer in answers.items()
        ),
        questions=tuple(
            Question(fact=fact, who=asked(fact, organisation))
            for fact in dict.fromkeys(fact for answer in answers.values() for fact in answer.unknown)
        )[:MOST_QUESTIONS],
        types=incident_types(facts_of(case)),
        first=_first(notice, deadlines),
        risk=max((answer.risk for answer in answers.values()), key=order.index, default=None),
        precaution=any(answer.basis == "precautionary" for answer in answers.values()),
        started=aware_or_earliest(case)[0],
        phones=tuple(one for one in organisation.people if one.phone and one.id != person.id)
        if notice.kind in ("alarm", "climb") or notice.tried
        else (),
    )


def _called(ident: str, names: Mapping[str, str]) -> str:
    """Return the controller's name; a second processing of the same one stands behind it in brackets."""
    controller, bracket, processing = ident.partition(" (")
    return names.get(controller, controller) + bracket + processing


def _first(notice: Notice, deadlines: tuple[Deadline, ...]) -> Deadline | None:
    """A new case is told by the deadline of the law; a rung by the clock that it belongs to."""
    spoken = [deadline for deadline in deadlines if deadline.rung is not None]
    authority = [deadline for deadline in deadlines if deadline.clock.regime in ("gdpr-art33", "gdpr-art33-2")]
    return next(iter((authority if notice.kind == "opened" else spoken) or authority or deadlines), None)


def _commands(
    notice: Notice,
    case: Case,
    organisation: Organisation,
    answers: Mapping[str, Assessment],
    now: datetime,
    person: Person,
) -> tuple[Command, ...]:
    """Return the commands that are open to this case and would move it on, the most urgent first."""
    by, because = f"--by {shlex.quote(person.id)}", '--reason "…"'
    dismiss = Command(does="dismiss", line=f"dismiss {case.id} {by} {because}")
    endings = [command for clock in case.clocks if clock.stop is None for command in _ending(case, clock, person, now)]
    if case.stage is Stage.SUSPECTED:
        # The instant that the clocks run from now is the one to correct or to keep.
        local = aware_or_earliest(case)[0].astimezone(ZoneInfo(organisation.zone))
        at = local.isoformat(timespec="seconds" if local.second else "minutes")
        confirm = Command(does="confirm", line=f"confirm {case.id} --aware {at} {by} {because}")
        found, endings = [confirm, dismiss], [command for command in endings if command.does == "done"]
    elif case.stage is Stage.HANDLED:
        found, endings = [*endings, Command(does="close", line=f"close {case.id} {by} {because}")], []
    elif is_open(case):
        found, endings = ([dismiss, *endings] if notice.kind == "flag" or case.flagged else endings), []
    else:
        found, endings = [Command(does="reopen", line=f"reopen {case.id} {by} {because}")], []
    fact = next((fact for answer in answers.values() for fact in answer.unknown), None)
    if fact is not None and is_open(case):
        found.append(Command(does="facts", line=f"facts set {case.id} {fact}=… {by} {because}"))
    if is_open(case):
        found.append(Command(does="ack", line=f"ack {case.id} {by}"))
    lines = {command.line: command for command in (*found, *_reading(case), *endings)}
    names = {controller.id: controller.name for controller in organisation.controllers} if _several(case) else {}
    return tuple(
        replace(command, line=f"breachflow {line}", controller=names.get(command.controller or ""))
        for line, command in lines.items()
    )


def _ending(case: Case, clock: Clock, person: Person, now: datetime) -> list[Command]:
    """Return the commands that end this clock."""
    by = f"--by {shlex.quote(person.id)}"
    whose = f" --controller {shlex.quote(clock.controller)}" if _several(case) and clock.controller else ""
    if clock.regime == "gdpr-art33":
        # Filed late, a notification is accompanied by reasons for the delay, Art. 33(1).
        late = ' --reason "…"' if now > clock.act_by else ""
        line = f"filed {case.id} --reference …{whose} {by}{late}"
        filed = Command(does="filed", line=line, controller=clock.controller)
        own = [part.proposal for part in case.parts if part.controller == clock.controller]
        if not own or any(proposal is None or proposal.notify_authority for proposal in own):
            return [filed]
        # Two people: the DPO advises, the controller decides.
        advises, decides = ("…", person.id) if person.rank not in ("dpo", "deputy") else (person.id, "…")
        line = f'exempt {case.id} --advised-by {advises} --advice "…"{whose} --by {decides} --reason "…"'
        return [Command(does="exempt", line=line, controller=clock.controller), filed]
    if clock.regime in ("gdpr-art34", "art34-order"):
        line = f'informed {case.id} --means "…"{whose} {by}'
        return [Command(does="informed", line=line, controller=clock.controller)]
    if clock.regime == "cnil-complement":
        line = f"filed {case.id} --complement --reference …{whose} {by}"
        return [Command(does="complement", line=line, controller=clock.controller)]
    if clock.regime == "triage":
        return []
    line = f"done {case.id} {clock.id} --reference … {by}"
    return [Command(does="done", line=line, controller=clock.controller, regime=clock.regime)]


def _reading(case: Case) -> list[Command]:
    """Return the commands that show the case and the drafts that are due for it."""
    found = [Command(does="show", line=f"show {case.id}")]
    for part in case.parts:
        whose = f" --controller {shlex.quote(part.controller)}" if _several(case) else ""
        if _processor(case, part):
            line = f"draft {case.id} --for controller{whose}"
            found.append(Command(does="draft_controller", line=line, controller=part.controller))
            continue
        if not part.filings or any(clock.regime == "cnil-complement" and not clock.stop for clock in case.clocks):
            line = f"draft {case.id} --for cnil{whose}"
            found.append(Command(does="draft", line=line, controller=part.controller))
        if part.proposal is not None and part.proposal.inform_people and part.informed is None:
            line = f"draft {case.id} --for people{whose}"
            found.append(Command(does="draft_people", line=line, controller=part.controller))
    return found


def _several(case: Case) -> bool:
    return len({part.controller for part in case.parts}) > 1


def _processor(case: Case, part: Part) -> bool:
    return (facts_of(case, part).role or part.role) == "processor"
