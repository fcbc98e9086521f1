"""Amazon Macie findings: sensitive data in a bucket, and buckets open to others."""

from __future__ import annotations

from typing import Any

from breachflow.core.event import SecurityEvent
from breachflow.core.facts import Facts
from breachflow.formats import paths, sensitive, severity, told
from breachflow.formats.format import Document, Format
from breachflow.formats.reading import Context

NAME = "aws-macie"

_results = paths.gatherer("classificationDetails.result.sensitiveData[]")
_detections = paths.gatherer("detections[]")
_custom = paths.gatherer("classificationDetails.result.customDataIdentifiers.detections[]")
_permission = paths.getter("resourcesAffected.s3Bucket.publicAccess.effectivePermission")
_encryption = paths.getter("resourcesAffected.s3Object.serverSideEncryption.encryptionType")
_assets = paths.gatherer("resourcesAffected.s3Bucket.name", "resourcesAffected.s3Bucket.arn", "accountId")
_user = paths.gatherer("policyDetails.actor.userIdentity.iamUser.userName")
_severity = paths.getter("severity.description")
_score = paths.getter("severity.score")
_first = paths.getter("policyDetails.action.apiCallDetails.firstSeen")
_last = paths.getter("policyDetails.action.apiCallDetails.lastSeen")


def recognise(record: Document) -> int:
    """Macie's findings affect a bucket and are a policy's or a classification's."""
    if not isinstance(record.get("resourcesAffected"), dict):
        return 0
    return 8 * (record.get("category") in ("CLASSIFICATION", "POLICY") or "classificationDetails" in record)


def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """A finding as an event; what was found in the object becomes facts."""
    original = _severity(record) or _score(record)
    return told.event(
        told.Told(
            id=record.get("id"),
            instance=record.get("accountId"),
            title=(record.get("title"), record.get("type")),
            description=record.get("description"),
            detected_at=(record.get("createdAt"), record.get("updatedAt")),
            severity=severity.by_word(original),
            original_severity=original,
            verdict="test" if record.get("sample") is True else "suspected",
            assets=_assets(record),
            users=_user(record),
            occurred_from=_first(record),
            occurred_to=_last(record),
            facts=_facts(record),
        ),
        NAME,
        raw,
        context,
    )


def _facts(record: Document) -> Facts | None:
    results = [result for result in _results(record) if isinstance(result, dict)]
    detections = [
        (found.get("type"), found.get("count"))
        for result in results
        for found in _detections(result)
        if isinstance(found, dict)
    ]
    custom = [(found.get("name"), found.get("count")) for found in _custom(record) if isinstance(found, dict)]
    stated: dict[str, Any] = {}
    # Macie's category, not ours: money and passwords may be a company's, so they say nothing about persons.
    if any(result.get("category") == "PERSONAL_INFORMATION" for result in results):
        stated["personal_data"] = True
    if kinds := sensitive.kinds(name for name, _ in detections):
        stated["data"] = kinds
    if text := sensitive.counted("Macie", detections + custom):
        stated["text_data"] = text
    if stated and _permission(record) == "PUBLIC":
        stated |= {"recipient": "public", "accessed": "possible"}
    if stated and _encryption(record) == "NONE":
        stated["protection"] = "none"
    return Facts(**stated) if stated else None


FORMAT = Format(name=NAME, marks=("resourcesAffected",), recognise=recognise, read=read)
