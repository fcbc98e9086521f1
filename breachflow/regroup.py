"""The verbs that touch several cases at once: merge, split, bundle. Each loads, asks the core, commits all or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from breachflow.core.bundling import bundled, unbundled
from breachflow.core.case import Case, Change, IllegalMove, Received
from breachflow.core.identity import case_id, event_identity
from breachflow.core.merging import merged, unmerged
from breachflow.core.regrouping import Regroup
from breachflow.core.splitting import Told, split
from breachflow.store.rows import EventRow
from breachflow.workflow import ATTEMPTS, Contended, Workflow

log = structlog.get_logger("breachflow")


def merge(workflow: Workflow, case: str, other: str, decision: Regroup) -> Change:
    """Make one breach of two cases: `other` goes into `case`. Raises `IllegalMove` where they cannot be joined."""

    def ask() -> Sequence[Change]:
        mine, theirs = workflow.store.get(case), workflow.store.get(other)
        return merged(mine, theirs, decision, workflow.charter, workflow.now())

    return _committed(workflow, case, "merged", ask)


def unmerge(workflow: Workflow, case: str, other: str, decision: Regroup) -> Change:
    """Undo a merge. Raises `IllegalMove` where there was none."""

    def ask() -> Sequence[Change]:
        mine, theirs = workflow.store.get(case), workflow.store.get(other)
        return unmerged(mine, theirs, decision, workflow.charter, workflow.now())

    return _committed(workflow, case, "split", ask)


def part(workflow: Workflow, case: str, source: str, event: str, decision: Regroup) -> tuple[Change, str]:
    """Take an event out of a case into one of its own; return the change of the old case, and the new one's id.

    Raises `IllegalMove` where the case has no such event, nothing but it, or where its bytes were erased.
    """
    new_ids: list[str] = []

    def ask() -> Sequence[Change]:
        found, now = workflow.store.get(case), workflow.now()
        identity = event_identity(source, event)
        rows = workflow.store.events(case)
        if not any(row.identity == identity for row in rows):
            raise IllegalMove(f"{case}: it has no event {event!a} of {source!a}; `breachflow show {case}` names them.")
        leaving = [_told(workflow, found, row) for row in rows if row.identity == identity]
        staying = [_told(workflow, found, row) for row in rows if row.identity != identity]
        new_ids.append(case_id(source, event, now, len(new_ids)))
        return split(found, leaving, staying, new_ids[-1], decision, workflow.charter, now)

    return _committed(workflow, case, "split", ask), new_ids[-1]


def bundle(workflow: Workflow, cases: Sequence[str], decision: Regroup) -> Change:
    """Let these cases be notified together. Raises `IllegalMove`, saying what keeps them apart."""

    def ask() -> Sequence[Change]:
        found = [workflow.store.get(ident) for ident in cases]
        return bundled(found, decision, workflow.charter, workflow.now())

    return _committed(workflow, cases[0], "bundled", ask)


def unbundle(workflow: Workflow, case: str, decision: Regroup) -> Change:
    """Take a case out of its bundle."""

    def ask() -> Sequence[Change]:
        found = workflow.store.get(case)
        others = [one for one in workflow.store.cases(found.bundle).values() if one.id != case]
        return unbundled(found, others, decision, workflow.charter, workflow.now())

    return _committed(workflow, case, "unbundled", ask)


def _committed(workflow: Workflow, case: str, what: str, ask: Callable[[], Sequence[Change]]) -> Change:
    for _ in range(ATTEMPTS):
        changes = ask()
        if workflow.store.commit(changes):
            log.info(what, case=case)
            return changes[0]
    raise Contended(f"{case}: changed {ATTEMPTS} times while the decision was being recorded; try again.")


def _told(workflow: Workflow, case: Case, row: EventRow) -> Told:
    raw = workflow.store.raw(row.identity, row.content)
    if raw is None:
        raise IllegalMove(f"{case.id}: what one of its events said was erased; it cannot be parted any more.")
    for reading in workflow.readers.read(raw, format=row.format, received_at=row.received_at):
        if reading.event is not None and event_identity(reading.event.source, reading.event.id) == row.identity:
            received = Received(
                identity=row.identity, content=row.content, source=row.source, received_at=row.received_at,
                detected_at=row.detected_at, format=row.format, disposition="attached", because=row.because, raw=raw,
                case=case.id, revision=row.revision,
            )  # fmt: skip
            return Told(workflow.pseudonymised(reading.event), received)
    raise IllegalMove(f"{case.id}: one of its events cannot be read any more as it was then; it cannot be parted.")
