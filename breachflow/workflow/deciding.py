"""Decide: what a person decides about a case."""

from __future__ import annotations

import structlog

from breachflow.core import lifecycle
from breachflow.core.bundling import followed
from breachflow.core.case import Change
from breachflow.core.decision import Decision
from breachflow.workflow.office import ATTEMPTS, Contended, Office

log = structlog.get_logger("breachflow")


class Deciding(Office):
    """Records decisions."""

    def decide(self, case: str, decision: Decision) -> Change:
        """Record what a person decided about a case. Raises `IllegalMove` where it does not fit."""
        for _ in range(ATTEMPTS):
            found, now = self.store.get(case), self.now()
            change = lifecycle.decided(found, decision, self.charter, now)
            others = [one for one in self.store.cases(found.bundle).values() if one.id != found.id]
            if self.store.commit([change, *followed(change, others, decision, self.charter, now)]):
                self.meter.decided(str(decision.__struct_config__.tag))
                log.info("decided", case=case, verb=type(decision).__name__.lower())
                return change
        raise Contended(f"{case}: changed {ATTEMPTS} times while the decision was being recorded; try again.")
