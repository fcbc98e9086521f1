"""STIX 2.1 incidents with the incident extension: the incident, and the impacts that its bundle says it had."""

from __future__ import annotations

from typing import Any

from breachflow.core.event import SecurityEvent, Unreadable, Verdict
from breachflow.core.facts import DataKind, Facts
from breachflow.formats import paths, severity, told
from breachflow.formats.format import Document, Format
from breachflow.formats.reading import Context

NAME = "stix21-incident"
CORE = "extension-definition--ef765651-680c-498d-9894-99799f2fa126"
"""The incident extension's id, as OASIS published it."""

MAX_OBJECTS = 5_000
"""Objects of one bundle that are looked at."""

# information-type-ov of the incident extension, as our kinds; classified, proprietary, system say nothing of persons.
_INFORMATION: dict[str, tuple[DataKind, ...]] = {
    "communication": ("communications",), "credentials-user": ("credentials",), "credentials-admin": ("credentials",),
    "financial": ("financial",), "legal": (), "payment": ("payment_card",), "phi": ("health",), "pii": (),
}  # fmt: skip
_PERSONAL = ("pii", "phi")
_LOST = ("confirmed-loss", "exploited-loss")
_DETERMINED: dict[str, Verdict] = {"successful-attempt": "confirmed", "false-positive": "false_positive"}

_impacted = paths.gatherer("impacted_refs[]")


def recognise(record: Document) -> int:
    """Whether this is a STIX bundle, or an incident of one sent alone."""
    if record.get("type") == "bundle":
        return 20 * isinstance(record.get("objects"), list)
    return 20 * (record.get("type") == "incident" and str(record.get("id", "")).startswith("incident--"))


def as_bundle(objects: list[Any]) -> Document | None:
    """A bare list of STIX objects as the bundle that it stands for; `None` where it is a list of something else.

    Some tools wrap each object for display and keep it under `original`.
    """
    if not objects or not all(_is_object(item) for item in objects[:MAX_OBJECTS]):
        return None
    kept = [item["original"] if isinstance(item.get("original"), dict) else item for item in objects[:MAX_OBJECTS]]
    return {"type": "bundle", "objects": kept}


def records(bundle: Document) -> list[Document]:
    """One small bundle for each incident, with the impacts that are its own or no other's."""
    if bundle.get("type") == "incident":
        return [bundle]
    objects = [item for item in _objects(bundle)[:MAX_OBJECTS] if _is_named(item)]
    incidents = [item for item in objects if item.get("type") == "incident"]
    context = [item for item in objects if item.get("type") in ("impact", "infrastructure", "identity")]
    claimed = {ref for incident in incidents for ref in _refs(incident)}
    if not incidents:
        return [bundle]
    return [
        {
            "type": "bundle",
            "objects": [
                incident,
                *(
                    item
                    for item in context
                    if item.get("id") in _refs(incident) or len(incidents) == 1 or item.get("id") not in claimed
                ),
            ],
        }
        for incident in incidents
    ]


def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """The incident of this bundle; raises `Unreadable` for a bundle without one."""
    objects = _objects(record) if record.get("type") == "bundle" else [record]
    objects = [item for item in objects if _is_named(item)]
    incident = next((item for item in objects if item.get("type") == "incident"), None)
    if incident is None:
        raise Unreadable("the STIX bundle holds no incident: indicators and reports alone are no event")
    core = _core(incident)
    impacts = [item for item in objects if item.get("type") == "impact" and not item.get("superseded_by_ref")]
    impacted = {ref for impact in impacts for ref in _impacted(impact) if isinstance(ref, str)}
    criticality = core.get("criticality", core.get("severity"))
    return told.event(
        told.Told(
            id=incident.get("id"),
            instance=incident.get("created_by_ref"),
            title=(incident.get("name"), "STIX incident"),
            description=incident.get("description"),
            detected_at=(core.get("detection_time"), incident.get("created"), incident.get("modified")),
            severity=severity.by_band(criticality, severity.PERCENT),
            original_severity=criticality,
            verdict=_DETERMINED.get(str(core.get("determination")), "suspected"),
            case=incident.get("id"),
            assets=[
                item.get("name")
                for item in objects
                if item.get("type") == "infrastructure" or item.get("id") in impacted
            ],
            occurred_from=_earliest(core.get("activities"), impacts, "start_time", min),
            facts=_facts(impacts, core),
        ),
        NAME,
        raw,
        context,
    )


def _objects(bundle: Document) -> list[Document]:
    objects = bundle.get("objects")
    return [item for item in objects if isinstance(item, dict)] if isinstance(objects, list) else []


def _facts(impacts: list[Document], core: Document) -> Facts | None:
    stated: dict[str, Any] = {}
    kinds: dict[DataKind, None] = {}
    counts: list[int] = []
    for impact in impacts:
        category = str(impact.get("impact_category"))
        extensions = impact.get("extensions")
        block = extensions.get(category) if isinstance(extensions, dict) else None
        block = block if isinstance(block, dict) else {}
        if category == "confidentiality":
            if block.get("loss_type") in _LOST:
                stated["confidentiality"] = True
                stated["accessed"] = "confirmed"
            information = str(block.get("information_type", "")).lower()
            kinds.update(dict.fromkeys(_INFORMATION.get(information, ())))
            if information in _PERSONAL:
                stated["personal_data"] = True
            count = block.get("record_count")
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= 10**12:
                counts.append(count)
        elif category == "integrity" and str(block.get("alteration", "")).startswith(("full", "partial")):
            stated["integrity"] = True
        elif category == "availability" and (told.number(block.get("availability_impact")) or 0) > 0:
            stated["availability"] = True
    if kinds:
        stated["data"] = tuple(kinds)
    if counts:
        # Several impacts may count the same records; the largest is certain, their sum is not.
        stated["records_count"] = max(counts)
    types = core.get("incident_types")
    if isinstance(types, list) and "dissemination-phishing-emails" in types:
        stated["incident_type"] = "phishing"
    return Facts(**stated) if stated else None


def _core(incident: Document) -> Document:
    extensions = incident.get("extensions")
    core = extensions.get(CORE) if isinstance(extensions, dict) else None
    return core if isinstance(core, dict) else {}


def _refs(incident: Document) -> set[str]:
    refs = _core(incident).get("impact_refs")
    return {ref for ref in refs if isinstance(ref, str)} if isinstance(refs, list) else set()


def _earliest(activities: Any, impacts: list[Document], key: str, choose: Any) -> Any:
    found = [
        item.get(key)
        for item in [*(activities if isinstance(activities, list) else ()), *impacts]
        if isinstance(item, dict)
    ]
    times = [value for value in found if isinstance(value, str)]
    return choose(times) if times else None


def _is_named(item: Document) -> bool:
    return isinstance(item.get("id"), str) and isinstance(item.get("type"), str)


def _is_object(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("type"), str)
        and str(item.get("id", "")).startswith(f"{item['type']}--")
    )


FORMAT = Format(name=NAME, marks=("objects", "spec_version"), recognise=recognise, read=read, records=records)
