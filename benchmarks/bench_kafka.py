"""Events a second through the Faust agents on a real Kafka, as ratios within one run; each round measures all of them.

    python benchmarks/bench_kafka.py [EVENTS] [ROUNDS]

(a) an empty per-message Faust agent; (b) bare aiokafka `getmany` and JSON; (c) bare aiokafka `getmany`, with the same
decode, decide and commit in one loop; (d) the batch agent into SQLite; (e) into PostgreSQL; (f) two workers on two
partitions against one, into PostgreSQL. Targets: (d) at least 1.5 times (a) and 1.1 times (c); (f) at least 1.5 times.
Each is timed from the first record that arrives to the last, so that no start-up is in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import structlog
from kafka_house import House
from kafka_server import KafkaServer
from postgres_server import PostgresServer
from story import BREACH

from breachflow.agents.annex import annex, spare_garbage
from breachflow.agents.app import app
from breachflow.agents.broker import client
from breachflow.agents.clerk import Clerk
from breachflow.agents.course import Course, Place
from breachflow.agents.figures import Figures
from breachflow.agents.intake import Events, Intake, read_ledger
from breachflow.agents.ledger import Ledger
from breachflow.agents.transport import Batch
from breachflow.core.charter import Charter
from breachflow.meter import Meter
from breachflow.settings import home
from breachflow.settings.organisation_file import load
from breachflow.store import open_store
from breachflow.workflow import Workflow

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
SIZE = 1_700  # Bytes of an event: the middle of what products send.
OPENS = 100  # One event in so many opens a case.


def event(number: int) -> bytes:
    values: dict[str, Any] = {
        "id": f"e{number}", "source": f"siem/{number % 7}", "detected_at": "2026-11-24T09:00:00Z",
        "title": f"Suspicious sign-in {number}", "severity": "low", "assets": [f"host-{number % 5000}"],
    }  # fmt: skip
    if number % OPENS == 0:
        values |= {"severity": "high", "facts": BREACH}
    return json.dumps(values | {"description": "x" * max(0, SIZE - len(json.dumps(values)) - 20)}).encode()


class Bench:
    def __init__(self, place: House) -> None:
        self.place, self.number = place, 0
        self.settings = place.settings()
        self.charter = Charter(load(self.settings.organisation))
        self.key = home.master_key(self.settings)

    def fresh(self) -> str:
        """A group of its own, and an empty database."""
        self.number += 1
        return f"bench-{self.number}"

    def make(self, url: str) -> Callable[[], Workflow]:
        open_store(url, self.key, create=True).close()
        return lambda: Workflow(open_store(url, self.key), self.charter, lambda: datetime.now(UTC))

    def sqlite(self) -> str:
        return f"sqlite:///{self.place.folder}/{self.fresh()}.db"

    async def empty_agent(self) -> float:
        import faust
        from mode.supervisors import CrashingSupervisor

        seen: list[float] = []
        done = asyncio.Event()
        made = faust.App(
            self.fresh(), broker=f"kafka://{self.place.server.address}", env={}, autodiscover=False, web_enabled=False,
            topic_allow_declare=False, topic_disable_leader=True, key_serializer="raw", value_serializer="raw",
            stream_wait_empty=False, agent_supervisor=CrashingSupervisor, consumer_auto_offset_reset="earliest",
            datadir=self.place.folder / "faust",
        )  # fmt: skip
        topic = made.topic(self.place.topic, key_type=bytes, value_type=bytes, acks=False)
        count = 0

        async def consume(stream: Any) -> None:
            nonlocal count
            async for _ in stream.noack().events():
                count += 1
                if count in (1, EVENTS):
                    seen.append(time.perf_counter())
                if count == EVENTS:
                    done.set()

        made.agent(topic)(consume)
        await made.start()
        await done.wait()
        await made.stop()
        return EVENTS / (seen[1] - seen[0])

    async def bare(self, work: Callable[[Any, list[Any]], Awaitable[None]]) -> float:
        from aiokafka import AIOKafkaConsumer

        assert self.settings.kafka is not None
        consumer = AIOKafkaConsumer(
            self.place.topic, **client(self.settings.kafka), group_id=self.fresh(), auto_offset_reset="earliest",
            enable_auto_commit=False, max_poll_records=500, max_partition_fetch_bytes=2_097_152,
        )  # fmt: skip
        await consumer.start()
        count, began = 0, 0.0
        while count < EVENTS:
            for part, records in (await consumer.getmany(timeout_ms=1000)).items():
                began = began or time.perf_counter()
                await work(part, records)
                count += len(records)
        rate = EVENTS / (time.perf_counter() - began)
        await consumer.stop()
        return rate

    async def decode_only(self) -> float:
        async def work(_: Any, records: list[Any]) -> None:
            for record in records:
                json.loads(record.value)

        return await self.bare(work)

    async def one_loop(self) -> float:
        workflow, take = self.make(self.sqlite())(), Events({}, Figures())

        async def work(part: Any, records: list[Any]) -> None:
            take(workflow, Batch(Place(*part), tuple(records), None, 0), "bench")

        rate = await self.bare(work)
        workflow.store.close()
        return rate

    async def agent(self, url: str) -> float:
        """What a worker does, without its looking after things: the agents here, decode to commit in the annex."""
        assert self.settings.kafka is not None
        group, make, figures = self.fresh(), self.make(url), Figures()
        events = annex(make, Events({}, figures), group, figures, Meter())
        course, keeper = Course(), Clerk("ledger", make)
        ledger = Ledger(group, lambda: keeper.once(read_ledger(group)), client(self.settings.kafka))
        await events.reach()
        began = 0.0

        class Timed:
            async def take(self, batch: Batch) -> int:
                nonlocal began
                began = began or time.perf_counter()
                return await events.take(batch)

            async def reach(self) -> None:
                await events.reach()

        intake = Intake(course, Timed(), figures, lambda: made.consumer)
        made = app(self.settings.kafka, {self.place.topic: intake}, course, ledger)
        await made.start()
        while figures.records < EVENTS:
            await asyncio.sleep(0.005)
        rate = EVENTS / (time.perf_counter() - began)
        await made.stop()
        events.close()
        keeper.close()
        return rate


def processes(place: House, server: PostgresServer, workers: int, number: int) -> float:
    """Real workers, from the first event on record to the last."""
    place.env |= {
        "BREACHFLOW_DATABASE": server.fresh(f"processes_{number}"),
        "BREACHFLOW_KAFKA_GROUP": f"processes-{number}",
    }
    place.group = f"processes-{number}"
    assert place.run("init")[0] == 0
    # The group settles on an empty topic first: joining it is no part of the figure.
    started = [place.worker() for _ in range(workers)]
    time.sleep(4)
    place.server.produce(place.topic, [event(number) for number in range(EVENTS)])
    began = at = time.perf_counter()
    with place.store() as store:
        count = 0
        while count < EVENTS:
            count = sum(row.next_offset for row in store.positions(place.group) if row.topic == place.topic)
            at = time.perf_counter()
            if count == 0:
                began = at
            time.sleep(0.05)
    for worker in started:
        worker.end()
    return EVENTS / (at - began)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    spare_garbage()  # As a worker does, and for all that are measured here.
    folder = Path(tempfile.mkdtemp(prefix="breachflow-bench-"))
    kafka, postgres = KafkaServer(), PostgresServer(durable=True)
    try:
        run(folder, kafka, postgres)
    finally:
        kafka.close()
        postgres.close()
        shutil.rmtree(folder)


def run(folder: Path, kafka: KafkaServer, postgres: PostgresServer) -> None:
    place = House(folder, kafka, "bench")
    kafka.create(place.topic, 2)
    for start in range(0, EVENTS, 10_000):
        kafka.produce(place.topic, [event(number) for number in range(start, min(start + 10_000, EVENTS))])
    bench = Bench(place)
    rates: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        for name, measure in (
            ("a: empty per-message agent", bench.empty_agent),
            ("b: bare getmany, JSON", bench.decode_only),
            ("c: bare getmany into SQLite", bench.one_loop),
            ("d: batch agent into SQLite", lambda: bench.agent(bench.sqlite())),
            ("e: batch agent into PostgreSQL", lambda: bench.agent(postgres.fresh(bench.fresh().replace("-", "_")))),
        ):
            rates.setdefault(name, []).append(asyncio.run(measure()))
            print(f"round {number + 1}  {name:34} {rates[name][-1]:10,.0f} events/s", flush=True)
    workers: dict[int, float] = {}
    for count in (1, 2):
        kafka.delete(place.topic)
        kafka.create(place.topic, 2)
        workers[count] = processes(place, postgres, count, count)
        print(f"{count} worker(s) on two partitions into PostgreSQL {workers[count]:10,.0f} events/s", flush=True)
    median = {name[0]: statistics.median(found) for name, found in rates.items()}
    for other, target in (("a", 1.5), ("c", 1.1)):
        ratio = median["d"] / median[other]
        print(f"d / {other}: {ratio:.2f} (target {target}) {'reached' if ratio >= target else 'MISSED'}")
    ratio = workers[2] / workers[1]
    print(f"two workers / one: {ratio:.2f} (target 1.5) {'reached' if ratio >= 1.5 else 'MISSED'}")
    print(f"d / b: {median['d'] / median['b']:.2f} (reported as it is)")


if __name__ == "__main__":
    main()
