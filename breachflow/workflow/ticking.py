"""Tick: the ladders that are due are climbed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from breachflow.core import lifecycle
from breachflow.core.case import Case, Change
from breachflow.workflow.office import BATCH, Office

log = structlog.get_logger("breachflow")


class Ticking(Office):
    """Climbs ladders."""

    def tick(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Climb every ladder that is due; return how many cases were looked at. `stopping` is asked between batches."""
        now, looked = self.now(), 0
        while not stopping() and (due := self.store.due(now, BATCH)):
            looked += len(due)
            changes = [change for case in due if (change := self._timed(case, now)) is not None]
            if changes and not self.store.commit(changes):
                # Somebody moved one of them: each on its own, and the one that moved waits for the next tick.
                for change in changes:
                    self.store.commit([change])
            if not changes or len(due) < BATCH:
                break
        self.meter.ticked()
        return looked

    def _timed(self, case: Case, now: datetime) -> Change | None:
        try:
            return lifecycle.timed(case, self.charter, now)
        except Exception as fault:  # noqa: BLE001 - answered: said aloud, and the case stays due.
            # One case that cannot be worked out must not stop the clocks of the others; it stays due.
            self._stumble("tick", case, case.version, fault)
            return None
