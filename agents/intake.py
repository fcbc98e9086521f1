"""Security events in: each fetched batch becomes records, and is committed together with how far the topic was read.

Faust delivers, the database keeps the account: the ledger row moves in the transaction that holds the batch, and only
then is Kafka's own offset told. A batch that was processed and not committed comes again, and meets nothing; one that
was committed and comes again meets duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog
from aiokafka.errors import KafkaError

from breachflow.agents.clerk import Clerk, reached
from breachflow.agents.course import Course, Place
from breachflow.agents.figures import Figures
from breachflow.agents.ledger import Fetched, position
from breachflow.agents.transport import Batch
from breachflow.formats import Readers, Reading
from breachflow.store import Position
from breachflow.workflow import Record, Workflow

CHUNK = 2_000  # Readings in one commit: one message may hold ten thousand, and a batch five hundred messages.
TOMBSTONE = "the message has no value (the tombstone of a compacted topic): there is no event in it"

log = structlog.get_logger("breachflow")

Take = Callable[[Workflow, Batch, str], int]
"""Commits one batch with the ledger's row for the group; returns how many records it held. Bears being done twice."""


class Seeker(Protocol):
    """What an intake asks of the consumer."""

    async def settle(self, place: Place) -> None:
        """Ask the ledger where the partition starts, and seek there."""

    async def seek_back(self, place: Place) -> None:
        """Seek the partition to the offset that is to be read next."""

    async def first(self, place: Place) -> int:
        """The first offset that the broker still has."""


class Committer(Protocol):
    """Who commits batches, and waits where the database is away."""

    async def take(self, batch: Batch) -> int:
        """Commit a batch and how far the topic was read; return how many records it held."""

    async def reach(self) -> None:
        """Wait until the database is there."""


class ByClerk:
    """A clerk that commits by `take`, on its thread."""

    def __init__(self, clerk: Clerk, take: Take, group: str) -> None:
        self._clerk, self._take, self._group = clerk, take, group

    async def take(self, batch: Batch) -> int:
        """Commit a batch and how far the topic was read; return how many records it held."""
        return await self._clerk.do(lambda workflow: self._take(workflow, batch, self._group))

    async def reach(self) -> None:
        """Wait until the database is there."""
        await self._clerk.do(reached)


class Intake:
    """What the agents do with their batches, whatever is in them: judged by the course, then committed."""

    def __init__(self, course: Course, committer: Committer, figures: Figures, seeker: Callable[[], Seeker]) -> None:
        self.course, self.figures = course, figures
        self._committer, self._seeker = committer, seeker

    async def agent(self, stream: Any) -> None:
        """Consume a stream of batches, for ever. What leaves as an exception ends the process, and loses nothing."""
        async for event in stream.noack().events():
            await self.receive(event.value)

    async def receive(self, batch: Batch) -> None:
        """Take one batch, or say why not: nothing is taken over records that were left out."""
        place, first = batch.place, batch.records[0].offset
        verdict = self.course.judge(place, first, batch.after, batch.stamp)
        if verdict == "stale":
            self.figures.stale += 1
            return
        if verdict == "settle":
            await self._committer.reach()
            await self._seeker().settle(place)
            return
        if verdict == "seek":
            self.figures.seeks += 1
            log.info("seek", topic=place.topic, partition=place.partition, to=self.course.following(place), met=first)
            await self._seeker().seek_back(place)
            return
        if verdict == "gap":
            await self._gap(place, first)
        count = await self._committer.take(batch)
        self.course.took(place, batch.records[-1].offset + 1)
        self.figures.batches += 1
        self.figures.records += count

    async def _gap(self, place: Place, first: int) -> None:
        """Say aloud that records are gone; quietly where the broker has them and there never were any."""
        following = self.course.following(place) or 0
        try:
            kept = await self._seeker().first(place)
        except (KafkaError, TimeoutError):
            kept = first  # Rather an alarm too many.
        if kept <= following:
            self.figures.skipped += first - following
            log.debug("skipped", topic=place.topic, partition=place.partition, offsets=first - following)
            return
        self.figures.gaps += 1
        self.figures.missing += first - following
        log.error(
            "gap", topic=place.topic, partition=place.partition, expected=following, found=first,
            missing=first - following, hint="the topic's retention removed records before they were read",
        )  # fmt: skip


class Events:
    """The security events of every topic, each read in the format that the settings name for its topic."""

    def __init__(self, formats: Mapping[str, str | None], figures: Figures) -> None:
        self._formats, self._figures = formats, figures

    def __call__(self, workflow: Workflow, batch: Batch, group: str) -> int:
        """Take in a batch; the ledger moves with its last records."""
        count, chunk = 0, list[Record]()
        for record in self._records(batch, workflow.now(), workflow.readers):
            if len(chunk) >= CHUNK:
                workflow.take_in(chunk)
                chunk = []
            chunk.append(record)
            count += 1
        workflow.take_in(chunk, (position(group, batch.records[-1]),))
        return count

    def _records(self, batch: Batch, received_at: datetime, readers: Readers) -> Iterator[Record]:
        form = self._formats.get(batch.place.topic)
        for message in batch.records:
            origin = origin_of(message)
            if message.value is None:
                self._figures.tombstones += 1
                yield Record(Reading(raw=b"", error=TOMBSTONE), origin)
                continue
            headers = dict(message.headers)
            readings = readers.read(message.value, format=form, received_at=received_at, headers=headers)
            for number, reading in enumerate(readings, 1):
                yield Record(reading, origin if len(readings) == 1 else f"{origin} record {number}")


def origin_of(message: Fetched) -> str:
    """Return where a message lay, as dead letters name it."""
    return f"topic {message.topic} partition {message.partition} offset {message.offset}"


def read_ledger(group: str) -> Callable[[Workflow], list[Position]]:
    """Return the question for the ledger's rows of a group."""
    return lambda workflow: workflow.store.positions(group)
