"""The EDPB common notification template v1.0, filled from a case: field numbers to values, nothing invented.

What is not known is left out, or is the template's own "to be determined". Texts are given by the caller, in the
language of the notification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from breachflow.core.drafting import Sheet
from breachflow.core.instants import iso_z

LETTERS = "abcdefghijklmnopqrstuvwxyz"

INCIDENTS = (
    "privilege_abuse", "ransomware", "malware", "phishing", "vulnerability", "unauthorised_access", "exfiltration",
    "wrong_person_shown", "device_lost_or_stolen", "e_waste", "paper_disposal", "mail_lost_or_opened",
    "misconfiguration", "wrong_permissions", "paper_lost_or_stolen", "data_deleted", "shown_to_wrong_recipient",
    "sent_to_wrong_recipient", "open_mailing", "technical_malfunction", "unauthorised_modification",
    "unintended_publication", "verbal_disclosure", "to_be_determined", "other",
)  # fmt: skip
"""Field 60, in the order of the template's letters."""

PEOPLE = {
    "customers": "a", "prospects": "a", "employees": "b", "applicants": "b", "minors": "d", "patients": "e",
    "students": "f", "subscribers": "g", "users": "h", "vulnerable": "i", "other": "j",
}  # fmt: skip
"""Field 65."""

DATA = {
    "identity": "a", "birth_date": "a", "contact": "b", "pseudonym": "s", "photo": "u", "official_id": "n",
    "social_security": "n", "official_document": "p", "bank_account": "q", "payment_card": "q", "financial": "l",
    "credentials": "s", "credentials_hashed": "s", "account_access": "s", "location": "o", "communications": "u",
    "profile": "r", "vehicle": "u", "contract": "u", "customer_id": "n", "connection": "u", "voice_recording": "u",
    "fraud_aml": "u", "employment": "u", "employment_health": "m", "education": "u", "family": "u",
    "protected_address": "b", "crime_victim": "u", "health": "k", "genetic": "j", "biometric": "c",
    "ethnic_origin": "f", "political": "e", "religious": "g", "union": "i", "sexual": "h", "criminal": "d",
    "other": "u", "unknown": "t",
}  # fmt: skip
"""Field 70. A plate, a contract or a photograph has no box of its own: "additional data types"."""

MEASURES_BEFORE = (
    "pseudonymisation", "backup", "encryption", "policies", "training", "incident_log", "access_levels",
    "access_control", "audits", "physical", "up_to_date", "other",
)  # fmt: skip
MEASURES_PREVENT = (
    "anonymisation", "backup", "processes", "encryption", "policies", "training", "erasure", "incident_log",
    "access_levels", "access_control", "audits", "physical", "pseudonymisation", "up_to_date", "other",
)  # fmt: skip
HARMS = (
    "loss_of_control", "limitation_of_rights", "discrimination", "identity_theft", "fraud", "financial_loss",
    "reversal_of_pseudonymisation", "reputation", "professional_secrecy", "disclosure", "disadvantage",
    "physical_or_mental", "property", "other", "to_be_determined",
)  # fmt: skip
"""Fields 75, 94 and 85, in the order of the template's letters."""

DISCOVERED = {"controller": "a", "processor": "b", "data_subject": "c", "external": "d", "press": "e", "other": "f"}
EXFILTRATION = {"confirmed": "a", "likely": "b", "excluded": "c", "undeterminable": "d"}
PROTECTION = {"intact": "a", "weak": "b", "none": "c", "undeterminable": "d"}
SIZES = {"10-49": "b", "50-249": "b", "250-999": "c", "1000+": "c"}
SEVERITY = {"low": "a", "medium": "b", "high": "c", "very_high": "c"}
OUTCOME = {"high": "a", "risk": "b", "unlikely": "c"}


