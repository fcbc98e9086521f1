"""Events by HTTP: `POST /events` with a bearer token, answered only after the commit.

`POST /sendgrid/events` is for what SendGrid reports about our mails: its signature stands in the token's place.

Requests wait in one bounded queue; whoever calls `take` writes as many of them as fit into one commit. Nothing here
decides anything: a body is handed to the formats and to the workflow as a file's content is.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import islice
from typing import Any, NamedTuple

import structlog
from aiohttp import web

from breachflow.core.case import Report
from breachflow.core.intake import Fate, Tally, tallied
from breachflow.delivery.sendgrid_events import SIGNATURE, TIMESTAMP, Seal, reports
from breachflow.formats import MAX_PAYLOAD, MAX_RECORDS, names
from breachflow.ingest import BATCH, records
from breachflow.settings.environment import Address
from breachflow.store.commit import letter_id
from breachflow.store.errors import StoreError
from breachflow.workflow import Contended, Record, Workflow, where

WAITING = 256  # Requests in the queue; at the pace of one commit a second still less than an answer's patience.
BODIES_IN_FLIGHT = 64_000_000  # Bytes of bodies held at a time, whatever the number of senders.
READ_WITHIN = 30.0  # Seconds for a body: 5 MB on a slow line. Slower ones hold a place that others need.
LINGER = 2.0  # Seconds in which a sender that was refused early can finish speaking, and so hear the refusal.
IDLE = 30.0  # Seconds until a connection that asks nothing is closed.
ANSWER_WITHIN = 30.0  # Seconds from queue to commit; most senders give up about then.
CLOSE_WITHIN = 3.0  # Seconds for the last answers when the process ends.
RATE = 500.0  # Requests a second in the long run: more than a SIEM's rules fire, less than would starve the clocks.
BURST = 1_000.0  # Requests at once, after a quiet time.
RETRY_SECONDS = 2  # What a sender that is asked to come again should wait.

DEAD_NAMED = 100  # Dead letters that one answer names; the count tells that there are more.
NAMES = ("received", "opened", "attached", "screened", "duplicates", "quarantined")
STUMBLED = "breachflow stumbled over this event: its own fault; the event is kept."

PROBLEMS = {
    404: "There is nothing here: send events to POST /events.",
    405: "This address takes another method: send events with POST /events.",
    413: f"The body is larger than {MAX_PAYLOAD} bytes: send its events in several requests.",
    417: "The expectation cannot be met: send the body without it.",
}

log = structlog.get_logger("breachflow")


class CannotListen(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """The address cannot be listened on; the message says why and what to set."""


class Asked(NamedTuple):
    """One request's body, waiting to be taken in, and where its answer goes."""

    body: bytes
    origin: str
    format: str | None
    answer: Future[web.Response]


class Told(NamedTuple):
    """What one request reports about our mails, waiting to be recorded, and where its answer goes."""

    reports: Sequence[Report]
    answer: Future[web.Response]


