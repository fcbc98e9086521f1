"""Kafka: the broker, the topics, and how far the ledger is behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from breachflow.agents import broker
from breachflow.agents.survey import Unreachable, behind, ends
from breachflow.agents.topics import wanted
from breachflow.doctor.probe import Said, ok, problem, warning

if TYPE_CHECKING:
    from breachflow.settings.environment import Kafka, Settings
    from breachflow.store import Store


def reachable(settings: Settings) -> Iterator[Said]:
    """Whether a broker lets us in."""
    kafka = _kafka(settings)
    fault = asyncio.run(broker.why_not(kafka))
    if fault is not None:
        yield problem(fault)
    else:
        yield ok(f"{', '.join(kafka.bootstrap)} lets us in ({kafka.security_protocol}).")


def topics(settings: Settings) -> Iterator[Said]:
    """Whether the topics are there."""
    names = wanted(settings)
    try:
        found = asyncio.run(ends(_kafka(settings), names))
    except Unreachable as fault:
        yield problem(str(fault))
        return
    for name in names:
        if name in found:
            yield ok(f"{name} has {len(found[name])} partition{'' if len(found[name]) == 1 else 's'}.")
        elif name == settings.decision_topic:
            yield warning(f"{name} is missing: other systems cannot decide; `breachflow topics create` makes it.")
        else:
            yield problem(f"{name} is missing: `breachflow topics create` makes it.")


def lag(settings: Settings, opened: Callable[[], Store]) -> Iterator[Said]:
    """How many records are on the topics beyond what is on record."""
    names = [event.topic for event in settings.event_topics] + [settings.decision_topic]
    try:
        found = asyncio.run(ends(_kafka(settings), names))
    except Unreachable as fault:
        yield problem(str(fault))
        return
    with opened() as store:
        ledger = store.positions(settings.kafka_group)
    for name, partitions in found.items():
        waiting = sum(behind(name, partitions, ledger).values())
        if waiting:
            yield warning(
                f"{name}: {waiting} record{'' if waiting == 1 else 's'} not taken in yet; "
                "where the number does not fall, start `breachflow worker`."
            )
        else:
            yield ok(f"{name}: everything is taken in.")


def _kafka(settings: Settings) -> Kafka:
    if settings.kafka is None:
        raise AssertionError("the probes of Kafka run only where it is set")
    return settings.kafka
