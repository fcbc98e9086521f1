"""Which unknown facts matter to the risk, in the order in which asking pays."""

from __future__ import annotations

from breachflow.core.assessment import Risk
from breachflow.core.facts import FINDINGS, Facts
from breachflow.core.reading import SPECIAL, Reading

ASKED: tuple[str, ...] = (
    "personal_data", "role", "protection", "recipient", "data", "people_count", "exfiltration",
    "accessed", "confidentiality", "availability", "integrity", "deletion_confirmed", "service_impact", "backup",
    "people", "recipient_count", "intent", "misuse", "permanent_loss", "unavailable_hours", "alteration",
    "credential_opens", "sensitivity", "revealing_context", "already_public", "neutralised", "individual_contact",
)  # fmt: skip
"""Facts that the rules read, in the order in which asking pays where no single one decides."""

OF_A_DISCLOSURE = frozenset(
    {
        "recipient", "people_count", "exfiltration", "accessed", "deletion_confirmed", "recipient_count", "intent",
        "already_public", "credential_opens",
    }
)  # fmt: skip
OF_A_DISTURBANCE = frozenset({"backup", "service_impact", "permanent_loss"})
OF_A_HIGH_RISK = frozenset({"neutralised", "individual_contact"})
SECRETS = frozenset({"credentials", "credentials_hashed", "account_access"})


def unknown(facts: Facts, read: Reading, risk: Risk) -> tuple[str, ...]:
    """Return the facts that matter here and nobody has established; last, those that can never be known."""
    asked = [name for name in ASKED if getattr(facts, name) is None and _matters(name, read, risk)]
    never = [name for name in ASKED if getattr(facts, name) == "undeterminable" and _matters(name, read, risk)]
    return (*asked, *never)


def _matters(name: str, read: Reading, risk: Risk) -> bool:
    # "Absent means not found so far, reads as the mild value, and stays in `unknown`."
    if name in FINDINGS:
        return True
    # What is harmless at its worst stays so, whatever the rest turns out to be.
    if risk == "unlikely":
        return name == "role"
    if name in OF_A_DISCLOSURE and not read.confidentiality:
        return False
    if name in OF_A_DISTURBANCE:
        return read.availability or read.integrity
    if name in OF_A_HIGH_RISK:
        return risk == "high"
    if name == "unavailable_hours":
        return read.availability
    if name == "alteration":
        return read.integrity
    if name == "sensitivity":
        return read.data_unknown or not read.data.isdisjoint(SPECIAL)
    if name == "credential_opens":
        return read.data_unknown or not read.data.isdisjoint(SECRETS)
    return True
