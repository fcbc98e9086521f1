"""The process behind `breachflow run`: it keeps the clocks going, and takes events from a folder and by HTTP.

1. Each duty (tick, drafts, mails, webhooks, lists of people, inbox, HTTP) repeats one verb on a thread of its own with
   a workflow of its own, so that a slow mail provider holds up no clock, and a backlog of drafts no mail.
2. Nothing is remembered between two beats: what is owed stands in the database. A beat that fails is made up by the
   next one, and a process that was killed by the next process.
3. A database that is away is waited for, for ever. Any other failure is a fault that this process cannot judge: it is
   said aloud and tried again with a fresh connection, and when the clock or the mails have not succeeded for a while,
   the process ends with an error, so that its supervisor starts a fresh one. It never goes on with a clock that
   stands still.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog

from breachflow.formats import names
from breachflow.inbox import Inbox
from breachflow.ingest import ingest
from breachflow.meter import Meter
from breachflow.sending import Dispatch
from breachflow.sending.dispatch import rehearse
from breachflow.store.errors import Unavailable, WrongKey
from breachflow.workflow import Contended, Workflow, where

if TYPE_CHECKING:
    from breachflow.delivery.sendgrid_events import Seal
    from breachflow.intake_http import Door
    from breachflow.settings.environment import Address

__all__ = ["ingest", "serve"]

LONGEST_WAIT = 5.0  # Seconds between two tries while the database is away: the clock is never later than this.
STANDING_STILL = 60.0  # Seconds without one success, though the database is there, after which a duty is given up.
HANGING = 300.0  # Seconds without a sign of life: longer than a batch of mails with every provider at its time-out.
STOP_WITHIN = 12.0  # Seconds from the signal until nobody is waited for; the last answers take 6 more, 20 are had.
END_BY = 18.0  # Seconds from the signal until the process is ended, whatever it is waiting for then.
FORGET_SECONDS = 600.0  # What is due for erasure is counted in days: ten minutes more are none.
LOOK_SECONDS = 0.5  # How often the drop folder is looked at.
DRAFT_SECONDS = 0.2  # Longest wait before a case is drafted, whichever process opened it: a draft is there in a second.
VITAL = ("clock", "mails", "http")  # Duties that take the process down with them where they stand still.

log = structlog.get_logger("breachflow")


class Duty:
    """One verb, repeated until the process stops."""

    def __init__(
        self,
        name: str,
        work: Callable[[Workflow, Callable[[], bool]], object],
        every: float,
        make_workflow: Callable[[], Workflow],
        stopping: threading.Event,
    ) -> None:
        self.name = name
        self.away = self.begun = False
        self.failures = 0
        self._work, self._every, self._make, self._stopping = work, every, make_workflow, stopping
        self._workflow: Workflow | None = None
        self._succeeded_at = self._seen_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self.begun = True

    def join(self, until: float) -> bool:
        """Wait until the duty has ended, at most to this instant of the monotonic clock; return whether it has."""
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    def stands_still(self) -> bool:
        """Whether it has neither succeeded nor met an absent database for too long, or gives no sign of life."""
        now = time.monotonic()
        failing = self.failures > 0 and now - self._succeeded_at > STANDING_STILL
        return failing or now - self._seen_at > HANGING or not self._thread.is_alive()

    def _run(self) -> None:
        wait = self._every
        while True:
            last = self._stopping.is_set()
            try:
                self._work(self._own(), self._asked)
            except (Unavailable, Contended) as problem:
                self._let_go()
                # A database that is away is nobody's standing still: it is waited for.
                self._succeeded_at, self.failures = time.monotonic(), 0
                if not self.away:
                    self.away = True
                    log.warning("away", duty=self.name, problem=str(problem))
                wait = min(max(2 * wait, 0.1), LONGEST_WAIT)
            except Exception as fault:  # noqa: BLE001 - answered: said aloud, made up by the next beat or process.
                self._let_go()
                self.failures += 1
                _stumbled(self.name, fault, self.failures)
                wait = min(max(2 * wait, 0.1), LONGEST_WAIT)
            else:
                if self.away:
                    log.warning("back", duty=self.name)
                self.away, self.failures, wait = False, 0, self._every
                self._succeeded_at = time.monotonic()
            self._seen_at = time.monotonic()
            if last:
                self._let_go()
                return
            self._stopping.wait(wait)

    def _asked(self) -> bool:
        """Answer a verb that asks whether to stop, and note that it is alive."""
        self._seen_at = time.monotonic()
        return self._stopping.is_set()

    def _own(self) -> Workflow:
        if self._workflow is None:
            self._workflow = self._make()
        return self._workflow

    def _let_go(self) -> None:
        """Close the connection; after a failure nobody knows what state it is in."""
        if self._workflow is not None:
            self._workflow.store.close()
            self._workflow = None


def serve(
    make_workflow: Callable[[], Workflow],
    *,
    home: Path,
    http: Address | None,
    token: str | None,
    intake: bool,
    once: bool,
    beat: float = 1.0,
    clock: Callable[[], datetime] | None = None,
    metrics: Address | None = None,
    meter: Meter | None = None,
    seal: Seal | None = None,
    formats: Callable[[], Sequence[str]] = names,
) -> int:
    """Run until SIGTERM or SIGINT and return the exit code: 0 after a signal or one pass, 1 where a duty stands still.

    Without `intake` it is the clock process beside other doors. Events by HTTP need `intake`, an address and a token;
    what SendGrid reports about mails needs an address and its `seal`; its timestamps are held against `clock`. `once`
    takes in what lies in the folder, ticks, drafts, delivers, posts, and returns; a database that is away then raises
    `Unavailable`. Raises `CannotListen` where the address is taken, `SettingsError` where that of `metrics` is.
    `meter` is the one that the workflows count with; `formats` names what a request may call its body.
    """
    os.umask(0o077)
    if once:
        return _once(make_workflow, Inbox(home) if intake else None)
    stopping, meter = threading.Event(), meter or Meter()
    duties: list[Duty] = []

    with (
        _signals(stopping),
        _watched(metrics, meter, make_workflow, lambda: _standing_still(duties)),
    ):
        _rehearse(make_workflow, beat, stopping, meter)
        duties += _duties(make_workflow, home, beat, stopping, intake=intake)
        token = token if intake else None
        door = None
        if http and (token or seal):
            door = _door(make_workflow, http, token, duties, stopping, seal, clock, formats)
        if door is not None:
            door.open()
        for duty in duties:
            duty.start()
        log.info("running", duties=[duty.name for duty in duties])
        code = _watch(duties, door, stopping, meter)
        stopping.set()
        _stop(duties, door)
    return code


def _watched(
    address: Address | None,
    meter: Meter,
    make_workflow: Callable[[], Workflow],
    stands_still: Callable[[], str],
) -> AbstractContextManager[object]:
    """Show metrics and health on their address while the service runs, where there is one."""
    if address is None:
        return nullcontext()
    from breachflow.monitoring import watched

    return watched(address, meter, make_workflow, stands_still=stands_still, ticks=True)


def _standing_still(duties: Sequence[Duty]) -> str:
    """Say which duty that must not stand still does; nothing where none does, or none has begun."""
    still = [duty.name for duty in duties if duty.name in VITAL and duty.begun and duty.stands_still()]
    return f"{', '.join(still)} stands still" if still else ""


def _rehearse(make_workflow: Callable[[], Workflow], beat: float, stopping: threading.Event, meter: Meter) -> None:
    """Load what is loaded at its first use while there is one thread, as soon as there is a database."""
    said = False
    while not stopping.is_set():
        meter.beat()
        try:
            workflow = make_workflow()
        except Unavailable as problem:
            if not said:
                said = True
                log.warning("away", duty="start", problem=str(problem))
            stopping.wait(max(beat, 1.0))
            continue
        try:
            workflow.rehearse()
            rehearse()
        except Exception as fault:  # noqa: BLE001 - answered: a rehearsal that fails must not keep the clocks from going.
            _stumbled("rehearsal", fault, 1)
        finally:
            workflow.store.close()
        return


def _once(make_workflow: Callable[[], Workflow], inbox: Inbox | None) -> int:
    workflow = make_workflow()
    try:
        if inbox is not None:
            inbox.drain(workflow, wait=True)
        workflow.tick()
        workflow.draft()
        workflow.deliver()
        workflow.post()
        sender = Dispatch(workflow)
        sender.dispatch()
        sender.let_go()
        sender.close()
        _forget(workflow, lambda: False, inbox)
    finally:
        workflow.store.close()
    return 0


class _Sender:
    """Lists of people leave, on connections that are kept from beat to beat."""

    def __init__(self) -> None:
        self._dispatch: Dispatch | None = None

    def beat(self, workflow: Workflow, asked: Callable[[], bool]) -> int:
        if self._dispatch is None or self._dispatch.workflow is not workflow:
            if self._dispatch is not None:
                self._dispatch.close()
            self._dispatch = Dispatch(workflow)
        sent = self._dispatch.dispatch(asked)
        if asked():
            self._dispatch.let_go()
            self._dispatch.close()
        return sent


def _duties(
    make_workflow: Callable[[], Workflow], home: Path, beat: float, stopping: threading.Event, *, intake: bool
) -> list[Duty]:
    duties = [
        Duty("clock", lambda workflow, asked: workflow.tick(asked), beat, make_workflow, stopping),
        Duty("mails", lambda workflow, asked: workflow.deliver(asked), beat, make_workflow, stopping),
        Duty("webhooks", lambda workflow, asked: workflow.post(asked), beat, make_workflow, stopping),
        Duty(
            "drafts", lambda workflow, asked: workflow.draft(asked), min(beat, DRAFT_SECONDS), make_workflow, stopping
        ),
    ]
    # On a connection and thread of its own: a list of 100,000 holds up no mail to the DPO.
    duties.append(Duty("people", _Sender().beat, beat, make_workflow, stopping))
    inbox = Inbox(home) if intake else None
    duties.append(
        Duty("retention", lambda workflow, asked: _forget(workflow, asked, inbox), FORGET_SECONDS, make_workflow,
             stopping)
    )  # fmt: skip
    if inbox is not None:
        duties.append(Duty("inbox", inbox.drain, LOOK_SECONDS, make_workflow, stopping))
    return duties


def _forget(workflow: Workflow, stopping: Callable[[], bool], inbox: Inbox | None) -> None:
    workflow.forget(stopping)
    if inbox is not None:
        inbox.clear(workflow.now() - timedelta(days=workflow.charter.policy.retention.inbox_days))


def _door(
    make_workflow: Callable[[], Workflow],
    http: Address,
    token: str | None,
    duties: list[Duty],
    stopping: threading.Event,
    seal: Seal | None,
    clock_of: Callable[[], datetime] | None,
    formats: Callable[[], Sequence[str]],
) -> Door:
    from breachflow.intake_http import Door

    taking = Duty("http", lambda workflow, _: door.take(workflow), 0.0, make_workflow, stopping)
    clock = duties[0]
    door = Door(
        http, token, alive=lambda: not clock.stands_still(), ready=lambda: not taking.away, seal=seal, clock=clock_of,
        formats=formats,
    )  # fmt: skip
    duties.append(taking)
    return door


def _watch(duties: Sequence[Duty], door: Door | None, stopping: threading.Event, meter: Meter) -> int:
    """Wait for a signal; return 1 as soon as something that must not stand still does."""
    while not stopping.wait(1.0):
        meter.beat()
        for duty in duties:
            # An inbox that cannot be read or drafts that cannot be laid are said aloud, and are no reason to take the
            # clock down with them.
            if duty.name in VITAL and duty.stands_still():
                log.critical("standing still", duty=duty.name, failures=duty.failures)
                return 1
        if door is not None and not door.is_open():
            log.critical("standing still", duty="http")
            return 1
    return 0


def _stop(duties: Sequence[Duty], door: Door | None) -> None:
    """Take nothing more, finish what is in hand, and end in time: what is left is done by the next process."""
    until = time.monotonic() + STOP_WITHIN
    if door is not None:
        door.shut()
    left = [duty.name for duty in duties if not duty.join(until)]
    if door is not None:
        door.close()
    if left:
        log.warning("stopped", unfinished=left)
    else:
        log.info("stopped")


class _signals:  # noqa: N801 - reads as the `with` statement it is.
    """Turn the first SIGTERM or SIGINT into `stopping`; a second one ends the process at once."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        # Only the main thread may; in a test the service runs beside it and is stopped by its signal all the same.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._caught)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, _: FrameType | None) -> None:
        if self._stopping.is_set():
            os._exit(128 + number)  # Whoever signals twice does not want to wait; the database can take it.
        self._stopping.set()
        # Even a call that never returns must not hold up the end: the next process makes up for it.
        last = threading.Timer(END_BY, os._exit, (1,))
        last.daemon = True
        last.start()


def _stumbled(duty: str, fault: Exception, failures: int) -> None:
    # The first, and then ever more rarely: a fault a second would bury the rest of the log.
    if failures & (failures - 1) == 0 and isinstance(fault, WrongKey):
        # The next try reads the key file again; a key that the environment states asks for a new start.
        log.error("key", duty=duty, problem=str(fault), failures=failures)
    elif failures & (failures - 1) == 0:
        log.error("stumbled", at=duty, fault=where(fault), failures=failures)
