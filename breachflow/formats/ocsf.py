"""OCSF events of every class: findings, incidents, data security findings, and the activity classes around them."""

from __future__ import annotations

from typing import Any

from breachflow.core.event import SecurityEvent, Severity, Unreadable, Verdict
from breachflow.core.facts import Facts
from breachflow.formats import paths, sensitive, severity, told
from breachflow.formats.format import Document, Format
from breachflow.formats.reading import Context

NAME = "ocsf-event"
FINDINGS = 2
"""Category of findings; the others are activities: system, identity, network, discovery, application."""

# OCSF dictionary, severity_id; 0 is unknown and 99 is other: then the word beside it is looked at.
_SEVERITY: dict[Any, Severity] = {
    1: "informational", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "fatal",
}  # fmt: skip
# OCSF dictionary, verdict_id; 3 disregard, 4 suspicious, 5 benign, 7 insufficient data and the rest decide nothing.
_VERDICT: dict[Any, Verdict] = {1: "false_positive", 2: "confirmed", 5: "false_positive", 6: "test"}
# "The finding was reviewed, determined to be benign or a false positive and is now suppressed." -- status_id 3
_SUPPRESSED = 3
_PERSONAL = 1
"""Data classification category_id of personal data."""

_title = paths.first(
    ("finding_info.title", "finding.title", "finding_info_list[0].title", "desc", "message",
     "{class_name}: {activity_name}", "class_name", "type_name", "finding_info.desc"),
)  # fmt: skip
_description = paths.first(("finding_info.desc", "finding.desc", "desc", "message", "status_detail"))
_created = [
    paths.getter(path)
    for path in ("finding_info.created_time_dt", "finding_info.created_time", "finding.created_time_dt",
                 "finding.created_time", "finding_info_list[0].created_time_dt", "finding_info_list[0].created_time")
]  # fmt: skip
_time = [paths.getter(path) for path in ("time_dt", "time", "metadata.original_time", "metadata.logged_time")]
_since = paths.first(
    ("start_time_dt", "start_time", "finding_info.first_seen_time_dt", "finding_info.first_seen_time",
     "finding.first_seen_time"),
)  # fmt: skip
_until = paths.first(
    (
        "end_time_dt",
        "end_time",
        "finding_info.last_seen_time_dt",
        "finding_info.last_seen_time",
        "finding.last_seen_time",
    ),
)
_finding_id = paths.first(("finding_info.uid", "finding.uid"))
_record_id = paths.first(("metadata.uid", "metadata.correlation_uid"))
_instance = paths.first(
    ("{metadata.product.vendor_name} {metadata.product.name}", "metadata.product.name", "metadata.product.vendor_name")
)
_case = paths.first(("metadata.correlation_uid", "ticket.uid", "incident_uid"))
_assets = paths.gatherer(
        "device.hostname", "device.name", "device.ip", "evidences[].device.hostname", "resources[].name",
        "resources[].uid", "resource.name", "resource.uid", "databucket.name", "database.name", "table.name",
        "affected_code[].file.name", "dst_endpoint.hostname", "cloud.account.uid",
)  # fmt: skip
_users = paths.gatherer(
        "user.name", "user.email_addr", "actor.user.name", "actor.user.email_addr", "evidences[].user.name",
        "evidences[].actor.user.name", "resources[].owner.name", "entity.user.name",
)  # fmt: skip
_details = paths.gatherer("discovery_details[]")
_classified = paths.gatherer(
        "data_security", "data_classification", "data_classifications[]", "databucket.data_classification",
        "database.data_classification", "file.data_classification", "file.data_classifications[]",
        "resources[].data_classification", "resources[].data_classifications[]", "table.data_classification",
)  # fmt: skip


def recognise(record: Document) -> int:
    """OCSF's base event: a class, and metadata that names the product or the category that it is of."""
    if not isinstance(record.get("class_uid"), int):
        return 0
    return 12 * (isinstance(record.get("metadata"), dict) or "category_uid" in record)


def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """An OCSF event as ours.

    A finding is detected when it is created, and its uid is its identity through updates; an activity when it happens.
    """
    if not isinstance(record.get("class_uid"), int):
        raise Unreadable("the OCSF event has no `class_uid`: a whole number that says of which class it is")
    finding = record.get("category_uid", record["class_uid"] // 1000) == FINDINGS
    detected_at = [*(_created if finding else ()), *_time]
    severe, original = _severity(record)
    return told.event(
        told.Told(
            id=(_finding_id(record) if finding else None) or _record_id(record),
            stable=(record["class_uid"], record.get("time"), record.get("message"), _title(record)),
            instance=_instance(record),
            title=(_title(record),),
            description=_description(record),
            detected_at=(get(record) for get in detected_at),
            severity=severe,
            original_severity=original,
            verdict=_verdict(record),
            case=_case(record),
            assets=_assets(record),
            users=_users(record),
            occurred_from=_since(record),
            occurred_to=_until(record),
            facts=_facts(record),
        ),
        NAME,
        raw,
        context,
    )


def _severity(record: Document) -> tuple[Severity | None, Any]:
    given = record.get("severity_id")
    word = record.get("severity")
    original = word if isinstance(word, str) and word.strip() else given
    if isinstance(given, int) and given in _SEVERITY:
        return _SEVERITY[given], original
    if severe := severity.by_word(word):
        return severe, original
    level = record.get("risk_level")
    return severity.by_word(level), original if original is not None else level


def _verdict(record: Document) -> Verdict:
    given = record.get("verdict_id")
    if isinstance(given, int) and given in _VERDICT:
        return _VERDICT[given]
    if record.get("status_id") == _SUPPRESSED and record["class_uid"] // 1000 == FINDINGS:
        return "false_positive"
    return "suspected"


def _facts(record: Document) -> Facts | None:
    blocks = [block for block in _classified(record) if isinstance(block, dict)]
    if not blocks:
        return None
    stated: dict[str, Any] = {}
    details = [
        (found.get("type"), found.get("count"))
        for block in blocks
        for found in _details(block)
        if isinstance(found, dict)
    ]
    if any(block.get("category_id") == _PERSONAL for block in blocks):
        stated["personal_data"] = True
    if kinds := sensitive.kinds(name for name, _ in details):
        stated["data"] = kinds
    if text := sensitive.counted("the classifier", details):
        stated["text_data"] = text
    return Facts(**stated) if stated else None


FORMAT = Format(name=NAME, marks=("class_uid",), recognise=recognise, read=read)
