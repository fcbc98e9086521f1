"""Erase: what a person or the end of its retention takes from a case, a day, or a folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from breachflow.core import retention
from breachflow.core.case import Change, IllegalMove, is_erased
from breachflow.core.concerned import PeopleList, tag
from breachflow.workflow.office import ATTEMPTS, BATCH, Contended, Office

SWEEP = timedelta(days=7)  # A process that died between erasing and clearing folders is made up for within it.

log = structlog.get_logger("breachflow")


class Erasing(Office):
    """Erases content and keeps the register."""

    def erase(self, case: str, by: str, reason: str) -> Change:
        """Erase the content of a closed case now, and its lists of people.

        Raises `IllegalMove` where it is open, on hold or erased, and while people are still to be written to.
        """
        if leaving := [row.of.id for row in self.store.people_lists(case) if row.state == "released"]:
            raise IllegalMove(
                f"{case}: people on {', '.join(leaving)} are still to be written to; let that end first "
                "(`breachflow people outcomes` says how far it is), or erase the names with `breachflow people erase`."
            )
        for _ in range(ATTEMPTS):
            change = retention.erased(self.store.get(case), by, reason, self.now())
            if self.store.commit([change]):
                self._clear(case)
                log.info("erased", case=case)
                return change
        raise Contended(f"{case}: changed {ATTEMPTS} times while it was being erased; try again.")

    def forget(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Erase what the retention ends by now: of closed cases, and of days; return how many of both."""
        now, policy, done = self.now(), self.charter.policy, 0
        raw, content = retention.latest_closing(policy, now)
        while not stopping():
            due = self.store.due_for_erasure(raw, content, BATCH)
            changes = [change for case in due if (change := retention.expired(case, policy, now)) is not None]
            if changes and not self.store.commit(changes):
                changes = [change for change in changes if self.store.commit([change])]
            done += len(changes)
            if len(due) < BATCH or not changes:
                break
        for kind, before in retention.expired_days(policy, now).items():
            for name in self.store.keys(kind, before):
                if stopping():
                    return done
                done += self.store.destroy_key(name, retention.BY, "its retention has ended", now)
        known = {row.asset for row in self.store.unmapped()}
        unseen_since = now - timedelta(days=policy.screening.keep_days)
        self.store.forget_unmapped(known - self.charter.datamap.unmapped(known), unseen_since)
        for case in self.store.cases(self.store.erased_since(now - SWEEP)).values():
            if is_erased(case):
                self._clear(case.id)
        if done:
            log.info("forgotten", cases_and_days=done)
        return done

    def _clear(self, case: str) -> None:
        """Remove what lies of an erased case outside the database: drafts on the desk, mails in our own folders."""
        if self.desk is not None:
            self.desk.clear(case)
        if self.route is not None:
            self.route.forget(self.store.notice_ids(case))
            for row in self.store.people_lists(case):
                self.forget_mails(row.of)

    def forget_mails(self, of: PeopleList) -> None:
        """Remove what was laid of a list's mails in our own folders."""
        if self.route is not None:
            self.route.forget([tag(of.id, number) for number in range(of.count)])
