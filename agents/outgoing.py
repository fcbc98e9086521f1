"""Facts out to other systems: what happened in every case, and what could not be read, as CloudEvents 1.0.

The register is the queue: entries go out in their order, keyed by case, and are marked when the broker has them. A
crash between sends them again under the same id. One process at a time sends, the one that holds the lease. What may
hold personal data does not leave: neither the sealed part of an entry, nor its author, nor what people wrote freely.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from breachflow.agents import broker
from breachflow.agents.clerk import Clerk
from breachflow.agents.figures import Figures
from breachflow.agents.topics import missing
from breachflow.settings.environment import Kafka
from breachflow.store.publishing import Announcement, DeadAnnouncement
from breachflow.workflow import Workflow

BATCH = 500  # Entries in one go: well inside a lease, and small beside the intake.
LEASE = timedelta(seconds=30)  # Longer than a broker's time-out; another process takes over after it.
IDLE_SECONDS = 1.0  # Between two looks at the register.
LONGEST_WAIT = 10.0  # Seconds between two tries while the broker does not take anything.
SENT_SECONDS = 15.0  # The broker has this long to acknowledge a batch, half of the lease.

FREE_WORDS = frozenset({"reason", "evidence", "advice", "advised_by", "means", "warnings"})
"""Keys of an entry under which people write what they like."""

HEADERS = [("content-type", b"application/cloudevents+json")]

Message = tuple[str, bytes, bytes]
"""Topic, key and value."""

_encode = msgspec.json.Encoder().encode
log = structlog.get_logger("breachflow")


class Outgoing:
    """Sends what has not gone out yet, again and again."""

    def __init__(self, kafka: Kafka, clerk: Clerk, figures: Figures, *, cases: str, dead: str) -> None:
        self._kafka, self._clerk, self._figures = kafka, clerk, figures
        self._cases, self._dead = cases, dead
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        self._producer: AIOKafkaProducer | None = None
        self._renew_at: datetime | None = None
        self._said = ""

    async def run(self) -> None:
        """Send until cancelled."""
        wait = IDLE_SECONDS
        try:
            while True:
                try:
                    if await self._ready():
                        while await self._send():
                            pass
                        self._said = ""
                    wait = IDLE_SECONDS
                except (KafkaError, TimeoutError, OSError) as problem:
                    await self._let_go()
                    self._say(f"Kafka does not take what goes out ({type(problem).__name__}); it is tried again.")
                    wait = min(2 * wait, LONGEST_WAIT)
                await asyncio.sleep(wait)
        finally:
            await self._let_go()

    async def _ready(self) -> bool:
        if self._producer is not None:
            return True
        if lacking := await missing(self._kafka, (self._cases, self._dead)):
            self._say(
                f"Kafka has no topic {', '.join(lacking)}: nothing goes out; `breachflow topics create` makes them."
            )
            return False
        self._producer = AIOKafkaProducer(
            **broker.client(self._kafka), acks="all", enable_idempotence=True, linger_ms=5,
            request_timeout_ms=int(SENT_SECONDS * 1000),
        )  # fmt: skip
        await self._producer.start()
        return True

    async def _send(self) -> bool:
        """Send one batch; return whether there may be more."""
        owed = await self._clerk.do(self._owed)
        if owed is None or self._producer is None:
            return False
        entries, dead = owed
        messages = [announced(entry, self._cases) for entry in entries]
        messages += [announced_dead(letter, self._dead) for letter in dead]
        if not messages:
            return False
        async with asyncio.timeout(SENT_SECONDS):
            waiting = [
                await self._producer.send(topic, value, key=key, headers=HEADERS) for topic, key, value in messages
            ]
            await asyncio.gather(*waiting)
        await self._clerk.do(lambda workflow: workflow.store.mark_published(entries, dead))
        self._figures.published += len(messages)
        return len(entries) == BATCH or len(dead) == BATCH

    def _owed(self, workflow: Workflow) -> tuple[list[Announcement], list[DeadAnnouncement]] | None:
        now = workflow.now()
        # Renewed at half its time: a look at the register a second must not be a write a second.
        if self._renew_at is None or now >= self._renew_at:
            held = workflow.store.hold("outgoing", self._holder, now, now + LEASE)
            self._renew_at = now + LEASE / 2 if held else None
            if not held:
                return None
        return workflow.store.unpublished(BATCH), workflow.store.unpublished_dead(BATCH)

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(1.0):
                    await producer.stop()

    def _say(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            log.warning("outgoing", problem=problem)


def announced(entry: Announcement, topic: str) -> Message:
    """Return the message about one register entry."""
    data = {"case": entry.case, "entry": entry.seq} | without_free_words(entry.body)
    ident = f"{entry.case}/{entry.seq}"
    return topic, entry.case.encode(), _cloud_event(ident, f"breachflow.case.{entry.kind}", entry.case, entry.at, data)


def announced_dead(letter: DeadAnnouncement, topic: str) -> Message:
    """Return the message about one dead letter: why, what and where, never what was in it."""
    data = {"reason": letter.reason, "origin": letter.origin, "sha256": letter.sha256, "bytes": letter.size}
    return topic, letter.id.encode(), _cloud_event(letter.id, "breachflow.dead_letter", letter.id, letter.at, data)


def without_free_words(value: Any) -> Any:
    """Return what the register states, without what people wrote freely."""
    if isinstance(value, dict):
        return {key: without_free_words(part) for key, part in value.items() if key not in FREE_WORDS}
    if isinstance(value, list):
        return [without_free_words(part) for part in value]
    return value


def _cloud_event(ident: str, kind: str, subject: str, at: datetime, data: dict[str, Any]) -> bytes:
    return _encode(
        {
            "specversion": "1.0", "id": ident, "source": "/breachflow", "type": kind, "subject": subject, "time": at,
            "datacontenttype": "application/json", "data": data,
        }
    )  # fmt: skip
