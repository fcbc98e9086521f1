"""How fast the store writes, as a ratio to plain sqlite3 writing the very same rows; and how fast it opens.

    python benchmarks/bench_store.py                    write rates on SQLite, ours and raw, in alternating rounds
    python benchmarks/bench_store.py --events 1000000   the same as the database grows: 10 thousand to a million events
    python benchmarks/bench_store.py --open             a cold process that reads 200 open cases of 100,000
    python benchmarks/bench_store.py --url postgresql://…   write rates on PostgreSQL (an empty database of its own)

"Raw" is one transaction a batch, `executemany` a table, the same schema, indexes, triggers and pragmas, of rows that
lie ready in memory: what is over it is our encoding, hashing and encrypting.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from store_samples import MASTER, NOON, case_named, noting, opening, screening

from breachflow.core.case import Change, Stage
from breachflow.store import Store, open_store, sqlite

BATCH = 500
WARM_UP = 2
KINDS: dict[str, Callable[[int], Change]] = {
    "every event opens a case": opening,
    "no event opens a case": screening,
    "1 event in 100 opens a case": lambda number: screening(number) if number % 100 else opening(number),
}
Batch = list[tuple[str, Sequence[Sequence[Any]]]]


def batches(make: Callable[[int], Change], rounds: int, start: int = 0) -> Iterator[list[Change]]:
    for number in range(rounds):
        yield [make(start + number * BATCH + place) for place in range(BATCH)]


def recorded(make: Callable[[int], Change], rounds: int) -> list[Batch]:
    """The rows of so many batches, as the store writes them."""
    recording: list[Batch] = []
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/a.db", MASTER, create=True) as store:
        engine = store._engine  # noqa: SLF001 - listens in; shipped code has no hook for it.
        many = engine.many

        def listening(statement: str, rows: Sequence[Sequence[Any]]) -> int:
            recording[-1].append((statement, list(rows)))
            return many(statement, rows)

        engine.many = listening  # type: ignore[method-assign]  # As above.
        for changes in batches(make, rounds):
            recording.append([])
            assert store.commit(changes)
    return recording


def rates(make: Callable[[int], Change], rounds: int) -> tuple[float, float]:
    """Median events a second of ours and of raw, written in alternation into two databases."""
    rows = recorded(make, rounds)
    ours, raw = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/ours.db", MASTER, create=True)
        open_store(f"sqlite:///{folder}/raw.db", MASTER, create=True).close()
        plain = sqlite.SQLite(f"{folder}/raw.db")._connection  # noqa: SLF001 - raw.
        for changes, batch in zip(batches(make, rounds), rows, strict=True):
            began = time.perf_counter()
            assert store.commit(changes)
            ours.append(BATCH / (time.perf_counter() - began))
            began = time.perf_counter()
            plain.execute("BEGIN IMMEDIATE")
            for statement, values in batch:
                plain.executemany(statement, values)
            plain.execute("COMMIT")
            raw.append(BATCH / (time.perf_counter() - began))
        plain.close()
        assert store.verify_register() == []
        store.close()
    return statistics.median(ours[WARM_UP:]), statistics.median(raw[WARM_UP:])


def write(rounds: int) -> None:
    for kind, make in KINDS.items():
        ours, raw = rates(make, rounds)
        print(f"{kind}: {ours:,.0f} events/s, raw {raw:,.0f}, ratio {ours / raw:.2f}")


def grow(events: int) -> None:
    """Events a second of the last twenty batches before each size."""
    make = KINDS["1 event in 100 opens a case"]
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/a.db", MASTER, create=True) as store:
        recent: list[float] = []
        sizes = [size for size in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000) if size <= events]
        for number, changes in enumerate(batches(make, events // BATCH), 1):
            began = time.perf_counter()
            store.commit(changes)
            recent = [*recent[-19:], BATCH / (time.perf_counter() - began)]
            if number * BATCH in sizes:
                size = (Path(folder) / "a.db").stat().st_size
                print(f"{number * BATCH:>9,} events: {statistics.median(recent):,.0f}/s, {size / 1e6:,.0f} MB")


def cold(rounds: int) -> None:
    """A process that opens 100,000 cases and reads the 200 that are open, beside one that only starts sqlite3."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/a.db"
        with open_store(url, MASTER, create=True) as store:
            fill(store, 100_000, 200)
        reading = (
            "import sys; from breachflow.store import open_store; store = open_store(sys.argv[1], bytes(range(32)));"
            "assert (len(store.open_cases()), store.open_count()) == (200, 200)"
        )
        bare = "import sys, sqlite3; sqlite3.connect(sys.argv[1][10:]).execute('SELECT count(*) FROM meta').fetchall()"
        times: dict[str, list[float]] = {reading: [], bare: []}
        for _ in range(rounds):
            for script, took in times.items():
                began = time.perf_counter()
                subprocess.run([sys.executable, "-c", script, url], check=True)
                took.append(time.perf_counter() - began)
        ours, floor = (statistics.median(took) for took in times.values())
        print(f"cold start, 200 open of 100,000: {ours:.3f} s, bare sqlite3 {floor:.3f} s, {ours / floor:.1f} x")


def fill(store: Store, cases: int, still_open: int) -> None:
    for start in range(0, cases, BATCH):
        store.commit([opening(number) for number in range(start, start + BATCH)])
        store.commit(
            [
                noting(store.get(case_named(number).id), "Done.", at=NOON, stage=Stage.CLOSED)
                for number in range(start, start + BATCH)
                if number >= still_open
            ]
        )


def postgres(url: str, rounds: int) -> None:
    with open_store(url, MASTER, create=True) as store:
        for place, (kind, make) in enumerate(KINDS.items()):
            took = []
            for changes in batches(make, rounds, start=(place + 1) * 10_000_000):
                began = time.perf_counter()
                assert store.commit(changes)
                took.append(BATCH / (time.perf_counter() - began))
            print(f"{kind}: {statistics.median(took[WARM_UP:]):,.0f} events/s on PostgreSQL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--events", type=int)
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--url")
    chosen = parser.parse_args()
    if chosen.events:
        grow(chosen.events)
    elif chosen.open:
        cold(chosen.rounds)
    elif chosen.url:
        postgres(chosen.url, chosen.rounds)
    else:
        write(chosen.rounds)


if __name__ == "__main__":
    main()
