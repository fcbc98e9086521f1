"""`breachflow produce`: put the events of a file on the topic, as a SIEM does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, print_json, say
from breachflow.cli.intake import _opened, _progress

if TYPE_CHECKING:
    from breachflow.settings.environment import Kafka

WAITING = 2_000  # Messages that the broker has not acknowledged yet: enough to keep it busy, little to hold.


@click.command("produce")
@click.argument("file", type=click.Path(allow_dash=True), metavar="FILE")
@click.option("--topic", metavar="NAME", help="Default: the first of BREACHFLOW_EVENT_TOPICS.")
@click.option("--json", "as_json", is_flag=True, help="Print the count as JSON; no progress.")
@click.pass_context
def produce_command(ctx: click.Context, file: str, topic: str | None, as_json: bool) -> int:
    """Put the records of FILE (`-`: standard input) on the topic of events, one message each, all acknowledged.

    JSON, a JSON array, JSON lines, CEF, LEEF: it is split as `ingest` splits it, and sent as it is. Exit 2 where a
    record is too long to be sent.
    """
    from aiokafka.errors import KafkaError

    from breachflow.agents import broker

    settings = assembly.settings(ctx)
    if settings.kafka is None:
        raise Refused("BREACHFLOW_KAFKA names no broker; set it to HOST:PORT.")
    broker.quieten()
    into = topic or settings.event_topics[0].topic
    try:
        with _opened(file) as source, _progress(file, source, quiet=as_json) as advance:
            sent, cut = asyncio.run(_produce(settings.kafka, into, source, advance))
    except (KafkaError, TimeoutError, ssl.SSLError) as problem:
        why = asyncio.run(broker.sentence(settings.kafka, problem))
        raise Refused(f"the events were not all taken, send them again: {why}") from problem
    if as_json:
        print_json({"topic": into, "sent": sent, "too_long": cut})
    else:
        say(f"{sent} messages on {into}." + (f" {cut} were too long and were left out." if cut else ""))
    return 2 if cut else 0


async def _produce(
    kafka: Kafka, topic: str, source: BinaryIO, advance: Callable[[int], None] | None
) -> tuple[int, int]:
    from breachflow.agents.topics import missing
    from breachflow.formats import split

    if await missing(kafka, [topic]):
        raise Refused(f"Kafka has no topic {topic}; `breachflow topics create` makes it.")
    sent, cut = 0, 0
    waiting: set[asyncio.Future[Any]] = set()
    async with _producer(kafka) as producer:
        for piece in split(source):
            if not piece.whole:
                cut += 1
                continue
            waiting.add(await producer.send(topic, piece.raw))
            sent += 1
            if len(waiting) >= WAITING:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for answer in done:
                    answer.result()
                if advance is not None:
                    advance(sent)
        for answer in waiting:
            await answer
    return sent, cut


@asynccontextmanager
async def _producer(kafka: Kafka) -> AsyncIterator[Any]:
    from aiokafka import AIOKafkaProducer

    from breachflow.agents import broker
    from breachflow.agents.topics import LARGEST_MESSAGE

    producer = AIOKafkaProducer(
        **broker.client(kafka), acks="all", enable_idempotence=True, linger_ms=5, max_batch_size=262_144,
        max_request_size=LARGEST_MESSAGE,
    )  # fmt: skip
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
