"""What the organisation decides: its controllers, people, ladder, data map and policy (the organisation file)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from breachflow.core.assessment import RiskPolicy
from breachflow.core.event import Severity
from breachflow.core.facts import Basis, Country, DataKind, People, Role

Lang = Literal["fr", "en"]
Rank = Literal["dpo", "deputy", "ciso", "executive", "legal", "security"]
Verb = Literal[
    "confirm", "dismiss", "facts", "retract", "ack", "filed", "exempt", "informed", "done", "note", "close", "reopen",
    "channel", "hold", "release",
]  # fmt: skip
Ident = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Email = Annotated[str, Meta(pattern=r"^[^@\s,;<>\"()\x00-\x1f]+@[^@\s,;<>\"()\x00-\x1f]+$", max_length=254)]


Provider = Literal["smtp", "sendgrid", "folder"]
Channel = Literal["mail", "smtp", "sendgrid", "folder"]
"""How people are told: a mail provider, or `mail`, the organisation's own mail whatever provider leads to it."""


class Person(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Somebody who is told: a name, a rank on the ladder, an address. A mailbox is a person here.

    `alternative_email` lies outside the organisation's own mail, for a breach of that mail itself.
    """

    id: Ident
    rank: Rank
    name: str
    email: Email
    alternative_email: Email | None = None
    function: str = ""
    phone: str = ""
    lang: Lang | None = None


class Controller(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A controller of the organisation, Art. 4(7): one notification each, by SIREN."""

    id: Ident
    name: str
    siren: Annotated[str, Meta(pattern=r"^\d{9}$")] = ""
    vat: str = ""
    sector: str = ""
    size: str = ""
    address: str = ""
    postcode: str = ""
    city: str = ""
    country: Country = "FR"
    representative: str = ""
    representative_function: str = ""
    representative_email: str = ""
    dpo: Ident | None = None
    dpo_designation: str = ""
    contact_address: str = ""
    authority: str = "CNIL"
    dora: bool = False
    nis2: bool = False
    cyber_insured: bool = False


class Asset(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of the data map: which assets, and what the organisation already knows about the data on them.

    `match` are exact names, patterns with `*`, address ranges, or `account:ID`, `bucket:NAME`, `tag:KEY=VALUE`.
    `at_rest` is the protection of the storage itself (disk encryption): it speaks for a lost or stolen device, never
    for a running system.
    """

    id: Ident
    match: tuple[str, ...]
    personal_data: bool | None = None
    controller: Ident | None = None
    processing: str | None = None
    role: Role | None = None
    data: tuple[DataKind, ...] | None = None
    people: tuple[People, ...] | None = None
    people_count: Annotated[int, Meta(ge=0)] | None = None
    people_count_basis: Basis | None = None
    records_count: Annotated[int, Meta(ge=0)] | None = None
    countries: tuple[Country, ...] | None = None
    at_rest: Literal["intact", "weak", "none"] | None = None
    backup: Literal["full", "partial", "none"] | None = None
    clients: tuple[str, ...] = ()
    note: str = ""


class Processing(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A processing with joint controllers, Art. 26: who they are, and which of them their arrangement lets notify.

    `id` is the name that the data map and the scopes of a breach use. Without `notifying_controller` the arrangement
    says nothing, and each of them notifies. `partners` are joint controllers outside this organisation: they appear in
    the notification as parties, and what they promised to file ends no clock here.
    """

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    joint_controllers: tuple[Ident, ...]
    notifying_controller: Ident | None = None
    arrangement: str = ""
    partners: tuple[str, ...] = ()


class Screening(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which events open a case.

    An event that states facts of a breach always does. `mapped_from` is the severity from which an event on an asset
    with personal data does; `unmapped_from`, one on an asset of which nothing is known: unknown is not "no".
    """

    mapped_from: Severity = "medium"
    unmapped_from: Severity = "high"
    keep_days: Annotated[int, Meta(ge=1, le=3650)] = 365


class Correlation(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """When events belong to one case without saying so: same asset and same type within so many hours; 0 never."""

    window_hours: Annotated[float, Meta(ge=0, le=720)] = 24


class Rung(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step of the ladder: so many hours before the deadline of a 72-hour clock, these ranks are told."""

    before_hours: Annotated[float, Meta(ge=0, le=10_000)]
    tell: tuple[Rank, ...]


WallTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Ladder(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who is told when. Rungs are for a 72-hour clock; shorter and longer clocks use the same shape, scaled.

    After `storm_after` mails to one person in a quarter of an hour the rest of them is gathered into one digest.
    Between `quiet_from` and `quiet_until`, in the organisation's zone, a rung that can wait does; `None`: never.
    """

    rungs: tuple[Rung, ...] = (
        Rung(before_hours=72, tell=("dpo",)),
        Rung(before_hours=48, tell=("dpo",)),
        Rung(before_hours=24, tell=("dpo", "deputy")),
        Rung(before_hours=12, tell=("dpo", "deputy", "ciso")),
        Rung(before_hours=6, tell=("dpo", "deputy", "ciso")),
        Rung(before_hours=2, tell=("dpo", "deputy", "ciso", "executive")),
        Rung(before_hours=0, tell=("dpo", "deputy", "ciso", "executive")),
    )
    overdue_every_hours: Annotated[float, Meta(ge=0.25, le=24)] = 4
    climb: tuple[Rank, ...] = ("dpo", "deputy", "ciso", "executive")
    climb_after_hours: Annotated[float, Meta(ge=0.25, le=72)] = 12
    ack_hours: Annotated[float, Meta(ge=0.25, le=24)] = 4
    ack_minutes_last_six_hours: Annotated[float, Meta(ge=1, le=120)] = 15
    storm_after: Annotated[int, Meta(ge=1, le=10_000)] = 5
    quiet_from: WallTime | None = None
    quiet_until: WallTime | None = None


class Retention(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How long what may name people is kept; Art. 5(1)(e) wants an end, and the GDPR sets none.

    Of a closed or dismissed case: its events as they came in for `raw_days`, everything else for `case_years`, five by
    default as the French limitation of personal actions (C. civ. art. 2224). Of what belongs to no case: dead letters
    and the mails about them for `dead_days`, files that were taken in for `inbox_days`.
    """

    raw_days: Annotated[int, Meta(ge=1, le=36_500)] = 365
    case_years: Annotated[int, Meta(ge=1, le=100)] = 5
    dead_days: Annotated[int, Meta(ge=1, le=3650)] = 365
    inbox_days: Annotated[int, Meta(ge=1, le=3650)] = 30


class Policy(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the organisation wants its duties met; nothing here can lower the law's.

    `own_mail` are the providers that are the organisation's own mail: not to be trusted once that mail is breached.
    """

    awareness: Literal["detection"] = "detection"
    public_commitment: bool = False
    bundling_days: Annotated[float, Meta(ge=0, le=60)] = 7
    inform_target_hours: Annotated[float, Meta(ge=1, le=720)] = 72
    processor_notice_hours: Annotated[float, Meta(ge=1, le=72)] = 24
    law_check_months: Annotated[int, Meta(ge=1, le=120)] = 12
    own_mail: tuple[Provider, ...] = ("smtp",)
    risk: RiskPolicy = RiskPolicy()
    screening: Screening = Screening()
    correlation: Correlation = Correlation()
    ladder: Ladder = Ladder()
    retention: Retention = Retention()


class FormatSettings(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the organisation knows of the records of one format: the IANA zone of its times without offset."""

    zone: str | None = None


class Principal(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who may decide from another system: a GRC or ticket tool that writes to the topic of decisions.

    `source` names the system and `name` the person or group, both as its messages do; `person` is who that is in this
    file. `verbs` are the decisions they may take, empty for every one. The topic's access rights decide who can speak
    for a system: the name in a message proves nothing.
    """

    source: Annotated[str, Meta(min_length=1, max_length=200)]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    person: Ident | None = None
    verbs: tuple[Verb, ...] = ()


class Organisation(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The organisation file, whole."""

    name: str
    controllers: Annotated[tuple[Controller, ...], Meta(min_length=1)]
    people: Annotated[tuple[Person, ...], Meta(min_length=1)]
    zone: str = "Europe/Paris"
    languages: tuple[Lang, ...] = ("fr", "en")
    default_controller: Ident | None = None
    sender: Email = "breachflow@localhost"
    datamap: tuple[Asset, ...] = ()
    processings: tuple[Processing, ...] = ()
    policy: Policy = Policy()
    principals: tuple[Principal, ...] = ()
    formats: dict[str, FormatSettings] = {}

    def principal(self, source: str, name: str) -> Principal | None:
        """Who that system calls by this name, or `None` where they may decide nothing."""
        return next((one for one in self.principals if (one.source, one.name) == (source, name)), None)

    def controller(self, ident: str) -> Controller | None:
        """The controller of that id, or `None`."""
        return next((controller for controller in self.controllers if controller.id == ident), None)

    def processing(self, ident: str | None) -> Processing | None:
        """The processing with joint controllers of that id, or `None`."""
        return next((one for one in self.processings if one.id == ident), None) if ident is not None else None

    def person(self, ident: str) -> Person | None:
        """The person of that id, or `None`."""
        return next((person for person in self.people if person.id == ident), None)

    def ranked(self, rank: Rank) -> tuple[Person, ...]:
        """Everybody of that rank, in the file's order."""
        return tuple(person for person in self.people if person.rank == rank)

    @property
    def default(self) -> Controller:
        """The controller of an event of which nothing says whose data it concerns."""
        return next((c for c in self.controllers if c.id == self.default_controller), self.controllers[0])
