"""Released lists leave: in batches, at the rate that was released, from where the last process stopped.

1. A batch is handed over, then recorded in one transaction: who was in a batch that was not recorded is written to
   again, with the same Message-ID, and nobody else is.
2. One process at a time sends a list: the one that holds its lease. When the next batch is due stands in the database.
3. An answer that speaks of us and not of the person gives nobody up: the list waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import structlog
from msgspec.json import encode
from msgspec.structs import replace

from breachflow.core.concerned import QUEUED, Answer, Concerned, Cut, PeopleList, Progress, Release, answered, tag
from breachflow.core.organisation import Lang
from breachflow.delivery import backoff, message_id
from breachflow.delivery.bulk import Envelope, Post, post_for
from breachflow.delivery.merge import Frame
from breachflow.rendering import people
from breachflow.rendering.blocks import Block
from breachflow.rendering.people import Notice
from breachflow.sending.lists import Lists, NotPossible
from breachflow.sending.release import read_texts, unagreed, write_texts
from breachflow.store.people import PEOPLE, Chunk, ListRow, Moves, key_of
from breachflow.workflow import ATTEMPTS, Contended, Workflow

BATCH = 100  # At most so many are written to a second time after a crash.
LEASE = timedelta(seconds=45)  # Longer than a batch with every time-out on the way.
PATIENCE = timedelta(seconds=1)  # A beat's length: what is due later is the next beat's.
FRAMES = 64  # Texts held ready at a time, some 50 kB each.

log = structlog.get_logger("breachflow")


class Dispatch(Lists):
    """One process's sender; it keeps texts and connections between batches."""

    def __init__(self, workflow: Workflow) -> None:
        super().__init__(workflow)
        self._holder = uuid4().hex
        self._held: set[str] = set()
        self._post: Post | None = None
        self._open: tuple[str, list[Notice | None]] | None = None
        self._frames: dict[tuple[str, int], Frame] = {}
        self._people: tuple[tuple[str, int], list[Concerned]] | None = None

    def close(self) -> None:
        """Give back connections and texts."""
        if self._post is not None:
            self._post.close()
        self._post, self._open, self._people = None, None, None
        self._frames.clear()

    def dispatch(
        self, stopping: Callable[[], bool] = lambda: False, *, case: str | None = None,
        patience: timedelta = PATIENCE, wait: Callable[[float], None] = time.sleep,
    ) -> int:  # fmt: skip
        """Send what is due of the released lists; return how many mails were handed over.

        It waits at most `patience` for the next batch to be due, and asks `stopping` before each. With a `case`, only
        its lists. Raises `Unavailable` where the database is away: the batch then counts as not recorded.
        """
        sent = 0
        busy: set[str] = set()
        while self.workflow.route is not None and not stopping():
            rows = [row for row in self.store.people_leaving()
                    if case in (None, row.of.case) and row.of.id not in busy]  # fmt: skip
            if not rows:
                break
            row = min(rows, key=lambda row: row.progress.next_at or self.now())
            pause = (row.progress.next_at or self.now()) - self.now()
            if pause > patience:
                break
            if pause > timedelta():
                wait(pause.total_seconds())
            if not self.store.hold(key_of(row.of.id), self._holder, self.now(), self.now() + LEASE):
                busy.add(row.of.id)
                continue
            self._held.add(row.of.id)
            sent += self._batch(row.of.id)
        return sent

    def let_go(self) -> None:
        """Give the leases back, so that the next process need not wait for them."""
        while self._held:
            self.store.hold(key_of(self._held.pop()), self._holder, self.now(), self.now())

    def _batch(self, list_id: str) -> int:
        row = self.store.people_list(list_id)
        release = row.of.release
        if row.state != "released" or release is None:
            return 0
        if processor := unagreed(self):
            return self._pause(row, f"there is no agreement with {processor}")
        chunk = self.store.next_chunk(list_id, row.progress.cursor // PEOPLE)
        numbers = _queued(chunk, row.progress.cursor, _size(release.rate)) if chunk is not None else []
        if chunk is None or not numbers:
            return self._turn(row, chunk)
        envelopes, sender = self._merged(row, chunk, numbers)
        if not envelopes:
            return 0
        post = self._ready()
        answers = post.send(envelopes, sender=sender, case=row.of.case)
        return self._record(row, chunk, numbers, answers, post)

    def _merged(self, row: ListRow, chunk: Chunk, numbers: Sequence[int]) -> tuple[list[Envelope], str]:
        """Make the mails of a batch: a text that is laid out once, and a name put into it."""
        if self._people is None or self._people[0] != (chunk.list, chunk.number):
            found = self.store.people_in(chunk)
            if found is None:
                return [], ""  # Erased between two questions; the next look sees it.
            self._people = ((chunk.list, chunk.number), found)
        house = self.charter.organisation
        domain = house.sender.rpartition("@")[2]
        date = format_datetime(self.now())
        envelopes = []
        for number in numbers:
            place = number - chunk.first
            person = self._people[1][place]
            frame, lang = self._frame(row.of, chunk.cuts[place])
            lines = people.opening(person, lang)
            ident = tag(row.of.id, number)
            message = frame.mail(
                name=person.name, address=person.email, message_id=message_id(ident, domain), date=date,
                text=people.text_lines(lines), page=people.page_lines(lines),
            )  # fmt: skip
            envelopes.append(Envelope(to=person.email, message=message, ident=ident))
        return envelopes, house.sender

    def _frame(self, of: PeopleList, cut: int) -> tuple[Frame, Lang]:
        if self._open is None or self._open[0] != of.id:
            texts = self.store.people_texts(of.id)
            if texts is None:
                raise NotPossible(f"{of.id}: the released texts are gone; the list was erased.")
            self._open = (of.id, read_texts(texts))
        found = self._open[1][cut]
        if found is None:
            raise AssertionError("who has no text is held and never queued")
        frame = self._frames.get((of.id, cut))
        if frame is None:
            house = self.charter.organisation
            controller = house.controller(of.controller) or house.default
            dpo = house.person(controller.dpo or "") or next(iter(house.ranked("dpo")), None)
            reply_to = _mailbox(controller.contact_address) or (dpo.email if dpo is not None else "")
            frame = _made(found, controller.name, house.sender, reply_to)
            if len(self._frames) >= FRAMES:
                self._frames.clear()
            self._frames[of.id, cut] = frame
        return frame, found.lang

    def _record(self, row: ListRow, chunk: Chunk, numbers: Sequence[int], answers: Sequence[Answer], post: Post) -> int:
        """Write down what became of a batch. A mail that was taken over counts, whoever moved its person meanwhile."""
        release = row.of.release
        assert release is not None, "only what was released is sent"
        accepted = answers.count("accepted")
        stuck = accepted == 0 and bool({"objected", "unheard"} & set(answers))
        for _ in range(ATTEMPTS):
            now = self.now()
            for number, answer in zip(numbers, answers, strict=True):
                place = number - chunk.first
                chunk.states[place], chunk.tries[place] = answered(chunk.states[place], chunk.tries[place], answer)
            cursor = row.progress.cursor if stuck else numbers[-1] + 1
            pace = timedelta(minutes=len(numbers) / release.rate)
            passes = row.progress.passes + 1 if stuck else row.progress.passes
            progress = replace(
                row.progress, cursor=cursor, passes=passes,
                next_at=now + ((post.wait or backoff(passes, row.of.id)) if stuck else pace),
                problem=post.why if set(answers) != {"accepted"} else "",
                first_at=row.progress.first_at or (now if accepted else None),
                last_at=now if accepted else row.progress.last_at,
            )  # fmt: skip
            if self.store.move_people(Moves(row=replace(row, progress=progress), chunks=[chunk])):
                break
            row = self.store.people_list(row.of.id)
            again = self.store.chunk(row.of.id, chunk.number)
            if again is None:
                raise Contended(f"{row.of.id}: the list is gone.")
            chunk = again
        else:
            raise Contended(f"{row.of.id}: changed {ATTEMPTS} times while a batch was being recorded.")
        log.info("people", list=row.of.id, accepted=accepted, of=len(numbers))
        if stuck:
            log.warning("people wait", list=row.of.id, problem=post.why)
        if QUEUED not in chunk.states:
            self.prove(row.of.id)
        return accepted

    def _turn(self, row: ListRow, chunk: Chunk | None) -> int:
        """The list's end is reached: those who are still queued are tried again, after a while."""
        if chunk is not None:
            cursor, wait, passes = (chunk.number + 1) * PEOPLE, timedelta(), row.progress.passes
        else:
            passes = row.progress.passes + 1
            cursor, wait = 0, backoff(passes, row.of.id)
        progress = replace(row.progress, cursor=cursor, passes=passes, next_at=self.now() + wait)
        self.store.move_people(Moves(row=replace(row, progress=progress)))
        return 0

    def _pause(self, row: ListRow, problem: str) -> int:
        progress = replace(row.progress, next_at=self.now() + LEASE, problem=problem)
        self.store.move_people(Moves(row=replace(row, progress=progress)))
        return 0

    def _ready(self) -> Post:
        if self._post is None:
            assert self.workflow.route is not None, "asked before"
            self._post = post_for(self.workflow.route)
        return self._post


def _made(of: Notice, sender_name: str, sender: str, reply_to: str) -> Frame:
    halves = people.halves(of)
    return Frame(
        subject=halves.subject, sender_name=sender_name, sender=sender, lang=of.lang, reply_to=reply_to,
        text=halves.text, page=halves.page,
    )  # fmt: skip


def _queued(chunk: Chunk, cursor: int, most: int) -> list[int]:
    """Return the numbers of the next people of a chunk who are still to be written to."""
    found: list[int] = []
    place = max(0, cursor - chunk.first) - 1
    while len(found) < most and (place := chunk.states.find(QUEUED, place + 1)) >= 0:
        found.append(chunk.first + place)
    return found


def _size(rate: int) -> int:
    """Return the size of a batch: about a second's worth, so that the rate holds within any few seconds too."""
    return max(1, min(BATCH, rate // 60))


def _mailbox(text: str) -> str:
    return text if "@" in text and " " not in text else ""


def rehearse() -> None:
    """Take an example through what a sender's thread would do for the first time; see `Workflow.rehearse`."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    release = Release(by="a", reason="b", at=at, rate=1, texts=("",))
    cut = Cut(group="", lang="fr", data=("identity",), count=1)
    of = PeopleList(id="L", case="C", controller="c", at=at, sha256="", count=1, cuts=(cut,), release=release)
    encode(of), encode(Progress(next_at=at))
    text = people.notice([Block("title", "a"), Block("paragraph", "b")], "fr")
    frame = _made(text, "Rehearsal", "breachflow@localhost", "")
    lines = people.opening(Concerned(name="Zoé"), "fr")
    frame.mail(name="Zoé", address="a@b.example", message_id="<a@b>", date="", text=people.text_lines(lines),
               page=people.page_lines(lines))  # fmt: skip
    read_texts(write_texts([text, None]))
