"""The page of metrics: every name once, with what it means; no label holds personal data or grows without bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from breachflow import __version__
from breachflow.meter import BOUNDS, Meter, Snapshot
from breachflow.monitoring.gauges import Gauges, Reading
from breachflow.settings import SettingsError

METRICS: Mapping[str, str] = {
    "breachflow_info": "Which version runs; always 1.",
    "breachflow_database_up": "Whether the database answered just now; without it the gauges below are left out.",
    "breachflow_events_total": "Records taken in by this process, by what became of them and the format they were in.",
    "breachflow_batch_seconds": "Batches committed by this process, and their seconds from reading to commit.",
    "breachflow_decisions_total": "Decisions recorded by this process, by verb.",
    "breachflow_drafts_total": "Drafts rendered and laid down by this process.",
    "breachflow_mails_total": "Attempts at mails by this process, by how they ended and the provider that took them.",
    "breachflow_open_cases": "Open cases by stage; counting stops at 10,000.",
    "breachflow_clocks": "Running clocks by regime and state, of the 2,000 most urgent open cases.",
    "breachflow_nearest_deadline_seconds": "Seconds until the nearest deadline, negative once it has passed.",
    "breachflow_alarms": "Open cases about which nobody could be told.",
    "breachflow_tick_age_seconds": "Seconds since this process last looked at the clocks; only of `breachflow run`.",
    "breachflow_tick_lag_seconds": "How late the most overdue rung is that nobody has climbed yet.",
    "breachflow_outbox_waiting": "Mails that are owed and have not left; counting stops at 10,000.",
    "breachflow_outbox_oldest_seconds": "How long the oldest of these mails has been owed.",
    "breachflow_undrafted_cases": "Cases that state something newer than their drafts; counting stops at 10,000.",
    "breachflow_dead_letters": "Records that could not be read and wait for somebody; counting stops at 10,000.",
    "breachflow_kafka_lag": "Records on the topic beyond the ledger, of the partitions that this worker reads.",
    "breachflow_kafka_missing_total": "Offsets that were gone for good before they were read.",
    "breachflow_kafka_refused_total": "Decisions from the topic that could not be taken, and are dead letters now.",
    "breachflow_kafka_published_total": "Facts sent to other systems by this worker.",
}
"""Every metric and its help; `docs/operations.md` lists the same names, and a test holds the two together."""

Lag = Callable[[], Mapping[tuple[str, int], int]]
"""How many records each partition that is read here is behind."""

Kafka = Callable[[], Mapping[str, int]]
"""What a worker counts about itself: `missing`, `refused`, `published`."""


class Page:
    """Writes the metrics of this process and its database as Prometheus reads them."""

    def __init__(self, meter: Meter, gauges: Gauges, lag: Lag | None = None, kafka: Kafka | None = None) -> None:
        try:
            import prometheus_client
            from prometheus_client import core
        except ImportError as error:
            raise SettingsError(
                "BREACHFLOW_METRICS needs a package that is not installed: pip install 'breachflow[metrics]'."
            ) from error
        self._core: Any = core
        self._write = prometheus_client.generate_latest
        self._meter, self._gauges, self._lag, self._kafka = meter, gauges, lag, kafka
        # A registry of its own: the package's default one tells of the interpreter and whoever else registers there.
        self._registry = prometheus_client.CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def text(self) -> bytes:
        """Return the page."""
        return self._write(self._registry)

    def describe(self) -> list[Any]:
        """Say nothing ahead of a scrape: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Any]:
        """Return every metric that there is something to say about."""
        reading, kept = self._gauges.latest(), self._meter.snapshot()
        yield self._gauge("breachflow_info", {(__version__,): 1}, ["version"])
        yield self._gauge("breachflow_database_up", {(): int(reading is not None)})
        yield from self._done(kept)
        if (age := self._meter.since_tick()) is not None:
            yield self._gauge("breachflow_tick_age_seconds", {(): age})
        if reading is not None:
            yield from self._standing(reading)
        if self._lag is not None:
            lag = {(topic, str(part)): behind for (topic, part), behind in self._lag().items()}
            yield self._gauge("breachflow_kafka_lag", lag, ["topic", "partition"])
        if self._kafka is not None:
            for name, count in self._kafka().items():
                yield self._counter(f"breachflow_kafka_{name}_total", {(): count})

    def _done(self, kept: Snapshot) -> Iterator[Any]:
        yield self._counter("breachflow_events_total", kept.events, ["outcome", "format"])
        yield self._counter("breachflow_decisions_total", {(verb,): n for verb, n in kept.decisions.items()}, ["verb"])
        yield self._counter("breachflow_drafts_total", {(): kept.drafts})
        yield self._counter("breachflow_mails_total", kept.mails, ["state", "provider"])
        name, total, buckets = "breachflow_batch_seconds", 0, []
        for bound, count in zip((*(str(bound) for bound in BOUNDS), "+Inf"), kept.batch_buckets, strict=True):
            total += count
            buckets.append((bound, total))
        yield self._core.HistogramMetricFamily(name, METRICS[name], buckets=buckets, sum_value=kept.batch_seconds)

    def _standing(self, reading: Reading) -> Iterator[Any]:
        yield self._gauge("breachflow_open_cases", {(stage,): n for stage, n in reading.stages.items()}, ["stage"])
        yield self._gauge("breachflow_clocks", reading.clocks, ["regime", "state"])
        if reading.nearest_seconds is not None:
            yield self._gauge("breachflow_nearest_deadline_seconds", {(): reading.nearest_seconds})
        yield self._gauge("breachflow_alarms", {(): reading.alarms})
        yield self._gauge("breachflow_tick_lag_seconds", {(): reading.tick_lag_seconds})
        yield self._gauge("breachflow_outbox_waiting", {(): reading.waiting})
        yield self._gauge("breachflow_outbox_oldest_seconds", {(): reading.oldest_seconds})
        yield self._gauge("breachflow_undrafted_cases", {(): reading.undrafted})
        yield self._gauge("breachflow_dead_letters", {(): reading.held})

    def _gauge(self, name: str, values: Mapping[Any, float], labels: Sequence[str] = ()) -> Any:
        return _filled(self._core.GaugeMetricFamily(name, METRICS[name], labels=labels), values)

    def _counter(self, name: str, values: Mapping[Any, float], labels: Sequence[str] = ()) -> Any:
        return _filled(self._core.CounterMetricFamily(name, METRICS[name], labels=labels), values)


def _filled(family: Any, values: Mapping[Any, float]) -> Any:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
