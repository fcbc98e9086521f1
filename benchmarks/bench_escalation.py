"""How late a rung is climbed with a million open clocks and intake at full load; the target is a p99 under 2 s.

    python benchmarks/bench_escalation.py [--on postgres] [--clocks 1000000] [--seconds 120] [--rate 25]
    python benchmarks/bench_escalation.py --on sqlite

Real processes on one database: `breachflow run --no-intake`, and one that takes events in as fast as it can (batches of
500, 1 event in 100 opens a case). The open cases were opened by the core and written by the store, a thousand of them,
and copied in the database, each with four clocks, its register, its event, its key and its mail. Meanwhile other cases
fall due, evenly, `--rate` a second: a million clocks with some twelve rungs a case in 72 hours make about 12.

Late is from the instant that a rung was due to the first look, one in 20 ms, at which its case is not due any more: the
rung is climbed and its mails are queued in that transaction. Before it, the same is measured with the thousand alone.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import msgspec
import structlog
from kafka_house import Process
from postgres_server import PostgresServer
from story import BREACH

from breachflow.core.case import Received, next_rung_at
from breachflow.core.charter import Charter
from breachflow.core.event import SecurityEvent
from breachflow.core.facts import Facts
from breachflow.core.intake import arrival
from breachflow.core.lifecycle import opened
from breachflow.formats import read
from breachflow.settings.environment import load as settings
from breachflow.settings.home import init, master_key
from breachflow.settings.organisation_file import load
from breachflow.store import open_store
from breachflow.store.instants import written
from breachflow.workflow import Record, Workflow

FACTS = msgspec.convert(BREACH, Facts)
TEMPLATES = 1_000
BATCH = 500
OPENS = 100  # One event in so many opens a case.
SIZE = 1_700  # Bytes of an event: the middle of what products send.
LOOK_SECONDS = 0.02
WARM_UP = 15.0  # Seconds for the processes to start before the first case falls due.
LATEST = 60.0  # Seconds after the last one was due until the run is given up.


class House:
    """A home folder of its own with a database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.env = os.environ | {"BREACHFLOW_HOME": str(folder), "BREACHFLOW_DATABASE": url}
        self.settings = settings(self.env, folder.parent)
        init(folder)
        self.charter = Charter(load(self.settings.organisation))
        self.key = master_key(self.settings)
        self.url = url
        open_store(url, self.key, create=True).close()

    def raw(self) -> Any:
        """A bare connection, for what no process of ours does."""
        if self.url.startswith("postgresql"):
            import psycopg

            return psycopg.connect(self.url, autocommit=True)
        return sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=60, isolation_level=None)

    def open(self, prefix: str, instants: list[datetime]) -> int:
        """Open a case at each of these instants, as the core and the store do; return how many clocks they have."""
        clocks = 0
        with open_store(self.url, self.key) as store:
            for start in range(0, len(instants), BATCH):
                changes = []
                for number, at in enumerate(instants[start : start + BATCH], start):
                    changes.append(opening(self.charter, f"BF-{prefix}-{number:06}", at))
                    clocks += sum(clock.stop is None for clock in changes[-1].case.clocks)
                assert store.commit(changes)
        return clocks


def opening(charter: Charter, ident: str, at: datetime) -> Any:
    """What the core makes of an event that opens a case."""
    event = SecurityEvent(
        id=ident, source="soc/bench", detected_at=at, title=f"Alert {ident}", severity="high", facts=FACTS
    )
    came = arrival(event, ident.encode().ljust(SIZE, b"x"))
    received = Received(
        identity=came.identity, content=came.content, source=event.source, received_at=at, detected_at=at,
        format="native", disposition="opened", because="high", raw=came.raw,
    )  # fmt: skip
    return opened(ident, event, received, charter, at)


COPIES = {
    "cases": "version stage open opened_at urgent_at next_at material drafted seq head published",
    "keys": "generation wrapped",
    "entries": "seq at kind author body sealed hash",
    "events": "content disposition revision received_at detected_at source format because raw",
    "outbox": "kind person created_at state next_at settled_at",
}
"""The columns of a copy that are as they were; its names get a number behind them."""


def copy(house: House, times: int) -> None:
    """Write each of the opened cases so many times again."""
    named = {
        "cases": {"id": "id || '-' || x", "doc": "replace(doc, id, id || '-' || x)"},
        "keys": {"name": "name || '-' || x"},
        "entries": {"case_id": "case_id || '-' || x"},
        "events": {
            "case_id": "case_id || '-' || x",
            "identity": "decode(md5(case_id || '-' || x), 'hex')" if "postgres" in house.url else "randomblob(16)",
        },
        "outbox": {"id": "id || '-' || x", "case_id": "case_id || '-' || x", "doc": "replace(doc, id, id || '-' || x)"},
    }
    numbers = "WITH RECURSIVE n(x) AS (SELECT {} UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT x FROM n"
    connection = house.raw()
    for start in range(1, times + 1, 25):
        some = numbers.format(start, min(start + 24, times))
        connection.execute("BEGIN")
        for table, names in named.items():
            columns, values = [*names, *COPIES[table].split()], [*names.values(), *COPIES[table].split()]
            opened_first = f"{'case_id' if 'case_id' in names else columns[0]} LIKE 'BF-open-______'"
            connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {', '.join(values)} FROM {table}, ({some}) AS n WHERE {opened_first}"
            )
        connection.execute("COMMIT")
    connection.close()


