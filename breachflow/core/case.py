"""The case: everything known about one suspected breach, and what a step changes about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import Struct

from breachflow.core.assessment import AnswerBasis, Exemption, InformHow, Risk
from breachflow.core.decision import FilingKind
from breachflow.core.event import DetectedBasis
from breachflow.core.facts import Facts, Instant, Role
from breachflow.core.organisation import Channel


class Stage(StrEnum):
    """Where a case stands.

    `suspected`: under triage, clocks run provisionally. `confirmed`: a person has set the instant of awareness.
    `handled`: every duty that runs to a deadline is discharged; complements may follow. `closed`: done.
    `dismissed`: no personal-data breach.
    """

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    HANDLED = "handled"
    CLOSED = "closed"
    DISMISSED = "dismissed"


Confidence = Literal["verified", "extracted", "mapped", "estimated"]


class Known(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact of a case: its value in JSON types, where it comes from, since when, and how sure it is.

    `origin` is `event:SOURCE/ID#/facts/KEY`, `datamap:ENTRY` (several with commas), or `person:WHO`. `reason` is
    that person's, where one was given.
    """

    value: Any
    origin: str
    at: Instant
    confidence: Confidence
    reason: str = ""


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instant at which the organisation may have become aware; a person chooses among them.

    `basis` says of a detection whether its time was stated, read in a declared zone, or is that of receipt.
    """

    at: Instant
    kind: Literal["detection", "report", "processor_notice", "confirmed_verdict"]
    origin: str
    recorded_at: Instant
    basis: DetectedBasis = "stated"


class Awareness(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The instant of awareness as a person set it, and why; what a form states is only ever this one."""

    at: Instant
    by: str
    reason: str
    recorded_at: Instant
    evidence: str = ""


class Proposal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The engine's answer for one part of the case, in short; the register keeps it whole."""

    risk: Risk
    notify_authority: bool
    notify_controllers: bool
    inform_people: bool
    inform_how: InformHow
    basis: AnswerBasis
    exemption: Exemption | None = None


class Filing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A notification filed with an authority, and what it stated: the facts, the instant of awareness, the assets.

    `stated` is `None` where that is not on record. Facts in `later` changed between the filing and its recording: what
    was filed of them nobody knows here.
    """

    at: Instant
    kind: FilingKind
    reference: str
    authority: str
    by: str
    stated: dict[str, Any] | None = None
    later: tuple[str, ...] = ()
    aware_at: Instant | None = None
    assets: tuple[str, ...] = ()

    def __hash__(self) -> int:
        """Filings are told apart by when and by whom; what they stated has no hash."""
        return hash((self.at, self.kind, self.reference, self.authority, self.by))


class Exempted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decision not to notify: the DPO's advice and the controller's decision, two people."""

    at: Instant
    by: str
    reason: str
    advised_by: str
    advice: str


