"""Write what steps change, in one transaction or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any

import msgspec

from breachflow.core.case import (
    Case,
    Change,
    Entry,
    Received,
    Settled,
    content_from,
    is_open,
    most_urgent_at,
    next_rung_at,
    raw_from,
)
from breachflow.core.register import digest, link
from breachflow.store import statements as sql
from breachflow.store.chapter import dead_on, dead_row, entry_row, event_row, screened_on
from breachflow.store.engine import Duplicate, Outrun
from breachflow.store.errors import Collision
from breachflow.store.forgetting import forget
from breachflow.store.instants import plain, written, written_or_none
from breachflow.store.people import Moves, PeopleLists
from breachflow.store.rows import DeadLetter, Position
from breachflow.store.unmapped import Unmapped
from breachflow.store.vault import Sealer

_encode = msgspec.json.Encoder().encode
_replace = msgspec.structs.replace


class Commit(Unmapped, PeopleLists):
    """The one way in which cases, their register, mails and events are written.

    `hooks` are the names of the addresses that every signal is owed to.
    """

    hooks: tuple[str, ...] = ()

    def commit(
        self,
        changes: Sequence[Change],
        *,
        dead: Sequence[DeadLetter] = (),
        positions: Sequence[Position] = (),
        unmapped: Mapping[str, int] = {},
        at: datetime | None = None,
        people: Moves | None = None,
    ) -> bool:
        """Write all of it in one transaction; `False`, and nothing written, where somebody was faster.

        Somebody was faster where a case is no longer at the version that was read, and where an event that a case is
        to be opened or moved for is on record already: read again, ask the core again. There is at most one change
        for each case. Raises `Collision` where a new case's id is another case's, `Unavailable` where the database is
        away: nothing is known to be written then, so read again too. The cases that were handed in are stale
        afterwards: the store has set their `seq` and `head`. `unmapped` counts the assets that the events of the batch
        named and the data map does not know, `at` this instant.
        `people` is what the step changes about a list of people concerned.
        """
        letters = {letter_id(letter.raw, letter.origin): letter for letter in dead}
        try:
            with self._engine.transaction():
                sealers = self._sealers(changes, letters)
                _Rows(changes, letters, positions, sealers, self.hooks).write(self)
                if at is not None:
                    # Last, since every batch of a storm counts the same few: they are held as shortly as can be.
                    self._see(unmapped, at)
                if people is not None:
                    self._write_moves(people)
                for change in changes:
                    if change.forget is not None and change.case is not None:
                        forget(self._engine, self._vault, change.case.id, change.forget)
        except Outrun:
            return False
        if (people is not None and people.forget is not None) or any(change.forget is not None for change in changes):
            self._engine.scrub()
        return True

    def _sealers(self, changes: Sequence[Change], letters: dict[str, DeadLetter]) -> dict[str, Sealer]:
        """The keys that this commit seals with: the cases', and the days' of what has no case."""
        new: set[str] = set()
        names: set[str] = set()
        for change in changes:
            case = change.case
            if case is not None and any(entry.sealed is not None for entry in change.entries):
                (names if change.was else new).add(case.id)
            if case is not None and change.taken:
                (names if change.was else new).add(case.id)
            for received in (*change.received, *change.adopted):
                owner = owner_of(received, case)
                if owner is None:
                    names.add(screened_on(written(received.received_at)))
                else:
                    (new if case is not None and owner == case.id and not change.was else names).add(owner)
        names.update(dead_on(written(letter.at)) for letter in letters.values())
        if not names and not new:
            return {}
        return self._vault.sealers(names, new)


class _Rows:
    """The rows of one commit, table by table, so that each table is written by one statement."""

    def __init__(
        self, changes: Sequence[Change], letters: dict[str, DeadLetter], positions: Sequence[Position],
        sealers: dict[str, Sealer], hooks: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._sealers, self._hooks = sealers, hooks
        self.opened: list[tuple[Any, ...]] = []
        self.moved: list[tuple[Any, ...]] = []
        self.entries: list[tuple[Any, ...]] = []
        self.notices: list[tuple[Any, ...]] = []
        self.keys: list[tuple[Any, ...]] = []
        self.posts: list[tuple[Any, ...]] = []
        self.case_events: dict[bytes, tuple[Any, ...]] = {}
        self.screened_events: dict[bytes, tuple[Any, ...]] = {}
        self.taken: list[tuple[Any, ...]] = []
        self.adopted: list[tuple[Any, ...]] = []
        self.sent: list[tuple[Any, ...]] = []
        self.settled: list[tuple[Any, ...]] = []
        self.bounced: list[tuple[Any, ...]] = []
        self.reports: dict[str, tuple[Any, ...]] = {}
        self.letters = [self._letter(name, letter) for name, letter in letters.items()]
        self.positions = [
            (p.group, p.topic, p.partition, p.next_offset, p.last_timestamp, p.last_hash) for p in positions
        ]
        seen: set[str] = set()
        for change in changes:
            case = change.case
            if case is not None:
                assert case.id not in seen, f"{case.id}: two changes in one commit; fold them first"
                assert case.version > change.was, f"{case.id}: a change must raise the version"
                seen.add(case.id)
                self._case(case, change.was, change.entries)
            else:
                assert not change.entries, "a register entry belongs to a case"
            for received in change.received:
                self._event(received, case)
            if case is not None:
                self._take(change, case.id)
            for received in change.adopted:
                self._adopt(received)
            self._rest(change)

    def write(self, store: Commit) -> None:
        """Write them, parents first. Raises `Outrun`, `Collision`."""
        many = store._engine.many  # noqa: SLF001 - the other half of the chapter.
        # In one order everywhere, so that two workers on PostgreSQL never wait for each other in a ring.
        self.moved.sort(key=lambda row: row[-3])
        if self.moved and many(sql.MOVE_CASE, self.moved) != len(self.moved):
            raise Outrun
        if self.opened:
            try:
                many(sql.ADD_CASE, self.opened)
            except Duplicate as error:
                raise Collision("A new case has the id of another case; nothing was written.") from error
        case_events = list(self.case_events.values())
        if case_events and many(sql.ADD_EVENT, case_events) != len(case_events):
            raise Outrun
        if self.taken and many(sql.TAKE_EVENT, self.taken) != len(self.taken):
            raise Outrun
        if self.adopted and many(sql.ADOPT_EVENT, self.adopted) != len(self.adopted):
            raise Outrun
        reports = list(self.reports.values())
        if reports and many(sql.ADD_REPORT, reports) != len(reports):
            raise Outrun
        for statement, rows in (
            (sql.ADD_EVENT, list(self.screened_events.values())),
            (sql.ADD_ENTRY, self.entries),
            (sql.ADD_NOTICE, self.notices),
            (sql.ADD_POST, self.posts),
            (sql.SETTLE_SENT, self.sent),
            (sql.SETTLE, self.settled),
            (sql.SETTLE_BOUNCED, self.bounced),
            (sql.CORRELATE, self.keys),
            (sql.ADD_DEAD_LETTER, self.letters),
            (sql.SET_POSITION, self.positions),
        ):
            if rows:
                many(statement, rows)

    def _case(self, case: Case, was: int, entries: tuple[Entry, ...]) -> None:
        ident, before = case.id, case.seq
        seq, head = before, case.head
        for entry in entries:
            seq += 1
            at, by = written(entry.at), plain(entry.by)
            body = _encode(entry.body).decode()
            sealed = None
            if entry.sealed is not None:
                sealed = self._sealers[ident].seal(_encode(entry.sealed), entry_row(ident, seq))
            head = link(head, ident, seq, at, entry.kind, by, body, digest(sealed))
            self.entries.append((ident, seq, at, entry.kind, by, body, sealed, head))
        if seq != before:
            case = _replace(case, seq=seq, head=head)
        doc = _encode(case).decode()
        opened = 1 if is_open(case) else 0
        urgent, due = written_or_none(most_urgent_at(case)), written_or_none(next_rung_at(case))
        raw, content = written_or_none(raw_from(case)), written_or_none(content_from(case))
        if was:
            self.moved.append(
                (case.version, case.stage.value, opened, urgent, due, case.material, raw, content, seq, head, doc,
                 ident, was, before)
            )  # fmt: skip
        else:
            self.opened.append(
                (ident, case.version, case.stage.value, opened, written(case.opened_at), urgent, due, case.material,
                 raw, content, seq, head, doc)
            )  # fmt: skip

    def _event(self, received: Received, case: Case | None) -> None:
        owner = owner_of(received, case)
        at = written(received.received_at)
        name = event_row(received.identity, received.content)
        raw = self._sealers[owner or screened_on(at)].seal(received.raw, name)
        into = self.screened_events if case is None else self.case_events
        into.setdefault(name, (
            received.identity, received.content, owner, received.disposition, 1 if received.revision else 0, at,
            written(received.detected_at), plain(received.source), received.format, plain(received.because), raw,
        ))  # fmt: skip

    def _take(self, change: Change, owner: str) -> None:
        for received in change.taken:
            raw = self._sealers[owner].seal(received.raw, event_row(received.identity, received.content))
            self.taken.append(
                (owner, received.disposition, raw, received.identity, received.content, change.taken_from)
            )

    def _adopt(self, received: Received) -> None:
        assert received.case is not None, "an adopted event belongs to a case"
        raw = self._sealers[received.case].seal(received.raw, event_row(received.identity, received.content))
        self.adopted.append((received.case, received.disposition, raw, received.identity, received.content))

    def _rest(self, change: Change) -> None:
        for notice in change.notices:
            at = written(notice.at)
            self.notices.append((notice.id, notice.case, notice.kind, notice.to, at, at, _encode(notice).decode()))
        if self._hooks:
            self._signal(change)
        for key in change.keys:
            self.keys.append((correlation(key.key), key.case, written_or_none(key.until)))
        for settled in change.settled:
            self._settle(settled)
        for report in change.reports:
            ident, recorded = plain(report.id), written(change.entries[0].at if change.entries else report.at)
            self.reports[ident] = (
                ident, report.notice, report.event, written(report.at), plain(report.status), recorded
            )  # fmt: skip

    def _signal(self, change: Change) -> None:
        # It words the next step, and so loads the law: opening a database to read must not wait for that.
        from breachflow.core.signal import signals

        for signal in signals(change):
            at, doc = written(signal.at), _encode(signal).decode()
            self.posts += [(signal.id, hook, signal.case, at, at, doc) for hook in self._hooks]

    def _settle(self, settled: Settled) -> None:
        at, reference = written(settled.at), plain(settled.reference)
        if settled.state == "sent":
            self.sent.append((at, reference, settled.notice))
            return
        if settled.state == "bounced":
            self.bounced.append((at, plain(settled.error), settled.notice))
            return
        state = "queued" if settled.state == "retry" else settled.state
        assert settled.next_at is not None or state != "queued", "a retry says when"
        self.settled.append(
            (state, written(settled.next_at or settled.at), at, reference, plain(settled.error), settled.notice)
        )

    def _letter(self, name: str, letter: DeadLetter) -> tuple[Any, ...]:
        at = written(letter.at)
        sealed = self._sealers[dead_on(at)].seal(letter.raw, dead_row(name))
        content = sha256(letter.raw).hexdigest()
        return name, at, plain(letter.reason), plain(letter.origin), content, len(letter.raw), sealed


def owner_of(received: Received, case: Case | None) -> str | None:
    """Return the case under whose key an event is kept; `None` for the key of its day."""
    if received.case is None and case is not None and received.disposition != "screened":
        return case.id
    return received.case


def letter_id(raw: bytes, origin: str) -> str:
    """Return the id of a dead letter: the same bytes from the same place are the same letter."""
    return "DL-" + sha256(sha256(raw).digest() + plain(origin).encode()).hexdigest()[:16]


def correlation(key: str) -> bytes:
    """Return what is kept of a correlation key, which may name a mailbox or a machine."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
