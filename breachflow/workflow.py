"""The verbs: receive, decide, tick, draft, deliver, post, report. Each one loads, asks the core, and commits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from time import monotonic
from typing import Literal, Protocol

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import lifecycle, retention, storm, telling
from breachflow.core.assessment import Assessment
from breachflow.core.bundling import followed
from breachflow.core.case import UNDELIVERED, Case, Change, IllegalMove, Notice, Received, Report, Settled, is_erased
from breachflow.core.charter import Charter
from breachflow.core.concerned import PeopleList, tag
from breachflow.core.decision import Decision
from breachflow.core.draft import Draft
from breachflow.core.drafting_audiences import draft_name, wanted
from breachflow.core.drafting_material import material
from breachflow.core.event import SecurityEvent
from breachflow.core.identity import case_id, event_identity
from breachflow.core.intake import Arrival, Fate, Known, Outcome, Tally, arrival, respelt, taken_in, tallied
from breachflow.core.organisation import Person
from breachflow.core.parts import assessed
from breachflow.core.pseudonym import pseudonymised
from breachflow.core.signal import signals
from breachflow.delivery import Deferred, Gone, Hook, Refused, Route, Sent, backoff, compose, message_id
from breachflow.formats import Readers, Reading, read
from breachflow.meter import Meter
from breachflow.rendering import Mail, Renderer
from breachflow.store import Store
from breachflow.store.errors import Collision, StoreError
from breachflow.store.posts import LeasedPost, PostState
from breachflow.store.rows import DeadLetter, EventRow, Leased, NoticeRow, Position

ATTEMPTS = 20  # Another process may move the case between our read and our write; twenty times in a row it does not.
OVERTAKEN = 3  # Times that a batch is overtaken before it is halved: smaller ones slip in between other writers.
BATCH = 100  # Keeps one tick well under a second, so that a rung is never late because of its neighbours.
LEASE = timedelta(minutes=2)  # Longer than any provider's time-out; a process that died in it is taken over after it.
MAILS = 10  # Claimed at a time: so few that those behind a provider that hangs do not wait for it.
SWEEP = timedelta(days=7)  # A process that died between erasing and clearing folders is made up for within it.
DELIVERIES = 8  # Tries for one mail before the next person is told: about a quarter of an hour with the backoff.
DIGEST = 1_000  # Mails told by one digest; what is beyond is gathered into the next one.
POSTS = 30  # Tries for one signal to another system: about a day; whoever is away longer has the mails.
POST_WAIT = timedelta(hours=1)  # The longest wait between two of them.

EXAMPLE = (
    b'{"id": "1", "source": "breachflow/rehearsal", "detected_at": "2026-01-01T00:00:00Z", "title": "Rehearsal", '
    b'"verdict": "confirmed", "facts": {"personal_data": true, "confidentiality": true, "people_count": 1}}'
)

log = structlog.get_logger("breachflow")


class Record(Struct, frozen=True):
    """One record as a door hands it in: what the formats made of it, and where it came from."""

    reading: Reading
    origin: str


class Contended(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """Other processes changed the case each time before our change could be written; nothing was lost, try again."""


class Desk(Protocol):
    """Where drafts are laid down; the embedded default is a folder."""

    def lay(self, case: str, drafts: Sequence[tuple[str, bytes]]) -> list[str]:
        """Keep these drafts, each by its name, replacing older ones; return where each of them lies."""

    def clear(self, case: str) -> None:
        """Remove the drafts of a case."""


class Workflow:
    """The verbs over one store. One thread uses it at a time; any number of processes may run one each."""

    def __init__(
        self,
        store: Store,
        charter: Charter,
        now: Callable[[], datetime],
        *,
        renderer: Renderer | None = None,
        route: Route | None = None,
        desk: Desk | None = None,
        meter: Meter | None = None,
        hooks: Sequence[Hook] = (),
        readers: Readers | None = None,
    ) -> None:
        self.store = store
        self.charter = charter
        self.now = now
        self.renderer = renderer or Renderer()
        self.route = route
        self.desk = desk
        self.meter = meter or Meter()
        self.readers = readers or Readers()
        self.hooks = tuple(hooks)
        # Whatever this workflow commits owes its signals to these addresses, in the same transaction.
        store.hooks = tuple(hook.name for hook in self.hooks)
        self._stumbled: dict[tuple[str, str], int] = {}

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
            _stumbled("batch", fault, records=len(records))
            fates = self._one_by_one(records, positions)
        forms = (record.reading.event.format if record.reading.event else "unread" for record in records)
        self.meter.batch(monotonic() - began, zip(fates, forms, strict=True))
        log.info("received", **_counts(tallied(fates)))
        return fates

    def decide(self, case: str, decision: Decision) -> Change:
        """Record what a person decided about a case. Raises `IllegalMove` where it does not fit."""
        for _ in range(ATTEMPTS):
            found, now = self.store.get(case), self.now()
            change = lifecycle.decided(found, decision, self.charter, now)
            others = [one for one in self.store.cases(found.bundle).values() if one.id != found.id]
            if self.store.commit([change, *followed(change, others, decision, self.charter, now)]):
                self.meter.decided(str(decision.__struct_config__.tag))
                log.info("decided", case=case, verb=type(decision).__name__.lower())
                return change
        raise Contended(f"{case}: changed {ATTEMPTS} times while the decision was being recorded; try again.")

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

    def erase(self, case: str, by: str, reason: str) -> Change:
        """Erase the content of a closed case now, and its lists of people.

        Raises `IllegalMove` where it is open, on hold or erased, and while people are still to be written to.
        """
        if leaving := [row.of.id for row in self.store.people_lists(case) if row.state == "released"]:
            raise IllegalMove(
                f"{case}: people on {', '.join(leaving)} are still to be written to; let that end first "
                "(`breachflow people outcomes` says how far it is), or erase the names with `breachflow people erase`."
            )
        for _ in range(ATTEMPTS):
            change = retention.erased(self.store.get(case), by, reason, self.now())
            if self.store.commit([change]):
                self._clear(case)
                log.info("erased", case=case)
                return change
        raise Contended(f"{case}: changed {ATTEMPTS} times while it was being erased; try again.")

    def forget(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Erase what the retention ends by now: of closed cases, and of days; return how many of both."""
        now, policy, done = self.now(), self.charter.policy, 0
        raw, content = retention.latest_closing(policy, now)
        while not stopping():
            due = self.store.due_for_erasure(raw, content, BATCH)
            changes = [change for case in due if (change := retention.expired(case, policy, now)) is not None]
            if changes and not self.store.commit(changes):
                changes = [change for change in changes if self.store.commit([change])]
            done += len(changes)
            if len(due) < BATCH or not changes:
                break
        for kind, before in retention.expired_days(policy, now).items():
            for name in self.store.keys(kind, before):
                if stopping():
                    return done
                done += self.store.destroy_key(name, retention.BY, "its retention has ended", now)
        known = {row.asset for row in self.store.unmapped()}
        unseen_since = now - timedelta(days=policy.screening.keep_days)
        self.store.forget_unmapped(known - self.charter.datamap.unmapped(known), unseen_since)
        for case in self.store.cases(self.store.erased_since(now - SWEEP)).values():
            if is_erased(case):
                self._clear(case.id)
        if done:
            log.info("forgotten", cases_and_days=done)
        return done

    def _clear(self, case: str) -> None:
        """Remove what lies of an erased case outside the database: drafts on the desk, mails in our own folders."""
        if self.desk is not None:
            self.desk.clear(case)
        if self.route is not None:
            self.route.forget(self.store.notice_ids(case))
            for row in self.store.people_lists(case):
                self.forget_mails(row.of)

    def forget_mails(self, of: PeopleList) -> None:
        """Remove what was laid of a list's mails in our own folders."""
        if self.route is not None:
            self.route.forget([tag(of.id, number) for number in range(of.count)])

    def tick(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Climb every ladder that is due; return how many cases were looked at. `stopping` is asked between batches."""
        now, looked = self.now(), 0
        while not stopping() and (due := self.store.due(now, BATCH)):
            looked += len(due)
            changes = [change for case in due if (change := self._timed(case, now)) is not None]
            if changes and not self.store.commit(changes):
                # Somebody moved one of them: each on its own, and the one that moved waits for the next tick.
                for change in changes:
                    self.store.commit([change])
            if not changes or len(due) < BATCH:
                break
        self.meter.ticked()
        return looked

    def draft(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Render the drafts of every case whose facts are newer than its drafts; return how many drafts were laid.

        `stopping` is asked before each case: a backlog of drafts must not hold up the end of the process.
        """
        laid = 0
        while self.desk is not None and (cases := self.store.undrafted(BATCH)):
            drafted = 0
            for case in cases:
                if stopping():
                    return laid
                drafts = self._drafts(case, self.desk)
                if drafts is not None:
                    self.store.save_drafts(case.id, case.version, drafts)
                    self.meter.drafted(len(drafts))
                    drafted, laid = drafted + 1, laid + len(drafts)
            if len(cases) < BATCH or not drafted:
                break
        return laid

    def deliver(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Send the mails that are owed; return how many were settled. A mail is rendered once and stays the same.

        `stopping` is asked before each batch, so that none is left claimed and unsent. A mail that could not be
        delivered owes another one to the next person, which leaves in the same call.
        """
        settled = 0
        while (
            self.route is not None
            and not stopping()
            and (leased := self.store.lease(self.now(), MAILS, self.now() + LEASE))
        ):
            claimed = self.now()
            for mail in leased:
                # Once half of the lease is gone in waiting for a provider, the rest is left to lapse: a mail that is
                # sent after its lease may be sent by two processes.
                if self.now() - claimed > LEASE / 2:
                    break
                self._deliver(mail, self.route)
                settled += 1
        return settled

    def post(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Hand the signals that are owed to other systems over; return how many were settled.

        An address that does not take one is left alone until the next call, so that it holds up no other one. Mails
        know nothing of this.
        """
        settled = 0
        for hook in self.hooks:
            while not hook.gone and not stopping():
                leased = self.store.lease_post(hook.name, self.now(), self.now() + LEASE)
                if leased is None:
                    break
                state = self._post(leased, hook)
                settled += state != "queued"
                if state == "queued":
                    break
        return settled

    def report(self, reports: Sequence[Report]) -> int:
        """Record what a provider says about mails that it took; return how many reports were new and about our mails.

        A mail that came back owes another one to the next person, in the same transaction. A report that is on record
        changes nothing.
        """
        return sum(self._report(report) for report in reports)

    def rehearse(self) -> None:
        """Take an example through every rule and template; keep and send nothing.

        A process with several threads does this first, in one of them. Tables of law, formats and templates are loaded
        at their first use, and msgspec builds what it knows of a type then: two threads that do that for the same type
        at once read half of it, and the interpreter crashes.
        """
        (reading,) = read(EXAMPLE, received_at=self.now())
        if reading.event is None:
            raise AssertionError(f"the rehearsal's event cannot be read: {reading.error}")
        arrivals = [arrival(reading.event, reading.raw)]
        for change in taken_in(arrivals, Known({}, {}, {}), self.charter, self.now()).changes:
            if change.case is not None:
                lifecycle.timed(change.case, self.charter, self.now())
                for _ in self._rendered(change.case):
                    pass
            for signal in signals(change):
                msgspec.json.encode(signal)
            for notice in change.notices:
                self._compose(notice, change.case)
                person = self.charter.organisation.person(notice.to)
                if change.case is not None and person is not None:
                    self._compose_digest(notice, [notice], {change.case.id: change.case}, person)

    def assessments(self, case: Case, *, flips: bool = False) -> dict[str, Assessment]:
        """Return the whole assessment of each part of the case, by controller (and processing, from the second on)."""
        answers: dict[str, Assessment] = {}
        for part in case.parts:
            name = (
                part.controller
                if part.controller not in answers
                else f"{part.controller} ({part.processing or part.scope})"
            )
            answers[name] = assessed(case, part, self.charter, flips=flips)
        return answers

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
                _stumbled("record", fault, origin=record.origin)
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

    def _timed(self, case: Case, now: datetime) -> Change | None:
        try:
            return lifecycle.timed(case, self.charter, now)
        except Exception as fault:  # noqa: BLE001 - answered: said aloud, and the case stays due.
            # One case that cannot be worked out must not stop the clocks of the others; it stays due.
            self._stumble("tick", case, case.version, fault)
            return None

    def _drafts(self, case: Case, desk: Desk) -> list[Draft] | None:
        """Render and lay down what the case needs; `None` where breachflow stumbles over it: it stays undrafted."""
        if self._stumbled.get(("draft", case.id)) == case.material:
            return None  # Tried again when something else is to be stated, and at the next start.
        try:
            rendered = list(self._rendered(case))
        except Exception as fault:  # noqa: BLE001 - answered: said aloud, and the case stays undrafted.
            # Nor may it keep the other cases' drafts from the people who wait for them.
            self._stumble("draft", case, case.material, fault)
            return None
        paths = desk.lay(case.id, [(name, content) for _, name, content in rendered])
        return [
            replace(draft, path=path, sha256=hashlib.sha256(content).hexdigest())
            for (draft, _, content), path in zip(rendered, paths, strict=True)
        ]

    def _rendered(self, case: Case) -> Iterator[tuple[Draft, str, bytes]]:
        now = self.now()
        for part in case.parts:
            answer = assessed(case, part, self.charter, flips=True)
            made = material(case, part, self.charter.organisation, answer, now)
            asked = wanted(made, self.charter.organisation.languages)
            drafts = self.renderer.drafts(case, part, self.charter.organisation, answer, now, asked)
            for (audience, lang, form), draft in zip(asked, drafts, strict=True):
                if draft.fallback_reason:
                    log.warning("template", reason=draft.fallback_reason)
                name = draft_name(audience, part, case.parts)
                kept = Draft(
                    case=case.id, controller=part.controller, audience=audience, lang=lang, format=form,
                    version=case.version, sha256="", at=now,
                )  # fmt: skip
                yield kept, f"{name}.{lang}{draft.suffix}", draft.content

    def _deliver(self, mail: Leased, route: Route) -> None:
        notice, now = mail.notice, self.now()
        if notice.kind == "digest":
            self._deliver_digest(mail, route)
            return
        case = self.store.get(notice.case) if notice.case is not None else None
        if not telling.still_owed(notice, case):
            self._settle(Settled(notice=notice.id, state="dropped", at=now), notice)
            return
        person = self.charter.organisation.person(notice.to)
        if person is None:
            error = "this person is no longer in the organisation file"
            self._settle(Settled(notice=notice.id, state="failed", at=now, error=error), notice)
            return
        if mail.message is None and self._gathered(mail, case, now):
            return

        def send() -> Sent:
            message = mail.message or self.store.save_message(notice.id, self._compose(notice, case))
            closed = telling.closed(case, self.charter)
            without = {"without": closed} if closed else {}
            to = telling.address(person, case, self.charter)
            return route.send(message, to=to, notice=notice.id, case=notice.case, **without)

        self._settle(self._outcome(mail, send), notice)

    def _gathered(self, mail: Leased, case: Case | None, now: datetime) -> bool:
        """Whether this mail waits for a digest: too many have left for this person already, and this one can wait."""
        notice, until = mail.notice, storm.quarter_after(now)
        if mail.digest and ((own := self.store.notice(notice.id)) is None or own.state != "queued"):
            return True  # Its digest has told it since it was claimed.
        if not storm.can_wait(notice, case, until):
            return False
        if mail.digest and (digest := self.store.notice(mail.digest)) is not None and digest.state == "queued":
            # Its digest is still on its way, and tells it.
            self.store.gather(notice.id, digest.notice, now + LEASE)
            return True
        if self.store.left_since(notice.to, now - storm.QUARTER) < self.charter.policy.ladder.storm_after:
            return False
        self.store.gather(notice.id, storm.owed(notice.to, until), until + LEASE)
        return True

    def _deliver_digest(self, mail: Leased, route: Route) -> None:
        """Send one digest, and settle what it tells: each notice is sent, or failed, with it."""
        digest, message, now = mail.notice, mail.message, self.now()
        person = self.charter.organisation.person(digest.to)
        if message is None:
            rows = [row.notice for row in self.store.gathered(digest.id, DIGEST)]
            cases = self.store.cases({notice.case for notice in rows if notice.case is not None})
            owed = []
            for notice in rows:
                if telling.still_owed(notice, cases.get(notice.case or "")):
                    owed.append(notice)
                else:
                    self._settle(Settled(notice=notice.id, state="dropped", at=now), notice)
            digest = replace(digest, detail={"gathers": [notice.id for notice in owed]})
            if not owed:
                self.store.commit([Change(settled=(Settled(notice=digest.id, state="dropped", at=now),))])
                return

        def send() -> Sent:
            nonlocal digest, message
            if person is None:
                raise Refused("this person is no longer in the organisation file")
            if message is None:
                digest, message = self.store.save_digest(digest, self._compose_digest(digest, owed, cases, person))
            return route.send(message, to=person.email, notice=digest.id, case=None)

        outcome = self._outcome(mail, send)
        log.info("mail", notice=digest.id, kind=digest.kind, gathers=len(_gathers(digest)), state=outcome.state)
        if outcome.state != "retry":
            for ident in _gathers(digest):
                row = self.store.notice(ident)
                # Settled already where a process died in the middle of this.
                if row is not None and row.state == "queued":
                    told = f"{outcome.reference} digest {digest.id}" if outcome.state == "sent" else ""
                    self._settle(replace(outcome, notice=ident, reference=told), row.notice)
        self.store.commit([Change(settled=(outcome,))])

    def _outcome(self, mail: Leased, send: Callable[[], Sent]) -> Settled:
        """Try to send, and return what became of it."""
        notice, now = mail.notice, self.now()
        state: Literal["retry", "failed"] = "retry" if mail.attempts < DELIVERIES else "failed"
        try:
            sent = send()
        except Deferred as problem:
            wait = problem.retry_after or backoff(mail.attempts, notice.id)
            return Settled(notice=notice.id, state=state, at=now, next_at=now + wait, error=str(problem))
        except Refused as problem:
            return Settled(notice=notice.id, state="failed", at=now, error=str(problem))
        except StoreError:
            raise
        except Exception as fault:  # noqa: BLE001 - answered: retried, then the next person is told.
            # Whatever it is that breachflow stumbles over in this mail, the duty to tell somebody stays: it is tried
            # again, then the next person is told, and the mails behind it go out meanwhile.
            _stumbled("mail", fault, notice=notice.id, case=notice.case)
            error = f"breachflow stumbled over this mail ({where(fault)})"
            wait = backoff(mail.attempts, notice.id)
            return Settled(notice=notice.id, state=state, at=now, next_at=now + wait, error=error)
        return Settled(notice=notice.id, state="sent", at=now, reference=f"{sent.provider} {sent.reference}")

    def _post(self, leased: LeasedPost, hook: Hook) -> PostState:
        signal, now = leased.signal, self.now()
        state: PostState = "queued" if leased.attempts < POSTS else "failed"
        wait: timedelta | None = None
        if not telling.still_owed(signal, self.store.get(signal.case)):
            state, answer = "dropped", ""
        else:
            try:
                state, answer = "sent", hook.send(msgspec.json.encode(signal.body), ident=signal.id, now=now)
            except Gone as problem:
                state, answer = "failed", str(problem)
                log.warning("webhook", problem=f"{problem} Nothing more is sent there until breachflow is restarted.")
            except Deferred as problem:
                answer, wait = str(problem), problem.retry_after
                log.warning("webhook", signal=signal.id, case=signal.case, state=state, problem=answer)
        wait = wait or backoff(leased.attempts, signal.id + hook.name, POST_WAIT)
        self.store.settle_post(signal.id, hook.name, state, now, answer=answer, next_at=now + wait)
        return state

    def _report(self, report: Report) -> bool:
        for _ in range(ATTEMPTS):
            row = self.store.notice(report.notice)
            if row is None or self.store.report_known(report.id):
                return False
            if self.store.commit(self._reported(report, row)):
                log.info("report", notice=report.notice, case=row.notice.case, what=report.event)
                return True
        raise Contended(f"a report about a mail was overtaken {ATTEMPTS} times; send it again.")

    def _reported(self, report: Report, row: NoticeRow) -> list[Change]:
        """Return what a report changes: one case, or all those that a digest told of."""
        rows, changes = [row], []
        if row.notice.kind == "digest":
            found = (self.store.notice(ident) for ident in _gathers(row.notice))
            rows = [one for one in found if one is not None]
            if report.event in UNDELIVERED:
                settled = Settled(notice=row.notice.id, state="bounced", at=self.now(), error=report.event)
                changes.append(Change(settled=(settled,), reports=(report,)))
        by_case: dict[str | None, list[NoticeRow]] = {}
        for one in rows:
            by_case.setdefault(one.notice.case, []).append(one)
        for ident, own in by_case.items():
            case = self.store.get(ident) if ident is not None else None
            told = {one.notice.id for one in own if one.state in ("sent", "queued")}
            notices = [one.notice for one in own]
            changes.append(lifecycle.reported(case, notices, told, report, self.charter, self.now()))
        return changes

    def _stumble(self, verb: str, case: Case, version: int, fault: Exception) -> None:
        """Say once for each version of a case that breachflow cannot work on it."""
        if self._stumbled.get((verb, case.id)) != version:
            self._stumbled[verb, case.id] = version
            _stumbled(verb, fault, case=case.id)

    def _settle(self, outcome: Settled, notice: Notice) -> None:
        log.info("mail", notice=notice.id, case=notice.case, kind=notice.kind, state=outcome.state)
        for _ in range(ATTEMPTS):
            case = self.store.get(notice.case) if notice.case is not None else None
            change = lifecycle.delivered(case, notice, outcome, self.charter, self.now())
            if self.store.commit([change]):
                self.meter.mail(outcome.state, outcome.reference.partition(" ")[0])
                return
        raise Contended(f"{notice.case}: changed {ATTEMPTS} times while a delivery was being recorded.")

    def _compose(self, notice: Notice, case: Case | None) -> bytes:
        organisation, now = self.charter.organisation, self.now()
        person = organisation.person(notice.to)
        if person is None:
            raise AssertionError("the recipient was looked up before the mail is composed")
        answers = self.assessments(case, flips=True) if case is not None else {}
        mail = self.renderer.mail(notice, case, organisation, person, answers, now)
        return self._written(mail, notice, person, telling.address(person, case, self.charter))

    def _compose_digest(
        self, digest: Notice, owed: Sequence[Notice], cases: Mapping[str, Case], person: Person
    ) -> bytes:
        organisation = self.charter.organisation
        told = storm.digest(owed, cases, organisation, person, self.now())
        return self._written(self.renderer.digest(told, organisation, person), digest, person, person.email)

    def _written(self, mail: Mail, notice: Notice, person: Person, address: str) -> bytes:
        organisation, now = self.charter.organisation, self.now()
        if mail.fallback_reason:
            log.warning("template", reason=mail.fallback_reason)
        domain = organisation.sender.rpartition("@")[2]
        return compose(
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            sender=organisation.sender,
            to_name=person.name,
            to_address=address,
            message_id=message_id(notice.id, domain),
            date=now,
            thread=message_id(notice.case, domain) if notice.case is not None else None,
            headers={"X-Breachflow-Notice": notice.id} | ({"X-Breachflow-Case": notice.case} if notice.case else {}),
        )


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


def where(fault: BaseException) -> str:
    """Return what kind of fault it is and where it happened; never its message, which may hold personal data."""
    step = fault.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    place = f" in {PurePath(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}" if step is not None else ""
    return f"{type(fault).__name__}{place}"


def _gathers(digest: Notice) -> list[str]:
    """Return the ids of the notices that this digest tells."""
    return list(digest.detail.get("gathers", ()))


def _stumbled(at: str, fault: Exception, **names: object) -> None:
    log.error("stumbled", at=at, fault=where(fault), **names)


def _counts(tally: Tally) -> dict[str, int]:
    names = ("received", "opened", "attached", "screened", "duplicates", "quarantined")
    return {name: getattr(tally, name) for name in names}
