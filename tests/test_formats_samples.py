"""Each format has a sample that we wrote; it is recognised by itself and read as what it states."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breachflow import formats
from breachflow.core.event import SecurityEvent

FOLDER = Path(__file__).parent / "fixtures" / "formats"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text())
RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)


def sample(name: str) -> bytes:
    (path,) = FOLDER.glob(f"{name}.*")
    return path.read_bytes()


def read(raw: bytes, **more: Any) -> SecurityEvent:
    (reading,) = formats.read(raw, received_at=RECEIVED, **more)
    assert reading.error is None, reading.error
    assert reading.event is not None
    return reading.event


def test_every_format_has_a_sample():
    """A format without a sample is a promise that nobody checks."""
    assert set(EXPECTED) == set(formats.names())
    assert {path.stem for path in FOLDER.glob("*.[jt]*")} - {"expected"} == set(formats.names())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_read_as_what_it_states(name):
    """Identity, instant, title, severity, verdict, asset, user, case, occurrence and facts, and nothing invented."""
    expected = EXPECTED[name]
    event = read(sample(name))

    assert event.format == expected.get("format", name)
    assert event.title == expected["title"]
    assert event.source == expected["source"]
    assert event.detected_at == (datetime.fromisoformat(expected["at"]) if "at" in expected else RECEIVED)
    assert event.detected_at_basis == expected.get("basis", "stated" if "at" in expected else "receipt")
    if "id" in expected:
        assert event.id == expected["id"]
    else:
        assert event.id.startswith("sha256:")
    assert event.severity == expected.get("severity")
    assert event.verdict == expected.get("verdict", "suspected")
    assert event.case == expected.get("case")
    assert event.assets[:1] == ((expected["asset"],) if "asset" in expected else ())
    assert event.users[:1] == ((expected["user"],) if "user" in expected else ())
    assert event.occurred_from == (datetime.fromisoformat(expected["from"]) if "from" in expected else None)
    facts = {} if event.facts is None else msgspec.json.decode(msgspec.json.encode(event.facts))
    assert facts == expected.get("facts", {})


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_read_the_same_when_its_format_is_named(name):
    """`--format` overrides recognition, and agrees with it."""
    assert read(sample(name), format=name) == read(sample(name))


@pytest.mark.parametrize("name", EXPECTED)
def test_an_event_is_of_the_vocabulary(name):
    """What a reader builds would also be accepted by the vocabulary's own checks: lengths, ranges, words."""
    event = read(sample(name))

    assert msgspec.json.decode(msgspec.json.encode(event), type=SecurityEvent) == event


def test_updates_of_an_alert_keep_its_identity_and_its_instant():
    """A later update, a closure, a new comment: the same alert, detected when it was first."""
    first = read(sample("ms-sentinel-incident"))
    changed = sample("ms-sentinel-incident").replace(b"2026-03-05T00:00:00Z", b"2026-03-09T00:00:00Z")
    later = read(changed.replace(b"BenignPositive", b"TruePositive"))

    assert (later.source, later.id, later.detected_at) == (first.source, first.id, first.detected_at)
    assert (first.verdict, later.verdict) == ("false_positive", "confirmed")


def test_a_record_without_an_id_keeps_its_identity_through_fields_that_change():
    """Where a product gives no id, what stays the same through updates makes one."""
    raw = sample("daspren-parad")

    assert read(raw).id == read(raw.replace(b'"CRITICAL"', b'"LOW"')).id
    assert read(raw).id != read(raw.replace(b"08:15:30", b"08:15:31")).id


def test_matches_are_neither_records_nor_people():
    """Macie's 200 names in a file may be one person's; its numbers stay a sentence."""
    facts = read(sample("aws-macie")).facts

    assert facts is not None
    assert facts.people_count is None
    assert facts.records_count is None
    assert "200 of NAME" in (facts.text_data or "")


def test_nothing_is_stated_that_the_payload_does_not_say():
    """A DLP rule's name is no proof of what data it was."""
    assert read(sample("netskope-dlp")).facts is None


def test_a_declared_zone_goes_before_the_one_that_a_format_ships_with():
    """The organisation knows where its server stands."""
    event = read(sample("varonis-cef"), zones={"varonis-cef": "Europe/Paris"})

    assert event.detected_at == datetime(2026, 3, 2, 7, 15, 30, tzinfo=UTC)
    assert event.detected_at_basis == "zone_assumed"


def test_a_naive_time_in_a_format_without_a_zone_is_refused():
    """The sentence says what to declare."""
    raw = b"CEF:0|Invented|Firewall|3.1|100|Upload|8|rt=Mar 02 2026 08:15:30 shost=pc-21"
    (reading,) = formats.read(raw, received_at=RECEIVED)

    assert reading.error == (
        "the cef record's time has no offset: declare the zone that it writes, as "
        '`zone = "Europe/Paris"` under [formats.cef] in the organisation file'
    )
    assert read(raw, zones={"cef": "Europe/Paris"}).detected_at == datetime(2026, 3, 2, 7, 15, 30, tzinfo=UTC)


def test_a_zone_that_is_none_is_the_settings_fault():
    """Not the payload's."""
    (reading,) = formats.read(sample("eset-protect"), received_at=RECEIVED, zones={"eset-protect": "Paris"})

    assert "mend it" in (reading.error or "")


ENVELOPES = {
    "a list": b"[%s, %s]",
    "AWS Records": b'{"Records": [%s, %s]}',
    "Graph's value": b'{"@odata.context": "x", "value": [%s, %s]}',
    "a search answer": b'{"took": 3, "hits": {"total": 2, "hits": [{"_id": "1", "_source": %s}, {"_id": "2", "_source": %s}]}}',
}


@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES)
@pytest.mark.parametrize("name", ["aws-guardduty", "ms-graph-security-alert", "qradar-offense", "ocsf-event"])
def test_containers_give_all_their_records(envelope, name):
    """One payload, several records, each with its own bytes."""
    raw = sample(name)
    readings = formats.read(envelope % (raw, raw), received_at=RECEIVED)

    assert [(one.record, one.event and one.event.format) for one in readings] == [(1, name), (2, name)]
    assert all(msgspec.json.decode(one.raw) == msgspec.json.decode(raw) for one in readings)


def test_an_event_bus_and_a_notification_service_are_opened():
    """EventBridge wraps the finding in `detail`, SNS the bus event as text in `Message`, Pub/Sub in base64."""
    finding = msgspec.json.decode(sample("aws-guardduty"))
    bus = msgspec.json.encode(
        {"version": "0", "source": "aws.guardduty", "detail-type": "GuardDuty Finding", "detail": finding}
    )
    notice = msgspec.json.encode({"Type": "Notification", "MessageId": "m", "Message": bus.decode()})

    assert read(bus).format == "aws-guardduty"
    assert read(notice).format == "aws-guardduty"


def test_an_empty_container_says_so():
    """It is no event, and it is not lost without a word."""
    for raw in (b"[]", b'{"Records": []}', b'{"value": []}', b'{"items": [], "progressRate": 100}'):
        (reading,) = formats.read(raw, received_at=RECEIVED)
        assert reading.error == "the payload is an empty container: there is no record in it"


def test_partial_dates_of_veris_stay_partial():
    """November 2025 is a range of thirty days, not its first."""
    event = read(sample("veris"))

    assert event.occurred_from == datetime(2025, 11, 1, tzinfo=UTC)
    assert event.occurred_to == datetime(2025, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert event.facts is not None
    assert event.facts.occurred_basis == "range"
