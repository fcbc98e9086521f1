"""Is it likely to result in a risk, or a high risk, to the rights and freedoms of people? The engine's proposal.

1. The facts are read at their worst (`reading`), and rules decide: `harmless` (Art. 33(1)), `high_risk` (Art. 34(1)).
2. Whoever is processor tells the controllers instead, Art. 33(2); Art. 34(3) may release from informing people.
3. The same is asked of the mildest reading: where the answer is the same, the known facts carry it (`basis`).
4. `flips` says which single fact would change the answer, and so which unknown one to ask for first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.assessment import (
    DEFAULT_RISK_POLICY,
    Assessment,
    Exemption,
    Flip,
    InformHow,
    Reason,
    Risk,
    RiskPolicy,
)
from breachflow.core.enisa import severity
from breachflow.core.facts import ASSESSED, FINDINGS, Facts, Scope
from breachflow.core.harmless import availability_harmless, confidentiality_harmless, integrity_harmless
from breachflow.core.high_risk import high_risks
from breachflow.core.reading import Reading
from breachflow.core.rules import reason
from breachflow.law.profiles import DEFAULT, PROFILES

ASKED: tuple[str, ...] = (
    "personal_data", "role", "protection", "recipient", "data", "people_count", "exfiltration", "accessed",
    "confidentiality", "availability", "integrity", "deletion_confirmed", "service_impact", "backup", "people",
    "recipient_count", "intent", "misuse", "permanent_loss", "unavailable_hours", "alteration", "credential_opens",
    "sensitivity", "revealing_context", "already_public", "neutralised", "individual_contact",
)  # fmt: skip
"""Facts that the rules read, in the order in which asking pays where no single one decides."""


class Answer(NamedTuple):
    """What is decided, without score and explanation; equal answers are the same answer."""

    risk: Risk
    notify_authority: bool
    notify_controllers: bool
    inform_people: bool
    inform_how: InformHow
    exemption: Exemption | None


class ScopeAssessment(Struct, frozen=True, kw_only=True):
    """The assessment of one scope; `scope` is `None` where the facts name none."""

    assessment: Assessment
    scope: Scope | None = None


class Combined(Assessment, frozen=True, kw_only=True, omit_defaults=True):
    """The worst answer over all scopes, and each scope's own."""

    scopes: tuple[dict[str, Any], ...] = ()


def assess(
    facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT, *, flips: bool = True
) -> Assessment:
    """Assess one scope's facts under a law profile; with `flips`, also what would change the answer."""
    worst = Reading(facts, worst=True)
    answer, reasons = _answer(facts, worst, policy, profile)
    mildest, _ = _answer(facts, Reading(facts, worst=False), policy, profile)
    assessment = Assessment(
        risk=answer.risk,
        register=worst.personal_data and (worst.confidentiality or worst.integrity or worst.availability),
        notify_authority=answer.notify_authority,
        notify_controllers=answer.notify_controllers,
        inform_people=answer.inform_people,
        inform_how=answer.inform_how,
        exemption=answer.exemption,
        basis="established" if mildest == answer else "precautionary",
        severity=severity(worst, facts),
        reasons=_told_apart(reasons, facts),
        unknown=unknown(facts),
    )
    return _with_flips(assessment, facts, answer, policy, profile) if flips else assessment


def assess_scopes(
    facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT, *, flips: bool = True
) -> tuple[ScopeAssessment, ...]:
    """Assess each scope: what it states overrides the flat facts for its controller."""
    if not facts.scopes:
        return (ScopeAssessment(assessment=assess(facts, policy, profile, flips=flips)),)
    return tuple(
        ScopeAssessment(scope=scope, assessment=assess(scoped(facts, scope), policy, profile, flips=flips))
        for scope in facts.scopes
    )


def scoped(facts: Facts, scope: Scope) -> Facts:
    """Return the facts as one scope has them."""
    own = {
        name: value
        for name in ("role", "people_count", "records_count", "people", "data", "countries")
        if (value := getattr(scope, name)) is not None
    }
    return replace(facts, scopes=None, **own)


def combined(
    facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT, *, flips: bool = True
) -> Assessment:
    """Return the worst answer over the scopes, with each scope's own beside it; the plain one where there are none."""
    if not facts.scopes:
        return assess(facts, policy, profile, flips=flips)
    answers = assess_scopes(facts, policy, profile, flips=flips)
    worst = max(answers, key=lambda one: _gravity(one.assessment)).assessment
    whole = {name: getattr(worst, name) for name in Assessment.__struct_fields__}
    for duty in ("register", "notify_authority", "notify_controllers", "inform_people"):
        whole[duty] = any(getattr(one.assessment, duty) for one in answers)
    whole["unknown"] = tuple(dict.fromkeys(name for one in answers for name in one.assessment.unknown))
    lines = tuple(
        {"controller": one.scope.controller, "processing": one.scope.processing} | msgspec.to_builtins(one.assessment)
        for one in answers
        if one.scope is not None
    )
    return Combined(**whole, scopes=lines)


def answer_of(facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT) -> Answer:
    """Return only what is decided."""
    return _answer(facts, Reading(facts, worst=True), policy, profile)[0]


def unknown(facts: Facts) -> tuple[str, ...]:
    """Return the facts that the rules read and nobody has established, in the order in which asking pays."""
    return tuple(name for name in ASKED if getattr(facts, name) in (None, "undeterminable"))


