"""A soak on real Kafka and PostgreSQL: one worker and one clock process at 1,000 events a second, for half an hour.

    python tests/programs/soak.py            BREACHFLOW_SOAK_MINUTES (30), BREACHFLOW_SOAK_RATE (1000)

One event in 100 opens a case, which is drafted and told by mail. Every five seconds the resident memory and the open
descriptors of both processes are read. The first third is the warm-up: caches fill up to their bounds. The rest is cut
into ten stretches of equal length; through the medians of these goes the line with the median of all their pairwise
slopes (Theil and Sen), which a few outliers do not bend. It passes, exit 0, where memory grows by less than 5 % along
that line, descriptors by less than one, both processes are those that were started, and everything is on record.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from kafka_house import House, Process
from kafka_server import KafkaServer
from postgres_server import PostgresServer
from story import BREACH

MINUTES = float(os.environ.get("BREACHFLOW_SOAK_MINUTES", "30"))
RATE = int(os.environ.get("BREACHFLOW_SOAK_RATE", "1000"))
OPENS = 100  # One event in so many opens a case.
SIZE = 1_700  # Bytes of an event: the middle of what products send.
SLICE = 0.02  # Seconds between two handfuls of events.
EVERY = 5.0  # Seconds between two samples.
STRETCHES = 10
MEMORY_GROWS = 0.05
DESCRIPTORS_GROW = 1.0
SETTLE_SECONDS = 600.0  # For what a machine that has other things to do is behind.


class Sample(NamedTuple):
    """One process at one instant: seconds since the beginning, bytes of resident memory, open descriptors."""

    at: float
    resident: float
    descriptors: float


class Growth(NamedTuple):
    """The line through the medians: its height at the beginning and at the end."""

    first: float
    last: float


def growth(points: Sequence[tuple[float, float]]) -> Growth:
    """Fit the line of Theil and Sen through the medians of the stretches."""
    begin, end = points[0][0], points[-1][0]
    width = (end - begin) / STRETCHES
    stretches: list[list[float]] = [[] for _ in range(STRETCHES)]
    for at, value in points:
        stretches[min(int((at - begin) / width), STRETCHES - 1)].append(value)
    medians = [(number, statistics.median(values)) for number, values in enumerate(stretches) if values]
    slope = statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.combinations(medians, 2))
    base = statistics.median(value - slope * number for number, value in medians)
    return Growth(base, base + slope * (STRETCHES - 1))


def sample(process: Process, began: float) -> Sample:
    """Look at a process. Raises `FileNotFoundError` where it has ended."""
    proc = Path(f"/proc/{process.pid}")
    pages = int((proc / "statm").read_text().split()[1])
    return Sample(time.monotonic() - began, pages * os.sysconf("SC_PAGE_SIZE"), len(list((proc / "fd").iterdir())))


class Feed(threading.Thread):
    """Writes so many events a second until it is told to stop, each until the broker has acknowledged it."""

    def __init__(self, place: House) -> None:
        super().__init__(daemon=True)
        self.place = place
        self.over = threading.Event()
        self.written = 0

    def event(self, number: int) -> bytes:
        values: dict[str, Any] = {
            "id": f"e{number}", "source": f"siem/{number % 7}", "detected_at": datetime.now(UTC).isoformat(),
            "title": f"Suspicious sign-in {number}", "severity": "low", "assets": [f"host-{number % 5000}"],
        }  # fmt: skip
        if number % OPENS == 0:
            values |= {"severity": "high", "facts": BREACH, "case": f"incident-{number}"}
        return json.dumps(values | {"description": "x" * max(0, SIZE - len(json.dumps(values)) - 20)}).encode()

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(
            bootstrap_servers=self.place.server.address, acks="all", enable_idempotence=True, linger_ms=5,
            max_batch_size=262_144,
        )  # fmt: skip
        await producer.start()
        began, waiting = time.monotonic(), []
        while not self.over.is_set():
            owed = int((time.monotonic() - began) * RATE) - self.written
            for _ in range(owed):
                waiting.append(await producer.send(self.place.topic, self.event(self.written)))
                self.written += 1
            waiting = [one for one in waiting if not one.done() or one.result() is None]
            await asyncio.sleep(SLICE)
        await producer.stop()


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="breachflow-soak-"))
    kafka, postgres = KafkaServer(), PostgresServer(durable=True)
    place = House(folder, kafka, "soak", database=postgres.fresh("soak"))
    try:
        assert place.run("topics", "create")[0] == 0
        return soak(place, postgres)
    finally:
        place.close()
        kafka.close()
        postgres.close()
        shutil.rmtree(folder)


def soak(place: House, postgres: PostgresServer) -> int:
    crew = {"worker": place.start("worker"), "clock": place.start("run", "--no-intake")}
    place.until(lambda: all(one.lines("running") for one in crew.values()), "both run")
    feed, began = Feed(place), time.monotonic()
    samples: dict[str, list[Sample]] = {name: [] for name in crew}
    print("minute   events  behind  connections   " + "   ".join(f"{name}: MB, descriptors" for name in crew))
    feed.start()
    minute = 0
    while time.monotonic() - began < MINUTES * 60:
        time.sleep(EVERY)
        for name, process in crew.items():
            samples[name].append(sample(process, began))
        if (time.monotonic() - began) // 60 > minute:
            minute += 1
            last = [found[-1] for found in samples.values()]
            looks = "   ".join(f"{look.resident / 1e6:17.1f} {look.descriptors:5.0f}" for look in last)
            print(
                f"{minute:6} {feed.written:8,} {behind(place, feed):7,} {connections(postgres):12}   {looks}",
                flush=True,
            )
    feed.over.set()
    feed.join(60)
    print(
        f"{feed.written:,} events written, {feed.written / (MINUTES * 60):,.0f} a second; {behind(place, feed):,} behind"
    )
    code = judged(samples, [name for name, process in crew.items() if not process.alive()])
    place.until(lambda: behind(place, feed) <= 0, "everything is on record", SETTLE_SECONDS)
    with place.store() as store:
        counts = store.counts()
    print(counts)
    assert counts.events == feed.written
    return code


def behind(place: House, feed: Feed) -> int:
    """How many events are not on record yet."""
    return feed.written - sum(place.ledger().values())


def connections(postgres: PostgresServer) -> int:
    """How many connections both processes hold."""
    import psycopg

    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'breachflow'"
        ).fetchone()
    return row[0] if row else 0


def judged(samples: dict[str, list[Sample]], ended: list[str]) -> int:
    """Say what grew; return the exit code."""
    passed = not ended
    for name in ended:
        print(f"{name} has ended")
    for name, looks in samples.items():
        warm = [look for look in looks if look.at >= MINUTES * 60 / 3]
        memory = growth([(look.at, look.resident) for look in warm])
        open_ = growth([(look.at, look.descriptors) for look in warm])
        grown = memory.last / memory.first - 1
        well = grown < MEMORY_GROWS and open_.last - open_.first < DESCRIPTORS_GROW
        passed = passed and well
        print(
            f"{name:8} {memory.first / 1e6:7.1f} to {memory.last / 1e6:7.1f} MB ({grown:+.1%}), "
            f"{open_.first:.0f} to {open_.last:.0f} descriptors: {'flat' if well else 'GROWS'}"
        )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
