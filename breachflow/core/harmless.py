"""When a breach is unlikely to result in a risk: only where a pattern is positively shown (Art. 33(1), last half).

"unless the personal data breach is unlikely to result in a risk to the rights and freedoms of natural persons"
-- GDPR Art. 33(1). The burden is the controller's (recital 85): what is not shown is notified.

A breach is harmless when each of its three sides is: confidentiality, integrity, availability. Each function returns
the rule that shows it, or `None`.
"""

from __future__ import annotations

from breachflow.core.assessment import RiskPolicy
from breachflow.core.reading import HASHED_ONLY, SPECIAL, Reading

BASIC = frozenset({"identity", "contact", "pseudonym", "customer_id", "profile"})
"""Kinds whose disclosure to a few known people does no more than embarrass."""

MINOR = BASIC | {"vehicle", "birth_date", "contract", "connection", "education", "photo"}
"""Kinds that are minor once the data has come back or is deleted."""

SENSITIVE = SPECIAL | {
    "official_id", "official_document", "social_security", "bank_account", "payment_card", "financial", "credentials",
    "account_access", "location", "communications", "voice_recording", "fraud_aml", "employment_health",
    "protected_address", "crime_victim", "unknown", "other",
}  # fmt: skip
"""Kinds that no pattern of few and ordinary data covers."""

VULNERABLE = frozenset({"minors", "patients", "vulnerable"})

VERY_FEW = 20  # EDPB 01/2021 case 15 has 15 people and 15 recipients; beyond a score nobody keeps them in view.
BRIEF_HOURS = 24  # Up to a day without any effect on people; WP250 Annex B (iii) has minutes, case 1 a few hours.


def confidentiality_harmless(facts: Reading, policy: RiskPolicy) -> str | None:
    """Return the rule that shows that the disclosure does no harm, or `None`."""
    if not facts.confidentiality:
        return "confidentiality-kept"
    if facts.misuse != "none":
        return None
    if facts.protection == "intact":
        return "hashed-only" if facts.data <= HASHED_ONLY else "unintelligible"
    # Evidence that nobody saw it; where data can be copied out of a system, also that it was not.
    nothing_left = facts.no_system or facts.exfiltration == "excluded"
    if nothing_left and (facts.accessed == "excluded" or facts.recipient == "nobody"):
        return "not-seen"
    if facts.public_before and not facts.data & SENSITIVE and not facts.revealing:
        return "public-before"
    if policy.notify_for and not facts.data.isdisjoint(policy.notify_for):
        return None
    return _few_and_ordinary(facts, policy)


def _few_and_ordinary(facts: Reading, policy: RiskPolicy) -> str | None:
    incidental = frozenset() if facts.substantive else SPECIAL
    kinds = facts.data - incidental
    if facts.malicious or facts.revealing or kinds & SENSITIVE or facts.people & VULNERABLE:
        return None
    # EDPB 01/2021 case 9: bound by contract or secrecy, written confirmation of deletion, ordinary data, few people.
    trusted = facts.recipient in ("nobody", "trusted") and facts.deletion_confirmed
    if trusted and facts.people_count <= policy.few_people:
        return "trusted-recipient"
    # Cases 13 and 15: very few people, very few known recipients. Case 16 is the limit: plate and birth date.
    known_and_few = facts.recipient in ("nobody", "trusted", "identified") and facts.recipient_count <= VERY_FEW
    minor = kinds <= (MINOR if facts.deletion_confirmed else BASIC) and not {"vehicle", "birth_date"} <= kinds
    if known_and_few and minor and facts.people_count <= VERY_FEW:
        return "few-and-minor"
    return None


def availability_harmless(facts: Reading) -> str | None:
    """Return the rule that shows that unavailability did no harm, or `None`."""
    if not facts.availability:
        return "brief-unavailability"
    no_effect = facts.service_impact == "none" and not facts.permanent_loss
    if no_effect and (facts.backup == "full" or facts.unavailable_hours <= BRIEF_HOURS):
        return "brief-unavailability"
    return None


def integrity_harmless(facts: Reading, alteration: str | None) -> bool:
    """Whether it is shown that an alteration did no harm: not used, or unreadable data restored from a backup."""
    if not facts.integrity or alteration == "no_wrong_use":
        return True
    restored = facts.backup == "full" and not facts.permanent_loss and facts.service_impact == "none"
    return facts.protection == "intact" and restored