def _answer(facts: Facts, read: Reading, policy: RiskPolicy, profile: str) -> tuple[Answer, list[Reason]]:
    if not read.personal_data and read.misuse == "none":
        reasons = [reason("no-personal-data", "personal_data")]
        return _duties("unlikely", facts, reasons, profile), reasons
    affected = read.confidentiality or read.integrity or read.availability
    if not affected and read.misuse == "none":
        reasons = [reason("not-affected", "confidentiality", "integrity", "availability")]
        return _duties("unlikely", facts, reasons, profile), reasons
    kept = confidentiality_harmless(read, policy)
    back = availability_harmless(read)
    whole = integrity_harmless(read, facts.alteration)
    harmless = kept is not None and back is not None and whole and read.misuse == "none"
    if harmless:
        shown = kept if kept != "confidentiality-kept" else back
        reasons = [reason(shown or "brief-unavailability", *_READ_BY.get(shown or "", ()))]
        return _duties("unlikely", facts, reasons, profile), reasons
    reasons = high_risks(read, policy, disclosed=kept is None, disturbed=back is None or not whole)
    risk: Risk = "high" if reasons else "risk"
    reasons += _why_risk(read, policy, disclosed=kept is None, unavailable=back is None, altered=not whole)
    return _duties(risk, facts, reasons, profile), reasons


def _why_risk(read: Reading, policy: RiskPolicy, *, disclosed: bool, unavailable: bool, altered: bool) -> list[Reason]:
    found = []
    if disclosed:
        found.append(reason("disclosed", "confidentiality", "protection", "recipient"))
        if {"vehicle", "birth_date"} <= read.data:
            found.append(reason("plate-and-birth-date", "data"))
        if policy.notify_for and not read.data.isdisjoint(policy.notify_for):
            found.append(reason("policy-notify", "data"))
    if unavailable:
        found.append(reason("unavailable", "availability", "backup", "service_impact"))
    if altered:
        found.append(reason("altered", "integrity", "alteration"))
    if read.misuse == "attempted":
        found.append(reason("attempted-misuse", "misuse"))
    found.append(reason("not-shown-harmless"))
    return found


def _duties(risk: Risk, facts: Facts, reasons: list[Reason], profile: str) -> Answer:
    """Say what follows from the risk: for whom, and released by which point of Art. 34(3)."""
    if facts.role == "processor":
        reasons.append(reason("processor", "role"))
        return Answer(risk, notify_authority=False, notify_controllers=risk != "unlikely" or _is_breach(facts),
                      inform_people=False, inform_how="none", exemption=None)  # fmt: skip
    notify = risk == "high" or (risk == "risk" and PROFILES[profile].notify_threshold == "risk")
    if risk == "risk" and not notify:
        reasons.append(reason("proposal-threshold"))
    exemption: Exemption | None = None
    how: InformHow = "individual" if risk == "high" else "none"
    if risk == "high":
        if facts.protection == "intact" and Reading(facts, worst=True).protection == "intact":
            exemption = "a"
            reasons.append(reason("protected-34-3-a", "protection"))
        elif facts.neutralised is True and facts.misuse != "observed":
            exemption = "b"
            reasons.append(reason("neutralised-34-3-b", "neutralised"))
        elif facts.individual_contact == "disproportionate":
            exemption = "c"
            reasons.append(reason("public-34-3-c", "individual_contact"))
        how = "none" if exemption in ("a", "b") else "public" if exemption == "c" else "individual"
    return Answer(
        risk, notify, notify_controllers=False, inform_people=how != "none", inform_how=how, exemption=exemption
    )


def _told_apart(reasons: list[Reason], facts: Facts) -> tuple[Reason, ...]:
    """Put what the known facts carry first, and say of the rest that it is only not ruled out."""
    known, open_, last = [], [], []
    for one in reasons:
        if not one.facts:
            last.append(one)
        elif any(getattr(facts, name) in (None, "undeterminable") for name in one.facts if name not in FINDINGS):
            open_.append(replace(one, because=f"Not ruled out: {one.because[0].lower()}{one.because[1:]}"))
        else:
            known.append(one)
    return (*known, *open_, *last)


def _is_breach(facts: Facts) -> bool:
    """A processor tells every breach, whatever its risk: no risk assessment first, no threshold (Art. 33(2))."""
    affected = (facts.confidentiality, facts.integrity, facts.availability)
    return facts.personal_data is not False and not all(side is False for side in affected)


def _with_flips(assessment: Assessment, facts: Facts, answer: Answer, policy: RiskPolicy, profile: str) -> Assessment:
    from breachflow.core.flips import flips

    found = flips(facts, answer, lambda changed: answer_of(changed, policy, profile), policy)
    deciding = [flip.fact for flip in found]
    first = [name for name in dict.fromkeys(deciding) if name in assessment.unknown]
    rest = [name for name in assessment.unknown if name not in first]
    return replace(assessment, unknown=(*first, *rest), would_change=tuple(found))


def _gravity(assessment: Assessment) -> tuple[bool, bool, int]:
    order = ("unlikely", "risk", "high")
    return assessment.inform_people, assessment.notify_authority, order.index(assessment.risk)


_READ_BY: dict[str, tuple[str, ...]] = {
    "unintelligible": ("protection", "backup", "service_impact"),
    "hashed-only": ("protection", "data"),
    "not-seen": ("accessed", "exfiltration", "recipient"),
    "public-before": ("already_public",),
    "trusted-recipient": ("recipient", "deletion_confirmed", "data", "people_count"),
    "few-and-minor": ("recipient", "recipient_count", "data", "people_count"),
    "brief-unavailability": ("availability", "backup", "service_impact", "permanent_loss"),
}
"""The facts on which each pattern rests."""

__all__ = ["ASSESSED", "FINDINGS", "Answer", "Flip", "assess", "assess_scopes", "combined", "unknown"]
