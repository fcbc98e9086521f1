"""The verbs: receive, decide, tick, draft, deliver. Each one loads, asks the core, and commits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Literal, Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import lifecycle, telling
from breachflow.core.assessment import Assessment
from breachflow.core.case import Case, Change, Notice, Settled, facts_of
from breachflow.core.charter import Charter
from breachflow.core.decision import Decision
from breachflow.core.draft import Draft
from breachflow.core.drafting import wanted
from breachflow.core.intake import Arrival, Fate, Known, Outcome, Tally, arrival, respelt, taken_in, tallied
from breachflow.core.parts import assessed
from breachflow.delivery import Deferred, Refused, Route, backoff, compose, message_id
from breachflow.formats import Reading, read
from breachflow.rendering import Renderer
from breachflow.store import Store
from breachflow.store.errors import Collision, StoreError
from breachflow.store.rows import DeadLetter, Leased, Position

ATTEMPTS = 20  # Another process may move the case between our read and our write; twenty times in a row it does not.
OVERTAKEN = 3  # Times that a batch is overtaken before it is halved: smaller ones slip in between other writers.
BATCH = 100  # Keeps one tick well under a second, so that a rung is never late because of its neighbours.
LEASE = timedelta(minutes=2)  # Longer than any provider's time-out; a process that died in it is taken over after it.
MAILS = 10  # Claimed at a time: so few that those behind a provider that hangs do not wait for it.
DELIVERIES = 8  # Tries for one mail before the next person is told: about a quarter of an hour with the backoff.

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

    def lay(self, case: str, name: str, content: bytes) -> str:
        """Keep this draft, replacing an older one of that name; return where it lies."""


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
    ) -> None:
        self.store = store
        self.charter = charter
        self.now = now
        self.renderer = renderer or Renderer()
        self.route = route
        self.desk = desk
        self._stumbled: dict[tuple[str, str], int] = {}

    def receive(self, records: Sequence[Record], positions: Sequence[Position] = ()) -> Tally:
        """Take in one batch in one transaction: cases, register, mails, dead letters, and how far the source was read.

        Raises `Unavailable` where the database is away; nothing is half done, and the batch can be handed in again.
        """
        return tallied(self.take_in(records, positions))

    def take_in(self, records: Sequence[Record], positions: Sequence[Position] = ()) -> tuple[Fate, ...]:
        """Take in one batch as `receive` does; return what became of each record, in order."""
        try:
            fates = self._take_in(records, positions)
        except (StoreError, Contended):
            raise
        except Exception as fault:  # noqa: BLE001 - answered: nothing was written, and every record goes in or is kept.
            # A fault of ours in one record must neither hold up nor lose the others: each goes in on its own, and the
            # one that fails alone is kept as a dead letter.
            _stumbled("batch", fault, records=len(records))
            fates = self._one_by_one(records, positions)
        log.info("received", **_counts(tallied(fates)))
        return fates

    def decide(self, case: str, decision: Decision) -> Change:
        """Record what a person decided about a case. Raises `IllegalMove` where it does not fit."""
        for _ in range(ATTEMPTS):
            change = lifecycle.decided(self.store.get(case), decision, self.charter, self.now())
            if self.store.commit([change]):
                log.info("decided", case=case, verb=type(decision).__name__.lower())
                return change
        raise Contended(f"{case}: changed {ATTEMPTS} times while the decision was being recorded; try again.")

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
            for notice in change.notices:
                self._compose(notice, change.case)

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
        arrivals = [arrival(r.reading.event, r.reading.raw) for r in records if r.reading.event is not None]
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
                if self.store.commit((*outcome.changes, *told), dead=dead, positions=positions):
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

    def _known(self, arrivals: Sequence[Arrival], now: datetime) -> Known:
        contents = self.store.events_known({one.identity for one in arrivals})
        keys = self.store.cases_for({key for one in arrivals for key in one.lookup}, now)
        ids = {case for seen in contents.values() for case in seen.values() if case is not None} | set(keys.values())
        return Known(contents, keys, self.store.cases(ids) if ids else {})

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
        return [
            replace(draft, path=desk.lay(case.id, name, content), sha256=hashlib.sha256(content).hexdigest())
            for draft, name, content in rendered
        ]

    def _rendered(self, case: Case) -> Iterator[tuple[Draft, str, bytes]]:
        now = self.now()
        for part in case.parts:
            answer = assessed(case, part, self.charter, flips=True)
            processor = (facts_of(case, part).role or part.role) == "processor"
            for audience, lang, form in wanted(processor, answer, self.charter.organisation.languages):
                draft = self.renderer.draft(
                    audience, case, part, self.charter.organisation, answer, now, lang=lang, format=form
                )
                # One controller can have a part for each of several processings.
                several = sum(other.controller == part.controller for other in case.parts) > 1
                name = "-".join(filter(None, (audience, part.controller, part.processing if several else None)))
                kept = Draft(
                    case=case.id, controller=part.controller, audience=audience, lang=lang, format=form,
                    version=case.version, sha256="", at=now,
                )  # fmt: skip
                yield kept, f"{name}.{lang}{draft.suffix}", draft.content

    def _deliver(self, mail: Leased, route: Route) -> None:
        notice, now = mail.notice, self.now()
        case = self.store.get(notice.case) if notice.case is not None else None
        if not telling.still_owed(notice, case):
            self._settle(Settled(notice=notice.id, state="dropped", at=now), notice)
            return
        person = self.charter.organisation.person(notice.to)
        if person is None:
            error = "this person is no longer in the organisation file"
            self._settle(Settled(notice=notice.id, state="failed", at=now, error=error), notice)
            return
        state: Literal["retry", "failed"] = "retry" if mail.attempts < DELIVERIES else "failed"
        try:
            message = mail.message or self.store.save_message(notice.id, self._compose(notice, case))
            sent = route.send(message, to=person.email, notice=notice.id, case=notice.case)
        except Deferred as problem:
            wait = problem.retry_after or backoff(mail.attempts, notice.id)
            outcome = Settled(notice=notice.id, state=state, at=now, next_at=now + wait, error=str(problem))
        except Refused as problem:
            outcome = Settled(notice=notice.id, state="failed", at=now, error=str(problem))
        except StoreError:
            raise
        except Exception as fault:  # noqa: BLE001 - answered: retried, then the next person is told.
            # Whatever it is that breachflow stumbles over in this mail, the duty to tell somebody stays: it is tried
            # again, then the next person is told, and the mails behind it go out meanwhile.
            _stumbled("mail", fault, notice=notice.id, case=notice.case)
            error = f"breachflow stumbled over this mail ({where(fault)})"
            wait = backoff(mail.attempts, notice.id)
            outcome = Settled(notice=notice.id, state=state, at=now, next_at=now + wait, error=error)
        else:
            outcome = Settled(notice=notice.id, state="sent", at=now, reference=f"{sent.provider} {sent.reference}")
        self._settle(outcome, notice)

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
                return
        raise Contended(f"{notice.case}: changed {ATTEMPTS} times while a delivery was being recorded.")

    def _compose(self, notice: Notice, case: Case | None) -> bytes:
        organisation, now = self.charter.organisation, self.now()
        person = organisation.person(notice.to)
        if person is None:
            raise AssertionError("the recipient was looked up before the mail is composed")
        answers = self.assessments(case, flips=True) if case is not None else {}
        mail = self.renderer.mail(notice, case, organisation, person, answers, now)
        if mail.fallback_reason:
            log.warning("template", reason=mail.fallback_reason)
        domain = organisation.sender.rpartition("@")[2]
        return compose(
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            sender=organisation.sender,
            to_name=person.name,
            to_address=person.email,
            message_id=message_id(notice.id, domain),
            date=now,
            thread=message_id(notice.case, domain) if notice.case is not None else None,
            headers={"X-Breachflow-Notice": notice.id} | ({"X-Breachflow-Case": notice.case} if notice.case else {}),
        )


def where(fault: BaseException) -> str:
    """Return what kind of fault it is and where it happened; never its message, which may hold personal data."""
    step = fault.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    place = f" in {PurePath(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}" if step is not None else ""
    return f"{type(fault).__name__}{place}"


def _stumbled(at: str, fault: Exception, **names: object) -> None:
    log.error("stumbled", at=at, fault=where(fault), **names)


def _counts(tally: Tally) -> dict[str, int]:
    names = ("received", "opened", "attached", "screened", "duplicates", "quarantined")
    return {name: getattr(tally, name) for name in names}
