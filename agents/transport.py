"""Faust's transport, with one message a fetched batch, and partitions that start where the ledger says.

Faust costs per message: two tasks and a dozen callbacks for each before an agent sees it. So a message here is a whole
fetched batch of one partition. These rules of Faust's consumer are replaced, and nothing else:

- `_fetch_records`, which drains the client on the consumer's thread, makes the batches; each is stamped with how many
  seeks there were before it, so that a batch fetched before a seek is told from one fetched after it, exactly;
- `_seek_wait`, on the same thread, counts the seeks;
- `seek_to_committed`, which Faust calls after every assignment, asks the ledger instead of Kafka;
- `_create_worker_consumer`, which writes down how long a fetch may wait;
- `on_buffer_full`, which would stop fetching for a second each time an agent has enough to do;
- `_read_offset`, by which Faust drops what it believes to have read: after a seek back it would drop what is to be read
  again.

That is private API of the pinned version; `tests/test_kafka_transport.py` names what an upgrade changes. `Singly` is
the same with one record a message, the fallback where Faust would not carry batches.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import structlog
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.structs import ConsumerRecord
from faust.transport import drivers
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from breachflow.agents.broker import SCHEME
from breachflow.agents.course import Place
from breachflow.agents.ledger import Fetched, within
from breachflow.store import Unavailable

if TYPE_CHECKING:
    from breachflow.agents.app import App

SINGLY = f"{SCHEME}-singly"
SETTLE_SECONDS = 20.0  # Database and broker have this long to say where a partition starts; the agent asks again.
FETCH_WAIT_MS = 100
"""How long a broker may wait for records of some partitions: those of its others cannot be asked for meanwhile."""

HAND_OVER_SECONDS = 5.0  # Kafka's offset is a hint: a broker that does not take it holds up nothing.

log = structlog.get_logger("breachflow")


class Batch(NamedTuple):
    """What one fetch brought of one partition, in order.

    `after` is where the seek or the fetch before it left off, `stamp` how many seeks there were before it.
    """

    place: Place
    records: tuple[Fetched, ...]
    after: int | None
    stamp: int


class _Unread(defaultdict[TP, int | None]):
    """Faust's note of what it has read, kept empty: our account of that is the course."""

    def __missing__(self, _: TP) -> None:
        return None

    def __setitem__(self, place: TP, offset: int | None) -> None:
        """Note nothing."""

    def update(self, *_: Any, **__: Any) -> None:
        """Note nothing."""


class BatchThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread: what it drains, and when it seeks, in one order."""

    largest: int | None = None
    """Records in one batch, at most; `None`: as many as a fetch brings."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seeks = 0
        self._ahead: dict[Place, int] = {}

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust writes down 1.5 s.
        return consumer

    async def _fetch_records(self, *arguments: Any, **options: Any) -> Any:
        drained = await super()._fetch_records(*arguments, **options)
        # Between the draining and here nothing else runs on this thread: no seek can come between.
        return {tp: self._messages(Place(*tp), records) for tp, records in drained.items() if records}

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        # The seek itself is done before anything is waited for.
        self.seeks += 1
        self._ahead |= {Place(*tp): offset for tp, offset in partitions.items()}
        await super()._seek_wait(consumer, partitions)

    async def hint(self, offsets: Mapping[Place, int]) -> None:
        """Commit offsets, and leave the group as it is whatever the broker says to them. Raises `KafkaError`.

        A broker answers a connection's requests one after the other. A commit behind a request to join is heard when
        the group is sorted, of a generation that is over then; aiokafka takes that answer for the loss of its
        membership and joins again, waits again, and the next commit comes behind that, for ever.
        """
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - aiokafka has no commit without consequences.
        node = coordinator.coordinator_id
        if node is None or coordinator._performed_join_prepare:  # noqa: SLF001 - it is joining.
            return
        topics: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for place, offset in offsets.items():
            topics[place.topic].append((place.partition, offset, ""))
        request = OffsetCommitRequest(
            coordinator.group_id, coordinator.generation, coordinator.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME, list(topics.items()),
        )  # fmt: skip
        await coordinator._client.send(node, request, group=ConnectionGroup.COORDINATION)  # noqa: SLF001

    def _messages(self, place: Place, records: Sequence[Fetched]) -> list[ConsumerRecord[None, Batch]]:
        """Return records whose values are batches, and whose offsets are the batches' last."""
        size, messages = self.largest or len(records), []
        for start in range(0, len(records), size):
            kept = tuple(records[start : start + size])
            last = kept[-1]
            value = Batch(place, kept, self._ahead.get(place), self.seeks)
            self._ahead[place] = last.offset + 1
            messages.append(ConsumerRecord(*place, last.offset, last.timestamp, 0, None, value, None, 0, 0, ()))
        return messages


