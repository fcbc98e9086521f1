"""The Kafka door on librdkafka's mock cluster: no JVM, so it runs everywhere and in seconds."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_house import House, event, house
from kafka_server import Client

pytestmark = pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.

PARTITIONS = 4  # What the mock gives a topic that it makes.


class MockCluster(Client):
    """Two brokers in this process, for as long as the producer that carries them lives."""

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self._carrier = Producer({"test.mock.num.brokers": 2, "bootstrap.servers": "mock", "log_level": 0})
        found = self._carrier.list_topics(timeout=10)
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in found.brokers.values())

    def touch(self, topic: str) -> None:
        """Make a topic: the mock does so when it is asked for."""
        self._carrier.list_topics(topic, timeout=10)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[House]:
    cluster = MockCluster()
    with house(tmp_path, cluster, "mock") as made:
        cluster.touch(made.topic)
        yield made


def test_events_arrive_once_and_a_killed_worker_is_replaced(place):
    """Read, killed with -9, read on by the next one: each event once."""
    place.server.produce(place.topic, [event(number) for number in range(500)])
    first = place.worker()
    place.arrived(500)
    first.end(signal.SIGKILL)
    place.server.produce(place.topic, [event(number) for number in range(400, 900)])
    place.worker()

    place.arrived(900)
    assert sum(place.ledger().values()) == 1000
