"""Elastic Common Schema: alerts of Elastic Security, and documents of any dataset that carry ECS fields."""

from __future__ import annotations

from functools import cache
from typing import Any

from breachflow.core.event import SecurityEvent, Severity, Verdict
from breachflow.formats import severity, told
from breachflow.formats.format import Document, Format
from breachflow.formats.reading import Context

ALERT = "elastic-security-alert"
DOCUMENT = "elastic-ecs-event"

# Elastic's rules: low 21, medium 47, high 73, critical 99. Bands lie between them.
BANDS: tuple[tuple[float, Severity], ...] = (
    (0, "informational"), (1, "low"), (34, "medium"), (60, "high"), (86, "critical"),
)  # fmt: skip
SMALLEST_SCORE = 11
"""`event.severity` is each product's own number; up to ten it is some scale of few steps, which nobody can tell."""

_REASONS: dict[str, Verdict] = {
    "false_positive": "false_positive", "benign_positive": "false_positive", "true_positive": "confirmed",
}  # fmt: skip


def spot(record: Document, path: str) -> Any:
    """The value of an ECS field, written nested or as one key with dots; empty values say nothing."""
    value: Any = record.get(path)
    if value is None:
        value = record
        for key in _keys(path):
            if type(value) is not dict:
                return None
            value = value.get(key)
    return value if value or value == 0 else None


@cache
def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


_RULE = tuple(f"{rule}{end}" for rule in ("kibana.alert.rule", "signal.rule") for end in ("", ".name", ".uuid"))


def recognise_alert(record: Document) -> int:
    """Whether this is a detection alert of Elastic Security, of version 8 or of 7."""
    source = record.get("_source")
    inner = source if isinstance(source, dict) else record
    return 40 if any(spot(inner, path) for path in _RULE) else 0


def recognise_document(record: Document) -> int:
    """Whether this is an ECS document; one that Elastic's own agent or pipeline wrote says so in more places."""
    source = record.get("_source")
    inner = source if isinstance(source, dict) else record
    if "@timestamp" not in inner:
        return 0
    if spot(inner, "data_stream.dataset") is not None and spot(inner, "ecs.version") is not None:
        return 30
    if spot(inner, "ecs.version") is not None:
        return 3
    return 1 if spot(inner, "event.kind") is not None and spot(inner, "event.dataset") is not None else 0


def read_alert(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """A detection alert; it is detected when the rule made it, the event it is about happened before."""
    return _read(record, raw, context, ALERT)


def read_document(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """Any ECS document. Ingestion and the agent's own reading come later than `@timestamp`."""
    return _read(record, raw, context, DOCUMENT)


def _read(outer: Document, raw: bytes, context: Context, name: str) -> SecurityEvent:
    source = outer.get("_source")
    record = source if isinstance(source, dict) else outer

    def first(*fields: str) -> Any:
        for field in fields:
            if (value := spot(record, field)) is not None:
                return value
        return None

    dataset = first("event.dataset", "data_stream.dataset", "event.module")
    action = first("event.action")
    severe, original = _severity(record)
    return told.event(
        told.Told(
            id=first("kibana.alert.uuid", "event.id") or outer.get("_id"),
            stable=(spot(record, field) for field in _STABLE),
            instance=first("kibana.alert.rule.producer") if name == ALERT else dataset,
            title=(
                first("kibana.alert.rule.name", "signal.rule.name", "rule.name", "rule.description", "event.reason"),
                first("message"),
                f"{dataset}: {action}" if isinstance(action, str) and isinstance(dataset, str) else action,
                dataset,
            ),
            description=first("kibana.alert.reason", "kibana.alert.rule.description", "rule.description", "message"),
            detected_at=(first("kibana.alert.start"), first("@timestamp"), first("event.created")),
            severity=severe,
            original_severity=original,
            verdict=_verdict(record),
            case=first("kibana.alert.group.id", "signal.group.id"),
            assets=[value for field in _ASSETS if (value := spot(record, field)) is not None],
            users=[value for field in _USERS if (value := spot(record, field)) is not None],
            occurred_from=first("kibana.alert.original_time", "event.start"),
            occurred_to=first("event.end"),
        ),
        name,
        raw,
        context,
    )


_STABLE = (
    "@timestamp",
    "kibana.alert.rule.uuid",
    "event.dataset",
    "event.action",
    "event.original",
    "message",
    "host.name",
)
_ASSETS = (
    "host.name", "host.hostname", "host.ip", "cloud.instance.id", "orchestrator.cluster.name", "container.name",
    "cloud.account.id",
)  # fmt: skip
_USERS = ("user.name", "user.email", "user.target.name", "email.to.address", "related.user")


def _severity(record: Document) -> tuple[Severity | None, Any]:
    original = None
    for field in ("kibana.alert.severity", "signal.rule.severity", "event.severity", "vulnerability.severity"):
        value = spot(record, field)
        if value is None:
            continue
        original = value if original is None else original
        if isinstance(value, str) and (severe := severity.by_word(value)):
            return severe, value
        if isinstance(value, (int, float)) and value >= SMALLEST_SCORE and (severe := severity.by_band(value, BANDS)):
            return severe, value
    for field in ("event.risk_score_norm", "kibana.alert.risk_score"):
        if severe := severity.by_band(spot(record, field), BANDS):
            return severe, spot(record, field) if original is None else original
    level = spot(record, "log.level")
    return severity.by_word(level), level if original is None else original


def _verdict(record: Document) -> Verdict:
    reason = spot(record, "kibana.alert.workflow_reason")
    if isinstance(reason, str) and reason in _REASONS:
        return _REASONS[reason]
    tags = spot(record, "kibana.alert.workflow_tags")
    closed = spot(record, "kibana.alert.workflow_status") == "closed"
    if closed and isinstance(tags, list) and any(str(tag).lower() == "false positive" for tag in tags):
        return "false_positive"
    return "suspected"


FORMATS = (
    Format(
        name=ALERT,
        marks=("kibana.alert.rule.name", "kibana.alert.rule.uuid", "kibana", "signal", "_source", "signal.rule.name"),
        recognise=recognise_alert,
        read=read_alert,
    ),
    Format(name=DOCUMENT, marks=("@timestamp", "_source"), recognise=recognise_document, read=read_document),
)
