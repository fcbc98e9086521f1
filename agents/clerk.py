"""Whoever has a store connection does what it is asked in order, and waits for a database that is away."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

import structlog

from breachflow.store import Unavailable
from breachflow.workflow import Contended, Workflow, where

FIRST_WAIT = 0.05  # Seconds before the first retry: most locks are gone by then.
LONGEST_WAIT = 5.0  # Seconds between two tries while the database is away: the intake is never later than this.

T = TypeVar("T")
log = structlog.get_logger("breachflow")


class Patient(ABC):
    """Tries again what passes, and says how long it has been trying. Any other failure leaves as it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.away_since: float | None = None
        self.busy_since: float | None = None
        self.retries = 0

    @abstractmethod
    def close(self) -> None:
        """Take nothing more; what is in hand is finished."""

    async def patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        """Do it, again and again until the database takes it. It must bear being done twice."""
        wait = FIRST_WAIT
        while True:
            try:
                return await self.busily(once)
            except (Unavailable, Contended) as problem:
                self.retries += 1
                if self.away_since is None:
                    self.away_since = monotonic()
                    log.warning("away", duty=self.name, problem=str(problem))
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def busily(self, once: Callable[[], Awaitable[T]]) -> T:
        """Do it once. Raises `Unavailable`, `Contended`."""
        self.busy_since = monotonic()
        try:
            done = await once()
        finally:
            self.busy_since = None
        if self.away_since is not None:
            self.away_since = None
            log.warning("back", duty=self.name)
        return done


class Seat:
    """One workflow, made when it is first needed, and made anew after a failure."""

    def __init__(self, make_workflow: Callable[[], Workflow]) -> None:
        self._make = make_workflow
        self._workflow: Workflow | None = None

    def done(self, work: Callable[[Workflow], T]) -> T:
        """Do it with the workflow."""
        if self._workflow is None:
            self._workflow = self._make()
        try:
            return work(self._workflow)
        except BaseException:
            self.let_go()  # After a failure nobody knows what state the connection is in.
            raise

    def let_go(self) -> None:
        """Close the connection."""
        if self._workflow is not None:
            workflow, self._workflow = self._workflow, None
            workflow.store.close()


class Clerk(Patient):
    """One store connection on one thread."""

    def __init__(self, name: str, make_workflow: Callable[[], Workflow]) -> None:
        super().__init__(name)
        self._seat = Seat(make_workflow)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, work: Callable[[Workflow], T]) -> T:
        """Do it, again and again until the database takes it. It must bear being done twice."""
        return await self.patiently(lambda: self._on_thread(work))

    async def once(self, work: Callable[[Workflow], T]) -> T:
        """Do it once. Raises `Unavailable`, `Contended`."""
        return await self.busily(lambda: self._on_thread(work))

    def close(self) -> None:
        """Take nothing more; what is in hand is finished on its thread, and the connection closed after it."""
        self._thread.submit(self._seat.let_go)
        self._thread.shutdown(wait=False)

    async def _on_thread(self, work: Callable[[Workflow], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._seat.done, work)


def reached(workflow: Workflow) -> None:
    """Ask the database anything: where it is away, whoever asks waits."""
    workflow.store.open_count()


def rehearsed(workflow: Workflow) -> None:
    """Ask the database anything, and use every rule for the first time while nobody waits for it."""
    reached(workflow)
    try:
        workflow.rehearse()
    except Exception as fault:  # noqa: BLE001 - answered: a rehearsal that fails must not keep events out.
        stumbled("rehearsal", fault)


def stumbled(at: str, fault: Exception, **names: object) -> None:
    """Say aloud what kind of fault of ours it is and where, never what it was about."""
    log.error("stumbled", at=at, fault=where(fault), **names)
