"""A process of its own that decodes, decides and commits, so that nothing in an event can hold up the heartbeats.

1. It is made before the worker has threads, and shares with it what both have loaded.
2. It has one question at a time: a batch, or whether the database is there. It bears being asked twice.
3. What it stumbles over ends it, and with it the worker; the next one starts at the ledger.
4. It ends when the worker does, however that ends. A batch that it was committing meanwhile is on record with its
   offset or not at all, as after any crash.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import msgspec
import structlog
from msgspec import Struct

from breachflow.agents.clerk import Patient, Seat, reached, rehearsed
from breachflow.agents.course import Place
from breachflow.agents.figures import Figures
from breachflow.agents.intake import Take
from breachflow.agents.transport import Batch
from breachflow.meter import Meter
from breachflow.store import Unavailable
from breachflow.workflow import Contended, Workflow, where

ORPHANED = 3.0  # Seconds that it may still commit once the worker is gone; long before another one takes over.
GARBAGE = 50_000  # Values made before the youngest are looked through: some batches of them.
REACH = b""  # The question whether the database is there.

log = structlog.get_logger("breachflow")


class Ended(Exception):  # noqa: N818 - named for what happened.
    """The process that commits is gone; what it had in hand is read again by the next worker."""


class Message(Struct, array_like=True, gc=False):
    """One record as the client fetched it, as it is handed over."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Collection[tuple[str, bytes]]


class Answer(Struct, array_like=True, frozen=True):
    """What came of it: records and tombstones counted, or why it is to be asked again; and what the meter counts.

    `metered` are seconds, and how many records of which outcome and format, of each commit.
    """

    records: int = 0
    tombstones: int = 0
    away: str = ""
    contended: str = ""
    metered: tuple[tuple[float, tuple[tuple[str, str, int], ...]], ...] = ()


_messages = msgspec.msgpack.Decoder(tuple[Message, ...])
_answers = msgspec.msgpack.Decoder(Answer)
_encode = msgspec.msgpack.Encoder().encode


class Annex(Patient):
    """The worker's end."""

    def __init__(self, pipe: Connection, pid: int, figures: Figures, meter: Meter) -> None:
        super().__init__("events")
        self.pid = pid
        self._pipe, self._figures, self._meter = pipe, figures, meter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")

    async def take(self, batch: Batch) -> int:
        """Commit a batch and how far the topic was read; return how many records it held. Raises `Ended`."""
        return (await self.patiently(lambda: self._ask(batch))).records

    async def reach(self) -> None:
        """Wait until the database is there. Raises `Ended`."""
        await self.patiently(lambda: self._ask(None))

    async def look(self) -> None:
        """Ask once whether the database is there. Raises `Unavailable`, `Contended`, `Ended`."""
        await self.busily(lambda: self._ask(None))

    def close(self) -> None:
        """Take nothing more; the process ends when it has finished what is in hand."""
        self._thread.submit(self._pipe.close)
        self._thread.shutdown(wait=False)

    async def _ask(self, batch: Batch | None) -> Answer:
        answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._asked, batch)
        if answer.away:
            raise Unavailable(answer.away)
        if answer.contended:
            raise Contended(answer.contended)
        self._figures.tombstones += answer.tombstones
        for seconds, taken in answer.metered:
            self._meter.batch(seconds, Counter({(fate, form): n for fate, form, n in taken}).elements())
        return answer

    def _asked(self, batch: Batch | None) -> Answer:
        try:
            self._pipe.send_bytes(REACH if batch is None else _handed_over(batch))
            return _answers.decode(self._pipe.recv_bytes())
        except (EOFError, OSError) as gone:
            raise Ended("the process that commits events has ended") from gone


def spare_garbage() -> None:
    """Let the collector look less often: a batch makes some ten thousand values that live as long as it does."""
    gc.freeze()
    gc.set_threshold(GARBAGE)


def annex(make_workflow: Callable[[], Workflow], take: Take, group: str, figures: Figures, meter: Meter) -> Annex:
    """Make the process. To be called while there is one thread; `take` counts tombstones in these figures there."""
    ours, theirs = Pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    worker = os.getpid()
    pid = os.fork()
    if pid:
        theirs.close()
        return Annex(ours, pid, figures, meter)
    ours.close()
    code = 1
    try:
        _serve(theirs, worker, make_workflow, take, group, figures)
        code = 0
    except BaseException as fault:  # noqa: BLE001 - nothing may come back from here into the worker's code.
        log.critical("crashed", duty="events", fault=where(fault))
    finally:
        os._exit(code)


def _serve(
    pipe: Connection, worker: int, make_workflow: Callable[[], Workflow], take: Take, group: str, figures: Figures
) -> None:
    """Answer until the worker's end is closed."""
    # A signal to the whole group is the worker's to answer: it closes the pipe when it has come to its end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_outlive, args=(worker,), daemon=True).start()
    relay = _Relay()
    first = True

    def make() -> Workflow:
        workflow = make_workflow()
        workflow.meter = relay
        return workflow

    seat = Seat(make)

    def answered(asked: bytes) -> Answer:
        if asked == REACH:
            seat.done(rehearsed if first else reached)
            return Answer()
        before = figures.tombstones
        records = _messages.decode(asked)
        batch = Batch(Place(records[0].topic, records[0].partition), records, None, 0)
        count = seat.done(lambda workflow: take(workflow, batch, group))
        return Answer(count, figures.tombstones - before)

    while True:
        try:
            asked = pipe.recv_bytes()
        except (EOFError, ConnectionResetError):
            # Closed by the worker, or with it.
            seat.let_go()
            return
        relay.told.clear()
        try:
            answer = answered(asked)
            first = False
        except Unavailable as problem:
            answer = Answer(away=str(problem))
        except Contended as problem:
            answer = Answer(contended=str(problem))
        try:
            pipe.send_bytes(_encode(msgspec.structs.replace(answer, metered=tuple(relay.told))))
        except (BrokenPipeError, ConnectionResetError):
            return  # The worker ended meanwhile.


def _outlive(worker: int) -> None:
    """End this process soon after the worker's, even where a connection hangs."""
    while os.getppid() == worker:
        time.sleep(1.0)
    time.sleep(ORPHANED)
    os._exit(1)


class _Relay(Meter):
    """Keeps what was metered until the worker asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, tuple[tuple[str, str, int], ...]]] = []

    def batch(self, seconds: float, taken: Iterable[tuple[str, str]]) -> None:
        """Keep it."""
        self.told.append((seconds, tuple((fate, form, n) for (fate, form), n in Counter(taken).items())))


def _handed_over(batch: Batch) -> bytes:
    return _encode(
        [
            Message(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
            for one in batch.records
        ]
    )