class SingleThread(BatchThread):
    """The same, record by record."""

    largest = 1


class Consumer(driver.Consumer):
    """A consumer whose partitions start where the ledger says."""

    Thread: ClassVar[type[BatchThread]] = BatchThread

    app: App
    _thread: BatchThread

    def _new_consumer_thread(self) -> BatchThread:
        return self.Thread(self, loop=self.loop, beacon=self.beacon)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._read_offset = _Unread()
        self._seeking = asyncio.Lock()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition that is ours to where the ledger says it starts."""
        async with self._seeking:
            places = {Place(*tp) for tp in self.assignment()}
            log.info("assigned", partitions=len(places))
            self.app.course.assign(places)
            return await self._settled(places)

    async def settle(self, place: Place) -> None:
        """Ask again where a partition starts, for which the ledger or the broker had no answer."""
        async with self._seeking:
            await self._settled({place})

    async def seek_back(self, place: Place) -> None:
        """Seek a partition to the offset that is to be read next."""
        async with self._seeking:
            following = self.app.course.following(place)
            if following is None:
                return
            try:
                stamp = await self._sought({TP(*place): following})
            except (KafkaError, TimeoutError) as problem:
                # Taken away meanwhile, or no broker: whoever reads the partition next starts at the ledger.
                log.warning("not sought", topic=place.topic, partition=place.partition, problem=type(problem).__name__)
                return
            self.app.course.sought(place, stamp)

    async def hand_over(self, offsets: Mapping[Place, int]) -> None:
        """Tell Kafka how far the ledger is: a hint for people and tools that look at the group."""
        ours = {Place(*tp) for tp in self.assignment()}
        told = {place: offset for place, offset in offsets.items() if place in ours}
        if not told:
            return
        try:
            await within(HAND_OVER_SECONDS, self._thread.call_thread(self._thread.hint, told))
        except (KafkaError, TimeoutError) as problem:
            log.debug("not handed over", problem=type(problem).__name__)
        except asyncio.CancelledError:
            # The consumer's own, on its thread, where it ends while it is told: ours is to be obeyed, that one is not.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            log.debug("not handed over", problem="the consumer has ended")

    async def ends(self) -> dict[Place, tuple[int, int]]:
        """Return of each partition of ours which offset is fetched next, and where it ends now.

        Raises `KafkaError`, `TimeoutError`.
        """
        places = list(self.assignment())
        found = await within(HAND_OVER_SECONDS, self.highwaters(*places)) if places else {}
        return {
            Place(*tp): (await within(HAND_OVER_SECONDS, self.position(TP(*tp))) or 0, end) for tp, end in found.items()
        }

    async def first(self, place: Place) -> int:
        """Return the first offset that the broker still has. Raises `KafkaError`, `TimeoutError`."""
        found: Mapping[TP, int] = await within(HAND_OVER_SECONDS, self.earliest_offsets(TP(*place)))
        return next(iter(found.values()))

    def on_buffer_full(self, tp: TP) -> None:
        """Go on reading: what is fetched waits before a full buffer, and is handed over the moment there is room.

        Faust stops fetching the partition instead, and then looks once a second whether it may go on.
        """

    async def verify_all_partitions_active(self) -> None:
        """Leave it to the watchdog, which looks at the ledger; Faust's own check compares unlike clocks."""

    async def _settled(self, places: set[Place]) -> dict[TP, int]:
        try:
            starts = await within(SETTLE_SECONDS, self.app.ledger.starts(places))
            offsets = {TP(*place): offset for place, offset in starts.items()}
            stamp = await self._sought(offsets)
        except (Unavailable, KafkaError, TimeoutError) as problem:
            log.warning("not settled", partitions=len(places), problem=type(problem).__name__)
            return {}
        for place, offset in starts.items():
            self.app.course.settle(place, offset, stamp)
            log.info("reading", topic=place.topic, partition=place.partition, following=offset)
        return offsets

    async def _sought(self, offsets: Mapping[TP, int]) -> int:
        """Seek, and return the stamp from which on batches were fetched after it."""
        await within(SETTLE_SECONDS, self.seek_wait(offsets))
        return self._thread.seeks


class SingleConsumer(Consumer):
    """The same, record by record."""

    Thread = SingleThread


class Transport(driver.Transport):
    """Kafka, one fetched batch a message."""

    Consumer = Consumer


class Singly(driver.Transport):
    """Kafka, one record a message."""

    Consumer = SingleConsumer


def register() -> None:
    """Make both transports known to Faust, under schemes of their own."""
    drivers.TRANSPORTS.aliases.update({SCHEME: f"{__name__}:Transport", SINGLY: f"{__name__}:Singly"})
