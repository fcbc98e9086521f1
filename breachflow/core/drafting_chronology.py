"""What happened when, as a case knows it; which evidence must not be lost, and which report comes next."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from breachflow.core.case import Clock
from breachflow.core.drafting_material import Material
from breachflow.core.facts import Instant

KEPT = {
    "ransomware": ("ransom_note", "malware_sample", "payment_traces"),
    "malware": ("malware_sample",),
    "phishing": ("original_message",),
    "vulnerability": ("version_state",),
    "unauthorised_access": ("account_traces",),
    "privilege_abuse": ("account_traces",),
    "exfiltration": ("network_traces", "offers_of_data"),
    "unauthorised_modification": ("before_and_after",),
    "data_deleted": ("before_and_after",),
}
"""The evidence that each kind of attack leaves."""


class Step(Struct, frozen=True, kw_only=True):
    """One instant of the story: which step, and a person's own words or a reference beside it."""

    at: Instant
    step: str
    text: str = ""


def chronology(made: Material, *, after: bool = False) -> tuple[Step, ...]:
    """Return what happened, in order; with `after` also what the organisation declared and to whom."""
    return tuple(sorted((*_happened(made), *(_declared(made) if after else ())), key=lambda step: step.at))


def evidence(made: Material) -> tuple[str, ...]:
    """Return the evidence to keep, that of every attack last."""
    found = [kept for kind in made.types for kept in KEPT.get(kind, ())]
    return tuple(dict.fromkeys((*found, "logs", "images", "journal", "costs")))


def clock_of(made: Material, regime: str) -> Clock | None:
    """Return this controller's clock of a regime, or `None` where none runs or ran."""
    return next((clock for clock in made.clocks if clock.regime == regime), None)


def dora_report(made: Material) -> str | None:
    """Return the DORA report that is to be submitted next, Art. 19(4); `None` once all three are."""
    done = {clock.regime for clock in made.clocks if clock.done_at is not None}
    return next((report for report in ("initial", "intermediate", "final") if f"dora-{report}" not in done), None)


def _happened(made: Material) -> Iterator[Step]:
    facts = made.facts
    for candidate in made.case.candidates:
        yield Step(at=candidate.at, step=candidate.kind)
    for at, step in (
        (facts.occurred_from, "began"), (facts.occurred_to, "ended"), (facts.reported_at, "reported"),
        (facts.attack_known_at, "attack_known"), (facts.ict_aware_at, "ict_aware"),
        (facts.dora_classified_at, "classified"), (made.aware_at, "aware"),
    ):  # fmt: skip
        if at is not None:
            yield Step(at=at, step=step)
    for measure in facts.measures_taken or ():
        if measure.at is not None:
            yield Step(at=measure.at, step="planned" if measure.state == "planned" else "measure", text=measure.what)


def _declared(made: Material) -> Iterator[Step]:
    part, facts = made.part, made.facts
    for filing in part.filings:
        yield Step(at=filing.at, step=f"filed_{filing.kind}", text=filing.reference)
    if part.exempted is not None:
        yield Step(at=part.exempted.at, step="exempted")
    if part.informed is not None:
        yield Step(at=part.informed.at, step="not_informed" if part.informed.exemption else "informed")
    if facts.complaint is not None and facts.complaint.lodged_at is not None:
        yield Step(at=facts.complaint.lodged_at, step="complaint", text=facts.complaint.reference or "")
    for other in facts.other_authorities or ():
        if other.at is not None:
            yield Step(at=other.at, step="other_authority", text=" ".join(filter(None, (other.name, other.reference))))
    for party in facts.parties or ():
        if party.told_at is not None:
            yield Step(at=party.told_at, step="party_told", text=party.name or "")
