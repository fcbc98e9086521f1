"""Take one file in and say what became of it and how much memory that took: `ingest_file.py HOME FILE`."""

from __future__ import annotations

import json
import logging
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog
from story import organisation

from breachflow.core.charter import Charter
from breachflow.loop import ingest
from breachflow.store import open_store
from breachflow.workflow import Workflow


def peak_kb() -> int:
    """The most memory this process has held; `ru_maxrss` begins with what its parent held when it forked."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)


structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
home, path = Path(sys.argv[1]), Path(sys.argv[2])
with open_store(f"sqlite:///{home}/breachflow.db", bytes(32), create=True) as store, path.open("rb") as source:
    workflow = Workflow(store, Charter(organisation()), lambda: datetime.now(UTC))
    tally = ingest(workflow, source, f"file {path.name}")
names = ("received", "opened", "attached", "screened", "duplicates", "quarantined")
print(json.dumps({
    "tally": {name: getattr(tally, name) for name in names},
    "peak_mb": peak_kb() // 1024,
}))  # fmt: skip
