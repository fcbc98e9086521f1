"""A look at the topics from outside: where their partitions begin and end, and how far the ledger is behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka.errors import KafkaError
from msgspec import Struct

from breachflow.agents import broker
from breachflow.agents.topics import partitions
from breachflow.settings.environment import Kafka
from breachflow.store import Position

ANSWER_SECONDS = 4.0  # Inside what a probe of `breachflow doctor` has.


class Unreachable(Exception):  # noqa: N818 - named for what it is.
    """The broker does not answer; one sentence says why and what to do."""


class Extent(Struct, frozen=True):
    """The first offset that a partition still has, and the one that its next record gets."""

    first: int
    end: int


async def ends(kafka: Kafka, topics: Iterable[str]) -> dict[str, dict[int, Extent]]:
    """Return the extent of every partition of those topics that are there. Raises `Unreachable`."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            there = await partitions(kafka, topics)
            return await _extents(kafka, there)
    except (KafkaError, TimeoutError, OSError) as problem:
        raise Unreachable(await broker.sentence(kafka, problem)) from problem


async def _extents(kafka: Kafka, there: Mapping[str, list[int]]) -> dict[str, dict[int, Extent]]:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    look = AIOKafkaConsumer(
        **broker.client(kafka), enable_auto_commit=False, request_timeout_ms=int(ANSWER_SECONDS * 1000)
    )
    try:
        await look.start()
        parts = [TopicPartition(topic, part) for topic, numbers in there.items() for part in numbers]
        first, end = await look.beginning_offsets(parts), await look.end_offsets(parts)
    finally:
        await look.stop()
    return {
        topic: {part: Extent(first[TopicPartition(topic, part)], end[TopicPartition(topic, part)]) for part in numbers}
        for topic, numbers in there.items()
    }


def behind(topic: str, extents: Mapping[int, Extent], ledger: Iterable[Position]) -> dict[int, int]:
    """Return how many offsets of each partition are beyond the ledger; one that has no row is read from its start."""
    reached = {row.partition: row.next_offset for row in ledger if row.topic == topic}
    return {
        part: max(0, extent.end - max(reached.get(part, extent.first), extent.first))
        for part, extent in extents.items()
    }