def filled(sheet: Sheet, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of the template; `words` are sentences in the notification's language.

    `words` has `unknown`, `assessment`, `measures`, `people`, `data`, `nature`, `systems`, `discovery`, `prevent`,
    `before`, `content`.
    """
    fields: dict[int, Any] = {}
    _who(sheet, fields)
    _when(sheet, fields, words)
    _nature(sheet, fields, words)
    _people_and_data(sheet, fields, words)
    _consequences(sheet, fields, words)
    _informed(sheet, fields, words)
    _elsewhere(sheet, fields)
    # Awareness is stated as not yet set (null); every other field that is not known is left out.
    known = {number: value for number, value in fields.items() if value not in (None, "") or number == 48}
    return {f"field_{number}": known[number] for number in sorted(known)}


def _who(sheet: Sheet, fields: dict[int, Any]) -> None:
    controller, dpo = sheet.controller, sheet.dpo
    follow_up = sheet.filed is not None
    fields[3] = "b" if follow_up else "a"
    fields[4] = "a" if sheet.known == sheet.asked and sheet.aware_at is not None else "b"
    if sheet.filed is not None:
        fields[6] = sheet.filed.reference or sheet.case.id
    fields[7] = sheet.case.id
    if controller.siren:
        fields[10], fields[11] = "a", controller.siren
    fields[12] = controller.name
    address = " ".join(part for part in (controller.postcode, controller.city, controller.country) if part)
    fields[13] = ", ".join(part for part in (controller.address, address) if part)
    fields[14] = "a"
    fields[15] = SIZES.get(controller.size, "d" if controller.size else None)
    fields[17] = controller.sector
    if dpo is not None:
        contact = ", ".join(part for part in (dpo.email, dpo.phone) if part)
        fields[21], fields[22], fields[23], fields[33] = dpo.name, contact, "a", "a"
    parties = sheet.facts.parties or ()
    fields[38] = "a" if parties else "b"
    if parties:
        fields[39] = [party.role or "" for party in parties]
        fields[40] = [party.name or "" for party in parties]
        fields[41] = [party.contact or "" for party in parties]


def _when(sheet: Sheet, fields: dict[int, Any], words: Mapping[str, str]) -> None:
    facts = sheet.facts
    basis = facts.occurred_basis
    if facts.occurred_from is not None:
        begun = "c" if facts.ongoing is True or basis == "ongoing" else "b" if facts.occurred_to is not None else "a"
        fields[44], fields[46] = begun, iso_z(facts.occurred_from)
        if facts.occurred_to is not None and begun != "c":
            fields[47] = iso_z(facts.occurred_to)
    else:
        fields[44] = "d" if basis == "undeterminable" else "e"
    if facts.estimated_dates is not None:
        fields[45] = facts.estimated_dates
    # What a form states as the instant of awareness is only ever the one that a person set.
    fields[48] = iso_z(sheet.aware_at) if sheet.aware_at is not None else None
    if sheet.late and not sheet.processor:
        fields[49] = facts.late_reason or words["unknown"]
    fields[50] = DISCOVERED[facts.reported_by or "controller"]
    fields[51] = facts.text_discovery or words["discovery"]
    if fields[50] != "a":
        told = facts.reported_at or min(
            (candidate.at for candidate in sheet.case.candidates), default=sheet.case.opened_at
        )
        fields[52] = told.date().isoformat()
    fields[53] = facts.text_timeline


def _nature(sheet: Sheet, fields: dict[int, Any], words: Mapping[str, str]) -> None:
    facts = sheet.facts
    # The template has no "to be determined" for the nature: what is not ruled out stands there until it is.
    sides = dict(zip("abc", (facts.confidentiality, facts.integrity, facts.availability), strict=True))
    shown = [letter for letter, affected in sides.items() if affected is True]
    fields[55] = shown or [letter for letter, affected in sides.items() if affected is None] or ["a"]
    if "a" in fields[55]:
        fields[56] = _letter(
            facts.exfiltration, {"confirmed": "a", "likely": "b", "excluded": "c", "undeterminable": "d"}, "e"
        )
        fields[57] = _letter(facts.protection, {"intact": "a", "weak": "b", "none": "c", "undeterminable": "d"}, "e")
    if "b" in fields[55]:
        # The template has no "to be determined" here; without evidence of wrong use the first value is the true one.
        fields[58] = _letter(facts.alteration, {"no_wrong_use": "a", "reversible": "b", "irreversible": "c"}, "a")
    if "c" in fields[55]:
        fields[59] = "b" if facts.permanent_loss is True else "a" if facts.permanent_loss is False else "c"
    fields[60] = [LETTERS[INCIDENTS.index(kind)] for kind in sheet.types] or ["x"]
    origin, intent = facts.origin, facts.intent
    pairs = {("internal", "accidental"): "a", ("internal", "malicious"): "b",
             ("external", "accidental"): "c", ("external", "malicious"): "d"}  # fmt: skip
    fields[61] = "f" if "undeterminable" in (origin, intent) else pairs.get((origin or "", intent or ""), "e")
    fields[62] = facts.text_nature or words["nature"]
    fields[63] = facts.text_systems or words["systems"]


def _people_and_data(sheet: Sheet, fields: dict[int, Any], words: Mapping[str, str]) -> None:
    facts = sheet.facts
    fields[65] = sorted({PEOPLE[kind] for kind in facts.people or ()}) or ["k"]
    fields[66] = facts.text_people or words["people"]
    fields[67], number = _count(facts.people_count, facts.people_count_basis)
    fields[68] = number
    fields[70] = sorted({DATA[kind] for kind in facts.data or ()}) or ["t"]
    fields[71] = facts.text_data or words["data"]
    fields[72], number = _count(facts.records_count, facts.records_count_basis)
    fields[73] = number
    before = facts.measures_before or ()
    fields[75] = sorted({_of(name, MEASURES_BEFORE) for name in before}) or [_of("other", MEASURES_BEFORE)]
    fields[76] = facts.text_measures_before or words["before"]


def _consequences(sheet: Sheet, fields: dict[int, Any], words: Mapping[str, str]) -> None:
    facts, answer = sheet.facts, sheet.answer
    sides = {"confidentiality": "a", "integrity": "b", "availability": "c"}
    for number, side, names, open_ in (
        (79, "confidentiality", ("beyond_need", "linked", "other_purposes", "other"), "e"),
        (81, "integrity", ("outdated", "other_data", "other"), "d"),
        (83, "availability", ("no_access", "disruption", "other"), "d"),
    ):
        if sides[side] in fields[55]:
            stated = getattr(facts, f"consequences_{side}") or ()
            fields[number] = sorted({_of(name, names) for name in stated}) or [open_]
            if _of("other", names) in fields[number]:
                fields[number + 1] = facts.text_consequences or words["unknown"]
    fields[85] = sorted({_of(name, HARMS, "n") for name in facts.harms or ()}) or ["o"]
    if "n" in fields[85]:
        fields[86] = facts.text_harms or words["unknown"]
    established = answer.basis == "established"
    fields[87] = SEVERITY[answer.severity.band] if established else "d"
    # A precautionary answer concedes nothing: the assessment goes on (field 89 d).
    fields[89] = OUTCOME[answer.risk] if established else "d"
    fields[90] = facts.text_assessment or words["assessment"]
    fields[92] = words["measures"]
    prevent = facts.measures_prevent or ("other",)
    fields[94] = sorted({_of(name, MEASURES_PREVENT) for name in prevent})
    fields[95] = facts.text_measures_prevent or words["prevent"]


def _informed(sheet: Sheet, fields: dict[int, Any], words: Mapping[str, str]) -> None:
    facts, answer = sheet.facts, sheet.answer
    means = {"individual": "a", "public": "b"}
    if sheet.informed is not None:
        fields[97], fields[98] = "a", sheet.informed.at.date().isoformat()
        fields[102] = "b" if facts.informed_all is False else "a"
        if fields[102] == "b":
            fields[103] = facts.not_informed_reason or words["unknown"]
        stated = facts.informed_means
        named = (stated,) if isinstance(stated, str) else stated or ()
        fields[104] = sorted({means.get(name, "c") for name in named}) or [means.get(answer.inform_how, "a")]
        fields[106] = words["content"]
    elif sheet.part.informed is not None and sheet.part.informed.exemption in ("a", "b", "c"):
        fields[97], fields[100], fields[101] = "e", sheet.part.informed.exemption, sheet.part.informed.reason
    elif answer.exemption in ("a", "b") and answer.basis == "established":
        fields[97], fields[100], fields[101] = "e", answer.exemption, words["assessment"]
    elif facts.inform_planned_at is not None:
        fields[97], fields[99] = "b", facts.inform_planned_at.date().isoformat()
    elif answer.basis == "precautionary":
        fields[97] = "c"
    else:
        fields[97] = "b1" if answer.inform_people else "d"


def _elsewhere(sheet: Sheet, fields: dict[int, Any]) -> None:
    facts = sheet.facts
    fields[109] = "a" if facts.complaint is not None and facts.complaint.lodged_at is not None else "c"
    others = facts.other_authorities
    fields[110] = "c" if others is None else "a" if others else "b"
    if others:
        fields[111] = "; ".join(" ".join(part for part in (other.name, other.reference) if part) for other in others)
    countries = facts.countries
    abroad = [country for country in countries or () if country != sheet.controller.country]
    fields[113] = "c" if countries is None else "a" if abroad else "b"
    if abroad:
        fields[114] = sheet.controller.authority
        fields[115], fields[116] = [sheet.controller.country], list(countries or ())
        if facts.people_by_country:
            fields[117] = dict(facts.people_by_country)
        fields[118] = [sheet.controller.authority]


def _letter(value: str | None, letters: Mapping[str, str], otherwise: str) -> str:
    return letters.get(value, otherwise) if value is not None else otherwise


def _count(number: int | None, basis: str | None) -> tuple[str, int | None]:
    """Return how a number is known, and the number: unknown is never zero."""
    if number is None:
        return ("c" if basis == "undeterminable" else "d"), None
    return ("a" if basis == "exact" else "b"), number


def _of(name: str, names: tuple[str, ...], otherwise: str | None = None) -> str:
    if name in names:
        return LETTERS[names.index(name)]
    return otherwise if otherwise is not None else LETTERS[names.index("other")]
