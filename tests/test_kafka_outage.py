"""What is down stays nobody's loss: brokers and databases go away and come back, processes are stopped meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from kafka_house import House, event, house
from kafka_server import KafkaServer, kafka_server  # noqa: F401 - a fixture.
from postgres_server import PostgresServer, free_port, postgres_server  # noqa: F401 - a fixture.

pytestmark = pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.

numbers = count()
PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def place(
    kafka_server: KafkaServer,  # noqa: F811 - the fixture.
    postgres_server: PostgresServer,  # noqa: F811 - the fixture.
    tmp_path: Path,
) -> Iterator[House]:
    """A household on a database of its own."""
    number = next(numbers)
    with house(tmp_path, kafka_server, f"outage-{number}", database=postgres_server.fresh(f"outage_{number}")) as made:
        code, said = made.run("topics", "create", "--partitions", "2")
        assert code == 0, said
        yield made


def test_without_a_broker_clocks_tick_and_mails_go_out_and_then_events_come_in(place):
    """The broker is down at the start: the clock process does its work, and the worker waits for the broker."""
    place.server.produce(place.topic, [event(number) for number in range(50)])
    place.server.stop()
    try:
        alarm = place.folder / "alarm.json"
        alarm.write_bytes(event(1000, severity="critical", facts={"personal_data": True}))
        assert place.run("ingest", str(alarm))[0] == 0
        clock = place.start("run", "--no-intake")
        worker = place.worker(wait=False)
        place.until(lambda: worker.lines("waiting"), "the worker says what it waits for")
        place.until(lambda: list((place.folder / "outbox").rglob("*.eml")), "the first mail goes out")
        assert clock.alive()
        assert worker.alive()
    finally:
        place.server.start()

    place.arrived(51)


def test_a_broker_that_dies_and_comes_back_loses_nothing(place):
    """Killed while events are read, and started again: what was acknowledged arrives once."""
    place.worker()
    place.server.produce(place.topic, [event(number) for number in range(500)])
    place.server.stop(kill=True)
    time.sleep(1)
    place.server.start()
    place.server.produce(place.topic, [event(number) for number in range(500, 1000)])

    place.until(lambda: place.counts()[0] >= 1000, "all are on record", 60)
    assert place.counts() == (1000, 0)


def test_a_database_that_goes_away_holds_up_the_batch_and_no_more(place, postgres_server):  # noqa: F811 - the fixture.
    """The same batch is tried again until the database takes it; the worker lives on."""
    worker = place.worker()
    postgres_server.stop("immediate")
    try:
        place.server.produce(place.topic, [event(number) for number in range(300)])
        _until(lambda: worker.lines("away"), 30)
    finally:
        postgres_server.start()

    place.arrived(300)
    assert worker.alive()


@pytest.mark.parametrize("down", ["broker", "database", "both"])
def test_a_worker_ends_within_twenty_seconds_whatever_is_down(place, postgres_server, down):  # noqa: F811 - the fixture.
    """One SIGTERM is enough; nothing that is away is waited for longer than a supervisor waits."""
    worker = place.worker()
    if down in ("broker", "both"):
        place.server.stop(kill=True)
    if down in ("database", "both"):
        postgres_server.stop("immediate")
    try:
        if down == "database":
            place.server.produce(place.topic, [event(number) for number in range(50)])
            _until(lambda: worker.lines("away"), 30)
        time.sleep(1)
        code, seconds = worker.end(signal.SIGTERM)
    finally:
        if down in ("database", "both"):
            postgres_server.start()
        if down in ("broker", "both"):
            place.server.start()
    assert seconds < 20
    assert code in (0, 1)


def test_a_worker_that_waits_for_its_broker_ends_at_once(place):
    """Nothing was begun, so nothing has to be finished."""
    place.server.stop(kill=True)
    try:
        worker = place.worker(wait=False)
        place.until(lambda: worker.lines("waiting"), "it waits")
        code, seconds = worker.end()
    finally:
        place.server.start()
    assert code == 0
    assert seconds < 12


def _until(holds, seconds: float) -> None:
    """Wait without asking the database."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_broker_that_goes_while_the_worker_starts_ends_it_with_the_reason(tmp_path):
    """It was there when it was looked for, and is not when Faust connects: said at once, and left to the next process."""
    env = {"BREACHFLOW_HOME": str(tmp_path / "home"), "BREACHFLOW_KAFKA": f"127.0.0.1:{free_port()}"}
    began = time.monotonic()
    init = [sys.executable, "-m", "breachflow", "init"]
    subprocess.run(init, env=os.environ | env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = subprocess.run(
        [sys.executable, PROGRAMS / "late_worker.py"],
        env=os.environ | env,
        capture_output=True,
        check=False,
        timeout=30,
    )

    logs = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert time.monotonic() - began < 15
    (said,) = [line for line in logs if line["event"] == "not started"]
    assert "is it there?" in said["problem"]
    assert not [line for line in logs if line["event"] == "crashed"]