class Door:
    """The HTTP server on a thread of its own, and the queue between it and whoever takes in.

    Without a token no events are taken; `seal` is SendGrid's, `clock` what its timestamps are held against.
    `formats` names what a request may call its body.
    """

    def __init__(
        self,
        address: Address,
        token: str | None,
        alive: Callable[[], bool],
        ready: Callable[[], bool],
        *,
        seal: Seal | None = None,
        clock: Callable[[], datetime] | None = None,
        formats: Callable[[], Sequence[str]] = names,
    ) -> None:
        self.address = address
        self._token = token.encode() if token else None
        self._seal, self._clock = seal, clock or (lambda: datetime.now(UTC))
        self._formats = formats
        self._alive, self._ready = alive, ready
        self._waiting: queue.Queue[Asked | Told] = queue.Queue(WAITING)
        self._held = 0
        self._bucket = Bucket(RATE, BURST)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._started: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed: asyncio.Event | None = None

    def open(self) -> None:
        """Listen. Raises `CannotListen`."""
        self._thread.start()
        self._started.result()

    def is_open(self) -> bool:
        """Whether the server runs."""
        return self._thread.is_alive()

    def shut(self) -> None:
        """Take no more requests; those that wait can still be taken in and answered."""
        self._closing = True

    def close(self) -> None:
        """Give what is still waiting back to its senders, let the last answers leave, and end."""
        self._closing = True
        while (asked := self._next(0)) is not None:
            asked.answer.set_result(come_again("The service is stopping: nothing was taken in, send it again."))
        if self._loop is not None and self._closed is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closed.set)
            self._thread.join(2 * CLOSE_WITHIN)

    def take(self, workflow: Workflow, patience: float = 0.5) -> Tally:
        """Take in what waits, in as few commits as possible, and answer each request after its last commit.

        Returns after `patience` seconds if nothing comes. When something fails, whoever has no answer yet is asked to
        come again, and the failure is raised; what had been committed by then is a duplicate the second time.
        """
        asked = self._next(patience)
        heard: list[Asked | Told] = []
        together: list[Asked] = []
        batch: list[Record] = []
        ends: list[int] = []
        try:
            while asked is not None:
                heard.append(asked)
                if isinstance(asked, Told):
                    asked.answer.set_result(_recorded(asked.reports, workflow))
                else:
                    together.append(asked)
                    batch += _records(asked, workflow)
                    ends.append(len(batch))
                asked = self._next(0) if len(batch) < BATCH else None
            return _taken(together, batch, ends, workflow)
        finally:
            # Who has been answered keeps that answer; on a failure the others must not wait for nothing.
            for one in heard:
                if not one.answer.done():
                    one.answer.set_result(come_again("The database is away: nothing is lost, send it again."))

    def _next(self, patience: float) -> Asked | Told | None:
        try:
            return self._waiting.get(timeout=patience) if patience else self._waiting.get_nowait()
        except queue.Empty:
            return None

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(middlewares=[in_json])
        if self._token is not None:
            app.router.add_post("/events", self._events)
        if self._seal is not None:
            app.router.add_post("/sendgrid/events", self._reports)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.on_response_prepare.append(_headers)
        # Bodies come as they are: what a compressed one would grow to is the sender's choice, and so a danger.
        runner = web.AppRunner(
            app, handle_signals=False, access_log=None, logger=_silent(), keepalive_timeout=IDLE,
            auto_decompress=False, lingering_time=LINGER, shutdown_timeout=CLOSE_WITHIN,
        )  # fmt: skip
        await runner.setup()
        try:
            await web.TCPSite(runner, self.address.host, self.address.port).start()
        except OSError as error:
            await runner.cleanup()
            self._started.set_exception(
                CannotListen(
                    f"{self.address} cannot be listened on ({error.strerror}): set BREACHFLOW_HTTP to another."
                )
            )
            return
        # Port 0 asks for any free one.
        self.address = Address(self.address.host, runner.addresses[0][1])
        log.info("http", listening=str(self.address))
        if not _loopback(self.address.host):
            log.warning(
                "http", problem="events and token travel in clear: put a TLS proxy in front, or listen on 127.0.0.1"
            )
        self._started.set_result(None)
        await self._closed.wait()
        await runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True}) if self._alive() else come_again("The clock stands still.")

    async def _readyz(self, _: web.Request) -> web.Response:
        ready = self._ready() and not self._closing and not self._waiting.full()
        return web.json_response({"ready": True}) if ready else come_again("Events cannot be taken in now.")

    async def _events(self, request: web.Request) -> web.Response:
        return self._refused(request) or await self._heard(request, self._answer)

    async def _reports(self, request: web.Request) -> web.Response:
        if SIGNATURE not in request.headers or TIMESTAMP not in request.headers:
            return _leaving(request, problem(401, "The signature is missing: this address is for SendGrid."))
        return self._too_much(request) or await self._heard(request, self._told)

    async def _heard(
        self, request: web.Request, then: Callable[[web.Request, bytes], Awaitable[web.Response]]
    ) -> web.Response:
        """Read the body, where there is room for it, and do what is to be done with it."""
        size = request.content_length if request.content_length is not None else MAX_PAYLOAD
        if self._closing or self._waiting.full() or self._held + size > BODIES_IN_FLIGHT:
            return _leaving(request, come_again("Too much is waiting: nothing was taken in, send it again."))
        self._held += size
        try:
            body = await _body(request)
            if isinstance(body, web.Response):
                return _leaving(request, body)
            return await then(request, body)
        finally:
            self._held -= size

    def _refused(self, request: web.Request) -> web.Response | None:
        """Return why this request is not even read, or `None`."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Compared in constant time: how long a refusal takes must not tell how much of a guess was right.
        known = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token or b"")
        if scheme.lower() != "bearer" or not known:
            response = problem(401, "The bearer token is missing or wrong: send `Authorization: Bearer …`.")
            response.headers["WWW-Authenticate"] = "Bearer"
            return _leaving(request, response)
        form = request.query.get("format")
        if form not in (None, "auto", *self._formats()):
            return _leaving(request, problem(400, f"`format` is none of {', '.join(self._formats())}."))
        return self._too_much(request)

    def _too_much(self, request: web.Request) -> web.Response | None:
        """Return why a request of whoever may send is not read, or `None`."""
        wait = self._bucket.wait(time.monotonic())
        if wait:
            response = problem(429, "Too many requests: send several events in one.")
            response.headers["Retry-After"] = str(wait)
            return _leaving(request, response)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return _leaving(request, problem(415, "A compressed body is not read: send it as it is."))
        if request.content_length is not None and request.content_length > MAX_PAYLOAD:
            return _leaving(request, problem(413, PROBLEMS[413]))
        return None

    async def _answer(self, request: web.Request, body: bytes) -> web.Response:
        form = request.query.get("format", "auto")
        origin = f"HTTP {request.remote or '-'}"
        return await self._queued(Asked(body, origin, None if form == "auto" else form, Future()))

    async def _told(self, request: web.Request, body: bytes) -> web.Response:
        """Hold the body against SendGrid's signature, and queue what it reports."""
        signature, timestamp = request.headers[SIGNATURE], request.headers[TIMESTAMP]
        refused = self._seal.refused(body, signature, timestamp, self._clock()) if self._seal is not None else "Off."
        if refused is not None:
            log.warning("sendgrid", problem=refused)
            return problem(401, refused)
        try:
            found = reports(body)
        except ValueError as error:
            return problem(400, str(error))
        return await self._queued(Told(found, Future()))

    async def _queued(self, asked: Asked | Told) -> web.Response:
        try:
            self._waiting.put_nowait(asked)
        except queue.Full:
            return come_again("Too much is waiting: nothing was taken in, send it again.")
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await asyncio.shield(asyncio.wrap_future(asked.answer))
        except TimeoutError:
            return come_again("It has not been taken in yet; send it again, a duplicate does no harm.")


