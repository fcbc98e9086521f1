"""Embedded intake end to end (JSON bytes to committed case, clocks, outbox) beside raw sqlite3 of the same rows.

    python benchmarks/bench_intake.py                    ratios, batches of 500, in alternating rounds
    python benchmarks/bench_intake.py --events 1000000   the rate as the database grows from 10 thousand events

"Raw" writes the very rows that our commit wrote, ready in memory, with `executemany`, the same schema, indexes,
triggers and pragmas, one transaction a batch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from breachflow.core.charter import Charter
from breachflow.formats import read
from breachflow.settings.home import example
from breachflow.settings.organisation_file import load
from breachflow.store import open_store, sqlite
from breachflow.workflow import Record, Workflow

BATCH = 500
MASTER = bytes(32)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
FILLER = "".join(f"line {number}: process started, handle opened; " for number in range(25))

KINDS: dict[str, Callable[[int], bool]] = {
    "every event opens a case": lambda _: True,
    "1 event in 100 opens a case": lambda number: number % 100 == 0,
}


def event(number: int, opens: bool) -> bytes:
    """One native event of about 1.7 KB."""
    body: dict[str, Any] = {
        "id": f"e-{number}",
        "source": "soc/bench",
        "detected_at": (NOW - timedelta(minutes=number % 500)).isoformat(),
        "title": f"Alert {number}",
        "description": FILLER[:1300],
        "severity": "high" if opens else "low",
        "assets": [f"host-{number}"],
    }
    if opens:
        body["facts"] = {
            "personal_data": True, "incident_type": "unauthorised_access", "intent": "malicious", "origin": "external",
            "confidentiality": True, "protection": "none", "recipient": "unidentified", "people_count": number % 5000,
            "people": ["customers"], "data": ["identity", "contact", "vehicle"],
        }  # fmt: skip
    return json.dumps(body).encode()


def organisation(folder: str) -> Charter:
    path = Path(folder) / "organisation.toml"
    path.write_bytes(example())
    return Charter(load(path))


def taken_in(workflow: Workflow, payloads: Sequence[bytes]) -> None:
    records = [Record(reading, "bench") for raw in payloads for reading in read(raw, received_at=NOW)]
    workflow.receive(records)


def ratios(opens: Callable[[int], bool], rounds: int) -> tuple[float, float]:
    """Median events a second, ours and raw, in alternation."""
    ours, raw = [], []
    with tempfile.TemporaryDirectory() as folder:
        charter = organisation(folder)
        store = open_store(f"sqlite:///{folder}/ours.db", MASTER, create=True)
        open_store(f"sqlite:///{folder}/raw.db", MASTER, create=True).close()
        plain = sqlite.SQLite(f"{folder}/raw.db")._connection  # noqa: SLF001 - raw.
        workflow = Workflow(store, charter, lambda: NOW)
        recording: list[tuple[str, list[Sequence[Any]]]] = []
        engine: Any = store._engine  # noqa: SLF001 - listens in; shipped code has no hook for it.
        many = engine.many

        def listening(statement: str, rows: Sequence[Sequence[Any]]) -> int:
            recording.append((statement, list(rows)))
            return int(many(statement, rows))

        engine.many = listening
        for number in range(rounds):
            payloads = [event(n, opens(n)) for n in range(number * BATCH, (number + 1) * BATCH)]
            recording.clear()
            began = time.perf_counter()
            taken_in(workflow, payloads)
            ours.append(BATCH / (time.perf_counter() - began))
            began = time.perf_counter()
            plain.execute("BEGIN IMMEDIATE")
            for statement, rows in recording:
                plain.executemany(statement, rows)
            plain.execute("COMMIT")
            raw.append(BATCH / (time.perf_counter() - began))
        plain.close()
        store.close()
    return statistics.median(ours[2:]), statistics.median(raw[2:])


def growth(events: int) -> None:
    """Events a second of the twenty batches before each size."""
    opens = KINDS["1 event in 100 opens a case"]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/a.db", MASTER, create=True)
        workflow = Workflow(store, organisation(folder), lambda: NOW)
        recent: list[float] = []
        sizes = [size for size in (10_000, 30_000, 100_000, 300_000, 1_000_000) if size <= events]
        for number in range(events // BATCH):
            payloads = [event(n, opens(n)) for n in range(number * BATCH, (number + 1) * BATCH)]
            began = time.perf_counter()
            taken_in(workflow, payloads)
            recent = [*recent[-19:], BATCH / (time.perf_counter() - began)]
            if (number + 1) * BATCH in sizes:
                size = (Path(folder) / "a.db").stat().st_size
                print(f"{(number + 1) * BATCH:>9,} events: {statistics.median(recent):,.0f}/s, {size / 1e6:,.0f} MB")
        store.close()


def main() -> None:
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--events", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.events:
        growth(chosen.events)
        return
    for kind, opens in KINDS.items():
        ours, raw = ratios(opens, chosen.rounds)
        print(f"{kind}: {ours:,.0f} events/s, raw {raw:,.0f}, ratio {ours / raw:.2f}")


if __name__ == "__main__":
    main()
