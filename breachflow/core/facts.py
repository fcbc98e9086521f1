"""What is known about a breach: the flat facts of the public vocabulary.

Every fact is optional. `None` means unknown, and unknown is never read as zero, as "no" or as "none".
Numbers in brackets are the fields of the EDPB common notification template v1.0.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

Instant = Annotated[datetime, Meta(tz=True)]
"""A point in time with its offset. A naive time is refused: guessing a zone can cost the deadline hours."""

Count = Annotated[int, Meta(ge=0, le=10**12)]
Hours = Annotated[float, Meta(ge=0, le=10**7)]
Line = Annotated[str, Meta(max_length=500)]
Text = Annotated[str, Meta(max_length=20_000)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]

Role = Literal["controller", "joint_controller", "processor"]
IncidentType = Literal[
    "privilege_abuse", "ransomware", "malware", "phishing", "vulnerability", "unauthorised_access", "exfiltration",
    "wrong_person_shown", "device_lost_or_stolen", "e_waste", "paper_disposal", "mail_lost_or_opened",
    "misconfiguration", "wrong_permissions", "paper_lost_or_stolen", "data_deleted", "shown_to_wrong_recipient",
    "sent_to_wrong_recipient", "open_mailing", "technical_malfunction", "unauthorised_modification",
    "unintended_publication", "verbal_disclosure", "other",
]  # fmt: skip
Origin = Literal["internal", "external", "undeterminable"]
Intent = Literal["accidental", "malicious", "undeterminable"]
Exfiltration = Literal["excluded", "likely", "confirmed", "undeterminable"]
Accessed = Literal["excluded", "possible", "confirmed"]
Protection = Literal["intact", "weak", "none", "undeterminable"]
Recipient = Literal["nobody", "trusted", "identified", "unidentified", "hostile", "public"]
Backup = Literal["full", "partial", "none"]
Loss = bool | Literal["undeterminable"]
Alteration = Literal["no_wrong_use", "reversible", "irreversible"]
ServiceImpact = Literal["none", "minor", "major"]
Basis = Literal["exact", "approximate", "undeterminable"]
People = Literal[
    "customers", "prospects", "employees", "applicants", "minors", "patients", "students", "subscribers", "users",
    "vulnerable", "other",
]  # fmt: skip
DataKind = Literal[
    "identity", "birth_date", "contact", "pseudonym", "photo", "official_id", "social_security", "official_document",
    "bank_account", "payment_card", "financial", "credentials", "credentials_hashed", "account_access", "location",
    "communications", "profile", "vehicle", "contract", "customer_id", "connection", "voice_recording", "fraud_aml",
    "employment", "employment_health", "education", "family", "protected_address", "crime_victim",
    "health", "genetic", "biometric", "ethnic_origin", "political", "religious", "union", "sexual", "criminal",
    "other", "unknown",
]  # fmt: skip
Sensitivity = Literal["incidental", "substantive"]
CredentialOpens = Literal["low", "ordinary", "financial", "sensitive"]
Misuse = Literal["none", "attempted", "observed"]
Contactable = Literal["possible", "disproportionate"]
OccurredBasis = Literal["exact", "range", "ongoing", "undeterminable", "to_be_determined"]
DiscoveredBy = Literal["controller", "processor", "data_subject", "external", "press", "other"]

FINDINGS = ("misuse", "revealing_context")
"""Facts whose absence means "not found so far": they read as the mild value and stay listed as unknown."""


class Scope(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One controller's or one processing's part of a breach; what it states overrides the flat facts.

    "Several controllers, or controller for one processing and processor for another": each scope has its own
    assessment, clock and notification.
    """

    controller: Line | None = None
    processing: Line | None = None
    role: Role | None = None
    people_count: Count | None = None
    records_count: Count | None = None
    people: tuple[People, ...] | None = None
    data: tuple[DataKind, ...] | None = None
    countries: tuple[Country, ...] | None = None


