"""Receive: one batch of records in one transaction, and a screened event that a person opens after all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from time import monotonic

import structlog
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import lifecycle, telling
from breachflow.core.case import Case, Change, IllegalMove, Received
from breachflow.core.event import SecurityEvent
from breachflow.core.identity import case_id, event_identity
from breachflow.core.intake import Arrival, Fate, Known, Outcome, Tally, arrival, respelt, taken_in, tallied
from breachflow.core.pseudonym import pseudonymised
from breachflow.formats import Reading
from breachflow.store.errors import Collision, StoreError
from breachflow.store.rows import DeadLetter, EventRow, Position
from breachflow.workflow.office import ATTEMPTS, Contended, Office, stumbled, where

OVERTAKEN = 3  # Times that a batch is overtaken before it is halved: smaller ones slip in between other writers.

log = structlog.get_logger("breachflow")


class Record(Struct, frozen=True):
    """One record as a door hands it in: what the formats made of it, and where it came from."""

    reading: Reading
    origin: str


class Taking(Office):
    """Takes events in."""

    def receive(self, records: Sequence[Record], positions: Sequence[Position] = ()) -> Tally:
        """Take in one batch in one transaction: cases, register, mails, dead letters, and how far the source was read.

        Raises `Unavailable` where the database is away; nothing is half done, and the batch can be handed in again.
        """
        return tallied(self.take_in(records, positions))

    def take_in(self, records: Sequence[Record], positions: Sequence[Position] = ()) -> tuple[Fate, ...]:
        """Take in one batch as `receive` does; return what became of each record, in order."""
        began = monotonic()
        try:
            fates = self._take_in(records, positions)
        except (StoreError, Contended):
            raise
        except Exception as fault:  # noqa: BLE001 - answered: nothing was written, and every record goes in or is kept.
            # A fault of ours in one record must neither hold up nor lose the others: each goes in on its own, and the
            # one that fails alone is kept as a dead letter.
            stumbled("batch", fault, records=len(records))
            fates = self._one_by_one(records, positions)
        forms = (record.reading.event.format if record.reading.event else "unread" for record in records)
        self.meter.batch(monotonic() - began, zip(fates, forms, strict=True))
        log.info("received", **_counts(tallied(fates)))
        return fates

    def open_screened(self, ident: str, by: str, reason: str) -> Change:
        """Open a case for a screened-out event, found by the first hexadecimal digits of its identity.

        Raises `IllegalMove` where there is no such event, several, or one that is a case's or has expired.
        """
        if not by.strip() or not reason.strip():
            raise IllegalMove("say who opens the event (--by) and why (--reason); the register keeps both.")
        for attempt in range(ATTEMPTS):
            row = screened_event(self.store.events_like(ident), ident)
            event, raw = self._again(row)
            now = self.now()
            received = Received(
                identity=row.identity, content=row.content, source=row.source, received_at=row.received_at,
                detected_at=row.detected_at, format=row.format, disposition="screened", because=row.because, raw=raw,
                revision=row.revision,
            )  # fmt: skip
            new_id = case_id(event.source, event.id, now, attempt)
            change = lifecycle.opened_after_all(new_id, event, received, self.charter, by, reason, now)
            # Later events go on finding the case that they find now.
            taken = self.store.cases_for({key.key for key in change.keys}, now)
            change = replace(change, keys=tuple(key for key in change.keys if key.key not in taken))
            try:
                if self.store.commit([change]):
                    log.info("opened", case=new_id, screened=True)
                    return change
            except Collision:
                continue
        raise Contended(f"event {ident[:32]}: changed {ATTEMPTS} times while it was being opened; try again.")

    def pseudonymised(self, event: SecurityEvent) -> SecurityEvent:
        """Return the event as it may be kept and shown: its users as pseudonyms under this installation's key."""
        return pseudonymised(event, self.store.pseudonym_key()) if event.users else event

    def _take_in(self, records: Sequence[Record], positions: Sequence[Position]) -> tuple[Fate, ...]:
        now = self.now()
        arrivals = [
            arrival(self.pseudonymised(r.reading.event), r.reading.raw) for r in records if r.reading.event is not None
        ]
        dead = [
            DeadLetter(at=now, reason=r.reading.error or "", origin=r.origin, raw=r.reading.raw)
            for r in records
            if r.reading.event is None
        ]
        for attempt in range(ATTEMPTS):
            outcome = Outcome((), ())
            if arrivals:
                known = self._known(arrivals, now)
                outcome = taken_in(respelt(arrivals, known, self.store.raw), known, self.charter, now, attempt)
            try:
                told = (Change(notices=telling.unread(self.charter, now)),) if dead else ()
                if self.store.commit(
                    (*outcome.changes, *told), dead=dead, positions=positions, unmapped=outcome.unmapped, at=now
                ):
                    fates = iter(outcome.fates)
                    return tuple("quarantined" if r.reading.event is None else next(fates) for r in records)
            except Collision:
                continue
            if attempt + 1 >= OVERTAKEN and len(records) > 1:
                # The more cases a batch touches and the longer it takes, the surer somebody moves one of them
                # meanwhile: mails that are being settled, people who decide. Read positions go with the last half.
                half = len(records) // 2
                return self._take_in(records[:half], ()) + self._take_in(records[half:], positions)
        raise Contended(f"a batch of {len(records)} records was overtaken {ATTEMPTS} times; hand it in again.")

    def _one_by_one(self, records: Sequence[Record], positions: Sequence[Position]) -> tuple[Fate, ...]:
        fates: list[Fate] = []
        for place, record in enumerate(records, 1):
            # How far the source was read is written with the last record, and so never ahead of one.
            read = positions if place == len(records) else ()
            try:
                fates += self._take_in([record], read)
            except (StoreError, Contended):
                raise
            except Exception as fault:  # noqa: BLE001 - answered: the record is kept as a dead letter.
                stumbled("record", fault, origin=record.origin)
                reason = f"breachflow stumbled over this event ({where(fault)}): its own fault; the event is kept here."
                reading = replace(record.reading, event=None, error=reason)
                fates += self._take_in([Record(reading, record.origin)], read)
        return tuple(fates)

    def _again(self, row: EventRow) -> tuple[SecurityEvent, bytes]:
        """Read a kept event anew; raise `IllegalMove` where it has expired, or is no longer read as the same event."""
        ident = row.identity.hex()[:12]
        raw = self.store.raw(row.identity, row.content)
        if raw is None:
            raise IllegalMove(
                f"event {ident}: its content has been erased (screened events are kept for "
                f"{self.charter.policy.screening.keep_days} days); report what is known with `breachflow report`."
            )
        for form in (None, row.format):
            for reading in self.readers.read(raw, format=form, received_at=row.received_at):
                event = reading.event
                if event is not None and event_identity(event.source, event.id) == row.identity:
                    return self.pseudonymised(event), raw
        raise IllegalMove(
            f"event {ident}: its content is no longer read as the event it was; report it with `breachflow report`."
        )

    def _known(self, arrivals: Sequence[Arrival], now: datetime) -> Known:
        contents = self.store.events_known({one.identity for one in arrivals})
        keys = self.store.cases_for({key for one in arrivals for key in one.lookup}, now)
        ids = {case for seen in contents.values() for case in seen.values() if case is not None} | set(keys.values())
        return Known(contents, keys, self._standing(ids))

    def _standing(self, ids: set[str]) -> dict[str, Case]:
        """Return these cases, and those that they were merged into."""
        found: dict[str, Case] = {}
        while ids := ids - found.keys():
            found |= (cases := self.store.cases(ids))
            ids = {case.merged_into for case in cases.values() if case.merged_into is not None}
        return found


def screened_event(rows: Sequence[EventRow], ident: str) -> EventRow:
    """Return the newest form of the one screened event among these; raise `IllegalMove` where there is none."""
    identities = {row.identity for row in rows}
    if not identities:
        raise IllegalMove(f"no event's id begins with {ident}; `breachflow screened` lists them.")
    if len(identities) > 1:
        raise IllegalMove(f"{ident} is the beginning of several events' ids; write more of it.")
    case = next((row.case for row in rows if row.case is not None), None)
    if case is not None:
        raise IllegalMove(f"event {ident} belongs to the case {case} already; `breachflow show {case}` shows it.")
    return rows[-1]


def _counts(tally: Tally) -> dict[str, int]:
    names = ("received", "opened", "attached", "screened", "duplicates", "quarantined")
    return {name: getattr(tally, name) for name in names}
