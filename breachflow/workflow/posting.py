"""Post: other systems are told by signed webhooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
import structlog

from breachflow.core import telling
from breachflow.delivery import Deferred, Gone, Hook, backoff
from breachflow.store.posts import LeasedPost, PostState
from breachflow.workflow.office import LEASE, Office

POSTS = 30  # Tries for one signal to another system: about a day; whoever is away longer has the mails.
POST_WAIT = timedelta(hours=1)  # The longest wait between two of them.

log = structlog.get_logger("breachflow")


class Posting(Office):
    """Hands signals over."""

    def post(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Hand the signals that are owed to other systems over; return how many were settled.

        An address that does not take one is left alone until the next call, so that it holds up no other one. Mails
        know nothing of this.
        """
        settled = 0
        for hook in self.hooks:
            while not hook.gone and not stopping():
                leased = self.store.lease_post(hook.name, self.now(), self.now() + LEASE)
                if leased is None:
                    break
                state = self._post(leased, hook)
                settled += state != "queued"
                if state == "queued":
                    break
        return settled

    def _post(self, leased: LeasedPost, hook: Hook) -> PostState:
        signal, now = leased.signal, self.now()
        state: PostState = "queued" if leased.attempts < POSTS else "failed"
        wait: timedelta | None = None
        if not telling.still_owed(signal, self.store.get(signal.case)):
            state, answer = "dropped", ""
        else:
            try:
                state, answer = "sent", hook.send(msgspec.json.encode(signal.body), ident=signal.id, now=now)
            except Gone as problem:
                state, answer = "failed", str(problem)
                log.warning("webhook", problem=f"{problem} Nothing more is sent there until breachflow is restarted.")
            except Deferred as problem:
                answer, wait = str(problem), problem.retry_after
                log.warning("webhook", signal=signal.id, case=signal.case, state=state, problem=answer)
        wait = wait or backoff(leased.attempts, signal.id + hook.name, POST_WAIT)
        self.store.settle_post(signal.id, hook.name, state, now, answer=answer, next_at=now + wait)
        return state
