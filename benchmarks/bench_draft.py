"""From an event to its French CNIL worksheet on disk, beside intake at 500 events a second; and with intake idle.

    python benchmarks/bench_draft.py                     30 s at 500 events a second, 1 in 100 opens a case
    python benchmarks/bench_draft.py --seconds 120       longer

The service is `breachflow run` as an operator starts it, in a process of its own: SQLite, the folder of drafts, mails
as `.eml` files, events by `POST /events`. An event that opens a case is posted alone, the others in bodies of 20. The
clock starts where such an event is sent, and once more where its answer (2xx: committed) is there; it stops where the
worksheet lies in the folder of drafts, looked for every 5 ms. The baseline is the same service and the same cases,
without the other events. Five cases a second is a storm: each of them has a dozen drafts and its mails. The share of a
core that the service took tells whether there was one: a machine that others keep busy measures them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

RATE = 500  # Events a second.
OPENS = 100  # One in so many opens a case.
TOGETHER = 20  # Events in one body.
LOOK = 0.005  # Seconds between two looks into the folder.
PATIENCE = 60.0  # Seconds after the last event until a draft that is not there counts as missing.
WARM = 3.0  # Seconds of the same load before anything is measured.
TOKEN = "benchmark"  # Of a service that lives a minute on this machine.
FILLER = "".join(f"line {number}: process started, handle opened; " for number in range(25))[:1300]
FACTS = {
    "personal_data": True, "incident_type": "unauthorised_access", "intent": "malicious", "origin": "external",
    "confidentiality": True, "protection": "none", "recipient": "unidentified", "people_count": 4200,
    "people": ["customers"], "data": ["identity", "contact", "vehicle"],
}  # fmt: skip


def event(number: int, opens: bool) -> dict[str, Any]:
    """One native event of about 1.7 KB."""
    body: dict[str, Any] = {
        "id": f"e-{number}", "source": "soc/bench", "title": f"Alert {number}", "description": FILLER,
        "detected_at": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
        "severity": "high" if opens else "low", "assets": [f"host-{number}"],
    }  # fmt: skip
    return body | ({"facts": FACTS} if opens else {})


class Service:
    """`breachflow run` on a fresh home."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environ = os.environ | {
            "BREACHFLOW_HOME": str(self.home), "BREACHFLOW_HTTP": f"127.0.0.1:{self.port}",
            "BREACHFLOW_HTTP_TOKEN": TOKEN, "BREACHFLOW_MAIL": f"folder:{folder / 'mails'}",
        }  # fmt: skip
        self.folder = folder
        self._local = threading.local()
        self.command("init")
        self.child = subprocess.Popen(
            self.line("run"), cwd=folder, env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port)):
                    return
            except OSError:
                assert self.child.poll() is None, "the service did not start"
                time.sleep(0.05)

    def line(self, *args: str) -> list[str]:
        return [sys.executable, "-c", "from breachflow.cli import main; main()", *args]

    def command(self, *args: str) -> bytes:
        # `status` answers 1 where a person must act.
        return subprocess.run(
            self.line(*args), cwd=self.folder, env=self.environ, check=False, capture_output=True
        ).stdout

    def post(self, events: list[dict[str, Any]]) -> tuple[float, float]:
        """Post one body; return when it was sent and when it was answered."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = b"\n".join(json.dumps(one).encode() for one in events)
        sent = time.monotonic()
        connection.request("POST", "/events", body, {"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status // 100 == 2, f"answered {answer.status}"
        return sent, time.monotonic()

    def stop(self) -> float:
        """End it; return the seconds of processor time that it took."""
        self.child.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        assert self.child.returncode == 0, "the service ended with an error"
        return usage.ru_utime + usage.ru_stime


class Watch:
    """Notes when the French CNIL worksheet of each case is first seen in the folder of drafts."""

    def __init__(self, drafts: Path) -> None:
        self.drafts = drafts
        self.seen: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(LOOK):
            if not self.drafts.is_dir():
                continue
            with os.scandir(self.drafts) as folders:
                for case in folders:
                    if case.name not in self.seen and any(Path(case).glob("cnil-*.fr.html")):
                        self.seen[case.name] = time.monotonic()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def measured(seconds: float, others: bool) -> tuple[list[float], list[float], float, float]:
    """Seconds from sending and from acceptance to the draft, one of each a case; events a second; share of a core."""
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name))
        watch = Watch(service.home / "drafts")
        openings: dict[str, Future[tuple[float, float]]] = {}
        waiting: list[Future[tuple[float, float]]] = []
        number, total = 0, int((WARM + seconds) * RATE)
        began = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            while number < total:
                # The pace is kept by the clock: what was late is caught up with.
                time.sleep(max(0.0, began + number / RATE - time.monotonic()))
                bunch = range(number, number + TOGETHER)
                opening = [n for n in bunch if n % OPENS == 0]
                for n in opening:
                    openings[f"Alert {n}"] = pool.submit(service.post, [event(n, opens=True)])
                if others:
                    low = [event(n, opens=False) for n in bunch if n not in opening]
                    waiting.append(pool.submit(service.post, low))
                number += TOGETHER
        took = max(one.result()[1] for one in (*openings.values(), *waiting)) - began
        until = time.monotonic() + PATIENCE
        while len(watch.seen) < len(openings) and time.monotonic() < until:
            time.sleep(LOOK)
        watch.stop()
        cases = {one["title"]: one["id"] for one in json.loads(service.command("status", "--json"))}
        share = service.stop() / (time.monotonic() - began)
        skip = {f"Alert {n}" for n in range(int(WARM * RATE))}
        instants = [(*openings[title].result(), watch.seen[cases[title]]) for title in openings if title not in skip]
        done = [drafted - sent for sent, _, drafted in instants], [drafted - said for _, said, drafted in instants]
        return *done, (total if others else len(openings)) / took, share


def told(what: str, found: list[float]) -> float:
    """Print the percentiles of one measurement; return the 95th, in seconds."""
    hundredths = statistics.quantiles(found, n=100, method="inclusive")
    print(f"{what}: p50 {hundredths[49] * 1000:,.0f} ms, p95 {hundredths[94] * 1000:,.0f} ms, "
          f"max {max(found) * 1000:,.0f} ms ({len(found)} cases)")  # fmt: skip
    return hundredths[94]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    chosen = parser.parse_args()
    sent, accepted, rate, share = measured(chosen.seconds, others=True)
    alone, _, _, share_alone = measured(chosen.seconds, others=False)
    free = 1 - os.getloadavg()[0] / (os.cpu_count() or 1)
    print(
        f"intake: {rate:,.0f} events a second; the service took {share:.0%} of a core, {share_alone:.0%} without them"
    )
    if free < 0:
        print(f"  (more than this machine's cores are asked for: load {os.getloadavg()[0]:.1f})")
    busy = told("from sending to the draft", sent)
    told("from acceptance to the draft", accepted)
    idle = told("intake idle, from sending to the draft", alone)
    print(f"p95 beside intake: x {busy / idle:.1f} of that without")


if __name__ == "__main__":
    main()
