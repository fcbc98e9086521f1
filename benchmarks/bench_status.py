"""How long `breachflow status` takes cold on 100,000 cases (200 open), beside a bare Python that opens sqlite3.

    python benchmarks/bench_status.py [--cases 100000] [--open 200] [--rounds 15]

Whole processes, started in alternation; medians and their ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breachflow.core.case import Change, Received, Stage
from breachflow.core.charter import Charter
from breachflow.core.decision import Dismiss
from breachflow.core.event import SecurityEvent
from breachflow.core.intake import arrival
from breachflow.core.lifecycle import decided, opened
from breachflow.settings.environment import load as settings
from breachflow.settings.home import init, master_key
from breachflow.settings.organisation_file import load
from breachflow.store import open_store

BATCH = 500
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def fill(home: Path, cases: int, still_open: int) -> None:
    """A database of so many cases, opened from events and dismissed, all but the last ones."""
    chosen = settings({"BREACHFLOW_HOME": str(home)}, home.parent)
    init(home)
    charter = Charter(load(chosen.organisation))
    with open_store(chosen.database, master_key(chosen), create=True) as store:
        for start in range(0, cases, BATCH):
            changes = []
            for number in range(start, start + BATCH):
                at = NOW - timedelta(seconds=cases - number)
                event = SecurityEvent(
                    id=f"e{number}", source="soc/bench", detected_at=at, title=f"Alert {number}", severity="high"
                )
                came = arrival(event, event.title.encode())
                received = Received(
                    identity=came.identity, content=came.content, source=event.source, received_at=at, detected_at=at,
                    format="native", disposition="opened", because="high", raw=came.raw,
                )  # fmt: skip
                change = opened(f"BF-{number:08}", event, received, charter, at)
                if number < cases - still_open and change.case is not None:
                    after = decided(change.case, Dismiss(by="soc", reason="nothing"), charter, at)
                    change = Change(
                        case=after.case, was=0, entries=(*change.entries, *after.entries), received=change.received,
                    )  # fmt: skip
                    assert change.case is not None
                    assert change.case.stage is Stage.DISMISSED
                changes.append(change)
            assert store.commit(changes)


def took(command: list[str], home: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=os.environ | {"BREACHFLOW_HOME": str(home)})
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--open", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home, chosen.cases, chosen.open)
        database = home / "breachflow.db"
        start = [sys.executable, "-c"]
        bare = f"import sqlite3; sqlite3.connect({str(database)!r}).execute('SELECT count(*) FROM meta').fetchall()"
        commands = {
            "status --json": [*start, "from breachflow.cli import main; main(['status', '--json'])"],
            "status": [*start, "from breachflow.cli import main; main(['status'])"],
            "bare": [*start, bare],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(chosen.rounds):
            for name, command in commands.items():
                times[name].append(took(command, home))
        floor = statistics.median(times.pop("bare"))
        for name, all_of_them in times.items():
            median = statistics.median(all_of_them)
            ratio = f"{median / floor:.1f} x bare ({floor:.3f} s)"
            print(f"{name}, {chosen.open} open of {chosen.cases:,}: {median:.3f} s, {ratio}")


if __name__ == "__main__":
    main()
