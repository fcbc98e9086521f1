"""What a draft is made of: one controller's part of a case as its facts, its proposal and its dates stand now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.assessment import Assessment, Reason
from breachflow.core.case import Case, Clock, Filing, InformedPeople, Part, facts_of
from breachflow.core.facts import Facts, Party, incident_types
from breachflow.core.organisation import Controller, Organisation, Person, Rank
from breachflow.core.rules import NOT_RULED_OUT

Kind = Literal["initial", "complete", "complement", "withdrawal"]
"""The notification that is drafted; for the CNIL a withdrawal is a complement that says so."""

ROOM_TO_DECIDE = timedelta(hours=24)  # An answer that comes later leaves no time to weigh it.
ROOM_TO_FILE = timedelta(hours=4)  # Finishing is planned this long before the deadline: the form takes time to fill.

SIDES = ("confidentiality", "integrity", "availability")

SECURITY_KNOWS = frozenset({
    "protection", "recipient", "exfiltration", "accessed", "exposed_hours", *SIDES, "backup", "permanent_loss",
    "unavailable_hours", "alteration", "intent", "origin", "credential_opens", "misuse", "incident_type",
    "occurred_from", "occurred_to", "ongoing", "measures_before", "measures_taken", "text_systems",
})  # fmt: skip
"""Facts that those who run the systems establish; the DPO finds out the rest."""


class Said(Struct, frozen=True, kw_only=True):
    """One reason of the assessment: its rule, its sources, and whether it is only not ruled out so far."""

    rule: str
    open: bool
    law: str
    guidance: str | None


class Question(Struct, frozen=True, kw_only=True):
    """One fact to find out, and who is asked for it."""

    fact: str
    who: Rank


class Material(Struct, frozen=True, kw_only=True):
    """Everything a draft may state. Instants are UTC; whoever prints them knows the zone.

    `filed` is the first notification of this part, `latest` the last. `late` is true once the deadline has passed and
    nothing is filed. `answer_by` is until when an open question should be answered; `None` means at once. `precaution`
    is true where the answer rests on what is not known rather than on what is. `natures` are the sides shown to be
    affected, `not_excluded` those of which nobody knows. `clock` is that of the authority's notification, `clocks` are
    all of this controller.
    """

    kind: Kind
    case: Case
    part: Part
    controller: Controller
    organisation: Organisation
    dpo: Person | None
    facts: Facts
    answer: Assessment
    reasons: tuple[Said, ...]
    questions: tuple[Question, ...]
    now: datetime
    aware_at: datetime | None
    clock: Clock | None
    clocks: tuple[Clock, ...]
    answer_by: datetime | None
    late: bool
    precaution: bool
    processor: bool
    filed: Filing | None
    latest: Filing | None
    informed: InformedPeople | None
    types: tuple[str, ...]
    natures: tuple[str, ...]
    not_excluded: tuple[str, ...]
    clients: tuple[str, ...]


def material(
    case: Case, part: Part, organisation: Organisation, answer: Assessment, now: datetime, kind: Kind | None = None
) -> Material:
    """Gather what a draft on this part of the case is made of; without `kind`, the notification that is due next."""
    controller = organisation.controller(part.controller) or organisation.default
    facts = _with_parties(facts_of(case, part), part, organisation)
    processor = (facts.role or part.role) == "processor"
    filings = sorted(part.filings, key=lambda filing: filing.at)
    clock = _clock(case, part, "gdpr-art33-2" if processor else "gdpr-art33")
    following = _clock(case, part, "cnil-complement") if filings else clock
    return Material(
        kind=kind or _due(filings, answer),
        case=case,
        part=part,
        controller=controller,
        organisation=organisation,
        dpo=organisation.person(controller.dpo or "") or next(iter(organisation.ranked("dpo")), None),
        facts=facts,
        answer=answer,
        reasons=tuple(said(reason) for reason in answer.reasons),
        questions=tuple(Question(fact=fact, who=asked(fact, organisation)) for fact in answer.unknown),
        now=now,
        aware_at=case.aware.at if case.aware is not None else None,
        clock=clock,
        clocks=tuple(c for c in case.clocks if c.controller in (None, part.controller)),
        answer_by=answer_by(following, now),
        # "Where the notification to the supervisory authority is not made within 72 hours, it shall be accompanied by
        # reasons for the delay." -- GDPR Art. 33(1)
        late=clock is not None and not processor and not filings and now > clock.act_by,
        precaution=answer.basis == "precautionary",
        processor=processor,
        filed=filings[0] if filings else None,
        latest=filings[-1] if filings else None,
        informed=part.informed if part.informed is not None and part.informed.exemption is None else None,
        types=incident_types(facts),
        natures=tuple(side for side in SIDES if getattr(facts, side) is True),
        not_excluded=tuple(side for side in SIDES if getattr(facts, side) is None),
        clients=tuple(
            dict.fromkeys(
                client
                for line in organisation.datamap
                if line.role == "processor" and line.controller == part.controller
                for client in line.clients
            )
        ),
    )


def said(reason: Reason) -> Said:
    """Return a reason as a draft words it in its own language."""
    return Said(
        rule=reason.rule,
        open=reason.because.startswith(NOT_RULED_OUT),
        law=reason.law,
        guidance=reason.guidance,
    )


def asked(fact: str, organisation: Organisation) -> Rank:
    """Return who is asked for a fact: those who run the systems, or the DPO."""
    wanted: tuple[Rank, ...] = ("ciso", "security") if fact in SECURITY_KNOWS else ()
    return next((rank for rank in wanted if organisation.ranked(rank)), "dpo")


def answer_by(clock: Clock | None, now: datetime) -> datetime | None:
    """Return until when an open question should be answered so that the notification is finished in time.

    "the information may be provided in phases without undue further delay" (GDPR Art. 33(4)): each open item has a
    date. `None`, at once, where no such instant lies ahead.
    """
    if clock is None or clock.stop is not None:
        return None
    return next((at for room in (ROOM_TO_DECIDE, ROOM_TO_FILE) if (at := clock.act_by - room) > now), None)


def _with_parties(facts: Facts, part: Part, organisation: Organisation) -> Facts:
    """Return the facts with the other joint controllers among the parties [38-41], Art. 26."""
    joint = organisation.processing(part.processing) if part.role == "joint_controller" else None
    if joint is None:
        return facts
    named = {party.name for party in facts.parties or ()}
    others = [
        Party(role="joint_controller", name=other.name, contact=other.representative_email or None)
        for ident in joint.joint_controllers
        if ident != part.controller and (other := organisation.controller(ident)) is not None
    ]
    others += [Party(role="joint_controller", name=partner) for partner in joint.partners]
    return replace(facts, parties=[*(facts.parties or ()), *(other for other in others if other.name not in named)])


def _due(filings: list[Filing], answer: Assessment) -> Kind:
    if not filings:
        return "initial"
    # What has turned out to be no breach of personal data is withdrawn, EDPB 9/2022 II.C.
    return "complement" if answer.register else "withdrawal"


def _clock(case: Case, part: Part, regime: str) -> Clock | None:
    return next((c for c in case.clocks if c.regime == regime and c.controller == part.controller), None)


def not_affected(side: str, material: Material) -> str:
    """Why fields on this side do not apply: it is not affected, or nobody has shown that it is."""
    return f"not_{side}" if getattr(material.facts, side) is False else f"{side}_not_shown"


def local_day(at: datetime, material: Material) -> str:
    """Return the day as people in the organisation's zone had it."""
    return at.astimezone(ZoneInfo(material.organisation.zone)).date().isoformat()