class Party(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Another organisation involved [38-41]: processor, joint controller, client."""

    role: Line | None = None
    name: Line | None = None
    contact: Line | None = None
    told_at: Instant | None = None


class Measure(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A measure taken or planned after the breach [92]."""

    what: Text
    state: Literal["done", "planned"] | None = None
    at: Instant | None = None


class Complaint(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A complaint lodged with the police or a prosecutor [109]."""

    lodged_at: Instant | None = None
    reference: Line | None = None


class OtherAuthority(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Another authority that was told [110-111]."""

    name: Line | None = None
    reference: Line | None = None
    at: Instant | None = None


class AuthorityOrder(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An order of the supervisory authority to inform people, Art. 34(4)."""

    received_at: Instant | None = None
    due_at: Instant | None = None


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """All facts of one breach, flat, each on its own; the first block is read by the assessment."""

    personal_data: bool | None = None
    role: Role | None = None
    scopes: tuple[Scope, ...] | None = None
    incident_type: IncidentType | tuple[IncidentType, ...] | None = None
    origin: Origin | None = None
    intent: Intent | None = None
    confidentiality: bool | None = None
    integrity: bool | None = None
    availability: bool | None = None
    exfiltration: Exfiltration | None = None
    accessed: Accessed | None = None
    exposed_hours: Hours | None = None
    protection: Protection | None = None
    recipient: Recipient | None = None
    recipient_count: Count | None = None
    deletion_confirmed: bool | None = None
    backup: Backup | None = None
    unavailable_hours: Hours | None = None
    permanent_loss: Loss | None = None
    alteration: Alteration | None = None
    service_impact: ServiceImpact | None = None
    people_count: Count | None = None
    people_count_basis: Basis | None = None
    records_count: Count | None = None
    records_count_basis: Basis | None = None
    people: tuple[People, ...] | None = None
    data: tuple[DataKind, ...] | None = None
    revealing_context: bool | None = None
    sensitivity: Sensitivity | None = None
    credential_opens: CredentialOpens | None = None
    already_public: bool | None = None
    misuse: Misuse | None = None
    neutralised: bool | None = None
    individual_contact: Contactable | None = None
    ongoing: bool | None = None
    countries: tuple[Country, ...] | None = None

    # What the notification says besides; not read by the risk assessment.
    occurred_from: Instant | None = None
    occurred_to: Instant | None = None
    reported_at: Instant | None = None
    reported_by: DiscoveredBy | None = None
    occurred_basis: OccurredBasis | None = None
    estimated_dates: bool | None = None
    parties: tuple[Party, ...] | None = None
    measures_before: tuple[Line, ...] | None = None
    measures_prevent: tuple[Line, ...] | None = None
    measures_taken: tuple[Measure, ...] | None = None
    consequences_confidentiality: tuple[Line, ...] | None = None
    consequences_integrity: tuple[Line, ...] | None = None
    consequences_availability: tuple[Line, ...] | None = None
    harms: tuple[Line, ...] | None = None
    informed_at: Instant | None = None
    inform_planned_at: Instant | None = None
    informed_all: bool | None = None
    not_informed_reason: Text | None = None
    informed_means: Line | tuple[Line, ...] | None = None
    complaint: Complaint | None = None
    other_authorities: tuple[OtherAuthority, ...] | None = None
    people_by_country: dict[Country, Count] | None = None
    authority_order: AuthorityOrder | None = None
    text_discovery: Text | None = None
    text_timeline: Text | None = None
    text_nature: Text | None = None
    text_systems: Text | None = None
    text_people: Text | None = None
    text_data: Text | None = None
    text_measures_before: Text | None = None
    text_consequences: Text | None = None
    text_harms: Text | None = None
    text_assessment: Text | None = None
    text_measures_prevent: Text | None = None
    late_reason: Text | None = None

    # What starts the clocks of the neighbouring regimes.
    malicious_access: bool | None = None
    ict_aware_at: Instant | None = None
    dora_classified_at: Instant | None = None
    attack_known_at: Instant | None = None
    nis2_significant: bool | None = None


ASSESSED: tuple[str, ...] = Facts.__struct_fields__[: Facts.__struct_fields__.index("countries") + 1]
"""Names of the facts that the assessment reads, in the vocabulary's order."""

FACT_NAMES: frozenset[str] = frozenset(Facts.__struct_fields__)

SPECIAL_CATEGORIES: tuple[DataKind, ...] = (
    "health", "genetic", "biometric", "ethnic_origin", "political", "religious", "union", "sexual", "criminal",
)  # fmt: skip
"""Art. 9(1) special categories, and Art. 10 data on criminal convictions and offences."""

DATA_KINDS: tuple[DataKind, ...] = get_args(DataKind)
PEOPLE_KINDS: tuple[People, ...] = get_args(People)
INCIDENT_TYPES: tuple[IncidentType, ...] = get_args(IncidentType)

EMPTY = Facts()


def known(facts: Facts) -> dict[str, Any]:
    """The facts that are known, by name, in the vocabulary's order; an empty list is a known "none listed"."""
    return {name: value for name in Facts.__struct_fields__ if (value := getattr(facts, name)) is not None}


def changed(facts: Facts, **values: Any) -> Facts:
    """The same facts with some replaced; the values must already be of the vocabulary's types."""
    return msgspec.structs.replace(facts, **values)


def incident_types(facts: Facts) -> tuple[IncidentType, ...]:
    """The incident types as a tuple, empty where none is known; one or a list may be stated."""
    value = facts.incident_type
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
