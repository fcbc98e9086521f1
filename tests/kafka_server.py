"""A real Apache Kafka of the run's own: one broker in KRaft mode, on free ports of the loopback address.

The broker's jars come through Maven into a folder that is kept between runs; the broker runs on the JVM, without an
engine for containers. What cannot be brought up fails and says how to get it; `--without kafka` leaves it out by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from postgres_server import free_port

VERSION = "4.1.0"
CACHE = Path(os.environ.get("BREACHFLOW_CACHE", Path(__file__).parents[1] / ".cache")) / f"kafka-{VERSION}"
START_SECONDS = 60.0
MISSING = (
    "The broker runs on Java 17 or newer and its jars come through Maven: `apt install openjdk-17-jre-headless maven`, "
    "and let the machine reach a Maven repository once. `--without kafka` leaves these tests out."
)
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>breachflow</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
T = TypeVar("T")


class Client:
    """What operators, producers and readers do with a cluster."""

    address: str
    """Where clients find a broker."""

    def admin(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do something as the cluster's administrator."""

        async def connected() -> T:
            from aiokafka.admin import AIOKafkaAdminClient

            admin = AIOKafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=10_000)
            try:
                await admin.start()
                return await work(admin)
            finally:
                await admin.close()

        return asyncio.run(connected())

    def create(self, topic: str, partitions: int = 1, **config: str) -> str:
        """Make a topic and return its name; dots in the names of settings are written as underscores."""

        async def make(admin: Any) -> None:
            from aiokafka.admin import NewTopic
            from aiokafka.errors import for_code

            settings = {name.replace("_", "."): value for name, value in config.items()}
            answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])
            for _, code, *_ in answer.topic_errors:
                if code:
                    raise for_code(code)(topic)

        self.admin(make)
        return topic

    def delete(self, topic: str) -> None:
        """Delete a topic and wait until it is gone."""

        async def remove(admin: Any) -> None:
            await admin.delete_topics([topic])
            while topic in await admin.list_topics():  # noqa: ASYNC110 - the broker tells nobody.
                await asyncio.sleep(0.1)

        self.admin(remove)
        time.sleep(0.5)  # The name is free a moment later than the list says.

    def produce(
        self,
        topic: str,
        values: Sequence[bytes | None],
        *,
        partition: int | None = None,
        keys: Sequence[bytes | None] | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        largest: int = 20_000_000,
    ) -> list[tuple[int, int]]:
        """Write records, acknowledged by the broker; return partition and offset of each."""

        async def send() -> list[tuple[int, int]]:
            from aiokafka import AIOKafkaProducer

            producer = AIOKafkaProducer(
                bootstrap_servers=self.address, acks="all", enable_idempotence=True, max_request_size=largest,
                linger_ms=5, max_batch_size=262_144,
            )  # fmt: skip
            await producer.start()
            try:
                waiting = [
                    await producer.send(
                        # A record needs one of the two; a tombstone has a key.
                        topic, value, key=keys[place] if keys is not None else b"key" if value is None else None,
                        partition=partition, headers=list(headers),
                    )
                    for place, value in enumerate(values)
                ]  # fmt: skip
                return [(answer.partition, answer.offset) for answer in [await one for one in waiting]]
            finally:
                await producer.stop()

        return asyncio.run(send())

    def read(self, topic: str, count: int, seconds: float = 30.0) -> list[Any]:
        """Read `count` records of a topic from its beginning; fails after `seconds`."""

        async def fetch() -> list[Any]:
            from aiokafka import AIOKafkaConsumer

            consumer = AIOKafkaConsumer(
                topic, bootstrap_servers=self.address, auto_offset_reset="earliest", enable_auto_commit=False,
            )  # fmt: skip
            await consumer.start()
            try:
                found: list[Any] = []
                async with asyncio.timeout(seconds):
                    while len(found) < count:
                        for records in (await consumer.getmany(timeout_ms=500)).values():
                            found += records
                return found
            finally:
                await consumer.stop()

        return asyncio.run(fetch())

    def in_a_transaction(self, topic: str, values: Sequence[bytes], partition: int) -> None:
        """Write records in one transaction, which leaves a marker behind them."""

        async def send() -> None:
            from aiokafka import AIOKafkaProducer

            producer = AIOKafkaProducer(bootstrap_servers=self.address, transactional_id=f"{topic}-{partition}")
            await producer.start()
            try:
                async with producer.transaction():
                    for value in values:
                        await producer.send(topic, value, partition=partition)
            finally:
                await producer.stop()

        asyncio.run(send())

    def forget(self, topic: str, partition: int, before: int) -> None:
        """Remove what lies before an offset, as retention does."""

        async def remove(admin: Any) -> None:
            from aiokafka import TopicPartition
            from aiokafka.admin.records_to_delete import RecordsToDelete

            await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=before)})

        self.admin(remove)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""

        async def ask(admin: Any) -> int:
            (found,) = await admin.describe_topics([topic])
            return len(found["partitions"])

        return self.admin(ask)

    def config(self, topic: str) -> dict[str, str]:
        """The settings of a topic."""

        async def ask(admin: Any) -> dict[str, str]:
            from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

            (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            return {entry[0]: entry[1] for entry in answer.resources[0][4]}

        return self.admin(ask)

    def ends(self, topic: str) -> dict[int, int]:
        """Where each partition of a topic ends."""

        async def ask() -> dict[int, int]:
            from aiokafka import AIOKafkaConsumer, TopicPartition

            consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.address, enable_auto_commit=False)
            await consumer.start()
            try:
                parts = [TopicPartition(topic, part) for part in consumer.partitions_for_topic(topic) or ()]
                return {part.partition: end for part, end in (await consumer.end_offsets(parts)).items()}
            finally:
                await consumer.stop()

        return asyncio.run(ask())

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """The offsets that a group has committed."""

        async def ask(admin: Any) -> dict[tuple[str, int], int]:
            found = await admin.list_consumer_group_offsets(group)
            return {(tp.topic, tp.partition): at.offset for tp, at in found.items()}

        return self.admin(ask)

    def commit(self, group: str, offsets: dict[tuple[str, int], int]) -> None:
        """Set a group's committed offsets by hand, as `kafka-consumer-groups --reset-offsets` does."""

        async def write() -> None:
            from aiokafka import AIOKafkaConsumer, TopicPartition

            consumer = AIOKafkaConsumer(bootstrap_servers=self.address, group_id=group, enable_auto_commit=False)
            consumer.assign([TopicPartition(*place) for place in offsets])
            await consumer.start()
            try:
                await consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})
            finally:
                await consumer.stop()

        asyncio.run(write())


