"""The process behind `breachflow worker`: Faust's app inside our own loop, from the first try to the last second.

1. Until broker, topics and database are there it tries again, for ever; the clock does not depend on it.
2. It runs until a signal, a crash, or a lag that does not fall; a crash ends the process, and the next one starts at
   the ledger.
3. From the signal to the end it takes at most `STOP_WITHIN` seconds, whatever is down.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import cast

import structlog
from aiokafka.errors import IllegalStateError, KafkaError

from breachflow.agents import broker
from breachflow.agents.annex import Annex, Ended, annex, spare_garbage
from breachflow.agents.app import App, app
from breachflow.agents.clerk import Clerk, Patient, rehearsed
from breachflow.agents.course import Course, Place
from breachflow.agents.decisions import Decisions
from breachflow.agents.figures import Figures
from breachflow.agents.intake import ByClerk, Committer, Events, Intake, read_ledger
from breachflow.agents.ledger import Ledger
from breachflow.agents.outgoing import Outgoing
from breachflow.agents.topics import missing
from breachflow.agents.transport import Consumer
from breachflow.agents.watchdog import Watchdog
from breachflow.meter import Meter
from breachflow.settings.environment import Kafka, Settings
from breachflow.store import Unavailable
from breachflow.workflow import Contended, Workflow, where

STOP_WITHIN = 15.0  # Seconds from the signal to the end; supervisors kill after 20 to 30.
FAUST_STOPS_WITHIN = 6.0  # Of these; what Faust has not closed by then the end of the process does.
TELL_WITHIN = 2.0  # And this long it may take to tell Kafka how far the ledger is.
HAND_OVER_EVERY = 3.0  # Seconds between two times that Kafka is told how far the ledger is.
LOOK_EVERY = 5.0  # Seconds between two looks at the lag.
STARTS_WITHIN = 60.0  # Seconds for Faust to start: as long as a lag may stand.
HANGING = 120.0  # Seconds in one commit: far longer than locks and connections are waited for.
LONGEST_WAIT = 5.0  # Seconds between two tries to start.
REPEAT_SECONDS = 60.0  # A library that says the same every few seconds would bury the rest of the log.

log = structlog.get_logger("breachflow")


class Worker:
    """One process's agents, what they share, and what it says about itself."""

    def __init__(
        self,
        settings: Settings,
        make_workflow: Callable[[], Workflow],
        events: Annex,
        figures: Figures,
        *,
        singly: bool = False,
    ) -> None:
        if settings.kafka is None:
            raise AssertionError("a worker without brokers: the command refuses it")
        self.kafka: Kafka = settings.kafka
        self.settings = settings
        self.figures = figures
        self.watchdog = Watchdog()
        self.course = Course()
        self.ready = False
        self.kafka_away = ""
        self._topics = tuple(event.topic for event in settings.event_topics)
        self._decides = False
        self._singly = singly
        self._make = make_workflow
        self._events = events
        self._clerks: list[Patient] = [events]
        self._keeper = self._clerk("ledger")
        self._app: App | None = None

    def waits(self) -> str:
        """Why no events are taken in; empty where they are, and where Kafka is away, which no new start mends."""
        if self.kafka_away or (self.ready and self.course.assigned):
            return ""
        return "the partitions have not been assigned yet" if self.ready else "the worker is still starting"

    def lag(self) -> dict[tuple[str, int], int]:
        """How many records each partition that is read here is behind, as of the last look."""
        return {(place.topic, place.partition): behind for place, behind in self.watchdog.lag.items()}

    def counted(self) -> dict[str, int]:
        """What is told of the figures among the metrics."""
        return {
            "missing": self.figures.missing, "refused": self.figures.refused, "published": self.figures.published,
        }  # fmt: skip

    async def run(self, stopping: asyncio.Event) -> int:
        """Run until `stopping` and return 0; 1 where the app crashed or stands still."""
        try:
            while not stopping.is_set():
                if await self._startable(stopping):
                    return await self._run(stopping)
        except Ended as fault:
            log.critical("crashed", fault=where(fault))
            return 1
        else:
            return 0
        finally:
            for clerk in self._clerks:
                clerk.close()

    async def _startable(self, stopping: asyncio.Event) -> bool:
        """Wait until database, brokers and topics are there; say once what is missing."""
        wait, said = 0.2, ""
        while not stopping.is_set():
            problem = await self._problem()
            if problem is None:
                return True
            if problem != said:
                said = problem
                log.warning("waiting", problem=problem)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return False

    async def _problem(self) -> str | None:
        try:
            self.kafka_away = ""
            await self._keeper.once(rehearsed)
            await self._events.look()
        except (Unavailable, Contended) as problem:
            return str(problem)
        try:
            lacking = await missing(self.kafka, (*self._topics, self.settings.decision_topic))
        except (KafkaError, TimeoutError, OSError) as problem:
            self.kafka_away = await broker.sentence(self.kafka, problem)
            return self.kafka_away
        # A deployment in which no other system decides has no such topic.
        self._decides = self.settings.decision_topic not in lacking
        if lacking := [topic for topic in lacking if topic != self.settings.decision_topic]:
            return f"Kafka has no topic {', '.join(lacking)}; `breachflow topics create` makes them."
        return None

    async def _run(self, stopping: asyncio.Event) -> int:
        # Faust's app binds to the loop it is made in.
        intakes = self._intakes()
        self._app = made = app(self.kafka, intakes, self.course, self._ledger(), singly=self._singly)
        duties = [asyncio.ensure_future(duty) for duty in (self._hand_over(), self._look(), self._outgoing().run())]
        ended = asyncio.ensure_future(stopping.wait())
        crashed = asyncio.ensure_future(_crash(made))
        try:
            starting = asyncio.ensure_future(made.start())
            await asyncio.wait({starting, ended, crashed, *duties}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and (problem := starting.exception()) is not None:
                return await self._not_started(problem)
            if starting.done() and not crashed.done():
                self.ready = True
                log.info("running", group=self.settings.kafka_group, topics=list(intakes), annex=self._events.pid)
            await asyncio.wait({ended, crashed, *duties}, return_when=asyncio.FIRST_COMPLETED)
            return 0 if stopping.is_set() else self._why(made, duties)
        finally:
            self.ready = False
            for task in (ended, crashed, starting, *duties):
                task.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
            await self._stop(made)

    async def _not_started(self, problem: BaseException) -> int:
        """Say why; a broker that went away since it was looked for is waited for by the next process."""
        if isinstance(problem, KafkaError | TimeoutError | OSError):
            log.warning("not started", problem=await broker.sentence(self.kafka, problem))
        else:
            log.critical("crashed", fault=where(problem))
        return 1

    def _why(self, made: App, duties: Iterable[asyncio.Future[None]]) -> int:
        fault: BaseException | None = getattr(made, "crash_reason", None)
        for duty in duties:
            if duty.done() and not duty.cancelled() and duty.exception() is not None:
                fault = duty.exception()
        if fault is not None:
            log.critical("crashed", fault=where(fault))
        return 1

    async def _stop(self, made: App) -> None:
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(TELL_WITHIN):
                await self._tell_kafka()
        try:
            async with asyncio.timeout(FAUST_STOPS_WITHIN):
                await made.stop()
        except (TimeoutError, KafkaError) as problem:
            log.warning("stopped", unfinished=["kafka"], problem=type(problem).__name__)
        else:
            log.info("stopped")

    async def _hand_over(self) -> None:
        while True:
            await asyncio.sleep(HAND_OVER_EVERY)
            await self._tell_kafka()

    async def _tell_kafka(self) -> None:
        if self._app is not None and self.course.all():
            await self._consumer().hand_over(self.course.all())

    async def _look(self) -> None:
        """Look at the lag now and then; return where the process had better end."""
        began = monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for clerk in self._clerks:
                if clerk.busy_since is not None and monotonic() - clerk.busy_since > HANGING:
                    log.critical("standing still", duty=clerk.name)
                    return
            if not self.ready:
                # Before that there is no consumer that could be asked.
                if monotonic() - began > STARTS_WITHIN:
                    log.critical("standing still", duty="start")
                    return
                continue
            if any(clerk.away_since is not None for clerk in self._clerks):
                self.watchdog.excuse(monotonic())
                continue
            try:
                ends = await self._consumer().ends()
            except IllegalStateError:
                continue  # Taken away while we asked: no excuse, since a group that only sorts itself reads nothing.
            except (KafkaError, TimeoutError) as problem:
                self.kafka_away = type(problem).__name__
                self.watchdog.excuse(monotonic())
                continue
            self.kafka_away = ""
            for place, finding in self.watchdog.look(self.course.all(), ends, monotonic()).items():
                if finding == "end":
                    log.critical("standing still", **_named(place), lag=self.watchdog.lag[place])
                    return
                if finding == "mend":
                    log.warning("lagging", **_named(place), lag=self.watchdog.lag[place])
                    await self._consumer().seek_back(place)

    def _intakes(self) -> dict[str, Intake]:
        intakes = {topic: self._intake(self._events) for topic in self._topics}
        if self._decides:
            by = ByClerk(self._clerk("decisions"), Decisions(self.figures), self.settings.kafka_group)
            intakes[self.settings.decision_topic] = self._intake(by)
        return intakes

    def _intake(self, committer: Committer) -> Intake:
        return Intake(self.course, committer, self.figures, self._consumer)

    def _outgoing(self) -> Outgoing:
        cases, dead = self.settings.case_topic, self.settings.dead_letter_topic
        return Outgoing(self.kafka, self._clerk("outgoing"), self.figures, cases=cases, dead=dead)

    def _ledger(self) -> Ledger:
        group = self.settings.kafka_group
        return Ledger(group, lambda: self._keeper.once(read_ledger(group)), broker.client(self.kafka))

    def _clerk(self, name: str) -> Clerk:
        clerk = Clerk(name, self._make)
        self._clerks.append(clerk)
        return clerk

    def _consumer(self) -> Consumer:
        if self._app is None:
            raise AssertionError("nothing is consumed before the app is there")
        return cast("Consumer", self._app.consumer)


def work(
    settings: Settings, make_workflow: Callable[[], Workflow], *, singly: bool = False, meter: Meter | None = None
) -> int:
    """Run a worker in this process until SIGTERM or SIGINT; return the exit code."""
    spare_garbage()
    figures, counted = Figures(), meter or Meter()
    take = Events({event.topic: event.format for event in settings.event_topics}, figures)
    events = annex(make_workflow, take, settings.kafka_group, figures, counted)
    return asyncio.run(_work(Worker(settings, make_workflow, events, figures, singly=singly), make_workflow, counted))


async def _work(worker: Worker, make_workflow: Callable[[], Workflow], meter: Meter) -> int:
    _quieten()
    async with _signals() as stopping:
        settings = worker.settings
        if settings.metrics is None:
            return await worker.run(stopping)
        from breachflow.monitoring import watched

        beating = asyncio.ensure_future(_beat(meter))
        try:
            with watched(
                settings.metrics, meter, make_workflow, waits=worker.waits, ticks=False,
                lag=worker.lag, kafka=worker.counted,
            ):  # fmt: skip
                return await worker.run(stopping)
        finally:
            beating.cancel()


async def _beat(meter: Meter) -> None:
    """Say again and again that the loop turns."""
    while True:
        meter.beat()
        await asyncio.sleep(1.0)


@asynccontextmanager
async def _signals() -> AsyncIterator[asyncio.Event]:
    """Turn the first SIGTERM or SIGINT into an event; a second one ends the process at once."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()

    def caught(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)  # Whoever signals twice does not want to wait; the database can take it.
        stopping.set()
        _end_by(STOP_WITHIN)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, caught, number)
    try:
        yield stopping
    finally:
        # However the process comes to its end, a thread that hangs in a broken connection must not hold it up.
        _end_by(STOP_WITHIN)


def _end_by(seconds: float) -> None:
    """End this process in so many seconds, whatever it is doing then: what was not committed is read again."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _quieten() -> None:
    """Let the libraries' warnings through as lines of our log, without tracebacks, which may quote a message."""
    for name in ("faust", "mode", "aiokafka", "asyncio"):
        library = logging.getLogger(name)
        library.handlers = [_Line()]
        library.propagate = False
        library.setLevel(logging.WARNING)
    # Faust's threads end with whatever their broker ended with.
    threading.excepthook = _thread_ended


def _thread_ended(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread is not None else ""
    said = where(arguments.exc_value) if arguments.exc_value is not None else arguments.exc_type.__name__
    log.warning("thread ended", thread=name, said=said)


class _Line(logging.Handler):
    """Writes one line for each kind of record, at most once in `REPEAT_SECONDS`."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the library's name and the fixed part of its message; a fault by its kind and place only."""
        fault = record.exc_info[1] if record.exc_info else None
        said = where(fault) if fault is not None else str(record.msg).partition("%")[0][:200].rstrip(" \"'(:[=")
        if monotonic() - self._said.get(said, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return
        self._said[said] = monotonic()
        log.warning("kafka", library=record.name.partition(".")[0], said=said)


async def _crash(made: App) -> None:
    await made._crashed.wait()  # noqa: SLF001 - Faust has no public way to wait for it.


def _named(place: Place) -> dict[str, object]:
    return {"topic": place.topic, "partition": place.partition}
