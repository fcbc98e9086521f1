"""The EDPB template's own lists: which letter stands for which word of the vocabulary.

The letters are the template's; the words that it prints beside them live in the templates, one set a language.
"""

from __future__ import annotations

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
SIZES = {"0-9": "a", "1-9": "a", "10-49": "b", "50-249": "b", "250-999": "c", "1000+": "c"}
SEVERITY = {"low": "a", "medium": "b", "high": "c", "very_high": "c"}
OUTCOME = {"high": "a", "risk": "b", "unlikely": "c"}


def letter_of(name: str, names: tuple[str, ...], otherwise: str = "other") -> str:
    """Return the letter of a word in the template's order; a person's own word is "other"."""
    return LETTERS[names.index(name if name in names else otherwise)]
