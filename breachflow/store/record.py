"""The record: register entries and events as they were written, and whether the chains hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import msgspec

from breachflow.core.register import Broken, Line, digest, verify
from breachflow.store import statements as sql
from breachflow.store.cases import PAGE
from breachflow.store.chapter import Chapter, entry_row, event_row, screened_on
from breachflow.store.engine import Row
from breachflow.store.errors import UnknownCase
from breachflow.store.instants import plain, read, written
from breachflow.store.rows import Counts, EntryRow, EventRow, Position
from breachflow.store.vault import generation_of


class _Head(msgspec.Struct):
    """What a case's own document says of its register."""

    version: int
    seq: int = 0
    head: str = ""


_read_head = msgspec.json.Decoder(_Head).decode


class Record(Chapter):
    """What was written once and stays: read back, and verified."""

    def entries(self, case_id: str) -> list[EntryRow]:
        """Return the register of a case, in order."""
        rows = self._engine.rows(sql.ENTRIES_OF, (case_id,))
        opened = iter(self._vault.open_all(
            [(case_id, row[5], entry_row(case_id, row[0])) for row in rows if row[5] is not None]
        ))  # fmt: skip
        gone: dict[int, datetime] | None = None
        entries = []
        for seq, at, kind, author, body, sealed, link in rows:
            text = None if sealed is None else next(opened)
            erased_at = None
            if sealed is not None and text is None:
                if gone is None:
                    gone = {number: read(when) for number, when in self._engine.rows(sql.DESTROYED, (case_id,))}
                erased_at = gone.get(generation_of(sealed))
            entries.append(EntryRow(
                case=case_id, seq=seq, at=read(at), kind=kind, by=author, body=msgspec.json.decode(body),
                sealed=None if text is None else msgspec.json.decode(text), sealed_digest=digest(sealed), hash=link,
                at_text=at, body_text=body, erased_at=erased_at,
            ))  # fmt: skip
        return entries

    def verify_register(self, case_id: str | None = None) -> list[Broken]:
        """Return where registers do not hold, one finding a case; of one case, or of all and of entries without one.

        It reads one instant of the database; it needs no key, and holds for what was erased. Raises `UnknownCase`.
        """
        broken: list[Broken] = []
        with self._engine.snapshot():
            for page in self._heads(case_id):
                chains = {
                    case: [_line(row) for row in rows]
                    for case, rows in groupby(
                        self._engine.listed(sql.CHAINS, [row[0] for row in page]), key=itemgetter(0)
                    )
                }
                findings = (_check(head, chains.get(head[0], [])) for head in page)
                broken += [found for found in findings if found is not None]
            if case_id is None:
                broken += [
                    Broken(case=case, seq=seq, why="the case of this entry is missing")
                    for case, seq in self._engine.rows(sql.STRAYS)
                ]
        return broken

    def events(self, case_id: str) -> list[EventRow]:
        """Return the events of a case, in the order of receipt."""
        return [_event(row) for row in self._engine.rows(sql.EVENTS_OF, (case_id,))]

    def screened(self, since: datetime, limit: int) -> list[EventRow]:
        """Return events that opened no case, the latest first."""
        return [_event(row) for row in self._engine.rows(sql.SCREENED, (written(since), limit))]

    def events_like(self, prefix: str, limit: int = 50) -> list[EventRow]:
        """Return the events whose identity begins with these hexadecimal digits, in the order of receipt."""
        low, high = bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
        return [_event(row) for row in self._engine.rows(sql.EVENTS_LIKE, (low, high, limit))]

    def raw(self, identity: bytes, content: bytes) -> bytes | None:
        """Return an event as it came in; `None` where it is not on record or its key was destroyed."""
        for raw, case, received_at in self._engine.rows(sql.RAW, (identity, content)):
            if raw is not None:
                return self._vault.open(case or screened_on(received_at), raw, event_row(identity, content))
        return None

    def positions(self, group: str) -> list[Position]:
        """Return how far each partition is on record for a group of consumers."""
        return [
            Position(group=consumer, topic=topic, partition=shard, next_offset=offset, last_timestamp=stamp,
                     last_hash=last)
            for consumer, topic, shard, offset, stamp, last in self._engine.rows(sql.POSITIONS, (group,))
        ]  # fmt: skip

    def counts(self) -> Counts:
        """Return how much is on record; it reads whole indexes, and is for people and for `doctor`."""
        ((cases, opened, entries, events, screened, notices, queued, dead, held),) = self._engine.rows(sql.COUNTS)
        return Counts(
            cases=cases, open=opened, entries=entries, events=events, screened=screened, notices=notices,
            queued=queued, dead_letters=dead, held=held,
        )  # fmt: skip

    def _heads(self, case_id: str | None) -> Iterator[list[Row]]:
        if case_id is not None:
            page = self._engine.rows(sql.CHAIN_HEAD, (plain(case_id),))
            if not page:
                raise UnknownCase(f"There is no case {case_id!a}.")
            yield page
            return
        after = ""
        while page := self._engine.rows(sql.CHAIN_HEADS, (after, PAGE)):
            yield page
            after = page[-1][0]


def _line(row: Row) -> Line:
    case, seq, at, kind, author, body, sealed, link = row
    return Line(case=case, seq=seq, at=at, kind=kind, by=author, body=body, sealed=digest(sealed), hash=link)


def _check(head: Row, lines: list[Line]) -> Broken | None:
    case, seq, link, version, doc = head
    if (found := verify(lines, case=case, seq=seq, head=link)) is not None:
        return found
    said = _read_head(doc)
    if (said.version, said.seq, said.head) != (version, seq, link):
        return Broken(case=case, seq=seq, why="the case's document and its row name another last entry or version")
    return None


def _event(row: Row) -> EventRow:
    identity, content, case, disposition, revision, received_at, detected_at, source, form, because = row
    return EventRow(
        identity=identity, content=content, case=case, disposition=disposition, revision=bool(revision),
        received_at=read(received_at), detected_at=read(detected_at), source=source, format=form, because=because,
    )  # fmt: skip