class KafkaServer(Client):
    """One broker and its controller in one JVM, with an empty log in a temporary folder."""

    def __init__(self, pem: str | None = None, user: tuple[str, str] | None = None) -> None:
        """`pem` is a key and its certificate: then `secure` is an address with TLS that asks `user` for a password."""
        self.jars = jars()
        self.folder = Path(tempfile.mkdtemp(prefix="breachflow-kafka-"))
        self.port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.secure = ""
        secured, listeners = "", ""
        if pem is not None and user is not None:
            (self.folder / "server.pem").write_text(pem)
            (self.folder / "server.pem").chmod(0o600)
            self.secure = f"127.0.0.1:{free_port()}"
            listeners = f",SASL_SSL://{self.secure}"
            secured = f"""
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={self.folder / "server.pem"}
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = self.folder / "server.properties"
        self._properties.write_text(
            f"""
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}{listeners}
{secured}controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={self.folder / "log"}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
file.delete.delay.ms=0
log.segment.delete.delay.ms=0
controlled.shutdown.enable=true
"""
        )
        try:
            self._java(
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={_cluster_id()}",
                "-c",
                str(self._properties),
                *(() if user is None else ("--add-scram", f"SCRAM-SHA-512=[name={user[0]},password={user[1]}]")),
                wait=True,
            )
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the broker and wait until it answers."""
        self._process = self._java("kafka.Kafka", str(self._properties))
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                with contextlib.suppress(Exception):  # Listening, and not ready yet.
                    self.admin(lambda admin: admin.list_topics())
                    return
            time.sleep(0.2)
        raise OSError(f"the broker did not come up within {START_SECONDS:.0f} s:\n{self._tail()}")

    def stop(self, *, kill: bool = False) -> None:
        """Stop the broker in good order, or kill it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop the broker and remove its folder."""
        self.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _java(self, program: str, *arguments: str, wait: bool = False) -> subprocess.Popen[bytes]:
        log = (self.folder / "log.txt").open("ab")
        with log:
            process = subprocess.Popen(
                [
                    "java", "-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
                    "-Dlog4j2.level=warn", "-cp", f"{self.jars}/*", program, *arguments,
                ],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        if wait and process.wait(START_SECONDS):
            raise OSError(f"{program} failed:\n{self._tail()}")
        return process

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "log.txt").read_text(errors="replace")[-2000:]
        return ""


def jars() -> Path:
    """The folder of the broker's jars, fetched through Maven where it is not there yet. Raises `LookupError`."""
    for program in ("java", "mvn") if not CACHE.is_dir() else ("java",):
        if shutil.which(program) is None:
            raise LookupError(f"{program} is not installed")
    if not CACHE.is_dir():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as half:
            (Path(half) / "pom.xml").write_text(POM)
            done = subprocess.run(
                ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={half}/jars"],
                cwd=half, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise LookupError(f"Maven could not fetch the broker: {done.stdout[-500:]}")
            with contextlib.suppress(OSError):  # Another run was faster.
                (Path(half) / "jars").rename(CACHE)
    return CACHE


def _cluster_id() -> str:
    import base64

    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


@pytest.fixture(scope="session")
def kafka_server(request: pytest.FixtureRequest) -> Iterator[KafkaServer]:
    """A real Kafka for the run."""
    if "kafka" in (request.config.getoption("--without", default=[]) or []):
        pytest.skip("left out by --without kafka")
    try:
        server = KafkaServer()
    except (LookupError, OSError, subprocess.SubprocessError) as error:
        pytest.fail(f"No Kafka could be brought up ({error}). {MISSING}", pytrace=False)
    yield server
    server.close()
