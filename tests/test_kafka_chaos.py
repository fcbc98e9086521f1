"""Chaos on real Kafka and PostgreSQL: two workers, two clock processes, and somebody who kills, stops and restarts.

Events are produced throughout. At the end everything on the topic is on record once or kept once, every rung that was
due has been climbed, every mail has left, and every register holds. `BREACHFLOW_SEED` repeats a run's choices,
`BREACHFLOW_FAULTS` makes it longer (the long version: 500).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka_house import House, Process
from kafka_server import KafkaServer, kafka_server  # noqa: F401 - a fixture.
from postgres_server import PostgresServer
from story import BREACH

from breachflow.core.identity import content_of, event_identity

pytestmark = pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.

SEED = int(os.environ.get("BREACHFLOW_SEED", secrets.randbelow(10**9)))
FAULTS = int(os.environ.get("BREACHFLOW_FAULTS", "25"))
EVERY = (0.5, 5.0)  # Seconds between two faults.
PACE = 0.004  # Seconds an event.
SETTLE_SECONDS = 150  # Until all is on record afterwards; the run fails with what is missing.


class Feed(threading.Thread):
    """Writes events for as long as the chaos lasts, each until the broker has acknowledged it."""

    def __init__(self, place: House, seed: int) -> None:
        super().__init__(daemon=True)
        self.place, self.dice = place, random.Random(seed)
        self.over = threading.Event()
        self.acknowledged = 0

    def event(self, number: int) -> bytes:
        dice, now = self.dice.random(), datetime.now(UTC)
        values = {"id": f"e{number}", "source": f"soc/{number % 3}", "title": "Something happened"}
        if dice < 0.03:
            return json.dumps(values)[: self.dice.randrange(5, 40)].encode() + b"\x01 %d" % number
        # Aware a day ago and a little less: the rung of 48 hours before the deadline comes while the chaos goes on.
        values["detected_at"] = (now - timedelta(hours=24) + timedelta(seconds=self.dice.uniform(0, 60))).isoformat()
        if dice < 0.9:
            return json.dumps(values | {"severity": "informational"}).encode()
        return json.dumps(values | {"case": f"incident-{self.dice.randrange(60)}", "facts": BREACH}).encode()

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        from aiokafka import AIOKafkaProducer

        waiting: set[asyncio.Task[None]] = set()
        producer = AIOKafkaProducer(
            bootstrap_servers=self.place.server.address, acks="all", enable_idempotence=True, linger_ms=5,
            request_timeout_ms=120_000,
        )  # fmt: skip
        await producer.start()
        number = 0
        while not self.over.is_set():
            task = asyncio.ensure_future(self._send(producer, self.event(number)))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            number += 1
            await asyncio.sleep(PACE)
            if len(waiting) > 2_000:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            await asyncio.wait(waiting, timeout=120)
        assert not waiting
        await producer.stop()

    async def _send(self, producer, value: bytes) -> None:
        await producer.send_and_wait(self.place.topic, value)
        self.acknowledged += 1


class Chaos:
    """Four processes that are kept alive, and what is done to them."""

    def __init__(self, place: House, postgres: PostgresServer, seed: int) -> None:
        self.place, self.postgres, self.dice = place, postgres, random.Random(seed)
        self.done: Counter[str] = Counter()
        self.crew: dict[str, Process] = {}
        self.asleep: dict[str, float] = {}
        for name in ("worker-a", "worker-b", "clock-a", "clock-b"):
            self.revive(name)

    def revive(self, name: str) -> None:
        """What a supervisor does."""
        if name in self.crew and self.crew[name].alive():
            return
        self.crew[name] = self.place.start(*(["worker"] if name.startswith("worker") else ["run", "--no-intake"]))

    def tend(self) -> None:
        for name in list(self.asleep):
            if time.monotonic() > self.asleep[name]:
                self.crew[name].send(signal.SIGCONT)
                del self.asleep[name]
        for name in list(self.crew):
            if name not in self.asleep:
                self.revive(name)

    def fault(self) -> None:
        kinds = [
            "kill", "kill", "kill", "terminate", "terminate", "pause", "pause", "annex", "rebalance", "broker", "database",
        ]  # fmt: skip
        kind, name = self.dice.choice(kinds), self.dice.choice(sorted(self.crew))
        self.done[kind] += 1
        victim = self.crew[name]
        if kind in ("kill", "terminate"):
            self.asleep.pop(name, None)
            victim.send(signal.SIGCONT)
            victim.send(signal.SIGKILL if kind == "kill" else signal.SIGTERM)
        elif kind == "pause" and name not in self.asleep:
            victim.send(signal.SIGSTOP)
            # Beyond the session timeout of ten seconds now and then: its partitions are somebody else's meanwhile.
            self.asleep[name] = time.monotonic() + self.dice.choice([0.5, 3, 14])
        elif kind == "annex":
            # The process in which a worker decides and commits: what ends it ends the worker.
            worker = self.crew[self.dice.choice(["worker-a", "worker-b"])]
            for running in worker.lines("running") if worker.alive() else ():
                with suppress(ProcessLookupError):
                    os.kill(running["annex"], signal.SIGKILL)
        elif kind == "rebalance":
            guest = self.place.start("worker")
            time.sleep(self.dice.uniform(2, 4))
            guest.send(signal.SIGTERM)
        elif kind == "broker":
            self.place.server.stop(kill=self.dice.random() < 0.5)
            time.sleep(self.dice.uniform(0, 2))
            self.place.server.start()
        elif kind == "database":
            self.postgres.stop(self.dice.choice(["fast", "immediate"]))
            time.sleep(self.dice.uniform(0, 2))
            self.postgres.start()

    def run(self, faults: int) -> None:
        while sum(self.done.values()) < faults:
            until = time.monotonic() + self.dice.uniform(*EVERY)
            while time.monotonic() < until:
                self.tend()
                time.sleep(0.2)
            self.fault()
        for name in self.asleep:
            self.crew[name].send(signal.SIGCONT)
        self.asleep.clear()
        self.tend()


def test_nothing_is_lost_whatever_dies(kafka_server: KafkaServer, tmp_path: Path, request):  # noqa: F811 - the fixture.
    """Every record is on record once or kept once; every rung, every mail, every register is as if nothing had died."""
    if "postgres" in (request.config.getoption("--without", default=[]) or []):
        pytest.skip("left out by --without postgres")
    postgres = PostgresServer(durable=True)
    place = House(tmp_path, kafka_server, "chaos", database=postgres.fresh("chaos"))
    feed = Feed(place, SEED)
    try:
        assert place.run("topics", "create")[0] == 0
        chaos = Chaos(place, postgres, SEED)
        feed.start()
        chaos.run(FAULTS)
        feed.over.set()
        feed.join(150)
        assert not feed.is_alive()
        print(f"seed {SEED}: {dict(chaos.done)}, {feed.acknowledged} acknowledged")
        check(place, chaos, feed)
    finally:
        feed.over.set()
        place.close()
        postgres.close()


def check(place: House, chaos: Chaos, feed: Feed) -> None:
    ends = place.server.ends(place.topic)
    written = sum(ends.values())
    assert written >= feed.acknowledged > 0

    def settled() -> bool:
        chaos.tend()
        with place.store() as store:
            summary = store.outbox_summary()
            due = store.due(datetime.now(UTC) - timedelta(seconds=10), 1)
        return place.ledger() == ends and not due and not summary.queued

    place.until(settled, f"everything settles (seed {SEED}); the ends are {ends}", SETTLE_SECONDS)
    found = _Found(place, written)
    with place.store() as store:
        assert store.verify_register() == []
        known = store.events_known({identity for identity, _ in found.events})
        lost = [pair for pair in found.events if pair[1] not in known.get(pair[0], {})]
        assert not lost, f"{len(lost)} events of {len(found.events)} are not on record (seed {SEED})"
        counts, letters = store.counts(), store.dead_letters()
        assert counts.events == len(found.events)
        assert {letter.origin for letter in letters} == found.unreadable
        assert len(letters) == len(found.unreadable)
        summary = store.outbox_summary()
        assert (summary.failed, summary.queued) == (0, 0)
        rungs = _rungs_owed(store)
    mails = {path.stem for path in (place.folder / "outbox").rglob("*.eml")}
    assert len(mails) == summary.sent
    assert rungs == [], f"rungs that were never climbed (seed {SEED})"
    print(
        f"{written} on the topic, {counts.events} events, {len(letters)} kept, {counts.cases} cases, {summary.sent} mails"
    )


def _rungs_owed(store) -> list[str]:
    """Cases of which somebody should have been told by now, and was not."""
    now = datetime.now(UTC) - timedelta(seconds=15)
    return [
        case.id
        for case in store.every_case()
        for clock in case.clocks
        if clock.stop is None and (clock.next_rung_at is None or clock.next_rung_at < now)
    ]


class _Found:
    """The truth: everything that lies on the topic."""

    def __init__(self, place: House, written: int) -> None:
        self.events: set[tuple[bytes, bytes]] = set()
        self.unreadable: set[str] = set()
        for record in place.server.read(place.topic, written, 60):
            try:
                said = json.loads(record.value)
                self.events.add((event_identity(said["source"], said["id"]), content_of(record.value)))
            except ValueError:
                self.unreadable.add(f"topic {record.topic} partition {record.partition} offset {record.offset}")
