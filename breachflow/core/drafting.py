"""What a draft states: the case as one sheet of known values, what is still open, and whom to ask.

No number is invented and nothing unknown is stated; awareness is stated only once a person has set it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from breachflow.core.assessment import Assessment
from breachflow.core.case import Case, Clock, Filing, InformedPeople, Part, facts_of
from breachflow.core.facts import Facts, incident_types
from breachflow.core.organisation import Controller, Lang, Organisation, Person

MOST_QUESTIONS = 6  # A mail or draft that asks twenty things gets none answered.

CONTENT: tuple[str, ...] = (
    "incident_type", "origin", "intent", "confidentiality", "integrity", "availability", "people", "people_count",
    "records_count", "data", "occurred_from", "reported_by", "measures_before", "measures_taken", "text_nature",
    "consequences_confidentiality", "harms",
)  # fmt: skip
"""Facts that the notification asks for (Art. 33(3)); how many are known is its completeness."""


class Sheet(Struct, frozen=True, kw_only=True):
    """Everything a draft for one controller may state. Instants are UTC; whoever prints them knows the zone."""

    case: Case
    part: Part
    controller: Controller
    organisation: Organisation
    dpo: Person | None
    facts: Facts
    answer: Assessment
    now: datetime
    aware_at: datetime | None
    clock: Clock | None
    late: bool
    proposed: bool
    processor: bool
    filed: Filing | None
    informed: InformedPeople | None
    types: tuple[str, ...]
    natures: tuple[str, ...]
    questions: tuple[str, ...]
    known: int
    asked: int
    clients: tuple[str, ...]


def sheet(
    audience: str, case: Case, part: Part, organisation: Organisation, answer: Assessment, now: datetime
) -> Sheet:
    """Put together what a draft for this audience may state about one controller's part of the case."""
    controller = organisation.controller(part.controller) or organisation.default
    facts = facts_of(case, part)
    processor = (facts.role or part.role) == "processor"
    clock = _clock(case, part, processor=processor)
    filed = part.filings[0] if part.filings else None
    sides = ("confidentiality", "integrity", "availability")
    return Sheet(
        case=case,
        part=part,
        controller=controller,
        organisation=organisation,
        dpo=organisation.person(controller.dpo or "") or next(iter(organisation.ranked("dpo")), None),
        facts=facts,
        answer=answer,
        now=now,
        aware_at=case.aware.at if case.aware is not None else None,
        clock=clock,
        late=clock is not None and filed is None and now > clock.act_by,
        proposed=_proposed(audience, answer),
        processor=processor,
        filed=filed,
        informed=part.informed if part.informed is not None and part.informed.exemption is None else None,
        types=incident_types(facts),
        natures=tuple(side for side in sides if getattr(facts, side) is True),
        questions=answer.unknown[:MOST_QUESTIONS],
        known=sum(getattr(facts, name) is not None for name in CONTENT),
        asked=len(CONTENT),
        clients=tuple(dict.fromkeys(client for line in organisation.datamap if line.role == "processor"
                                    and line.controller == part.controller for client in line.clients)),
    )  # fmt: skip


def wanted(processor: bool, answer: Assessment, languages: Sequence[Lang]) -> list[tuple[str, Lang, str]]:
    """Return the drafts that are laid down by themselves: audience, language and format."""
    audiences = ["controller"] if processor else ["cnil"]
    if answer.inform_people and not processor:
        audiences.append("people")
    drafts = [(audience, lang, form) for audience in audiences for lang in languages for form in ("html", "text")]
    return drafts if processor else [*drafts, ("edpb", languages[0], "json")]


def _clock(case: Case, part: Part, *, processor: bool) -> Clock | None:
    regime = "gdpr-art33-2" if processor else "gdpr-art33"
    return next((c for c in case.clocks if c.regime == regime and c.controller == part.controller), None)


def _proposed(audience: str, answer: Assessment) -> bool:
    """Whether the duty behind this draft is proposed by the engine."""
    if audience in ("cnil", "edpb"):
        return answer.notify_authority
    if audience == "people":
        return answer.inform_people
    return audience != "controller" or answer.notify_controllers
