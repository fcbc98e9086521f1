"""What is decided about one set of facts: the risk, who has to be told, and the reasons, in the order of the law.

1. No personal data, or nothing that happened to it: no breach (Art. 4(12)).
2. Every side of the data that was hit is positively shown to be harmless: unlikely to result in a risk (Art. 33(1)).
3. One of the grounds of a high risk holds: high (Art. 34(1)); else: risk, because nothing shows that there is none.
4. The duties follow: Art. 33(1) and 34(1), what Art. 34(3) releases from, or Art. 33(2) for a processor.
"""

from __future__ import annotations

from typing import NamedTuple

from breachflow.core.assessment import Exemption, InformHow, Reason, Risk, RiskPolicy
from breachflow.core.facts import Facts
from breachflow.core.harmless import (
    availability_harmless,
    confidentiality_harmless,
    harmless_though_readable,
    integrity_harmless,
)
from breachflow.core.high_risk import high_from_disclosure, high_from_disturbance
from breachflow.core.reading import Reading, contradictions
from breachflow.core.rules import contradiction, reason
from breachflow.law.profiles import PROFILES


class Answer(NamedTuple):
    """What is decided, without score and explanation; equal answers are the same answer."""

    risk: Risk
    notify_authority: bool
    notify_controllers: bool
    inform_people: bool
    inform_how: InformHow
    exemption: Exemption | None


class Verdict(NamedTuple):
    """The answer, its reasons, and whether a breach of personal data has to be documented (Art. 33(5))."""

    answer: Answer
    reasons: list[Reason]
    breach: bool


def verdict(facts: Facts, read: Reading, policy: RiskPolicy, profile: str) -> Verdict:
    """Return what is decided about these facts, in this reading of them, under a law profile."""
    if not read.personal_data:
        reasons = [reason("no-personal-data", "personal_data")]
        return Verdict(_duties("unlikely", None, facts, read, reasons, profile), reasons, breach=False)
    hit = read.confidentiality or read.integrity or read.availability or read.misuse == "observed"
    if not hit:
        reasons = [reason("not-affected", "confidentiality", "integrity", "availability")]
        return Verdict(_duties("unlikely", None, facts, read, reasons, profile), reasons, breach=False)
    kept = confidentiality_harmless(read, policy) if read.confidentiality else reason("confidentiality-kept")
    back = availability_harmless(read) if read.availability else None
    whole = integrity_harmless(read) if read.integrity else None
    disclosed = kept is None
    unavailable = read.availability and back is None
    altered = read.integrity and whole is None
    if not (disclosed or unavailable or altered or read.misuse == "observed"):
        reasons = [_known_of(one, facts) for one in (kept, back, whole) if one is not None]
        return Verdict(_duties("unlikely", None, facts, read, reasons, profile), reasons, breach=True)
    reasons = [reason("misuse-observed", "misuse")] if read.misuse == "observed" else []
    if unavailable or altered:
        reasons += high_from_disturbance(read)
    if disclosed:
        reasons += high_from_disclosure(read, policy)
    # "protection measures ... applied to the personal data affected ..., in particular those that render the personal
    # data unintelligible to any person who is not authorised to access it" -- GDPR Art. 34(3)(a). It releases from what
    # a disclosure would ask, never from what a loss does: an encrypted file that is gone is gone.
    released: Exemption | None = None
    if not reasons and read.confidentiality and read.protection == "intact" and _would_be_high(read, policy):
        released = "a"
    risk: Risk = "high" if reasons or released else "risk"
    reasons += _why_notified(facts, read, policy, disclosed=disclosed, unavailable=unavailable, altered=altered)
    return Verdict(_duties(risk, released, facts, read, reasons, profile), reasons, breach=True)


def _would_be_high(read: Reading, policy: RiskPolicy) -> bool:
    return harmless_though_readable(read, policy) is None and bool(high_from_disclosure(read, policy))


def _why_notified(
    facts: Facts, read: Reading, policy: RiskPolicy, *, disclosed: bool, unavailable: bool, altered: bool
) -> list[Reason]:
    found = []
    if disclosed:
        found.append(reason("disclosed", "confidentiality", "protection"))
        if {"vehicle", "birth_date"} <= read.data:
            found.append(reason("plate-and-birth-date", "data"))
        if not read.data.isdisjoint(policy.notify_for):
            found.append(reason("policy-notify", "data"))
    if unavailable:
        found.append(reason("unavailable", "availability", "backup", "service_impact"))
    if altered:
        found.append(reason("altered", "integrity", "alteration"))
    against = contradictions(facts)
    found.append(contradiction(*against) if against else reason("not-shown-harmless"))
    return found


def _duties(
    risk: Risk, released: Exemption | None, facts: Facts, read: Reading, reasons: list[Reason], profile: str
) -> Answer:
    """Say who has to be told, and add why; released by the first point of Art. 34(3) that holds."""
    # "The processor shall notify the controller without undue delay after becoming aware of a personal data breach."
    # -- GDPR Art. 33(2). No threshold, and no judgement of its own: whether there is a risk is the controller's to say.
    if facts.role == "processor":
        reasons.append(reason("processor", "role"))
        return Answer(risk, False, True, False, "none", None)
    notify = risk == "high" or (risk == "risk" and PROFILES[profile].notify_threshold == "risk")
    if risk == "risk" and not notify:
        reasons.append(reason("proposal-threshold"))
    if risk != "high":
        return Answer(risk, notify, False, False, "none", None)
    exemption: Exemption | None = None
    if released == "a":
        exemption = "a"
        reasons.append(reason("protected-34-3-a", "protection"))
    elif read.neutralised and read.misuse != "observed":
        exemption = "b"
        reasons.append(reason("neutralised-34-3-b", "neutralised"))
    elif facts.individual_contact == "disproportionate":
        exemption = "c"
        reasons.append(reason("public-34-3-c", "individual_contact"))
    # "In such a case, there shall instead be a public communication or similar measure" -- GDPR Art. 34(3)(c).
    how: InformHow = "none" if exemption in ("a", "b") else "public" if exemption == "c" else "individual"
    return Answer(risk, notify, False, how != "none", how, exemption)


def _known_of(one: Reason, facts: Facts) -> Reason:
    """Leave of what a reason read the facts that are known: nothing is shown by a fact that nobody stated."""
    known = tuple(name for name in one.facts if getattr(facts, name) not in (None, "undeterminable"))
    return one if known == one.facts else reason(one.rule, *known)
