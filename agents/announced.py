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
    "breachflow.dead_letter": NotRead,
}
"""The data of each type of CloudEvent that goes out."""