class InformedPeople(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """People were informed, or the recorded reason why they need not be."""

    at: Instant
    by: str
    means: str = ""
    count: int | None = None
    exemption: Literal["a", "b", "c", "no_high_risk"] | None = None
    reason: str = ""


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One controller's part of the breach, with its own assessment and duties: one notification per controller.

    `scope` names the scope of the facts that the part was made from: a client of a processor is no controller of the
    organisation, and the part is then the organisation's own. `reassessed_at` is when new facts overturned a decision
    not to notify: the clock runs from there.
    """

    controller: str
    role: Role | None = None
    processing: str | None = None
    proposal: Proposal | None = None
    filings: tuple[Filing, ...] = ()
    exempted: Exempted | None = None
    informed: InformedPeople | None = None
    reassessed_at: Instant | None = None
    scope: str | None = None

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """What tells this part from the others of its case."""
        return (self.controller, self.processing, self.scope)


def scope_name(scope: Mapping[str, Any]) -> str:
    """Return the name by which a part finds the scope that it was made from: whose data, and which processing."""
    return f"{scope.get('controller') or ''}/{scope.get('processing') or ''}"


class Moved(Struct, frozen=True, kw_only=True):
    """A deadline that no longer governs; it stays visible."""

    act_by: Instant
    started: Instant
    moved_at: Instant
    because: str


Stop = Literal["met", "late", "lifted"]
ClockState = Literal["provisional", "running", "overdue", "met", "late", "lifted"]


class Clock(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One running duty: which regime, for which controller, since when, until when, and how far its ladder has come.

    `id` is `REGIME` or `REGIME:CONTROLLER`. `rung` counts the rungs already fired; `next_rung_at` is the next instant
    at which somebody must be told, and nothing but a stop makes it `None`.
    """

    id: str
    regime: str
    started: Instant
    act_by: Instant
    because: str
    controller: str | None = None
    legal_latest: Instant | None = None
    provisional: bool = False
    stopped_at: Instant | None = None
    stop: Stop | None = None
    done_at: Instant | None = None
    done_reference: str = ""
    earlier: tuple[Moved, ...] = ()
    rung: int = 0
    climbed: int = 0
    told_at: Instant | None = None
    acked_by: str | None = None
    acked_until: Instant | None = None
    next_rung_at: Instant | None = None


class Joined(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another case that was merged into this one, and the facts that it replaced here (`None`: there was none).

    With them a merge can be undone.
    """

    case: str
    at: Instant
    replaced: dict[str, Known | None] = {}


class Held(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A litigation hold: who keeps the content of the case from being erased, since when and why."""

    by: str
    reason: str
    at: Instant


class Erased(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The erasure of a case's content: when, by whom, and the facts whose values went with it.

    `refilled`: something came in since, which is erased another time.
    """

    at: Instant
    by: str
    facts: tuple[str, ...] = ()
    refilled: bool = False


class Case(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One suspected breach, with its parts, facts, clocks and the head of its register chain.

    `version` counts changes and is what compare-and-set compares. `seq` and `head` are the number and the hash of the
    last register entry; the store sets them.
    `material` is the version at which something that a draft states changed last: drafts older than it are stale.
    `joined` are cases merged into this one; a case that was merged is closed and names its successor in `merged_into`.
    `bundle` are the cases, this one among them, that are notified together, the clock of each from `bundled_from`.
    `alarm` is set when an escalation reached nobody, until a person answers it. `flagged` is the verdict of a later
    event ("false_positive") that awaits a person's decision. `compromised` are the ways of telling people that were
    breached too: no mail of this case takes them. Triage runs from `triage_from`; after `reopened_at` only candidates
    recorded since then count. `controller` is the one that an event stated; `retracted` are entries of the data map
    that a person took back for this case. `raw_erased_at` is when the events as they came in were erased, until
    another one comes in.
    """

    id: str
    version: int
    stage: Stage
    title: str
    source: str
    opened_at: Instant
    parts: tuple[Part, ...]
    profile: str
    triage_from: Instant
    facts: dict[str, Known] = {}
    candidates: tuple[Candidate, ...] = ()
    aware: Awareness | None = None
    clocks: tuple[Clock, ...] = ()
    assets: tuple[str, ...] = ()
    events: int = 0
    flagged: str | None = None
    alarm: bool = False
    compromised: tuple[Channel, ...] = ()
    reopened_at: Instant | None = None
    material: int = 0
    closed_at: Instant | None = None
    joined: tuple[Joined, ...] = ()
    merged_into: str | None = None
    split_from: str | None = None
    bundle: tuple[str, ...] = ()
    bundled_from: Instant | None = None
    controller: str | None = None
    retracted: tuple[str, ...] = ()
    hold: Held | None = None
    raw_erased_at: Instant | None = None
    erased: Erased | None = None
    seq: int = 0
    head: str = ""


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the register, Art. 33(5): what happened, when, by whom. `body` holds no personal data.

    `sealed` is what may hold personal data: it is encrypted under the case's key and only its digest is chained.
    """

    at: Instant
    kind: str
    by: str
    body: dict[str, Any]
    sealed: dict[str, Any] | None = None


NoticeKind = Literal["opened", "rung", "climb", "overdue", "alarm", "flag", "channel", "quarantine", "digest"]


class Notice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mail to one person of the organisation, owed since `at`; `id` is the same for the same duty, always.

    `rungs` names the clocks that speak, each with its rung (`T-24`, `T+4`). `tried` are the people to whom the same
    duty was addressed before this one and who could not be reached.
    """

    id: str
    kind: NoticeKind
    to: str
    at: Instant
    case: str | None = None
    rungs: tuple[tuple[str, str], ...] = ()
    tried: tuple[str, ...] = ()
    detail: dict[str, Any] = {}


class Signal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact owed to every system that listens; `id` is the same for the same duty, whoever was mailed about it."""

    id: str
    kind: NoticeKind
    case: str
    at: Instant
    body: dict[str, Any]
    rungs: tuple[tuple[str, str], ...] = ()


Disposition = Literal["opened", "attached", "screened"]


class Received(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event as it is kept: its identity, its content's hash, what became of it and why.

    `joined` says what led it to its case.
    `identity` and `content` are 16-byte digests; `sealed` (title, description, users) and `raw` are kept encrypted.
    """

    identity: bytes
    content: bytes
    source: str
    received_at: Instant
    detected_at: Instant
    format: str
    disposition: Disposition
    because: str
    raw: bytes
    case: str | None = None
    revision: bool = False
    joined: str = ""


Reported = Literal["delivered", "deferred", "bounce", "dropped", "spamreport"]
UNDELIVERED: frozenset[Reported] = frozenset({"bounce", "dropped"})
"""Nobody has read these: the duty to tell somebody is open again."""


class Report(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a provider says afterwards about a mail that it took; `id` is the provider's own for this report.

    `at` is when it happened, by the provider's clock; `status` is the mail server's code (`5.1.1`), where there is one.
    """

    id: str
    notice: str
    event: Reported
    at: Instant
    status: str = ""


class Settled(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an attempt to deliver a notice: the outbox row's new state.

    `sent`: the provider took it under `reference`. `bounced`: and gave it back afterwards, for good. `retry`: try again
    at `next_at`. `failed`: given up, the next person is told instead. `dropped`: no longer owed (acknowledged or filed
    before it left).
    """

    notice: str
    state: Literal["sent", "retry", "failed", "dropped", "bounced"]
    at: Instant
    next_at: Instant | None = None
    reference: str = ""
    error: str = ""


class Key(Struct, frozen=True, kw_only=True):
    """How a later event finds this case: a correlation key, and until when it counts (`None`: for ever)."""

    key: str
    case: str
    until: Instant | None = None


class Forget(Struct, frozen=True, kw_only=True):
    """What is erased with a change: the case's events as they came in, or with the case's key all that it sealed.

    `assets` are names that the list of unmapped ones must not keep: a machine's name may be a person's.
    """

    what: Literal["raw", "content"]
    by: str
    reason: str
    at: Instant
    assets: tuple[str, ...] = ()


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that one step changes, written in one transaction or not at all.

    `was` is the version of the case that was read; 0 for a new case. `case` is `None` where only an event is recorded.
    `taken` are events on record that move to this case from the case `taken_from`.
    `warnings` are for the person who decided; the register has them too. `adopted` are events on record as screened
    out that now belong to the case.
    """

    case: Case | None = None
    was: int = 0
    entries: tuple[Entry, ...] = ()
    notices: tuple[Notice, ...] = ()
    received: tuple[Received, ...] = ()
    keys: tuple[Key, ...] = ()
    settled: tuple[Settled, ...] = ()
    taken: tuple[Received, ...] = ()
    taken_from: str | None = None
    reports: tuple[Report, ...] = ()
    forget: Forget | None = None
    warnings: tuple[str, ...] = ()
    adopted: tuple[Received, ...] = ()


def facts_of(case: Case, part: Part | None = None) -> Facts:
    """Return what is known of the case as facts; with `part`, as its controller's scope overrides them."""
    values = {name: known.value for name, known in case.facts.items()}
    scopes = values.pop("scopes", None) or ()
    if part is None:
        return msgspec.convert(values | ({"scopes": scopes} if scopes else {}), Facts)
    for scope in scopes:
        if part.scope == scope_name(scope):
            values |= {name: value for name, value in scope.items() if name not in ("controller", "processing")}
    if part.role is not None:
        values.setdefault("role", part.role)
    return msgspec.convert(values, Facts)


def is_open(case: Case) -> bool:
    """Whether somebody still has something to do about the case."""
    return case.stage not in (Stage.CLOSED, Stage.DISMISSED)


def next_rung_at(case: Case) -> datetime | None:
    """Return the next instant at which somebody must be told about this case, or `None`."""
    return min((clock.next_rung_at for clock in case.clocks if clock.next_rung_at is not None), default=None)


def most_urgent_at(case: Case) -> datetime | None:
    """Return the earliest deadline still running, or `None` where none is."""
    return min((clock.act_by for clock in case.clocks if clock.stop is None), default=None)


def content_from(case: Case) -> datetime | None:
    """Return the instant from which the years of a case count; `None` while it is open, on hold, or once it is erased.

    A case that was reopened and closed again counts anew, and what was written into it since is erased then.
    """
    if is_open(case) or case.hold is not None or case.closed_at is None or is_erased(case):
        return None
    return case.closed_at


def raw_from(case: Case) -> datetime | None:
    """Return the instant from which the days of a case's raw events count, likewise."""
    return content_from(case) if case.raw_erased_at is None else None


def is_erased(case: Case) -> bool:
    """Whether the content of the case is erased, and nothing was written into it since."""
    return case.erased is not None and not case.erased.refilled


class IllegalMove(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """What was asked does not fit the case; the message says which moves are open."""
