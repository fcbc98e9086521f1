"""Deliver: mails and digests leave, once each, and what became of them is on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import structlog
from msgspec.structs import replace

from breachflow.core import lifecycle, storm, telling
from breachflow.core.case import Case, Change, Notice, Settled
from breachflow.core.organisation import Person
from breachflow.delivery import Deferred, Refused, Route, Sent, backoff, compose, message_id
from breachflow.rendering import Mail
from breachflow.store.errors import StoreError
from breachflow.store.rows import Leased
from breachflow.workflow.drafting import Drafting
from breachflow.workflow.office import ATTEMPTS, LEASE, Contended, stumbled, where

MAILS = 10  # Claimed at a time: so few that those behind a provider that hangs do not wait for it.
DELIVERIES = 8  # Tries for one mail before the next person is told: about a quarter of an hour with the backoff.
DIGEST = 1_000  # Mails told by one digest; what is beyond is gathered into the next one.

log = structlog.get_logger("breachflow")


class Telling(Drafting):
    """Sends mails."""

    def deliver(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Send the mails that are owed; return how many were settled. A mail is rendered once and stays the same.

        `stopping` is asked before each batch, so that none is left claimed and unsent. A mail that could not be
        delivered owes another one to the next person, which leaves in the same call.
        """
        settled = 0
        while (
            self.route is not None
            and not stopping()
            and (leased := self.store.lease(self.now(), MAILS, self.now() + LEASE))
        ):
            claimed = self.now()
            for mail in leased:
                # Once half of the lease is gone in waiting for a provider, the rest is left to lapse: a mail that is
                # sent after its lease may be sent by two processes.
                if self.now() - claimed > LEASE / 2:
                    break
                self._deliver(mail, self.route)
                settled += 1
        return settled

    def _deliver(self, mail: Leased, route: Route) -> None:
        notice, now = mail.notice, self.now()
        if notice.kind == "digest":
            self._deliver_digest(mail, route)
            return
        case = self.store.get(notice.case) if notice.case is not None else None
        if not telling.still_owed(notice, case):
            self._settle(Settled(notice=notice.id, state="dropped", at=now), notice)
            return
        person = self.charter.organisation.person(notice.to)
        if person is None:
            error = "this person is no longer in the organisation file"
            self._settle(Settled(notice=notice.id, state="failed", at=now, error=error), notice)
            return
        if mail.message is None and self._gathered(mail, case, now):
            return

        def send() -> Sent:
            message = mail.message or self.store.save_message(notice.id, self._compose(notice, case))
            closed = telling.closed(case, self.charter)
            without = {"without": closed} if closed else {}
            to = telling.address(person, case, self.charter)
            return route.send(message, to=to, notice=notice.id, case=notice.case, **without)

        self._settle(self._outcome(mail, send), notice)

    def _gathered(self, mail: Leased, case: Case | None, now: datetime) -> bool:
        """Whether this mail waits for a digest: too many have left for this person already, and this one can wait."""
        notice, until = mail.notice, storm.quarter_after(now)
        if mail.digest and ((own := self.store.notice(notice.id)) is None or own.state != "queued"):
            return True  # Its digest has told it since it was claimed.
        if not storm.can_wait(notice, case, until):
            return False
        if mail.digest and (digest := self.store.notice(mail.digest)) is not None and digest.state == "queued":
            # Its digest is still on its way, and tells it.
            self.store.gather(notice.id, digest.notice, now + LEASE)
            return True
        if self.store.left_since(notice.to, now - storm.QUARTER) < self.charter.policy.ladder.storm_after:
            return False
        self.store.gather(notice.id, storm.owed(notice.to, until), until + LEASE)
        return True

    def _deliver_digest(self, mail: Leased, route: Route) -> None:
        """Send one digest, and settle what it tells: each notice is sent, or failed, with it."""
        digest, message, now = mail.notice, mail.message, self.now()
        person = self.charter.organisation.person(digest.to)
        if message is None:
            rows = [row.notice for row in self.store.gathered(digest.id, DIGEST)]
            cases = self.store.cases({notice.case for notice in rows if notice.case is not None})
            owed = []
            for notice in rows:
                if telling.still_owed(notice, cases.get(notice.case or "")):
                    owed.append(notice)
                else:
                    self._settle(Settled(notice=notice.id, state="dropped", at=now), notice)
            digest = replace(digest, detail={"gathers": [notice.id for notice in owed]})
            if not owed:
                self.store.commit([Change(settled=(Settled(notice=digest.id, state="dropped", at=now),))])
                return

        def send() -> Sent:
            nonlocal digest, message
            if person is None:
                raise Refused("this person is no longer in the organisation file")
            if message is None:
                digest, message = self.store.save_digest(digest, self._compose_digest(digest, owed, cases, person))
            return route.send(message, to=person.email, notice=digest.id, case=None)

        outcome = self._outcome(mail, send)
        log.info("mail", notice=digest.id, kind=digest.kind, gathers=len(gathers(digest)), state=outcome.state)
        if outcome.state != "retry":
            for ident in gathers(digest):
                row = self.store.notice(ident)
                # Settled already where a process died in the middle of this.
                if row is not None and row.state == "queued":
                    told = f"{outcome.reference} digest {digest.id}" if outcome.state == "sent" else ""
                    self._settle(replace(outcome, notice=ident, reference=told), row.notice)
        self.store.commit([Change(settled=(outcome,))])

    def _outcome(self, mail: Leased, send: Callable[[], Sent]) -> Settled:
        """Try to send, and return what became of it."""
        notice, now = mail.notice, self.now()
        state: Literal["retry", "failed"] = "retry" if mail.attempts < DELIVERIES else "failed"
        try:
            sent = send()
        except Deferred as problem:
            wait = problem.retry_after or backoff(mail.attempts, notice.id)
            return Settled(notice=notice.id, state=state, at=now, next_at=now + wait, error=str(problem))
        except Refused as problem:
            return Settled(notice=notice.id, state="failed", at=now, error=str(problem))
        except StoreError:
            raise
        except Exception as fault:  # noqa: BLE001 - answered: retried, then the next person is told.
            # Whatever it is that breachflow stumbles over in this mail, the duty to tell somebody stays: it is tried
            # again, then the next person is told, and the mails behind it go out meanwhile.
            stumbled("mail", fault, notice=notice.id, case=notice.case)
            error = f"breachflow stumbled over this mail ({where(fault)})"
            wait = backoff(mail.attempts, notice.id)
            return Settled(notice=notice.id, state=state, at=now, next_at=now + wait, error=error)
        return Settled(notice=notice.id, state="sent", at=now, reference=f"{sent.provider} {sent.reference}")

    def _settle(self, outcome: Settled, notice: Notice) -> None:
        log.info("mail", notice=notice.id, case=notice.case, kind=notice.kind, state=outcome.state)
        for _ in range(ATTEMPTS):
            case = self.store.get(notice.case) if notice.case is not None else None
            change = lifecycle.delivered(case, notice, outcome, self.charter, self.now())
            if self.store.commit([change]):
                self.meter.mail(outcome.state, outcome.reference.partition(" ")[0])
                return
        raise Contended(f"{notice.case}: changed {ATTEMPTS} times while a delivery was being recorded.")

    def _compose(self, notice: Notice, case: Case | None) -> bytes:
        organisation, now = self.charter.organisation, self.now()
        person = organisation.person(notice.to)
        if person is None:
            raise AssertionError("the recipient was looked up before the mail is composed")
        answers = self.assessments(case, flips=True) if case is not None else {}
        mail = self.renderer.mail(notice, case, organisation, person, answers, now)
        return self._written(mail, notice, person, telling.address(person, case, self.charter))

    def _compose_digest(
        self, digest: Notice, owed: Sequence[Notice], cases: Mapping[str, Case], person: Person
    ) -> bytes:
        organisation = self.charter.organisation
        told = storm.digest(owed, cases, organisation, person, self.now())
        return self._written(self.renderer.digest(told, organisation, person), digest, person, person.email)

    def _written(self, mail: Mail, notice: Notice, person: Person, address: str) -> bytes:
        organisation, now = self.charter.organisation, self.now()
        if mail.fallback_reason:
            log.warning("template", reason=mail.fallback_reason)
        domain = organisation.sender.rpartition("@")[2]
        return compose(
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            sender=organisation.sender,
            to_name=person.name,
            to_address=address,
            message_id=message_id(notice.id, domain),
            date=now,
            thread=message_id(notice.case, domain) if notice.case is not None else None,
            headers={"X-Breachflow-Notice": notice.id} | ({"X-Breachflow-Case": notice.case} if notice.case else {}),
        )


def gathers(digest: Notice) -> list[str]:
    """Return the ids of the notices that this digest tells."""
    return list(digest.detail.get("gathers", ()))
