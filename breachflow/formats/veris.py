"""VERIS incidents (VCDB, DBIR): a breach in Verizon's vocabulary, as an event with the facts that it states.

Dates of VERIS are often a year alone: they stay what they are, a range from its first to its last moment. It states
no instant of detection, so the instant of receipt stands in. A victim's country is where the organisation is, which
says nothing about where the people are.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from breachflow.core.event import SecurityEvent, Severity, Verdict
from breachflow.core.facts import DataKind, DiscoveredBy, Facts, IncidentType, People
from breachflow.formats import told
from breachflow.formats.format import Document, Format
from breachflow.formats.limits import EARLIEST_OCCURRENCE, LATEST
from breachflow.formats.reading import Context

NAME = "veris"

_VERDICTS: dict[str, Verdict] = {"Confirmed": "confirmed", "False positive": "false_positive"}
_SEVERITIES: dict[str, Severity] = {
    "Insignificant": "informational", "Distracting": "low", "Painful": "medium", "Damaging": "high",
    "Catastrophic": "critical",
}  # fmt: skip
# attribute.confidentiality.data.variety: which of our kinds, and whether it says that data is about persons.
_KINDS: dict[str, DataKind | None] = {
    "Personal": "identity", "Sensitive Personal": "other", "Medical": "health", "Payment": "payment_card",
    "Bank": "bank_account", "Credentials": "credentials", "Multi-factor credential": "credentials",
    "Other": "other", "Unknown": "unknown",
}  # fmt: skip
_PERSONAL = frozenset({"Personal", "Sensitive Personal", "Medical"})
_PEOPLE: dict[str, People] = {
    "Customer": "customers", "Patient": "patients", "Employee": "employees", "Student": "students",
    "Other": "other", "Partner": "other",
}  # fmt: skip
_ERRORS: dict[str, IncidentType] = {
    "Misdelivery": "sent_to_wrong_recipient", "Publishing error": "unintended_publication",
    "Misconfiguration": "misconfiguration", "Programming error": "technical_malfunction",
    "Malfunction": "technical_malfunction", "Gaffe": "verbal_disclosure", "Capacity shortage": "technical_malfunction",
}  # fmt: skip
_ACTIONS: dict[str, IncidentType] = {"malware": "malware", "hacking": "unauthorised_access", "environmental": "other"}
_MALICIOUS = frozenset({"malware", "hacking", "social", "physical"})
_HARMLESS_MOTIVES = frozenset({"Convenience", "NA", "Unknown"})
_HOURS = {"Seconds": 1 / 3600, "Minutes": 1 / 60, "Hours": 1, "Days": 24, "Weeks": 168, "Months": 730, "Years": 8760}
_SIDES = {"Ext": "external", "Int": "internal", "Prt": "partner"}
_CONTENT_CHANGED = frozenset({"Modify data", "Fraudulent transaction"})


def recognise(record: Document) -> int:
    """VERIS: what was done to which attribute by whom, with the version of its schema or the id of an incident."""
    if not isinstance(record.get("action"), dict) or not ("schema_version" in record or "incident_id" in record):
        return 0
    return 15 * any(isinstance(record.get(key), dict) for key in ("attribute", "actor", "victim"))


def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """A VERIS incident as an event."""
    since, until = _incident_dates(_block(record, "timeline", "incident"))
    victim = _block(record, "victim").get("victim_id")
    actions = [name for name in _block(record, "action") if name != "unknown"]
    what = ", ".join(actions) or "unknown action"
    rating = _block(record, "impact").get("overall_rating")
    return told.event(
        told.Told(
            id=record.get("incident_id"),
            instance=record.get("source_id"),
            title=(f"{victim}: {what}" if told.said(victim, 400) else None, f"Incident: {what}"),
            description=record.get("summary"),
            detected_at=(),
            severity=_SEVERITIES.get(rating) if isinstance(rating, str) else None,
            original_severity=rating,
            verdict=_VERDICTS.get(str(record.get("security_incident")), "suspected"),
            occurred_from=since and since.isoformat(),
            occurred_to=until and until.isoformat(),
            reported_by=_discovered(record.get("discovery_method")),
            facts=_facts(record, since, until),
        ),
        NAME,
        raw,
        context,
    )


def _facts(record: Document, since: datetime | None, until: datetime | None) -> Facts:
    stated: dict[str, Any] = {}
    if since is not None:
        stated |= {"occurred_from": since, "occurred_to": until, "occurred_basis": "range", "estimated_dates": True}
    stated |= _action(record)
    stated |= _confidentiality(_block(record, "attribute", "confidentiality"))
    integrity = _block(record, "attribute", "integrity")
    if _CONTENT_CHANGED & set(_words(integrity.get("variety"))):
        stated["integrity"] = True
    availability = _block(record, "attribute", "availability")
    if availability:
        stated["availability"] = True
        duration = _block(availability, "duration")
        value, unit = _amount(duration.get("value")), duration.get("unit")
        if value is not None and isinstance(unit, str) and unit in _HOURS:
            stated["unavailable_hours"] = min(round(value * _HOURS[unit], 2), 10.0**7)
    if by := _discovered(record.get("discovery_method")):
        stated["reported_by"] = by
    assets = _block(record, "asset").get("assets")
    named = [
        f"{item['variety']} ({item['amount']})" if _amount(item.get("amount")) else item["variety"]
        for item in (assets if isinstance(assets, list) else ())[:50]
        if isinstance(item, dict) and isinstance(item.get("variety"), str)
    ]
    if named:
        stated["text_systems"] = ", ".join(named)[:5_000]
    return Facts(**stated)


def _action(record: Document) -> dict[str, Any]:
    """What kind of incident it was, from inside or outside, by mistake or with intent."""
    stated: dict[str, Any] = {}
    actions, actors = _block(record, "action"), _block(record, "actor")
    paper = any("Documents" in variety for variety in _asset_varieties(record))
    types: dict[IncidentType, None] = {}
    for name, block in actions.items():
        varieties = _words(block.get("variety")) if isinstance(block, dict) else []
        types.update(dict.fromkeys(_types(name, varieties, paper)))
    if len(types) == 1:
        stated["incident_type"] = next(iter(types))
    elif types:
        stated["incident_type"] = tuple(types)
    known = {name for name in actors if name in ("internal", "external", "partner")}
    if known and known <= {"external", "partner"}:
        stated["origin"] = "external"
    elif known == {"internal"}:
        stated["origin"] = "internal"
    named = set(actions) - {"unknown"}
    motives = {motive for actor in actors.values() if isinstance(actor, dict) for motive in _words(actor.get("motive"))}
    if named & _MALICIOUS or ("misuse" in named and motives - _HARMLESS_MOTIVES):
        stated["intent"] = "malicious"
    elif named and named <= {"error", "environmental"}:
        stated["intent"] = "accidental"
    return stated


def _types(action: str, varieties: list[str], paper: bool) -> Iterable[IncidentType]:
    if action == "error":
        for variety in varieties:
            if variety == "Loss":
                yield "paper_lost_or_stolen" if paper else "device_lost_or_stolen"
            elif variety == "Disposal error":
                yield "paper_disposal" if paper else "e_waste"
            elif variety in _ERRORS:
                yield _ERRORS[variety]
    elif action == "physical":
        if "Theft" in varieties:
            yield "paper_lost_or_stolen" if paper else "device_lost_or_stolen"
    elif action == "social":
        if "Phishing" in varieties:
            yield "phishing"
    elif action == "misuse":
        yield "privilege_abuse" if "Privilege abuse" in varieties else "unauthorised_access"
    elif action == "malware":
        yield "ransomware" if "Ransomware" in varieties else "malware"
    elif action in _ACTIONS:
        yield _ACTIONS[action]


def _confidentiality(block: Document) -> dict[str, Any]:
    """Whether data was disclosed, which kinds, whose, and how many records; VERIS counts records, never people."""
    stated: dict[str, Any] = {}
    if not block:
        return stated
    disclosure = block.get("data_disclosure")
    if disclosure == "Yes":
        stated |= {"confidentiality": True, "accessed": "confirmed"}
    elif disclosure == "Potentially":
        stated |= {"confidentiality": True, "accessed": "possible"}
    elif disclosure == "No":
        stated["confidentiality"] = False
    data = block.get("data")
    items = [item for item in (data if isinstance(data, list) else ()) if isinstance(item, dict)]
    varieties = [item["variety"] for item in items if isinstance(item.get("variety"), str)]
    if _PERSONAL & set(varieties):
        stated["personal_data"] = True
    if kinds := tuple(dict.fromkeys(kind for variety in varieties if (kind := _KINDS.get(variety)))):
        stated["data"] = kinds
    amounts = [(item.get("variety"), amount) for item in items if (amount := _amount(item.get("amount"))) is not None]
    total = _amount(block.get("data_total"))
    if total is None and len(items) == 1 and amounts:
        total = amounts[0][1]
    if total is not None:
        stated["records_count"] = min(int(total), 10**12)
    if amounts:
        said = ", ".join(f"{int(amount)} {variety}" for variety, amount in amounts[:50])
        stated["text_data"] = f"Records by kind: {said}"[:5_000]
    if people := tuple(dict.fromkeys(_PEOPLE[word] for word in _words(block.get("data_victim")) if word in _PEOPLE)):
        stated["people"] = people
    states = set(_words(block.get("state")))
    if states and states <= {"Stored unencrypted", "Transmitted unencrypted", "Printed"}:
        stated["protection"] = "none"
    return stated


def _discovered(method: Any) -> DiscoveredBy | None:
    """How it was found: VERIS since 1.3.4 says it in blocks, before in one word such as `Ext - customer`."""
    if isinstance(method, str):
        kind, _, word = method.partition(" - ")
        method = {_SIDES.get(kind, kind): {"variety": [word.capitalize()]}}
    if not isinstance(method, dict):
        return None
    if isinstance(block := method.get("external"), dict):
        return "data_subject" if _words(block.get("variety")) == ["Customer"] else "external"
    if isinstance(method.get("internal"), dict):
        return "controller"
    return "external" if isinstance(method.get("partner"), dict) else None


def _incident_dates(parts: Document) -> tuple[datetime | None, datetime | None]:
    """The first and the last moment that the date may mean; a part out of range leaves the wider one."""
    year, month, day = (_whole(parts.get(name)) for name in ("year", "month", "day"))
    if year is None or not EARLIEST_OCCURRENCE.year <= year < LATEST.year:
        return None, None
    if month is None or not 1 <= month <= 12:
        return datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    last = calendar.monthrange(year, month)[1]
    if day is None or not 1 <= day <= last:
        return datetime(year, month, 1, tzinfo=UTC), datetime(year, month, last, 23, 59, 59, tzinfo=UTC)
    return datetime(year, month, day, tzinfo=UTC), datetime(year, month, day, 23, 59, 59, tzinfo=UTC)


def _asset_varieties(record: Document) -> list[str]:
    assets = _block(record, "asset").get("assets")
    if not isinstance(assets, list):
        return []
    return [item["variety"] for item in assets if isinstance(item, dict) and isinstance(item.get("variety"), str)]


def _block(record: Document, *path: str) -> Document:
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> list[str]:
    """Enumerations are lists; older documents write one word."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _whole(value: Any) -> int | None:
    amount = _amount(value)
    return int(amount) if amount is not None and amount == int(amount) else None


def _amount(value: Any) -> float | None:
    """A number that is not negative; some documents write it as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e15:
        return value
    return None


FORMAT = Format(name=NAME, marks=("action", "schema_version"), recognise=recognise, read=read)
