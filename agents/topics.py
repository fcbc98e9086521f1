"""The topics: which there are, and how those that are missing are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from breachflow.agents import broker
from breachflow.settings.environment import Kafka, Settings

PARTITIONS = 4  # As many workers can share the events; a topic can be given more later, never fewer.
ANSWER_SECONDS = 10.0  # A broker that does not answer by then is not there.
LARGEST_MESSAGE = 6_291_456  # Bytes: a payload of 5 MB, which is what is read, with its key and headers.

KEPT_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
"""Events and decisions stay until somebody decides otherwise: nothing vanishes unread by size or by age."""


class Answer(Exception):  # noqa: N818 - named for what it is.
    """The broker refused to make a topic; the message says which and why."""


def wanted(settings: Settings) -> dict[str, dict[str, str]]:
    """Return every topic that breachflow reads or writes, and how it is kept."""
    largest = {"max.message.bytes": str(LARGEST_MESSAGE)}
    kept = {event.topic: KEPT_FOR_EVER | largest for event in settings.event_topics}
    kept[settings.decision_topic] = dict(KEPT_FOR_EVER)
    kept[settings.case_topic] = dict(KEPT_FOR_EVER)
    kept[settings.dead_letter_topic] = dict(KEPT_FOR_EVER)
    return kept


async def missing(kafka: Kafka, topics: Iterable[str]) -> list[str]:
    """Return those of the topics that are not there. Raises `KafkaError`, `TimeoutError`, `OSError`."""
    async with _admin(kafka) as admin, asyncio.timeout(ANSWER_SECONDS):
        there = set(await admin.list_topics())
    return [topic for topic in topics if topic not in there]


async def partitions(kafka: Kafka, topics: Iterable[str]) -> dict[str, list[int]]:
    """Return the partitions of those topics that are there. Raises `KafkaError`, `TimeoutError`, `OSError`."""
    async with _admin(kafka) as admin, asyncio.timeout(ANSWER_SECONDS):
        there = set(await admin.list_topics())
        # Asking about a topic that is not there would make it, where the broker does that.
        described = await admin.describe_topics([topic for topic in topics if topic in there])
    return {one["topic"]: sorted(part["partition"] for part in one["partitions"]) for one in described}


async def create(
    settings: Settings, *, partitions: int = PARTITIONS, replication: int = -1
) -> tuple[list[str], list[str]]:
    """Make the topics that are missing; return what was made, and what was there and stays as it is.

    `replication` -1 is the broker's own default. Raises `Answer`, `KafkaError`, `TimeoutError`, `OSError`.
    """
    from aiokafka.admin import NewTopic

    kafka = settings.kafka
    if kafka is None:
        raise AssertionError("topics without brokers: the command refuses it")
    topics = wanted(settings)
    lacking = await missing(kafka, topics)
    if lacking:
        async with _admin(kafka) as admin, asyncio.timeout(ANSWER_SECONDS):
            made = [NewTopic(name, partitions, 1, topic_configs=topics[name]) for name in lacking]
            for topic in made:
                topic.replication_factor = replication  # The constructor refuses -1, which the broker understands.
            answer = await admin.create_topics(made)
        for name, code, *rest in answer.topic_errors:
            if code not in (0, 36):  # 36: somebody else made it meanwhile.
                raise Answer(f"Kafka did not make the topic {name}: {(rest or [code])[0]}.")
    return lacking, [topic for topic in topics if topic not in lacking]


@asynccontextmanager
async def _admin(kafka: Kafka) -> AsyncIterator[Any]:
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(**broker.client(kafka), request_timeout_ms=int(ANSWER_SECONDS * 1000))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await admin.start()
        yield admin
    finally:
        await admin.close()
