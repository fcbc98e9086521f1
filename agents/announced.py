"""What a message on the topic of case events says: a CloudEvent per register entry, its data by kind of entry.

These types are the contract with whoever listens; the AsyncAPI document is made from them. `outgoing` sends the open
part of a register entry as the core wrote it, and a test holds every entry of whole stories against these types.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from breachflow.core.assessment import AnswerBasis, Band, Exemption, InformHow, Risk
from breachflow.core.case import NoticeKind, Stage, Stop
from breachflow.core.decision import FilingKind
from breachflow.core.event import DetectedBasis, Severity, Verdict

Rung = Annotated[tuple[str, ...], Meta(min_length=2, max_length=2, description="A clock, and its rung, as `T-24`.")]


class _Said(Struct, kw_only=True, forbid_unknown_fields=True):
    """What every message says: which case, and the number of the entry in its register, from 1."""

    case: str
    entry: int


class FactMoved(Struct, kw_only=True, forbid_unknown_fields=True):
    """A fact that changed, and who says so; `before` and `after` are left out where the value is free text.

    `kept` says that the value stands although the event says something else.
    """

    fact: str
    origin: str
    before: Any = None
    after: Any = None
    kept: str | None = None


class Score(Struct, kw_only=True, forbid_unknown_fields=True):
    """ENISA's severity: the score and its band."""

    se: float
    band: Band


class RuleSpoken(Struct, kw_only=True, forbid_unknown_fields=True):
    """A rule that spoke, the facts that it read, the article behind it."""

    rule: str
    facts: tuple[str, ...]
    law: str


class Proposal(Struct, kw_only=True, forbid_unknown_fields=True):
    """What the engine proposes for one controller's part; a person decides."""

    controller: str
    risk: Risk
    notify_authority: bool
    notify_controllers: bool
    inform_people: bool
    inform_how: InformHow
    exemption: Exemption | None
    basis: AnswerBasis
    severity: Score
    reasons: tuple[RuleSpoken, ...]
    unknown: tuple[str, ...]


class ClockMoved(Struct, kw_only=True, forbid_unknown_fields=True):
    """A clock that started, moved or stopped; `earlier` are the deadlines that it had before."""

    clock: str
    started: datetime
    act_by: datetime
    because: str
    provisional: bool = False
    earlier: tuple[datetime, ...] = ()
    stop: Stop | None = None
    stopped_at: datetime | None = None


class _Moved(_Said, kw_only=True, forbid_unknown_fields=True):
    """What followed: each key is there only where it changed."""

    stage: Stage | None = None
    assessed: tuple[Proposal, ...] = ()
    profile: str | None = None
    clocks: tuple[ClockMoved, ...] = ()


class _Taken(_Moved, kw_only=True, forbid_unknown_fields=True):
    event: str
    source: str
    format: str
    detected_at: datetime
    detected_at_basis: DetectedBasis
    verdict: Verdict
    severity: Severity | None
    content: str
    because: str
    revision: bool = False
    joined: str | None = None
    screened_at: datetime | None = None
    facts: tuple[FactMoved, ...] = ()
    controller_unknown: str | None = None


class CaseOpened(_Taken, kw_only=True, forbid_unknown_fields=True):
    """An event opened a case."""


class EventAttached(_Taken, kw_only=True, forbid_unknown_fields=True):
    """An event went to a case that there was."""


