"""One batch of events becomes one set of changes: duplicates, revisions, screening, correlation, cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import lifecycle
from breachflow.core.case import Case, Change, Received, Stage
from breachflow.core.charter import Charter
from breachflow.core.correlation import lookup_keys
from breachflow.core.event import SecurityEvent
from breachflow.core.identity import case_id, content_of, event_identity, same_said
from breachflow.core.screening import Screened, screen

LONGEST_NAME = 255  # Characters of an unmapped asset's name: DNS allows 253; what is longer is a path.

Fate = Literal["opened", "attached", "screened", "duplicates", "quarantined"]
"""What becomes of one record, under the name by which it is counted."""


class Tally(Struct, frozen=True, kw_only=True):
    """What became of a batch; `received` is the sum of the others."""

    opened: int = 0
    attached: int = 0
    screened: int = 0
    duplicates: int = 0
    quarantined: int = 0

    @property
    def received(self) -> int:
        """How many records came in."""
        return self.opened + self.attached + self.screened + self.duplicates + self.quarantined

    def __add__(self, other: Tally) -> Tally:
        """Add up two batches."""
        return Tally(
            opened=self.opened + other.opened,
            attached=self.attached + other.attached,
            screened=self.screened + other.screened,
            duplicates=self.duplicates + other.duplicates,
            quarantined=self.quarantined + other.quarantined,
        )


SPELLINGS = 3
"""Contents of one identity that a new one is held against. Who sends an event in two spellings sends two of it; an
alert with a long history of revisions is not opened again and again."""


class Arrival(Struct, frozen=True):
    """One event as it came in: what it says, its bytes, and the two digests that tell a replay from a revision."""

    event: SecurityEvent
    raw: bytes
    identity: bytes
    content: bytes
    lookup: tuple[str, ...]


class Known(Struct, frozen=True):
    """What the store knows about a batch: seen identities with their contents, keys that lead to cases, the cases."""

    contents: Mapping[bytes, Mapping[bytes, str | None]]
    keys: Mapping[str, str]
    cases: Mapping[str, Case]


class Outcome(Struct, frozen=True):
    """The changes of a batch, at most one for each case, and what became of each of its events, in order.

    `unmapped` counts the events by each asset that they name and the data map does not know.
    """

    changes: tuple[Change, ...]
    fates: tuple[Fate, ...]
    unmapped: Mapping[str, int] = {}


def arrival(event: SecurityEvent, raw: bytes) -> Arrival:
    """Return the event with its digests and the keys under which its case may be found."""
    return Arrival(event, raw, event_identity(event.source, event.id), content_of(raw), lookup_keys(event))


def respelt(
    arrivals: Sequence[Arrival], known: Known, raw: Callable[[bytes, bytes], bytes | None]
) -> tuple[Arrival, ...]:
    """Return the arrivals, each that is on record with its keys in another order under the content on record.

    `raw` gives the bytes of an identity's content. Only an identity that is known with other bytes is looked at, so
    the ordinary event costs nothing.
    """
    before: dict[bytes, dict[bytes, bytes | None]] = {
        identity: dict.fromkeys(contents) for identity, contents in known.contents.items()
    }
    found = []
    for one in arrivals:
        seen = before.setdefault(one.identity, {})
        content = one.content
        if seen and content not in seen:
            for other in list(seen)[:SPELLINGS]:
                kept = seen[other] or raw(one.identity, other)
                if kept is not None and same_said(one.raw, kept):
                    content = other
                    break
        seen.setdefault(content, one.raw)
        found.append(one if content is one.content else replace(one, content=content))
    return tuple(found)


def taken_in(arrivals: Sequence[Arrival], known: Known, charter: Charter, now: datetime, attempt: int = 0) -> Outcome:
    """Decide about every event of a batch in order, each seeing what those before it did."""
    batch = _Batch(known, charter, now, attempt)
    fates = tuple(batch.take(one) for one in arrivals)
    return Outcome(tuple(batch.changes()), fates, batch.unmapped)


def tallied(fates: Iterable[Fate]) -> Tally:
    """Count what became of some records."""
    return Tally(**Counter[str](fates))


class _Batch:
    """The state of a batch while it is worked through: the cases as they are by now, and what is to be written."""

    def __init__(self, known: Known, charter: Charter, now: datetime, attempt: int) -> None:
        self.charter, self.now, self.attempt = charter, now, attempt
        self.contents = {identity: dict(contents) for identity, contents in known.contents.items()}
        self.keys = dict(known.keys)
        self.cases = dict(known.cases)
        self.steps: dict[str, list[Change]] = {}
        self.screened: list[Received] = []
        self.unmapped: dict[str, int] = {}

    def take(self, one: Arrival) -> Fate:
        """Take in one event; return what became of it."""
        seen = self.contents.setdefault(one.identity, {})
        if one.content in seen:
            # Also where another content came in between: what went out twice and what went back to its first words look
            # the same, and an old copy that is delivered late must not undo what its revision said. A source that
            # does go back says so with another byte, since its own time of change is another.
            return "duplicates"
        lines = self.charter.datamap.find(one.event.assets)
        if not lines or len(one.event.assets) > 1:
            for name in self.charter.datamap.unmapped(one.event.assets):
                short = name[:LONGEST_NAME]
                self.unmapped[short] = self.unmapped.get(short, 0) + 1
        outcome = screen(one.event, lines, self.charter.policy.screening)
        received = self._received(one, outcome, revision=bool(seen))
        case, joined = self._found(one, seen, outcome)
        fate: Fate
        if case is not None:
            fate = "attached"
            change = lifecycle.attached(case, one.event, replace(received, joined=joined), self.charter, self.now)
        elif outcome.opens:
            fate = "opened"
            new_id = self._new_id(one.event)
            change = lifecycle.opened(new_id, one.event, received, self.charter, self.now)
        else:
            self.screened.append(received)
            seen[one.content] = None
            return "screened"
        after = change.case
        if after is None:
            raise AssertionError("an event that is not screened out changes a case")
        self.cases[after.id] = after
        self.steps.setdefault(after.id, []).append(change)
        seen[one.content] = after.id
        for key in change.keys:
            self.keys[key.key] = after.id
        return fate

    def changes(self) -> list[Change]:
        """Return one change for each case, its steps put together, and one for what was screened out."""
        together = [_together(steps) for steps in self.steps.values()]
        return [*together, Change(received=tuple(self.screened))] if self.screened else together

    def _found(self, one: Arrival, seen: Mapping[bytes, str | None], outcome: Screened) -> tuple[Case | None, str]:
        """Return the case that the event belongs to, and why: its identity's, the one it names, or its assets' one."""
        for case in seen.values():
            if case is not None and (same := self._standing(case)) is not None:
                return same, "the same alert"
        for key in one.lookup:
            found = self._standing(self.keys.get(key, ""))
            if found is None:
                continue
            if one.event.case:
                return found, "the event names the case"
            # By its assets alone an event that opens nothing belongs to no case, and a closed one is not disturbed.
            if outcome.opens and found.stage not in (Stage.CLOSED, Stage.DISMISSED):
                return found, "the same asset and type within the correlation window"
        return None, ""

    def _standing(self, case_id: str) -> Case | None:
        """Return the case of that id, or the one that it was merged into."""
        case = self.cases.get(case_id)
        while case is not None and case.merged_into is not None:
            case = self.cases.get(case.merged_into)
        return case

    def _new_id(self, event: SecurityEvent) -> str:
        attempt = self.attempt
        while (new_id := case_id(event.source, event.id, self.now, attempt)) in self.cases:
            attempt += 1
        return new_id

    def _received(self, one: Arrival, outcome: Screened, *, revision: bool) -> Received:
        return Received(
            identity=one.identity,
            content=one.content,
            source=one.event.source,
            received_at=self.now,
            detected_at=one.event.detected_at,
            format=one.event.format,
            disposition="screened",
            because=outcome.because,
            raw=one.raw,
            revision=revision,
        )


def _together(steps: Sequence[Change]) -> Change:
    if len(steps) == 1:
        return steps[0]
    return replace(
        steps[-1],
        was=steps[0].was,
        entries=tuple(entry for step in steps for entry in step.entries),
        notices=tuple({notice.id: notice for step in steps for notice in step.notices}.values()),
        received=tuple(received for step in steps for received in step.received),
        keys=tuple({key.key: key for step in steps for key in step.keys}.values()),
    )
