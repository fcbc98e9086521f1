"""The verbs: receive, decide, tick, draft, deliver, post, report, erase. Each loads, asks the core, and commits."""

from breachflow.workflow.intake import Record
from breachflow.workflow.office import ATTEMPTS, LEASE, Contended, Desk, where
from breachflow.workflow.workflow import Workflow

__all__ = ["ATTEMPTS", "LEASE", "Contended", "Desk", "Record", "Workflow", "where"]
