"""What a breach means for the people concerned, by kind of data: what they risk, and what they can do about it.

Keys of the templates' texts (Art. 34(2): likely consequences, and measures that people can take themselves), the
gravest first. What a fraud or anti-money-laundering file holds is never hinted at.
"""

from __future__ import annotations

from collections.abc import Iterable

from breachflow.core.facts import Facts

CONCERNS: dict[str, tuple[str, ...]] = {
    "safety": ("protected_address", "crime_victim"),
    "password": ("credentials", "credentials_hashed", "account_access"),
    "card": ("payment_card",),
    "iban": ("bank_account",),
    "identity": ("official_id", "official_document"),
    "nir": ("social_security",),
    "health": ("health", "employment_health", "genetic"),
    "intimate": ("biometric", "ethnic_origin", "political", "religious", "union", "sexual", "criminal"),
    "location": ("location",),
    "birth": ("birth_date",),
    "vehicle": ("vehicle",),
    "contract": ("contract", "customer_id"),
    "money": ("financial",),
    "work": ("employment", "education"),
    "private": ("communications", "profile", "connection", "voice_recording", "photo", "pseudonym", "family"),
    "contact": ("contact", "identity"),
}
"""Which concern each kind of data raises."""

HARMS: dict[str, tuple[str, ...]] = {
    "safety": ("physical_or_mental",),
    "password": ("identity_theft", "fraud"),
    "card": ("fraud", "financial_loss"),
    "iban": ("fraud", "financial_loss"),
    "identity": ("identity_theft", "fraud"),
    "nir": ("identity_theft",),
    "health": ("discrimination", "reputation"),
    "intimate": ("discrimination", "reputation"),
    "location": ("physical_or_mental",),
    "vehicle": ("fraud",),
    "contract": ("fraud",),
    "money": ("fraud",),
    "work": ("reputation",),
    "private": ("reputation",),
    "contact": ("fraud",),
}
"""Which harms each concern makes possible, by the form's names."""

NEVER_NAMED = frozenset({"fraud_aml"})
"""A notice must never reveal a report to Tracfin, not even by naming the file (CMF L561-18)."""

GUARDED = frozenset({"minors", "vulnerable"})
"""People for whom somebody else may read the notice."""


SPOKEN = frozenset({
    "FR", "MC", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "WF", "PF", "NC", "SN", "CI", "IE",
    "GB", "US", "AU", "NZ",
})  # fmt: skip
"""Countries whose people are written to in French or English, the languages that have templates."""


def untranslated(facts: Facts) -> tuple[str, ...]:
    """Return the countries of people one of whose languages has no template: what goes to them is held.

    A notice is in "clear and plain language" (GDPR Art. 34(2)) only for somebody who reads it.
    """
    return tuple(country for country in facts.countries or () if country not in SPOKEN)


def named(facts: Facts) -> tuple[str, ...]:
    """Return the kinds of data that a notice names: those that are stated, and may be named."""
    return tuple(kind for kind in facts.data or () if kind != "unknown" and kind not in NEVER_NAMED)


def risks(facts: Facts) -> tuple[str, ...]:
    """Return what people risk; nothing about misuse where confidentiality is known to be kept."""
    found = _concerns(named(facts)) if facts.confidentiality is not False else []
    if facts.confidentiality is True:
        found.append("control")
    return (*found, *(side for side in ("availability", "integrity") if getattr(facts, side) is True))


def advice(facts: Facts) -> tuple[str, ...]:
    """Return what people can do, the most urgent first."""
    found = [*_concerns(named(facts)), "caution"] if facts.confidentiality is not False else []
    found += [side for side in ("availability", "integrity") if getattr(facts, side) is True]
    if not GUARDED.isdisjoint(facts.people or ()):
        found.append("guardian")
    found.append("help")
    # One and the same advice is given once.
    return tuple(key for key in found if key != "intimate" or "health" not in found)


def likely_consequences(facts: Facts, side: str) -> tuple[str, ...]:
    """Return consequences that the known facts make likely; a proposal, which a person confirms or drops."""
    if getattr(facts, side) is not True:
        return ()
    if side == "confidentiality":
        known_few = facts.recipient in ("nobody", "trusted", "identified")
        found = [] if known_few else ["beyond_need"]
        found += ["linked"] if len(named(facts)) > 1 else []
        return (*found, *(["other_purposes"] if facts.intent == "malicious" or facts.recipient == "hostile" else []))
    if side == "integrity":
        return ("outdated",) if facts.alteration in ("reversible", "irreversible") else ()
    return {"major": ("no_access",), "minor": ("disruption",)}.get(facts.service_impact or "", ())


def likely_harms(facts: Facts) -> tuple[str, ...]:
    """Return harms that the known kinds of data make possible; a proposal, which a person confirms or drops."""
    found = ["loss_of_control"] if facts.confidentiality is True else []
    if facts.confidentiality is True:
        found += [harm for concern in _concerns(named(facts)) for harm in HARMS.get(concern, ())]
    if facts.availability is True and facts.service_impact in ("minor", "major"):
        found.append("limitation_of_rights")
    return tuple(dict.fromkeys(found))


def _concerns(kinds: Iterable[str]) -> list[str]:
    stated = set(kinds)
    return [concern for concern, of in CONCERNS.items() if not stated.isdisjoint(of)]
