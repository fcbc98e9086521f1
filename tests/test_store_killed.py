"""kill -9 in the middle of commits: what was answered for is there, and everything that is there is whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from postgres_server import postgres_server  # noqa: F401 - a fixture.
from store_samples import MASTER, NOON, case_named, received

from breachflow.store import Store, open_store

KILLS = 12
BATCH = 20
numbers = count()

WRITER = """
import sys
from datetime import timedelta
import msgspec
from store_samples import MASTER, NOON, Change, case_named, noting, opening, screening
from breachflow.core.case import Settled
from breachflow.store import Position, open_store

store = open_store(sys.argv[1], MASTER)
batch = int(sys.argv[2])
while True:
    start = batch * 20
    changes = [opening(number) for number in range(start, start + 10)]
    changes += [screening(number) for number in range(start + 10, start + 20)]
    if batch:
        changes.append(noting(store.get(case_named(start - 20).id), f"batch {batch}"))
    position = Position(group="g", topic="t", partition=0, next_offset=start + 20, last_timestamp=0, last_hash=b"")
    assert store.commit(changes, positions=[position])
    print(batch, flush=True)
    for leased in store.lease(NOON, 3, NOON + timedelta(minutes=2)):
        store.save_message(leased.notice.id, f"Message-ID: <{leased.notice.id}>".encode())
        store.commit([Change(settled=(Settled(notice=leased.notice.id, state="sent", at=NOON),))])
    batch += 1
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/breachflow.db"
    return request.getfixturevalue("postgres_server").fresh(f"killed_{next(numbers)}")


def test_killed_at_any_instant_the_database_is_whole(url):
    """Twelve kills at random instants: every batch is there entirely or not at all, and every answered one is there."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # Shown where the test fails, to replay it.
    chance = random.Random(seed)
    open_store(url, MASTER, create=True).close()
    batch, sent = 0, 0
    for _ in range(KILLS):
        answered = _write_until_killed(url, batch, chance.uniform(0, 0.15))
        with open_store(url, MASTER) as store:
            batch = _whole_batches(store)
            assert answered is None or batch > answered
            summary = store.outbox_summary()
            assert summary.sent >= sent
            sent = summary.sent
    assert batch > 0
    with open_store(url, MASTER) as store:
        resent = store.lease(NOON + timedelta(hours=1), 10**6, NOON + timedelta(hours=2))
        assert len(resent) + sent == batch * 10
        assert all(leased.message in (None, f"Message-ID: <{leased.notice.id}>".encode()) for leased in resent)


def _write_until_killed(url: str, batch: int, seconds: float) -> int | None:
    """Let a writer work for so long after its first answer, kill it, and return the last batch it answered for."""
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(batch)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    answers = (first + writer.stdout.read()).split()
    writer.stdout.close()
    writer.wait()
    return int(answers[-1]) if answers else None


def _whole_batches(store: Store) -> int:
    """Return how many batches are there; fail where one is there in part."""
    counts, before = store.counts(), None
    while counts != before:  # A server may still be writing what the killed process sent last.
        time.sleep(0.2)
        counts, before = store.counts(), counts
    batches, rest = divmod(counts.events, BATCH)
    assert rest == 0
    assert (counts.cases, counts.screened, counts.notices) == (batches * 10, batches * 10, batches * 10)
    assert counts.entries == batches * 30 + max(0, batches - 1)
    assert [position.next_offset for position in store.positions("g")] == [batches * BATCH][:batches]
    assert store.verify_register() == []
    for number in range(max(0, batches - 1) * BATCH, batches * BATCH):
        event = received(number, None)
        assert store.raw(event.identity, event.content) == event.raw
    if batches > 1:
        assert store.get(case_named((batches - 2) * BATCH).id).version == 2
    return batches
