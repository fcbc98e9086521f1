"""A household on a real Kafka: a home of its own, topics and a group of its own, and workers as real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kafka_server import Client

from breachflow.settings import home
from breachflow.settings.environment import Settings, load
from breachflow.store import Store, open_store

GROUP = "breachflow"
COMMAND = "import sys; from breachflow.cli import main; main(sys.argv[1:])"


class Process:
    """One process of ours, with what it said."""

    def __init__(self, arguments: Sequence[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *arguments], env=env, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """What it logged so far; `event` picks one kind of line."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict) and event in (None, said.get("event")):
                    found.append(said)
        return found

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 25) -> tuple[int, float]:
        """Send a signal, wait for the end, return exit code and seconds."""
        began = time.monotonic()
        self.send(number)
        return self.process.wait(seconds), time.monotonic() - began

    def close(self) -> None:
        if self.alive():
            self.send(signal.SIGCONT)
            self.end(signal.SIGKILL)


class House:
    """A home folder with the example organisation, a database, and topics named after the test."""

    def __init__(self, folder: Path, server: Client, name: str, database: str | None = None, **more: str) -> None:
        self.folder, self.server = folder, server
        self.topic, self.decisions = f"{name}.events", f"{name}.decisions"
        self.cases, self.dead = f"{name}.case-events", f"{name}.dead-letters"
        self.env = os.environ | {
            "BREACHFLOW_HOME": str(folder), "BREACHFLOW_KAFKA": server.address, "BREACHFLOW_KAFKA_GROUP": name,
            "BREACHFLOW_EVENT_TOPICS": self.topic, "BREACHFLOW_DECISION_TOPIC": self.decisions,
            "BREACHFLOW_CASE_TOPIC": self.cases, "BREACHFLOW_DEAD_LETTER_TOPIC": self.dead,
        } | more  # fmt: skip
        if database is not None:
            self.env["BREACHFLOW_DATABASE"] = database
        self.group = name
        self.processes: list[Process] = []
        assert self.run("init")[0] == 0
        # Every mail on its own: what is counted here are mails, and a digest would wait for its quarter of an hour.
        with (folder / "organisation.toml").open("a") as file:
            file.write("\n[policy.ladder]\nstorm_after = 10000\n")

    def settings(self) -> Settings:
        return load(self.env, self.folder)

    def store(self) -> Store:
        settings = self.settings()
        return open_store(settings.database, home.master_key(settings))

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; return exit code and what it said."""
        process = Process(arguments, self.env, self.folder / f"command-{time.monotonic_ns()}.log")
        return process.process.wait(60), process.log.read_text(errors="replace")

    def start(self, *arguments: str, **env: str) -> Process:
        """Start a process that stays."""
        process = Process(arguments, self.env | env, self.folder / f"{arguments[0]}-{len(self.processes)}.log")
        self.processes.append(process)
        return process

    def worker(self, *options: str, wait: bool = True) -> Process:
        """Start a worker, and wait until it runs."""
        process = self.start("worker", *options)
        if wait:
            self.until(lambda: process.lines("running") or not process.alive(), "the worker runs")
        return process

    def counts(self) -> tuple[int, int]:
        """Events and dead letters on record."""
        with self.store() as store:
            counts = store.counts()
            return counts.events, counts.dead_letters

    def ledger(self) -> dict[int, int]:
        """How far each partition of the topic of events is on record."""
        with self.store() as store:
            return {row.partition: row.next_offset for row in store.positions(self.group) if row.topic == self.topic}

    def until(self, holds: Callable[[], Any], what: str, seconds: float = 30) -> None:
        """Wait until it holds; fail with what every process said last."""
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                said = "\n".join(
                    f"{one.log.name}: {one.log.read_text(errors='replace')[-1500:]}" for one in self.processes
                )
                raise AssertionError(f"not within {seconds:.0f} s: {what}; {self.counts()} on record\n{said}")
            time.sleep(0.1)

    def arrived(self, events: int, dead: int = 0) -> None:
        """Wait until exactly so much is on record."""
        self.until(lambda: self.counts() >= (events, dead), f"{events} events and {dead} dead letters")
        assert self.counts() == (events, dead)

    def close(self) -> None:
        for process in self.processes:
            process.close()


def event(number: int, **more: Any) -> bytes:
    """A security event of its own."""
    values = {
        "id": f"e{number}", "source": "soc/test", "detected_at": "2026-11-24T09:00:00Z", "title": "Something happened",
        "severity": "informational",
    }  # fmt: skip
    return json.dumps(values | more).encode()


@contextlib.contextmanager
def house(folder: Path, server: Client, name: str, **more: str) -> Iterator[House]:
    """A household whose processes end with the test."""
    made = House(folder, server, name, **more)
    try:
        yield made
    finally:
        made.close()
