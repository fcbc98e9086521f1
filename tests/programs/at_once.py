"""Several threads do everything for the first time in the same instant, after a rehearsal: `at_once.py HOME`."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog
from story import BREACH, Outtray, organisation

from breachflow.core.charter import Charter
from breachflow.desk import Folder
from breachflow.loop import ingest
from breachflow.store import open_store
from breachflow.workflow import Workflow

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
home, charter, together = Path(sys.argv[1]), Charter(organisation()), threading.Barrier(4)


def make() -> Workflow:
    store = open_store(f"sqlite:///{home}/breachflow.db", bytes(32), create=True)
    return Workflow(store, charter, lambda: datetime.now(UTC), route=Outtray(), desk=Folder(home / "drafts"))


def run(number: int) -> None:
    workflow, title = make(), f"thread {number}"
    event = {"id": "e", "source": title, "detected_at": "2026-11-24T09:00:00Z", "title": title, "facts": BREACH}
    together.wait()
    ingest(workflow, json.dumps(event).encode(), title)
    workflow.tick()
    workflow.store.close()


first = make()
first.rehearse()
first.store.close()
sys.setswitchinterval(1e-6)  # Threads take turns as often as they can.
threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
