"""The worker's second process, which decodes, decides and commits: what ends one ends both, and nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kafka_house import House, Process, event, house
from kafka_server import KafkaServer, kafka_server  # noqa: F401 - a fixture.

pytestmark = pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.


@pytest.fixture
def topics(kafka_server: KafkaServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:  # noqa: F811
    """A household of this test's own, with its topics."""
    name = request.node.name.removeprefix("test_")[:60].replace("[", ".").replace("]", "")
    with house(tmp_path, kafka_server, name) as made:
        code, said = made.run("topics", "create", "--partitions", "2")
        assert code == 0, said
        yield made


def annex_of(worker: Process) -> int:
    return int(worker.lines("running")[0]["annex"])


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether that process ends in time; one that was not, or not yet, waited for has ended too."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.1)
                continue
        return True
    return False


def test_a_worker_without_its_annex_ends_and_the_next_one_goes_on(topics):
    """The process that commits is killed in the middle, as for want of memory: the worker ends, the next loses nothing."""
    topics.server.produce(topics.topic, [event(number) for number in range(20_000)])
    worker = topics.worker()
    topics.until(lambda: topics.counts()[0] > 0, "some are on record")
    os.kill(annex_of(worker), signal.SIGKILL)

    assert worker.process.wait(25) == 1
    assert topics.counts()[0] < 20_000, "the kill came too late to show anything"
    assert "Traceback" not in worker.log.read_text()
    assert "Ended" in worker.lines("crashed")[0]["fault"]
    topics.worker()
    topics.until(lambda: topics.counts()[0] == 20_000, "the next worker reads the rest")
    topics.until(lambda: sum(topics.ledger().values()) == 20_000, "and the ledger says so")


def test_a_killed_worker_leaves_no_process_behind(topics):
    """`kill -9` of the worker: its annex ends as well, and what both had in hand is on record once."""
    topics.server.produce(topics.topic, [event(number) for number in range(20_000)])
    worker = topics.worker()
    topics.until(lambda: topics.counts()[0] > 0, "some are on record")
    worker.end(signal.SIGKILL)

    assert gone(annex_of(worker))
    topics.worker()
    topics.until(lambda: topics.counts()[0] == 20_000, "the next worker reads the rest")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_both_is_the_workers_to_answer(topics, number):
    """Ctrl-C, and systemd, signal every process of a service: the batch in hand is finished, and the worker ends well."""
    topics.server.produce(topics.topic, [event(number) for number in range(20_000)])
    worker = topics.worker()
    topics.until(lambda: topics.counts()[0] > 0, "some are on record")
    annex = annex_of(worker)
    os.kill(annex, number)
    code, seconds = worker.end(number)

    assert (code, seconds < 20) == (0, True)
    assert gone(annex)


def test_what_the_annex_counts_the_worker_shows(topics):
    """Tombstones, and events by outcome and format, are counted in the one process and shown by the other."""
    import socket
    from urllib.request import urlopen

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    topics.env["BREACHFLOW_METRICS"] = f"127.0.0.1:{port}"
    topics.server.produce(topics.topic, [event(1), event(1), None, event(2)], partition=0)
    topics.worker()
    topics.arrived(2, 1)

    def shown() -> str:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return str(answer.read().decode())

    wanted = ('outcome="screened"} 2', 'outcome="duplicates"} 1', 'outcome="quarantined"} 1')
    topics.until(lambda: all(_one(shown(), one) for one in wanted), f"the metrics show {wanted}")


def _one(text: str, wanted: str) -> bool:
    label, _, value = wanted.partition("} ")
    return any(label in line and line.endswith(f" {value}.0") for line in text.splitlines())
