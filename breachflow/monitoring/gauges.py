"""What the database says at this moment: asked at most every two seconds, and never waited for long.

A database that hangs holds up one thread and nobody else: whoever asks meanwhile hears after a moment that there is no
answer.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from time import monotonic

import structlog
from msgspec import Struct

from breachflow.core.clock import state
from breachflow.store import Store, Unavailable
from breachflow.workflow import Workflow, where

FRESH_SECONDS = 2.0  # Several scrapers, and the health check, share one look.
GIVEN_UP = 30.0  # Seconds after which a look that hangs is left behind: its server will not answer any more.
PATIENCE = 3.0  # Seconds that a scrape waits; scrapers give up after ten.
CASES = 2_000  # Open cases whose clocks are counted, the most urgent first: an overdue clock is always among them.
COUNTED = 10_000  # Where counting of mails, letters and open cases stops.

log = structlog.get_logger("breachflow")


class Reading(Struct, frozen=True, kw_only=True):
    """The standing of one instant. Seconds until the nearest deadline are negative once it has passed."""

    stages: dict[str, int]
    clocks: dict[tuple[str, str], int]
    alarms: int
    nearest_seconds: float | None
    tick_lag_seconds: float
    waiting: int
    oldest_seconds: float
    held: int
    undrafted: int


class Gauges:
    """The latest reading of one database."""

    def __init__(self, make_workflow: Callable[[], Workflow], *, patience: float = PATIENCE) -> None:
        self._make, self._patience = make_workflow, patience
        self._changed = threading.Condition()
        self._reading: Reading | None = None
        self._read_at = -FRESH_SECONDS
        self._look: _Look | None = None
        self._workflow: Workflow | None = None

    def latest(self) -> Reading | None:
        """Return a reading that is at most two seconds old; `None` where the database gives none."""
        asked = monotonic()
        with self._changed:
            if asked - self._read_at < FRESH_SECONDS:
                return self._reading
            if self._look is None or asked - self._look.asked_at > GIVEN_UP:
                # A look that hangs is left behind, with its connection.
                idle = self._look is None
                self._look = _Look(asked, self._workflow if idle else None)
                threading.Thread(target=self._run, args=(self._look,), name="gauges", daemon=True).start()
            answered = self._changed.wait_for(lambda: self._read_at >= asked, self._patience)
            return self._reading if answered else None

    def _run(self, look: _Look) -> None:
        reading: Reading | None = None
        try:
            look.workflow = look.workflow or self._make()
            reading = read(look.workflow.store, look.workflow.now())
        except Exception as fault:  # noqa: BLE001 - answered: metrics say that there is no answer; it is asked again.
            if not isinstance(fault, Unavailable):
                stumbled(fault)
            if look.workflow is not None:
                look.workflow.store.close()
                look.workflow = None
        with self._changed:
            if self._look is not look:
                return
            self._workflow, self._look = look.workflow, None
            self._reading, self._read_at = reading, monotonic()
            self._changed.notify_all()


class _Look:
    """One look at the database, and the workflow whose connection it uses."""

    def __init__(self, asked_at: float, workflow: Workflow | None) -> None:
        self.asked_at, self.workflow = asked_at, workflow


def stumbled(fault: Exception) -> None:
    """Say what kind of fault of ours it is and where."""
    log.error("stumbled", at="metrics", fault=where(fault))


def read(store: Store, now: datetime) -> Reading:
    """Ask the database; every question is bounded and follows an index. Raises `Unavailable`."""
    urgent, waiting, due = store.urgent(CASES), store.waiting(COUNTED), store.next_due()
    running = [clock for clock in urgent.clocks if clock.stop is None]
    nearest = min((clock.act_by for clock in running), default=None)
    return Reading(
        stages=store.open_by_stage(COUNTED),
        clocks=dict(Counter((clock.regime, state(clock, now)) for clock in running)),
        alarms=urgent.alarms,
        nearest_seconds=None if nearest is None else (nearest - now).total_seconds(),
        tick_lag_seconds=0.0 if due is None else max(0.0, (now - due).total_seconds()),
        waiting=waiting.count,
        oldest_seconds=0.0 if waiting.oldest is None else max(0.0, (now - waiting.oldest).total_seconds()),
        held=store.held(COUNTED),
        undrafted=store.undrafted_count(COUNTED),
    )
