"""Report: what a provider says afterwards about mails that it took."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from breachflow.core import lifecycle
from breachflow.core.case import UNDELIVERED, Change, Report, Settled
from breachflow.store.rows import NoticeRow
from breachflow.workflow.office import ATTEMPTS, Contended, Office
from breachflow.workflow.telling import gathers

log = structlog.get_logger("breachflow")


class Reporting(Office):
    """Records what providers report."""

    def report(self, reports: Sequence[Report]) -> int:
        """Record what a provider says about mails that it took; return how many reports were new and about our mails.

        A mail that came back owes another one to the next person, in the same transaction. A report that is on record
        changes nothing.
        """
        return sum(self._report(report) for report in reports)

    def _report(self, report: Report) -> bool:
        for _ in range(ATTEMPTS):
            row = self.store.notice(report.notice)
            if row is None or self.store.report_known(report.id):
                return False
            if self.store.commit(self._reported(report, row)):
                log.info("report", notice=report.notice, case=row.notice.case, what=report.event)
                return True
        raise Contended(f"a report about a mail was overtaken {ATTEMPTS} times; send it again.")

    def _reported(self, report: Report, row: NoticeRow) -> list[Change]:
        """Return what a report changes: one case, or all those that a digest told of."""
        rows, changes = [row], []
        if row.notice.kind == "digest":
            found = (self.store.notice(ident) for ident in gathers(row.notice))
            rows = [one for one in found if one is not None]
            if report.event in UNDELIVERED:
                settled = Settled(notice=row.notice.id, state="bounced", at=self.now(), error=report.event)
                changes.append(Change(settled=(settled,), reports=(report,)))
        by_case: dict[str | None, list[NoticeRow]] = {}
        for one in rows:
            by_case.setdefault(one.notice.case, []).append(one)
        for ident, own in by_case.items():
            case = self.store.get(ident) if ident is not None else None
            told = {one.notice.id for one in own if one.state in ("sent", "queued")}
            notices = [one.notice for one in own]
            changes.append(lifecycle.reported(case, notices, told, report, self.charter, self.now()))
        return changes
