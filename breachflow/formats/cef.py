"""CEF and LEEF events of any product, those of Claroty and Varonis by their own fields, and bare syslog lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from breachflow.core.event import SecurityEvent, Severity, Unreadable, Verdict
from breachflow.formats import severity, told
from breachflow.formats.format import Document, Format
from breachflow.formats.lines import CEF, LEEF, SYSLOG, Line
from breachflow.formats.reading import Context

CLAROTY = "claroty-cef"
VARONIS = "varonis-cef"
ZSCALER = "zscaler-alert"

# CEF: "0-3=Low, 4-6=Medium, 7-8=High, and 9-10=Very-High", or the words.
BANDS: tuple[tuple[float, Severity], ...] = ((0, "low"), (4, "medium"), (7, "high"), (9, "critical"))
WORDS: dict[str, Severity] = {**severity.WORDS, "very-high": "critical", "unknown": "informational"}
# RFC 5424: the priority's last three bits. Warnings and notices of a device are no alert by themselves.
SYSLOG_LEVELS: tuple[Severity, ...] = (
    "fatal", "critical", "critical", "high", "medium", "low", "informational", "informational",
)  # fmt: skip


def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """A CEF or LEEF line, detected when the device says it was; the syslog header's time comes last."""
    vendor = " ".join(str(record.get(key, "")) for key in ("vendor", "product"))
    return _event(record, raw, context, name=CEF if CEF in record else LEEF, instance=vendor, zone=None)


def read_claroty(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """Claroty xDome (Medigate): device, alert and communication events; some kinds have no time at all."""
    return _event(record, raw, context, name=CLAROTY, instance=None, zone="UTC")


def read_varonis(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """Varonis DatAdvantage alerts. Its times have no offset: UTC unless the organisation declares the server's zone."""
    return _event(record, raw, context, name=VARONIS, instance=None, zone="UTC")


def read_zscaler(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """Alerts of Zscaler's Nanolog Streaming Service: plain words over syslog; its clock is UTC."""
    return _syslog(record, raw, context, ZSCALER, "UTC")


def read_syslog(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """Any other syslog line: its words are the title, its priority the severity."""
    return _syslog(record, raw, context, SYSLOG, None)


def _syslog(record: Document, raw: bytes, context: Context, name: str, zone: str | None) -> SecurityEvent:
    priority = record.get("priority")
    level = priority % 8 if isinstance(priority, int) else None
    return told.event(
        told.Told(
            title=(record.get("message"), record.get("app")),
            description=record.get("message"),
            detected_at=(record.get("time"),),
            stable=(record.get("time"), record.get("host"), record.get("message")),
            instance=record.get("host"),
            severity=None if level is None else SYSLOG_LEVELS[level],
            original_severity=level,
            assets=(record.get("host"),),
            zone=zone,
        ),
        name,
        raw,
        context,
    )


def _event(
    record: Document, raw: bytes, context: Context, *, name: str, instance: str | None, zone: str | None
) -> SecurityEvent:
    if not isinstance(record, Line) or "fields" not in record:
        raise Unreadable(f"this is no line of {'CEF or LEEF' if name in (CEF, LEEF) else 'CEF'}")
    fields: dict[str, str] = record["fields"]

    def first(*keys: str) -> Any:
        for key in keys:
            if (value := fields.get(key)) and value != "None":
                return value
        return None

    given = record.get("severity") if CEF in record else first("sev", "severity")
    received = first("event_timestamp", "rt", "deviceReceiptTime", "managerReceiptTime")
    times = first("devTime"), received, first("start", "end")
    return told.event(
        told.Told(
            id=first("externalId", "event_id", "alert_id", "eventId", "alertId"),
            stable=(*times, *(record.get(key) for key in ("class_id", "name")), *map(first, ("msg", "src", "duser"))),
            instance=instance,
            title=(
                *(() if record.get("name") in ("alert_affected_device", "Alert") else (record.get("name"),)),
                first("alert_name", "RuleName", "event_type", "alert_type_name"),
                record.get("name"), first("msg"), record.get("class_id"),
            ),
            description=first("event_description", "alert_description", "DescriptionRule", "msg", "DescriptionAlert"),
            detected_at=(*times, first("alert_detected_time", "detected_time"), record.get("syslog_time")),
            severity=severity.by_band(given, BANDS) or severity.by_word(given, WORDS),
            original_severity=_numeric(given),
            verdict=_verdict(first("alert_device_status", "status")),
            case=first("alert_id") if name == CLAROTY else None,
            assets=[value for key in _ASSETS if (value := fields.get(key)) and value != "None"],
            users=[value for key in _USERS if (value := fields.get(key)) and value != "None"],
            occurred_from=first("start"),
            occurred_to=first("end"),
            zone=zone,
        ),
        name,
        raw,
        context,
    )  # fmt: skip


_ASSETS = (
    "dhost", "dvchost", "shost", "destinationHostName", "identHostName", "resource", "device_asset_id", "device_name",
    "filePath", "dst", "dst_ip", "domain",
)  # fmt: skip
_USERS = ("duser", "suser", "usrName", "username", "ActingObjectSAM", "accountName")


def _numeric(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else value


def _verdict(status: Any) -> Verdict:
    word = str(status).lower().replace("_", " ")
    return "false_positive" if word in ("false positive", "dismissed", "whitelisted") else "suspected"


def _line(weight: int, key: str, **beginnings: str) -> Callable[[Document], int]:
    """Recognise a line of text of this kind, whose fields begin like this."""

    def recognise(record: Document) -> int:
        begins = all(str(record.get(name, "")).lower().startswith(start) for name, start in beginnings.items())
        return weight * (isinstance(record, Line) and key in record and begins)

    return recognise


FORMATS = (
    Format(name=CEF, marks=(CEF,), recognise=_line(5, CEF), read=read),
    Format(name=LEEF, marks=(LEEF,), recognise=_line(5, LEEF), read=read),
    Format(name=CLAROTY, marks=(CEF,), recognise=_line(9, CEF, vendor="claroty"), read=read_claroty),
    Format(name=VARONIS, marks=(CEF,), recognise=_line(9, CEF, vendor="varonis"), read=read_varonis),
    Format(name=ZSCALER, marks=(SYSLOG,), recognise=_line(9, SYSLOG, app="zscaler"), read=read_zscaler),
    Format(name=SYSLOG, marks=(SYSLOG,), recognise=_line(5, SYSLOG), read=read_syslog),
)
