"""Where a partition starts: as the ledger in the database has it, unless the topic was created again since.

A ledger row keeps the timestamp and the hash of the last record before it. Where the topic ends before that offset, or
another record stands there now, the topic is a new one and is read from its beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from hashlib import blake2b
from typing import Any, Protocol

import structlog

from breachflow.agents.course import Place
from breachflow.store import Position

LOOK_SECONDS = 5.0  # How long the look at the last records may take; without an answer the ledger stands as it is.

log = structlog.get_logger("breachflow")


class Fetched(Protocol):
    """One record as the client fetched it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Collection[tuple[str, bytes]]


class Ledger:
    """The offset ledger of one consumer group; `read` asks the database for its rows."""

    def __init__(self, group: str, read: Callable[[], Awaitable[list[Position]]], client: Mapping[str, Any]) -> None:
        self.group = group
        self._read = read
        self._client = dict(client)

    async def starts(self, places: Collection[Place]) -> dict[Place, int]:
        """Return the offset to read next of each partition.

        Raises `Unavailable` where the database is away, `KafkaError` and `TimeoutError` where the broker is.
        """
        if not places:
            return {}
        rows = {Place(row.topic, row.partition): row for row in await self._read()}
        known = {place: rows[place] for place in places if place in rows}
        from aiokafka import AIOKafkaConsumer

        look = AIOKafkaConsumer(**self._client, enable_auto_commit=False, auto_offset_reset="none")
        await look.start()
        try:
            return await self._starts(look, places, known)
        finally:
            await look.stop()

    async def _starts(self, look: Any, places: Collection[Place], known: Mapping[Place, Position]) -> dict[Place, int]:
        from aiokafka import TopicPartition

        parts = {place: TopicPartition(*place) for place in places}
        first = await look.beginning_offsets(list(parts.values()))
        end = await look.end_offsets(list(parts.values()))
        look.assign(list(parts.values()))
        starts = {}
        for place, part in parts.items():
            row = known.get(place)
            if row is None:
                starts[place] = first[part]
                continue
            anew = end[part] < row.next_offset
            if not anew and first[part] < row.next_offset:
                anew = await _another(look, part, row)
            if anew:
                log.warning("topic created again", topic=place.topic, partition=place.partition, read=row.next_offset)
            starts[place] = first[part] if anew else row.next_offset
        return starts


async def _another(look: Any, part: Any, row: Position) -> bool:
    """Whether another record stands where the last one of the ledger stood; no where none stands there now."""
    look.pause(*look.assignment())
    look.seek(part, row.next_offset - 1)
    look.resume(part)
    found = (await look.getmany(part, timeout_ms=int(LOOK_SECONDS * 1000), max_records=1)).get(part, [])
    if not found or found[0].offset != row.next_offset - 1:
        return False  # Compacted away, or a marker of a transaction.
    return (found[0].timestamp, fingerprint(found[0])) != (row.last_timestamp, row.last_hash)


def position(group: str, record: Fetched) -> Position:
    """Return the ledger's row once everything up to this record is on record."""
    return Position(
        group=group, topic=record.topic, partition=record.partition, next_offset=record.offset + 1,
        last_timestamp=record.timestamp, last_hash=fingerprint(record),
    )  # fmt: skip


def fingerprint(record: Fetched) -> bytes:
    """Return a hash of key and value, in 16 bytes."""
    digest = blake2b(digest_size=16)
    for part in (record.key, record.value):
        digest.update(b"-" if part is None else b"%d:" % len(part) + part)
    return digest.digest()


async def within(seconds: float, work: Awaitable[Any]) -> Any:
    """Wait for an answer of the broker, but not for ever. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        return await work
