"""Facts as the risk rules read them: known values, and for unknown ones the worst that is still plausible.

Two readings of the same facts exist: `worst`, on which the answer rests, and `mildest`, which shows whether the known
facts alone carry it.
"""

from __future__ import annotations

from breachflow.core.facts import SPECIAL_CATEGORIES, Facts, incident_types

UNBOUNDED = float("inf")

SPECIAL = frozenset(SPECIAL_CATEGORIES)

# Incidents in which data reaches the wrong person or is lost as a thing: nobody copies it out of a system, so that
# "exfiltration" is no question of its own there. In every other incident it is.
NO_SYSTEM = frozenset(
    {
        "mail_lost_or_opened", "paper_lost_or_stolen", "paper_disposal", "verbal_disclosure", "wrong_person_shown",
        "shown_to_wrong_recipient", "sent_to_wrong_recipient", "open_mailing", "device_lost_or_stolen", "e_waste",
    }
)  # fmt: skip

HASHED_ONLY = frozenset({"credentials_hashed", "pseudonym", "customer_id"})


class Reading:
    """The facts with nothing left open. Every attribute is a plain value; `worst` chooses what unknown ones become."""

    __slots__ = (
        "accessed", "availability", "backup", "confidentiality", "credential_opens", "data",
        "deletion_confirmed", "exfiltration", "integrity", "malicious", "misuse", "no_system", "people", "people_count",
        "permanent_loss", "personal_data", "protection", "public_before", "recipient", "recipient_count", "revealing",
        "service_impact", "substantive", "unavailable_hours",
    )  # fmt: skip

    def __init__(self, facts: Facts, *, worst: bool) -> None:
        def bad(known: bool | None) -> bool:
            return known is not False if worst else known is True

        self.data: frozenset[str] = frozenset(
            facts.data if facts.data is not None else ("unknown",) if worst else ("identity",)
        )
        self.people: frozenset[str] = frozenset(
            facts.people if facts.people is not None else ("vulnerable",) if worst else ()
        )
        self.people_count: float = _number(facts.people_count, worst=worst)
        self.recipient_count: float = _number(facts.recipient_count, worst=worst)
        self.unavailable_hours: float = _number(facts.unavailable_hours, worst=worst)
        self.exfiltration = _word(facts.exfiltration, "confirmed" if worst else "excluded")
        self.accessed = _word(facts.accessed, "confirmed" if worst else "excluded")
        self.recipient = _word(facts.recipient, "public" if worst else "nobody")
        self.deletion_confirmed = facts.deletion_confirmed is True or (facts.deletion_confirmed is None and not worst)
        self.backup = _word(facts.backup, "none" if worst else "full")
        self.permanent_loss = facts.permanent_loss is True or (facts.permanent_loss is not False and worst)
        self.service_impact = _word(facts.service_impact, "major" if worst else "none")
        self.credential_opens = _word(facts.credential_opens, "sensitive" if worst else "low")
        self.substantive = facts.sensitivity == "substantive" or (facts.sensitivity is None and worst)
        self.malicious = facts.intent == "malicious" or (facts.intent != "accidental" and worst)
        self.public_before = facts.already_public is True or (facts.already_public is None and not worst)
        # Findings: absent means "not found so far" and reads mild, in both readings.
        self.misuse = facts.misuse or "none"
        self.revealing = facts.revealing_context is True
        self.protection = _protection(facts, self.data, worst=worst)
        types = incident_types(facts)
        self.no_system = bool(types) and NO_SYSTEM.issuperset(types)
        # "Not affected" and "no personal data" are positive findings of a person, and stand against details that
        # would contradict them: otherwise an unknown detail would have to count as contradicting them as well.
        self.personal_data = bad(facts.personal_data)
        self.confidentiality = bad(facts.confidentiality)
        self.integrity = bad(facts.integrity)
        self.availability = bad(facts.availability)


def _protection(facts: Facts, data: frozenset[str], *, worst: bool) -> str:
    stated = _word(facts.protection, "none" if worst else "intact")
    # Strong hashes say nothing about the readable data beside them: with an e-mail address a hash is no anonymity.
    # Where nobody has said which data it is, that may be so.
    beside = "credentials_hashed" in data and not data <= HASHED_ONLY
    if stated == "intact" and (beside or (facts.data is None and worst)):
        return "weak"
    return stated


def _word(known: str | None, otherwise: str) -> str:
    """Return a word as it is known; what can never be known is read as unknown."""
    return otherwise if known is None or known == "undeterminable" else known


def _number(known: float | None, *, worst: bool) -> float:
    if known is None:
        return UNBOUNDED if worst else 0
    return known
