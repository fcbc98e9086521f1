"""Facts as the risk rules read them: known values, and for unknown ones the worst that is still plausible.

Two readings of the same facts exist: the worst, on which the answer rests, and the mildest, which shows whether the
known facts alone carry it. "Still plausible" means: not contradicted by what is known. Where nobody could read the
data, nobody has read it; where confidentiality is shown to be kept, an unknown exfiltration did not happen.

"Facts that contradict each other but are well typed are answered on the worse reading": where one is known that cannot
be if another one is true, the worse of the two holds.
"""

from __future__ import annotations

from collections.abc import Callable

from breachflow.core.facts import SPECIAL_CATEGORIES, Facts, incident_types

UNBOUNDED = float("inf")

SPECIAL = frozenset({*SPECIAL_CATEGORIES, "employment_health"})
"""Special categories, Art. 10 data, and what an employer knows about health: `sensitivity` says how much they weigh."""

HASHED_ONLY = frozenset({"credentials_hashed", "pseudonym", "customer_id"})
"""What may stand beside a strong hash without giving it a reader (EDPB 01/2021 case 6)."""

NATURAL = frozenset(
    {
        "identity", "birth_date", "photo", "official_id", "social_security", "official_document", "profile", "location",
        "voice_recording", "employment", "education", "family", "protected_address", "crime_victim", *SPECIAL,
    }
)  # fmt: skip
"""Kinds that only a natural person has. A company has an address, an account, contracts and vehicles (recital 14)."""

NATURAL_GROUPS = frozenset({"employees", "applicants", "minors", "patients", "students", "vulnerable"})
"""Groups that only natural persons form; customers may be companies."""

MISLAID = frozenset(
    {
        "mail_lost_or_opened", "paper_lost_or_stolen", "paper_disposal", "verbal_disclosure", "wrong_person_shown",
        "shown_to_wrong_recipient", "sent_to_wrong_recipient", "open_mailing", "device_lost_or_stolen", "e_waste",
    }
)  # fmt: skip
"""Data reaches the wrong person, or is lost as a thing: if nobody has seen it, nobody has copied it out either."""

CARRIED = frozenset({"device_lost_or_stolen", "e_waste"})
"""A thing that carries data: protection of the thing covers everything on it, hashes and what stands beside them."""


class Reading:
    """The facts with nothing left open. Every attribute is a plain value; `worst` chooses what unknown ones become."""

    __slots__ = (
        "accessed", "alteration", "availability", "backup", "confidentiality", "credential_opens", "data",
        "deletion_confirmed", "exfiltration", "integrity", "malicious", "misuse", "neutralised", "people",
        "people_count", "permanent_loss", "personal_data", "protection", "public_before", "recipient",
        "recipient_count", "revealing", "service_impact", "substantive", "types", "unavailable_hours", "usable_hashes",
    )  # fmt: skip

    def __init__(self, facts: Facts, *, worst: bool) -> None:
        types = incident_types(facts)
        self.types = frozenset(types)
        self.data: frozenset[str] = frozenset(
            facts.data if facts.data is not None else ("unknown",) if worst else ("pseudonym",)
        )
        self.people: frozenset[str] = frozenset(
            facts.people if facts.people is not None else ("vulnerable",) if worst else ()
        )
        self.people_count: float = _number(facts.people_count, worst=worst)
        self.recipient_count: float = _number(facts.recipient_count, worst=worst)
        self.unavailable_hours: float = _number(facts.unavailable_hours, worst=worst)
        self.malicious = facts.intent == "malicious" or (facts.intent != "accidental" and worst)
        self.recipient: str = facts.recipient or ("public" if worst else "nobody")
        self.accessed = facts.accessed or _accessed(facts, worst=worst)
        mislaid = bool(self.types) and self.types <= MISLAID
        self.exfiltration = _word(facts.exfiltration, "excluded")
        if worst and facts.exfiltration in _OPEN:
            # An attacker may erase traces (EDPB 01/2021 case 5): of an attack, exfiltration is a question of its own.
            unseen = self.accessed == "excluded" and (mislaid or facts.intent == "accidental")
            self.exfiltration = "excluded" if unseen else "confirmed"
        self.deletion_confirmed = facts.deletion_confirmed is True or (facts.deletion_confirmed is None and not worst)
        self.backup: str = facts.backup or ("none" if worst else "full")
        self.permanent_loss = facts.permanent_loss is True or (facts.permanent_loss is not False and worst)
        self.service_impact: str = facts.service_impact or ("major" if worst else "none")
        self.alteration: str = facts.alteration or ("irreversible" if worst else "no_wrong_use")
        self.credential_opens: str = facts.credential_opens or ("sensitive" if worst else "low")
        self.substantive = facts.sensitivity == "substantive" or (facts.sensitivity is None and worst)
        # Each has to be shown: that it has not been is no open question, in either reading.
        self.public_before = facts.already_public is True
        self.neutralised = facts.neutralised is True
        # Findings: absent means "not found so far" and reads mild, in both readings.
        self.misuse: str = facts.misuse or "none"
        self.revealing = facts.revealing_context is True
        stated = _word(facts.protection, "none" if worst else "intact")
        self.usable_hashes = stated != "intact"
        self.protection = _protection(stated, facts, self, worst=worst)
        # Whether it was personal data, and which sides of it were hit: what shows that it was wins over a "no".
        self.personal_data = _side(facts.personal_data, _of_people(facts), worst=worst)
        self.confidentiality = _side(facts.confidentiality, _disclosed(facts), worst=worst)
        self.integrity = _side(facts.integrity, _altered(facts), worst=worst)
        self.availability = _side(facts.availability, _unavailable(facts), worst=worst)

    @property
    def data_unknown(self) -> bool:
        """Whether some of the kinds of data are not known, so that they may be any."""
        return "unknown" in self.data


