"""Faust's transport, with one message a fetched batch, and partitions that start where the ledger says.

Faust costs per message: two tasks and a dozen callbacks for each before an agent sees it. So a message here is a whole
fetched batch of one partition. Three rules of Faust's consumer are replaced, and nothing else:

- `_wait_next_records` makes the batches and notes when each was asked for;
- `seek_to_committed`, which Faust calls after every assignment, asks the ledger instead of Kafka;
- `_read_offset`, by which Faust drops what it believes to have read: after a seek back it would drop what is to be read
  again.

That is private API of the pinned version; `tests/test_kafka_transport.py` names what an upgrade changes. `Singly` is
the same consumer with one record a message, for the day it does.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import structlog
from aiokafka.errors import KafkaError
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
HAND_OVER_SECONDS = 5.0  # Kafka's offset is a hint: a broker that does not take it holds up nothing.

log = structlog.get_logger("breachflow")


class Batch(NamedTuple):
    """What one fetch brought of one partition, in order; `asked_at` is when it was asked for, monotonic."""

    place: Place
    records: tuple[Fetched, ...]
    asked_at: float


class _Unread(defaultdict[TP, int | None]):
    """Faust's note of what it has read, kept empty: our account of that is the course."""

    def __missing__(self, _: TP) -> None:
        return None

    def __setitem__(self, place: TP, offset: int | None) -> None:
        """Note nothing."""

    def update(self, *_: Any, **__: Any) -> None:
        """Note nothing."""


class LedgerConsumer(driver.Consumer):
    """A consumer whose partitions start where the ledger says."""

    app: App

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._read_offset = _Unread()
        self._seeking = asyncio.Lock()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition that is ours to where the ledger says it starts."""
        async with self._seeking:
            places = {Place(*tp) for tp in self.assignment()}
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
                await within(SETTLE_SECONDS, self.seek_wait({TP(*place): following}))
            except (KafkaError, TimeoutError) as problem:
                # Taken away meanwhile, or no broker: whoever reads the partition next starts at the ledger.
                log.warning("not sought", topic=place.topic, partition=place.partition, problem=type(problem).__name__)
                return
            self.app.course.sought(place, monotonic())

    async def hand_over(self, offsets: Mapping[Place, int]) -> None:
        """Tell Kafka how far the ledger is: a hint for people and tools that look at the group."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - the transport is ours, the method the driver's.
        ours = {Place(*tp) for tp in self.assignment()}
        told = {driver.ensure_aiokafka_TP(TP(*place)): offset for place, offset in offsets.items() if place in ours}
        if not told:
            return
        try:
            await within(HAND_OVER_SECONDS, self._thread.call_thread(consumer.commit, told))
        except (KafkaError, TimeoutError) as problem:
            log.debug("not handed over", problem=type(problem).__name__)

    async def ends(self) -> dict[Place, int]:
        """Return where each partition that is ours ends now. Raises `KafkaError`, `TimeoutError`."""
        places = list(self.assignment())
        found = await within(HAND_OVER_SECONDS, self.highwaters(*places)) if places else {}
        return {Place(*tp): end for tp, end in found.items()}

    async def first(self, place: Place) -> int:
        """Return the first offset that the broker still has. Raises `KafkaError`, `TimeoutError`."""
        found: Mapping[TP, int] = await within(HAND_OVER_SECONDS, self.earliest_offsets(TP(*place)))
        return next(iter(found.values()))

    async def verify_all_partitions_active(self) -> None:
        """Leave it to the watchdog, which looks at the ledger; Faust's own check compares unlike clocks."""

    async def _settled(self, places: set[Place]) -> dict[TP, int]:
        try:
            starts = await within(SETTLE_SECONDS, self.app.ledger.starts(places))
            offsets = {TP(*place): offset for place, offset in starts.items()}
            await within(SETTLE_SECONDS, self.seek_wait(offsets))
        except (Unavailable, KafkaError, TimeoutError) as problem:
            log.warning("not settled", partitions=len(places), problem=type(problem).__name__)
            return {}
        at = monotonic()
        for place, offset in starts.items():
            self.app.course.settle(place, offset, at)
            log.info("reading", topic=place.topic, partition=place.partition, following=offset)
        return offsets


class BatchConsumer(LedgerConsumer):
    """A consumer that hands on each partition's part of a fetch as one message."""

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - the driver's signature.
        # Before waiting for anything: a seek that happens from here on makes the batch stale.
        asked_at = monotonic()
        fetched, active = await super()._wait_next_records(timeout)
        return {tp: [_message(tp, records, asked_at)] for tp, records in (fetched or {}).items() if records}, active


class SingleConsumer(LedgerConsumer):
    """A consumer that hands on record by record, as Faust does; the fallback."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - as above.
        """Wrap each message in a batch of one."""
        asked_at = monotonic()
        async for tp, message in super().getmany(timeout):
            record = ConsumerRecord(
                message.topic, message.partition, message.offset, round(message.timestamp * 1000),
                message.timestamp_type, message.key, message.value, None, 0, 0, tuple(message.headers or ()),
            )  # fmt: skip
            message.key = None
            message.value = cast("Any", Batch(Place(*tp), (record,), asked_at))
            yield tp, message


class Transport(driver.Transport):
    """Kafka, one fetched batch a message."""

    Consumer = BatchConsumer


class Singly(driver.Transport):
    """Kafka, one record a message."""

    Consumer = SingleConsumer


def register() -> None:
    """Make both transports known to Faust, under schemes of their own."""
    drivers.TRANSPORTS.aliases.update({SCHEME: f"{__name__}:Transport", SINGLY: f"{__name__}:Singly"})


def _message(tp: Any, records: Iterable[Any], asked_at: float) -> ConsumerRecord[None, Batch]:
    """Return one record whose value is the batch, and whose offset is the batch's last."""
    place, kept = Place(*tp), tuple(records)
    last = kept[-1]
    return ConsumerRecord(
        place.topic, place.partition, last.offset, last.timestamp, last.timestamp_type, None,
        Batch(place, kept, asked_at), None, 0, 0, (),
    )  # fmt: skip