class Bucket:
    """Tokens that refill with time: so many requests at once, so many a second in the long run."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, 0.0

    def wait(self, now: float) -> int:
        """Take a token; return 0, or the whole seconds after which there is one again."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return max(1, round((1 - self._left) / self._rate))
        self._left -= 1
        return 0


@web.middleware
async def in_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Say what is wrong in one JSON sentence, whoever finds it; a fault of ours without its content."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        response = problem(error.status, PROBLEMS.get(error.status, f"{error.reason}."))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except Exception as fault:  # noqa: BLE001 - answered: the sender is told to send it again, the operator where.
        _stumbled(fault)
        return problem(500, "breachflow stumbled over this request: its own fault, send it again.")


def problem(status: int, sentence: str) -> web.Response:
    """Return an answer that says in one sentence what is wrong and what to do."""
    return web.json_response({"error": sentence}, status=status)


def come_again(sentence: str) -> web.Response:
    """Return the answer for what can be sent again as it is."""
    response = problem(503, sentence)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _taken(together: Sequence[Asked], batch: Sequence[Record], ends: Sequence[int], workflow: Workflow) -> Tally:
    """Commit the batch and answer each request once all of its records are in."""
    fates: list[Fate] = []
    answered = 0
    for start in range(0, len(batch), BATCH):
        fates += workflow.take_in(batch[start : start + BATCH])
        while answered < len(ends) and ends[answered] <= len(fates):
            own = slice(ends[answered - 1] if answered else 0, ends[answered])
            if not together[answered].answer.done():
                together[answered].answer.set_result(_accepted(fates[own], batch[own]))
            answered += 1
    return tallied(fates)


def _recorded(told: Sequence[Report], workflow: Workflow) -> web.Response:
    """Record what SendGrid reports; a fault of ours in one report is answered, and holds up no events."""
    try:
        return web.json_response({"recorded": workflow.report(told)})
    except (StoreError, Contended):
        raise
    except Exception as fault:  # noqa: BLE001 - answered: SendGrid is told to send it again, the operator where.
        _stumbled(fault)
        return problem(500, "breachflow stumbled over this report: its own fault, send it again.")


def _records(asked: Asked, workflow: Workflow) -> list[Record]:
    """Read one body; one that holds nothing, or too much, is answered at once and gives no records."""
    every = records(asked.body, asked.origin, workflow.now(), workflow.readers, format=asked.format)
    found = list(islice(every, MAX_RECORDS + 1))
    if len(found) > MAX_RECORDS:
        asked.answer.set_result(problem(413, f"More than {MAX_RECORDS} events in one request: send several."))
        return []
    if not found:
        asked.answer.set_result(problem(400, "The body holds no event."))
    return found


def _accepted(fates: Sequence[Fate], own: Sequence[Record]) -> web.Response:
    """Return what became of the records; of each that is kept unread, the dead letter's id and why."""
    tally = tallied(fates)
    answer: dict[str, Any] = {name: getattr(tally, name) for name in NAMES}
    unread = [one for one, fate in zip(own, fates, strict=True) if fate == "quarantined"][:DEAD_NAMED]
    if unread:
        answer["dead_letters"] = [
            {"id": letter_id(one.reading.raw, one.origin), "reason": one.reading.error or STUMBLED} for one in unread
        ]
    return web.json_response(answer)


async def _body(request: web.Request) -> bytes | web.Response:
    """Read the body, bounded in size and time."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_PAYLOAD:
                    return problem(413, PROBLEMS[413])
    except (ConnectionError, web.RequestPayloadError):
        return problem(400, "The body broke off: send it again.")
    except TimeoutError:
        return problem(408, f"The body did not arrive within {READ_WITHIN:.0f} seconds: send it again.")
    return bytes(body) if body.strip() else problem(400, "The body is empty: send an event, a list, or JSON lines.")


def _leaving(request: web.Request, response: web.Response) -> web.Response:
    """Close the connection behind an answer whose request's body has not been read to its end."""
    if not request.content.is_eof():
        response.force_close()
    return response


async def _headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "breachflow"
    response.headers["Cache-Control"] = "no-store"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _stumbled(fault: Exception) -> None:
    log.error("stumbled", at="http", fault=where(fault))


def _silent() -> logging.Logger:
    """Return a logger that says nothing: the server's own lines quote what strangers sent."""
    silent = logging.getLogger("breachflow.http")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return silent