_OPEN = (None, "undeterminable")


def contradictions(facts: Facts) -> tuple[str, ...]:
    """Return the known facts that cannot all be so, in pairs; empty where nothing contradicts anything."""
    found: tuple[str, ...] = ()
    for name, shown in _SHOWN.items():
        if getattr(facts, name) is False and (by := shown(facts)) is not None:
            found += (name, by)
    if facts.recipient == "nobody" and facts.accessed in ("possible", "confirmed"):
        found += ("recipient", "accessed")
    if facts.exfiltration in ("likely", "confirmed") and (facts.accessed == "excluded" or facts.recipient == "nobody"):
        found += ("exfiltration", "accessed" if facts.accessed == "excluded" else "recipient")
    if facts.misuse in ("attempted", "observed") and facts.protection == "intact":
        found += ("misuse", "protection")
    return found


def _of_people(facts: Facts) -> str | None:
    """Return the fact that shows that data of natural persons is concerned."""
    if facts.data and not NATURAL.isdisjoint(facts.data):
        return "data"
    if facts.people and not NATURAL_GROUPS.isdisjoint(facts.people):
        return "people"
    return "misuse" if facts.misuse == "observed" else None


def _disclosed(facts: Facts) -> str | None:
    """Return the fact that shows that somebody unauthorised got or saw the data."""
    if facts.exfiltration in ("likely", "confirmed"):
        return "exfiltration"
    if facts.accessed == "confirmed":
        return "accessed"
    # Who could have read the data says nothing where it is shown that nobody did or took it.
    open_to = facts.recipient not in (None, "nobody")
    return "recipient" if open_to and facts.exfiltration != "excluded" and facts.accessed != "excluded" else None


def _altered(facts: Facts) -> str | None:
    return "alteration" if facts.alteration in ("reversible", "irreversible") else None


def _unavailable(facts: Facts) -> str | None:
    """Return the fact that shows that the data could not be used."""
    if facts.permanent_loss is True:
        return "permanent_loss"
    if facts.service_impact in ("minor", "major"):
        return "service_impact"
    return "unavailable_hours" if facts.unavailable_hours else None


_SHOWN: dict[str, Callable[[Facts], str | None]] = {
    "personal_data": _of_people,
    "confidentiality": _disclosed,
    "integrity": _altered,
    "availability": _unavailable,
}
"""What shows that a "no" cannot be so."""


def _side(known: bool | None, shown: str | None, *, worst: bool) -> bool:
    if known is None and not worst:
        # Nobody has said no: that the data is personal, or was hit, is plausible as soon as something shows it.
        return shown is not None
    return known is not False or shown is not None


def _accessed(facts: Facts, *, worst: bool) -> str:
    if facts.recipient == "nobody":
        return "excluded"
    if worst:
        return "confirmed"
    # Who is known to have got the data may have looked at it: that nobody did would have to be shown.
    return "possible" if facts.recipient is not None or facts.exfiltration in ("likely", "confirmed") else "excluded"


def _protection(stated: str, facts: Facts, read: Reading, *, worst: bool) -> str:
    """Strong hashes say nothing about the readable data beside them: with an e-mail address a hash is not anonymous."""
    if stated != "intact" or (read.types and read.types <= CARRIED):
        return stated
    beside = "credentials_hashed" in read.data and not read.data <= HASHED_ONLY
    # Where nobody has said which data it is, that may be so.
    return "weak" if beside or (facts.data is None and worst) else stated


def _word(known: str | None, otherwise: str) -> str:
    """Return a word as it is known; what can never be known is read as unknown."""
    return otherwise if known is None or known == "undeterminable" else known


def _number(known: float | None, *, worst: bool) -> float:
    if known is None:
        return UNBOUNDED if worst else 0
    return known
