"""What people decide about a case: each decision names who, why, and the instant it speaks of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from breachflow.core import organisation
from breachflow.core.facts import Instant

Person = Annotated[str, Meta(min_length=1, max_length=200)]
Why = Annotated[str, Meta(max_length=5_000)]
FilingKind = Literal["initial", "complement", "withdrawal"]


class _Decision(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="verb"):
    """Every decision has an author and a reason; the register keeps both."""

    by: Person
    reason: Why = ""


class Confirm(_Decision, frozen=True, kw_only=True, tag="confirm"):
    """The organisation became aware at `aware_at`: a reasonable degree of certainty, EDPB 9/2022 II.A.2.

    `evidence` says what established it. Confirming again corrects the instant; the earlier deadline stays visible.
    """

    aware_at: Instant
    evidence: Why = ""


class Dismiss(_Decision, frozen=True, kw_only=True, tag="dismiss"):
    """No personal-data breach, Art. 4(12): a false positive, a test, or no personal data."""


class SetFacts(_Decision, frozen=True, kw_only=True, tag="facts"):
    """Facts corrected or added by a person: JSON values of the vocabulary; `None` makes one unknown again."""

    values: dict[str, Any]


class Retract(_Decision, frozen=True, kw_only=True, tag="retract"):
    """What an entry of the data map says of this case is wrong: its facts are taken back, and it speaks no more here.

    Each falls back to what the other entries say, or to unknown; what an event or a person stated stays.
    """

    entry: Annotated[str, Meta(min_length=1, max_length=200)]


class Ack(_Decision, frozen=True, kw_only=True, tag="ack"):
    """Somebody is on it: the ladder keeps silent for a while, then the acknowledgement lapses."""

    clock: str | None = None


class Filed(_Decision, frozen=True, kw_only=True, tag="filed"):
    """A notification was filed with the authority, Art. 33(1) and 33(4), at `at`, under the authority's `reference`.

    For the CNIL a withdrawal is a complement that says so.
    """

    at: Instant
    controller: str | None = None
    kind: FilingKind = "initial"
    reference: str = ""
    authority: str = ""


class Exempt(_Decision, frozen=True, kw_only=True, tag="exempt"):
    """Not notifying: unlikely to result in a risk, Art. 33(1). The DPO advises, the controller decides: two people.

    `by` decides for the controller; `advised_by` is the DPO (Art. 38-39), whose `advice` is kept even if overruled.
    """

    advised_by: Person
    advice: Why
    controller: str | None = None


class Informed(_Decision, frozen=True, kw_only=True, tag="informed"):
    """People were informed at `at`, Art. 34(1); or need not be, for the Art. 34(3) point in `exemption`."""

    at: Instant
    controller: str | None = None
    means: str = ""
    count: int | None = None
    exemption: Literal["a", "b", "c", "no_high_risk"] | None = None


class Done(_Decision, frozen=True, kw_only=True, tag="done"):
    """Another clock's duty is discharged: complaint lodged, controllers told, another authority notified."""

    clock: str
    at: Instant
    reference: str = ""


class Note(_Decision, frozen=True, kw_only=True, tag="note"):
    """A remark for the register; it moves nothing."""


class Channel(_Decision, frozen=True, kw_only=True, tag="channel"):
    """A way of telling people is part of what was breached: this case's mails avoid it until it is `restored`."""

    channel: organisation.Channel
    restored: bool = False


class Close(_Decision, frozen=True, kw_only=True, tag="close"):
    """All duties discharged, measures taken: the case is closed."""


class Reopen(_Decision, frozen=True, kw_only=True, tag="reopen"):
    """New information: a closed or dismissed case is looked at again, and its clocks run again."""


class Hold(_Decision, frozen=True, kw_only=True, tag="hold"):
    """Litigation or inquiry: nothing of the case is erased until the hold is released, whatever the retention says."""


class Release(_Decision, frozen=True, kw_only=True, tag="release"):
    """The hold is lifted; the retention of a closed case counts from its closing, as if there had been none."""


Decision = (
    Confirm
    | Dismiss
    | SetFacts
    | Retract
    | Ack
    | Filed
    | Exempt
    | Informed
    | Done
    | Note
    | Channel
    | Close
    | Reopen
    | Hold
    | Release
)
"""Everything a person can decide, told apart in JSON by `verb`."""
