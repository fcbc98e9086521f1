"""SIGTERM ends `breachflow run` within 20 s, whatever hangs: the mail server, the database, from the start or later.

Workers and brokers are told in `test_kafka_outage.py`, `test_kafka_chaos.py`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka_house import Process
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.

EVENT = {
    "id": "e1", "source": "soc/test", "title": "Something happened", "severity": "critical",
    "facts": {"personal_data": True, "confidentiality": True},
}  # fmt: skip


class Silent:
    """An SMTP server that accepts and never says a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def spec(self) -> str:
        return f"smtp+plain://127.0.0.1:{self.socket.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                self.held.append(self.socket.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        for one in (self.socket, *self.held):
            one.close()


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """PostgreSQL with every process of it stopped: connections are accepted, and nothing is answered."""
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    children = [int(pid) for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()]
    for pid in (postmaster, *children):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (postmaster, *children):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def place(tmp_path, postgres_server: PostgresServer):  # noqa: F811 - the fixture.
    """A home on PostgreSQL, with one case that somebody must be told about; what starts processes in it."""
    env = os.environ | {
        "BREACHFLOW_HOME": str(tmp_path / "home"), "BREACHFLOW_DATABASE": postgres_server.fresh(f"stop_{time.time_ns()}"),
    }  # fmt: skip
    started: list[Process] = []

    def start(*arguments: str, **more: str) -> Process:
        started.append(Process(arguments, env | more, tmp_path / f"{len(started)}.log"))
        return started[-1]

    assert start("init").process.wait(30) == 0
    (tmp_path / "event.json").write_text(json.dumps(EVENT | {"detected_at": datetime.now(UTC).isoformat()}))
    assert start("ingest", str(tmp_path / "event.json")).process.wait(30) == 0
    yield start
    for process in started:
        process.close()


def until(holds, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_mail_server_that_accepts_and_says_nothing(place):
    """The mail is in hand, the server silent: the process ends in time, and the mail is the next one's to send."""
    silent = Silent()
    try:
        service = place("run", "--no-intake", BREACHFLOW_MAIL=silent.spec)
        until(lambda: silent.held)
        code, seconds = service.end(signal.SIGTERM)
    finally:
        silent.close()
    assert (code, seconds < 20) == (0, True)
    assert service.lines("stopped")[0]["unfinished"] == ["mails"]


def test_a_database_that_stops_while_the_service_runs(place, postgres_server: PostgresServer):  # noqa: F811
    """Every thread hangs in a question; none is waited for longer than there is time."""
    service = place("run", "--no-intake")
    until(lambda: service.lines("mail"))
    with stopped(postgres_server):
        time.sleep(1.5)
        code, seconds = service.end(signal.SIGTERM)
    assert code in (0, 1)
    assert seconds < 20


def test_a_database_and_a_mail_server_that_both_hang(place, postgres_server: PostgresServer):  # noqa: F811
    """Two things that hang are not waited for one after the other."""
    silent = Silent()
    try:
        service = place(
            "run", BREACHFLOW_MAIL=silent.spec, BREACHFLOW_HTTP="127.0.0.1:0", BREACHFLOW_HTTP_TOKEN="t" * 32
        )
        until(lambda: silent.held)
        with stopped(postgres_server):
            time.sleep(1.5)
            code, seconds = service.end(signal.SIGTERM)
    finally:
        silent.close()
    assert code in (0, 1)
    assert seconds < 20


def test_a_database_that_hangs_before_the_service_has_begun(place, postgres_server: PostgresServer):  # noqa: F811
    """The main thread itself waits for an answer that does not come: the signal still ends the process."""
    with stopped(postgres_server):
        service = place("run", "--no-intake")
        time.sleep(3)
        assert service.alive()
        _, seconds = service.end(signal.SIGTERM)
    assert seconds < 20
