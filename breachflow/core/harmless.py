"""When a breach is unlikely to result in a risk: only where a pattern is positively shown (Art. 33(1), last half).

"unless the personal data breach is unlikely to result in a risk to the rights and freedoms of natural persons"
-- GDPR Art. 33(1). The burden is the controller's (recital 85): what is not shown is notified.

A breach is harmless when each side of the data that was hit (confidentiality, integrity, availability) is shown to be.
Each function is asked of a side that was hit, and returns the reason that shows it, or `None`.
"""

from __future__ import annotations

from breachflow.core.assessment import Reason, RiskPolicy
from breachflow.core.reading import HASHED_ONLY, SPECIAL, Reading
from breachflow.core.rules import reason
from breachflow.law.thresholds import threshold

VERY_FEW = threshold("very-few")
BRIEF_HOURS = threshold("brief-hours")

BASIC = frozenset({"identity", "contact", "pseudonym", "customer_id", "profile"})
"""Kinds whose disclosure to a few known people does no more than embarrass (cases 13 and 15)."""

MINOR = BASIC | {"vehicle", "birth_date", "contract", "connection", "education", "photo"}
"""Kinds that are minor once the data has come back or is deleted."""

GRAVE = SPECIAL | {
    "official_id", "official_document", "social_security", "bank_account", "payment_card", "financial", "credentials",
    "account_access", "location", "communications", "voice_recording", "fraud_aml", "employment", "protected_address",
    "crime_victim", "unknown", "other",
}  # fmt: skip
"""Kinds that are not "ordinary data": no pattern of few people covers them."""

VULNERABLE = frozenset({"minors", "patients", "vulnerable"})

SLIPS = frozenset(
    {
        "wrong_person_shown", "shown_to_wrong_recipient", "sent_to_wrong_recipient", "open_mailing",
        "mail_lost_or_opened", "verbal_disclosure", "wrong_permissions", "misconfiguration", "unintended_publication",
        "paper_lost_or_stolen", "paper_disposal", "device_lost_or_stolen",
    }
)  # fmt: skip
"""Single slips that reach somebody by mistake. An attack, a system fault or an abuse is never "contained" by itself."""


def confidentiality_harmless(facts: Reading, policy: RiskPolicy) -> Reason | None:
    """Return what shows that the disclosure does no harm."""
    if facts.misuse != "none":
        return None
    if facts.protection == "intact":
        return reason("hashed-only" if facts.data <= HASHED_ONLY else "unintelligible", "protection", "data")
    return harmless_though_readable(facts, policy)


def harmless_though_readable(facts: Reading, policy: RiskPolicy) -> Reason | None:
    """Return what shows that a disclosure of readable data does no harm."""
    # "accessed: excluded needs evidence (returned unopened, complete logs)"; no sign of access is none.
    if facts.accessed == "excluded" and facts.exfiltration == "excluded":
        return reason("not-seen", "accessed", "exfiltration", "recipient")
    # What anybody could read before is no secret lost; kinds that harm by themselves are not cleared by that.
    if facts.public_before and not (facts.data & GRAVE or facts.people & VULNERABLE or facts.revealing):
        return reason("public-before", "already_public", "data")
    if facts.data_unknown or not facts.data.isdisjoint((*policy.notify_for, *policy.inform_for)):
        return None
    return _few_and_ordinary(facts, policy)


def _few_and_ordinary(facts: Reading, policy: RiskPolicy) -> Reason | None:
    # Case 15: a bare remark of little weight in the set does not make it a set of special categories.
    kinds = facts.data if facts.substantive else facts.data - SPECIAL
    if facts.malicious or facts.revealing or kinds & GRAVE or facts.people & VULNERABLE:
        return None
    # Case 9: bound by contract or secrecy, written confirmation of deletion, ordinary data, few people.
    trusted = facts.recipient in ("nobody", "trusted") and facts.deletion_confirmed
    if trusted and facts.people_count <= policy.few_people:
        return reason("trusted-recipient", "recipient", "deletion_confirmed", "data", "people_count")
    # Cases 13 and 15: very few people, very few known recipients, and of a customer's file only what has come back.
    if facts.recipient not in ("nobody", "trusted", "identified") or facts.recipient_count > VERY_FEW:
        return None
    # Case 16 is the limit: a plate with a birth date, and more than basic data that nobody has given back.
    minor = kinds <= (MINOR if facts.deletion_confirmed else BASIC) and not {"vehicle", "birth_date"} <= kinds
    if minor and facts.people_count <= VERY_FEW and facts.types and facts.types <= SLIPS:
        return reason("few-and-minor", "recipient", "recipient_count", "data", "people_count")
    return None


def availability_harmless(facts: Reading) -> Reason | None:
    """Return what shows that people did not feel the unavailability."""
    no_effect = facts.service_impact == "none" and not facts.permanent_loss
    # WP250 Annex B (iii), and cases 1 and 10: short, or restored from a backup, and nobody felt it.
    if no_effect and (facts.backup == "full" or facts.unavailable_hours <= BRIEF_HOURS):
        how = "backup" if facts.backup == "full" else "unavailable_hours"
        return reason("brief-unavailability", "availability", how, "service_impact", "permanent_loss")
    return None


def integrity_harmless(facts: Reading) -> Reason | None:
    """Return what shows that an alteration did no harm: put right unused, or of unreadable data and restored."""
    if facts.alteration == "no_wrong_use":
        return reason("brief-unavailability", "integrity", "alteration")
    # Case 1: the attacker altered only what was encrypted already, and a backup put it back as it was.
    restored = facts.backup == "full" and not facts.permanent_loss and facts.service_impact == "none"
    if facts.protection == "intact" and restored:
        return reason("brief-unavailability", "integrity", "protection", "backup")
    return None
