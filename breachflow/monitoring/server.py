"""`GET /metrics`, `/livez` and `/readyz` on an address of their own, on threads that nothing else waits for."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import structlog

from breachflow.meter import Meter
from breachflow.monitoring.gauges import Gauges, stumbled
from breachflow.monitoring.page import Kafka, Lag, Page
from breachflow.settings import SettingsError
from breachflow.workflow import Workflow

if TYPE_CHECKING:
    from breachflow.settings.environment import Address

AT_ONCE = 16  # Answers in the making; a scraper and a health check or two need three.
LINE_SECONDS = 5.0  # A caller that says nothing for so long is let go.
NOT_TURNING = 60.0  # Seconds without a heartbeat: longer than a connection to a database is waited for.
TICK_SECONDS = 30.0  # A tick comes every second; a busy one takes several.
NO_DATABASE = "the database does not answer"

Health = Callable[[], str]
"""Why it is not well, in one line; empty where it is."""

log = structlog.get_logger("breachflow")


class Monitor:
    """One listening address. It answers whatever hangs elsewhere, and ends with the process."""

    def __init__(self, address: Address, page: Page, live: Health, ready: Health) -> None:
        self.address = address
        self._page, self._live, self._ready = page, live, ready
        self._server: _Server | None = None

    def open(self) -> None:
        """Listen. Raises `SettingsError` where the address is taken."""
        try:
            self._server = _Server(self.address, self.answer)
        except OSError as error:
            raise SettingsError(
                f"{self.address} cannot be listened on ({error.strerror}): set BREACHFLOW_METRICS to another."
            ) from error
        self.address = type(self.address)(self.address.host, self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        log.info("metrics", listening=str(self.address))
        if not self.address.is_loopback:
            log.warning("metrics", problem="nobody is asked who they are there: listen on 127.0.0.1, or behind a wall")

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Return status, media type and body for a path."""
        if path == "/metrics":
            return 200, Page.content_type, self._page.text()
        if path in ("/livez", "/readyz"):
            reason = self._live() if path == "/livez" else self._ready()
            return 503 if reason else 200, "text/plain; charset=utf-8", f"{reason or 'ok'}\n".encode()
        return 404, "text/plain; charset=utf-8", b"There is nothing here: /metrics, /livez, /readyz.\n"


@contextmanager
def watched(
    address: Address | None,
    meter: Meter,
    make_workflow: Callable[[], Workflow],
    *,
    stands_still: Health = lambda: "",
    waits: Health = lambda: "",
    ticks: bool,
    lag: Lag | None = None,
    kafka: Kafka | None = None,
) -> Iterator[Monitor | None]:
    """Show this process's metrics and health while it runs; nothing where there is no address.

    `stands_still` says why the process had better be started again, `waits` why it cannot do its work yet; `ticks`
    whether it is one that looks at the clocks. Raises `SettingsError`.
    """
    if address is None:
        yield None
        return
    gauges = Gauges(make_workflow)

    def live() -> str:
        if meter.since_beat() > NOT_TURNING:
            return f"the process's loop has not turned for {meter.since_beat():.0f} s"
        return stands_still()

    def ready() -> str:
        if gauges.latest() is None:
            return NO_DATABASE
        if ticks:
            age = meter.since_tick()
            if age is None:
                return "the clocks have not been looked at yet"
            if age > TICK_SECONDS:
                return f"the clocks were last looked at {age:.0f} s ago"
        return waits()

    monitor = Monitor(address, Page(meter, gauges, lag, kafka), live, ready)
    monitor.open()
    try:
        yield monitor
    finally:
        monitor.close()


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each answer, and no more than a few at a time."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: Address, answer: Callable[[str], tuple[int, str, bytes]]) -> None:
        self.answer = answer
        self._places = threading.BoundedSemaphore(AT_ONCE)
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        super().__init__((address.host, address.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that hung up is not our concern."""


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer, and the line is closed."""

    server: _Server
    timeout = LINE_SECONDS
    server_version = "breachflow"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer."""
        try:
            status, media, body = self.server.answer(self.path.partition("?")[0])
        except Exception as fault:  # noqa: BLE001 - answered: the caller hears that it is our fault.
            stumbled(fault)
            status, media, body = 500, "text/plain; charset=utf-8", b"breachflow stumbled: its own fault.\n"
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quote nothing of what strangers send."""