def done(house: House) -> None:
    """What the opened cases owed has left: drafts and mails."""
    connection = house.raw()
    connection.execute("UPDATE cases SET drafted = material WHERE drafted < material")
    connection.execute("UPDATE outbox SET state = 'sent', settled_at = created_at WHERE state = 'queued'")
    connection.execute("ANALYZE")
    connection.close()


@contextmanager
def running(house: House) -> Iterator[subprocess.Popen[str]]:
    """The clock process, and one that takes events in."""
    clock = Process(["run", "--no-intake"], house.env, house.folder / f"clock-{time.monotonic_ns()}.log")
    intake = subprocess.Popen(
        [sys.executable, __file__, "--intake", str(house.folder)], env=house.env, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield intake
        assert clock.alive(), clock.log.read_text()[-2000:]
    finally:
        intake.kill()
        intake.wait()
        clock.close()


def take_in() -> None:
    """Take events in until the parent closes our input; say how many a second."""
    import select

    chosen = settings(dict(os.environ), Path.cwd())
    workflow = Workflow(
        open_store(chosen.database, master_key(chosen)), Charter(load(chosen.organisation)), lambda: datetime.now(UTC)
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, number, run = time.monotonic(), 0, time.monotonic_ns()
    while not select.select([sys.stdin], [], [], 0)[0]:
        batch = []
        for _ in range(BATCH):
            values: dict[str, Any] = {
                "id": f"{run}-{number}", "source": f"siem/{number % 7}", "detected_at": written(datetime.now(UTC)),
                "title": f"Suspicious sign-in {number}", "severity": "low", "assets": [f"host-{number % 5000}"],
            }  # fmt: skip
            if number % OPENS == 0:
                values |= {"severity": "high", "facts": BREACH, "case": values["id"]}
            raw = msgspec.json.encode(values | {"description": "x" * (SIZE - 300)})
            batch += [Record(reading, "bench") for reading in read(raw, received_at=datetime.now(UTC))]
            number += 1
        workflow.receive(batch)
    workflow.store.close()
    print(number / (time.monotonic() - began))


def measured(house: House, prefix: str, seconds: float, rate: float) -> tuple[list[float], float]:
    """How late each rung was climbed, in seconds, and how many events a second were taken in meanwhile."""
    begin = datetime.now(UTC) + timedelta(seconds=WARM_UP + seconds * rate / 300)
    due = [begin + timedelta(seconds=number / rate) for number in range(int(seconds * rate))]
    # The first rung after the opening is triage's, hours later.
    apart = next_rung_at(opening(house.charter, "BF-probe", begin).case) - begin
    house.open(prefix, [instant - apart for instant in due])
    done(house)
    waiting = {f"BF-{prefix}-{number:06}": instant for number, instant in enumerate(due)}
    late: list[float] = []
    look = house.raw()
    with running(house) as intake:
        while waiting:
            now = datetime.now(UTC)
            assert intake.poll() is None, "the intake has ended"
            assert now < due[-1] + timedelta(seconds=LATEST), f"{len(waiting)} rungs were not climbed"
            left = {
                ident for (ident,) in look.execute(f"SELECT id FROM cases WHERE next_at <= '{written(now)}'").fetchall()
            }
            seen = datetime.now(UTC)
            climbed = [ident for ident, instant in waiting.items() if instant <= now and ident not in left]
            late += [(seen - waiting.pop(ident)).total_seconds() for ident in climbed]
            time.sleep(LOOK_SECONDS)
        taken, _ = intake.communicate("")
    ((told,),) = look.execute(
        f"SELECT count(*) FROM entries WHERE kind = 'escalated' AND case_id LIKE 'BF-{prefix}-%'"
    ).fetchall()
    assert told == len(due), f"{told} of {len(due)} rungs are in the register"
    look.close()
    return late, float(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--clocks", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--rate", type=float, default=25)
    parser.add_argument("--intake", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.intake:
        take_in()
        return
    folder = Path(tempfile.mkdtemp(prefix="breachflow-bench-"))
    server = PostgresServer(durable=True) if chosen.on == "postgres" else None
    try:
        run(House(folder, server.fresh("bench") if server else f"sqlite:///{folder}/bench.db"), chosen)
    finally:
        if server is not None:
            server.close()
        shutil.rmtree(folder)


def run(house: House, chosen: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    # Their next rung comes between one and four hours from now: after everything that is measured.
    clocks = house.open("open", [now - timedelta(seconds=10.0 * number) for number in range(TEMPLATES)])
    done(house)
    print(f"{'':34}{'p50':>8}{'p99':>8}{'most':>8}   rungs   events/s")
    report(f"{clocks:,} open clocks", *measured(house, "few", chosen.seconds, chosen.rate))
    began = time.monotonic()
    copies = max(0, -(-chosen.clocks // clocks) - 1)
    cases, clocks = TEMPLATES * (copies + 1), clocks * (copies + 1)
    copy(house, copies)
    done(house)
    print(f"{clocks:,} clocks of {cases:,} cases written in {time.monotonic() - began:.0f} s")
    late = report(f"{clocks:,} open clocks", *measured(house, "many", chosen.seconds, chosen.rate))
    print(f"target p99 under 2 s: {'reached' if late < 2 else 'MISSED'}")


def report(what: str, late: list[float], taken: float) -> float:
    cuts = statistics.quantiles(late, n=100)
    print(f"{what:34}{cuts[49]:7.2f}s{cuts[98]:7.2f}s{max(late):7.2f}s{len(late):8,}{taken:11,.0f}", flush=True)
    return cuts[98]


if __name__ == "__main__":
    main()