class Confirmed(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A person set the instant of awareness, Art. 33(1); `aware_before` is the one it corrects."""

    aware_at: datetime
    aware_before: datetime | None = None


class Dismissed(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A person found that it is no personal-data breach."""


class FactsSet(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A person corrected or added facts."""

    facts: tuple[FactMoved, ...] = ()


class Acknowledged(_Moved, kw_only=True, forbid_unknown_fields=True):
    """Somebody is on it: which clocks keep silent until when."""

    acknowledged_until: dict[str, datetime | None]


class NotificationFiled(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A notification was filed with the authority, Art. 33(1) and 33(4)."""

    controller: str
    kind: FilingKind
    filed_at: datetime
    authority: str
    reference: str | None = None


class NotNotifying(_Moved, kw_only=True, forbid_unknown_fields=True):
    """The controller decided not to notify: unlikely to result in a risk, Art. 33(1)."""

    controller: str


class PeopleInformed(_Moved, kw_only=True, forbid_unknown_fields=True):
    """People were informed, Art. 34(1), or need not be, for the point in `exemption`, Art. 34(3)."""

    controller: str
    at: datetime
    count: int | None = None
    exemption: Literal["a", "b", "c", "no_high_risk"] | None = None


class DutyDone(_Moved, kw_only=True, forbid_unknown_fields=True):
    """Another clock's duty is discharged."""

    clock: str
    done_at: datetime
    reference: str | None = None


class Noted(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A person wrote a remark; it stays in the register."""


class CaseClosed(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A person closed the case."""


class CaseReopened(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A person looks at it again."""


class EntryRetracted(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A person took back what an entry of the data map said of the case."""

    entry_of_map: str
    facts: tuple[FactMoved, ...] = ()


class ChannelMarked(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A way of telling people was breached too, or is safe again; `compromised` are all that are marked now."""

    channel: str
    restored: bool
    compromised: tuple[str, ...]


class Held(_Moved, kw_only=True, forbid_unknown_fields=True):
    """A litigation hold: nothing of the case is erased."""


class HoldReleased(_Moved, kw_only=True, forbid_unknown_fields=True):
    """The hold is lifted."""

    held_since: datetime
    held_by: str


class CasesMerged(_Moved, kw_only=True, forbid_unknown_fields=True):
    """Two cases are one breach: `other` came into this one, or this one went `into` that one."""

    other: str | None = None
    into: str | None = None
    facts: tuple[FactMoved, ...] = ()


class CasesSplit(_Moved, kw_only=True, forbid_unknown_fields=True):
    """What was joined stands on its own: an event that went `into` a case of its own, or came `out_of` this one.

    `other` is the case whose merge was undone.
    """

    other: str | None = None
    into: str | None = None
    out_of: str | None = None
    event: str | None = None
    source: str | None = None
    detected_at: datetime | None = None
    facts: tuple[FactMoved, ...] = ()


class Bundled(_Moved, kw_only=True, forbid_unknown_fields=True):
    """These cases are notified together, EDPB 9/2022; the earliest awareness governs."""

    bundle: tuple[str, ...]


class Unbundled(Bundled, kw_only=True, forbid_unknown_fields=True):
    """The case is notified on its own again."""


class Erased(_Said, kw_only=True, forbid_unknown_fields=True):
    """The content of a closed case was erased; which facts went with it."""

    facts_erased: tuple[str, ...]


class RawErased(_Said, kw_only=True, forbid_unknown_fields=True):
    """The events of a closed case as they came in were erased."""


class _List(_Said, kw_only=True, forbid_unknown_fields=True):
    list: str
    controller: str
    count: int


class PeopleImported(_List, kw_only=True, forbid_unknown_fields=True):
    """A list of people concerned was imported, Art. 34: counts and the hash of the file, no names."""

    groups: dict[str, Any]
    file: str
    merged: int | None = None
    skipped: int | None = None
    known: int | None = None


class PeopleReleased(_List, kw_only=True, forbid_unknown_fields=True):
    """A named person released a list for sending: how many by group, and the hash of each text."""

    groups: dict[str, Any]
    file: str
    cuts: tuple[dict[str, Any], ...]
    rate: float
    queued: int
    held: int
    legal_review: str | None = None


class _PeopleMoved(_List, kw_only=True, forbid_unknown_fields=True):
    people: tuple[str, ...]


class PeopleReached(_PeopleMoved, kw_only=True, forbid_unknown_fields=True):
    """People of a list, by tags that name nobody, were reached by letter or by telephone."""

    how: str


class PeopleBounced(_PeopleMoved, kw_only=True, forbid_unknown_fields=True):
    """What was sent to people of a list, by tags that name nobody, came back."""


class PeopleExempted(_PeopleMoved, kw_only=True, forbid_unknown_fields=True):
    """People of a list, by tags that name nobody, are not written to, for a reason that the register has."""


class PeopleDispatched(_List, kw_only=True, forbid_unknown_fields=True):
    """The proof of dispatch: everybody of a list has an outcome."""

    file: str
    outcomes: dict[str, dict[str, int]]
    texts: tuple[str, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None


class PeopleErased(_List, kw_only=True, forbid_unknown_fields=True):
    """The names of a list were erased; its counts and hashes stay."""

    file: str
    outcomes: dict[str, dict[str, int]]


class Escalated(_Said, kw_only=True, forbid_unknown_fields=True):
    """A rung of a clock's ladder was reached: who is told now, by the ids of the organisation file."""

    rungs: tuple[Rung, ...]
    told: tuple[str, ...]


class _Mail(_Said, kw_only=True, forbid_unknown_fields=True):
    notice: str
    kind: NoticeKind
    to: str
    rungs: tuple[Rung, ...]


class MailSent(_Mail, kw_only=True, forbid_unknown_fields=True):
    """A mail was handed over; `reference` is the provider's."""

    reference: str


class MailFailed(_Mail, kw_only=True, forbid_unknown_fields=True):
    """A mail cannot be delivered: `instead` is told in its place, or nobody could be, which is an alarm."""

    error: str
    instead: str | None = None
    alarm: str | None = None


class MailReported(_Mail, kw_only=True, forbid_unknown_fields=True):
    """What the provider said afterwards: delivered, deferred, or come back; then `instead` is told in its place."""

    event: str
    reported_at: datetime
    status: str | None = None
    instead: str | None = None
    alarm: str | None = None


class NotRead(Struct, kw_only=True, forbid_unknown_fields=True):
    """What could not be read: why, where it lay, and its hash; never its content."""

    reason: str
    origin: str
    sha256: str
    bytes: int


DATA: dict[str, type[Struct]] = {
    "breachflow.case.opened": CaseOpened,
    "breachflow.case.attached": EventAttached,
    "breachflow.case.confirm": Confirmed,
    "breachflow.case.dismiss": Dismissed,
    "breachflow.case.facts": FactsSet,
    "breachflow.case.ack": Acknowledged,
    "breachflow.case.filed": NotificationFiled,
    "breachflow.case.exempt": NotNotifying,
    "breachflow.case.informed": PeopleInformed,
    "breachflow.case.done": DutyDone,
    "breachflow.case.note": Noted,
    "breachflow.case.close": CaseClosed,
    "breachflow.case.reopen": CaseReopened,
    "breachflow.case.escalated": Escalated,
    "breachflow.case.told": MailSent,
    "breachflow.case.not-told": MailFailed,
    "breachflow.case.retract": EntryRetracted,
    "breachflow.case.channel": ChannelMarked,
    "breachflow.case.hold": Held,
    "breachflow.case.release": HoldReleased,
    "breachflow.case.merged": CasesMerged,
    "breachflow.case.split": CasesSplit,
    "breachflow.case.bundled": Bundled,
    "breachflow.case.unbundled": Unbundled,
    "breachflow.case.erased": Erased,
    "breachflow.case.raw-erased": RawErased,
    "breachflow.case.delivery": MailReported,
    "breachflow.case.people_imported": PeopleImported,
    "breachflow.case.people_released": PeopleReleased,
    "breachflow.case.people_reached": PeopleReached,
    "breachflow.case.people_bounced": PeopleBounced,
    "breachflow.case.people_exempted": PeopleExempted,
    "breachflow.case.people_dispatched": PeopleDispatched,
    "breachflow.case.people_erased": PeopleErased,
    "breachflow.dead_letter": NotRead,
}
"""The data of each type of CloudEvent that goes out."""
