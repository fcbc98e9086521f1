"""The consumer group on a real broker: it sorts itself once for each who comes or goes, and then it reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka_house import House, event, house
from kafka_server import KafkaServer, kafka_server  # noqa: F401 - a fixture.

pytestmark = pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.

LEISURELY = 8_000  # Milliseconds between two heartbeats of a guest: it learns that late that the group sorts itself.
SETTLED = 10.0  # Seconds: a little longer than that, in which a group that does not settle is sorted again.


@pytest.fixture
def topics(kafka_server: KafkaServer, tmp_path: Path) -> Iterator[House]:  # noqa: F811 - the fixture.
    """A household with topics of its own."""
    with house(tmp_path, kafka_server, "group") as place:
        code, said = place.run("topics", "create", "--partitions", "4")
        assert code == 0, said
        yield place


class Guest(ConsumerRebalanceListener):
    """Another member of the group, which reads nothing and counts how often it is given partitions."""

    def __init__(self) -> None:
        self.given = 0

    def on_partitions_revoked(self, revoked) -> None:
        """Let them go."""

    def on_partitions_assigned(self, assigned) -> None:
        """Count."""
        self.given += 1

    async def join(self, place: House) -> AIOKafkaConsumer:
        """Become a member, as slow as a member may be."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=place.server.address, group_id=place.group, enable_auto_commit=False,
            heartbeat_interval_ms=LEISURELY, session_timeout_ms=40_000, rebalance_timeout_ms=60_000,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
        )  # fmt: skip
        consumer.subscribe([place.topic, place.decisions], listener=self)
        await consumer.start()
        return consumer


def test_a_worker_that_waits_for_a_slow_member_sorts_the_group_once(topics):
    """What it tells Kafka while it waits is told of a generation that is over: of no account, and no reason to leave.

    A broker answers one request of a connection after the other, so what is said behind a request to join is heard
    after it. Taken for a lost membership, the answer made the worker join again, wait again, and tell again, for ever.
    """
    topics.worker()
    topics.server.produce(topics.topic, [event(number) for number in range(100)])
    topics.arrived(100)

    async def visited() -> int:
        first, second = Guest(), Guest()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback((await first.join(topics)).stop)
            while not first.given:  # noqa: ASYNC110 - it is told by a callback.
                await asyncio.sleep(0.1)
            # The worker hears of the second one by its next heartbeat, and then waits for the first one's.
            stack.push_async_callback((await second.join(topics)).stop)
            while not second.given:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await asyncio.sleep(SETTLED)
            return first.given

    assert asyncio.run(visited()) == 2
