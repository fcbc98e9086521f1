"""The native event is our own contract: read to the letter, and refused with a sentence that says what to mend."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from breachflow import formats
from breachflow.formats.payload import read as read_payload

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "id": "N-1",
    "source": "person/dpo",
    "detected_at": "2026-03-02T09:15:30+01:00",
    "title": "Letter sent to the wrong policyholder",
}


def raw(**changes: Any) -> bytes:
    return msgspec.json.encode({key: value for key, value in {**EVENT, **changes}.items() if value is not ...})


def error(payload: bytes, **more: Any) -> str:
    (reading,) = formats.read(payload, received_at=RECEIVED, **more)
    assert reading.event is None
    assert reading.error
    return reading.error


def event(payload: bytes, **more: Any) -> Any:
    (reading,) = formats.read(payload, received_at=RECEIVED, **more)
    assert reading.error is None, reading.error
    assert reading.raw == payload
    return reading.event


def test_the_four_required_keys_are_enough():
    """All else is unknown, which is not nothing."""
    read = event(raw())

    assert read.detected_at == datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
    assert (read.severity, read.facts, read.assets, read.verdict, read.format) == (
        None,
        None,
        (),
        "suspected",
        "native",
    )


def test_null_means_unknown():
    """As absent; a required key that is null is missing."""
    assert event(raw(severity=None, verdict=None, assets=None, facts=None)) == event(raw())
    assert error(raw(title=None)).startswith("`title` is missing")


REFUSED = {
    "an unknown key": (raw(sverity="low"), "`sverity` is not a key of the vocabulary: did you mean `severity`?"),
    "a fact outside facts": (raw(people_count=3), "`people_count` is a fact: put it inside `facts`"),
    "an unknown fact": (
        raw(facts={"peple_count": 3}),
        "`peple_count` in `facts` is not a key of the vocabulary: did you mean `people_count`?",
    ),
    "a reader's key": (raw(format="x"), "`format` is written by the reader, not by a producer: leave it out"),
    "a naive time": (
        raw(detected_at="2026-03-02T09:15:30"),
        "`detected_at` has no offset: write it as 2026-01-31T09:00:00+01:00; a zone is never guessed",
    ),
    "no time at all": (raw(detected_at=...), "`detected_at` is missing: a native event states id, source, detected_at, title"),
    "a number for a time": (raw(detected_at=1772439330), "`detected_at`: expected `datetime`, got `int`"),
    "year one": (raw(detected_at="0001-01-01T00:00:00+01:00"), "`detected_at` lies outside 1990 to 2100"),
    "a fact in year 9999": (
        raw(facts={"parties": [{"told_at": "9999-12-31T23:59:59-01:00"}]}),
        "`facts.parties[0].told_at` lies outside 1900 to 2100",
    ),
    "a severity of another scale": (
        raw(severity="P1"),
        "`severity` is none of informational, low, medium, high, critical, fatal",
    ),
    "a kind that is none": (raw(facts={"data": ["secret-thing"]}), "`facts.data[0]` is not a word of the vocabulary"),
    "a negative count": (raw(facts={"people_count": -1}), "`facts.people_count`: expected `int` >= 0"),
    "a wrong type": (raw(assets="srv-1"), "`assets`: expected `array`, got `str`"),
    "a title too long": (raw(title="x" * 501), "`title`: expected `str` of length <= 500"),
    "a blank title": (raw(title=" \u0000 "), "`title` is blank"),
    "another schema": (
        raw(schema="breachflow.security_event.v2"),
        "`schema` is not breachflow.security_event.v1: this version reads no other",
    ),
    "a key said twice": (
        raw()[:-1] + b',"id" : "N-2"}',
        "the JSON says `id` twice in one object: which of the two counts is anybody's guess",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_said_by_its_key(payload, sentence):
    """The key and what to do; never the value, which may be personal data."""
    assert error(payload) == sentence


def test_a_key_said_twice_is_seen_inside_envelopes_too():
    """The list and the CloudEvent around it hide nothing."""
    twice = raw()[:-1] + b',"id":"N-2"}'

    assert "`id` twice" in error(b"[" + twice + b"]")
    assert "`id` twice" in error(b'{"specversion":"1.0","type":"t","source":"s","id":"c","data":' + twice + b"}")


def test_colons_and_quotes_inside_a_title_are_no_second_key():
    """The cheap check for duplicates is followed by an exact one."""
    assert event(raw(title='He said "id": "x", and "id": "y"')).title == 'He said "id": "x", and "id": "y"'


def test_no_error_quotes_the_payload():
    """Error sentences are logged and shown; a name or a number of a person is neither."""
    secret = "Jeanne-Moulin-1850699"
    for payload in (
        raw(severity=secret), raw(detected_at=secret), raw(facts={"data": [secret]}), raw(facts={"people_count": secret}),
        raw(facts={"people_by_country": {secret: 1}}), raw(**{f"{secret} {secret}": 1}), raw(facts=secret), raw(title=[secret]),
        raw(facts={"countries": [secret]}), raw(verdict=secret), secret.encode(), b'{"x": "' + secret.encode() + b'"}',
    ):  # fmt: skip
        (reading,) = formats.read(payload, received_at=RECEIVED)
        assert secret not in (reading.error or "")


def test_control_characters_are_neutralised():
    """A title cannot move a terminal's cursor, turn a name around, or forge a second log line."""
    read = event(raw(title="Breach\u001b[2J\u202etxt\u0000\nline", id="a\u0085b", description="one\r\ntwo\u0007"))

    assert read.title == "Breach [2J txt  line"
    assert read.id == "a b"
    assert read.description == "one\ntwo "


def test_a_byte_order_mark_is_tolerated():
    """Windows editors write one."""
    (reading,) = formats.read(b"\xef\xbb\xbf" + raw(), received_at=RECEIVED)

    assert reading.event is not None


def test_a_cloud_event_carries_a_native_event():
    """Structured JSON, or Kafka's binary mode with its headers."""
    structured = b'{"specversion":"1.0","type":"t","source":"s","id":"c","data":' + raw() + b"}"
    (reading,) = formats.read(structured, received_at=RECEIVED)
    headers = {
        "ce_specversion": b"1.0",
        "ce_type": b"t",
        "ce_id": b"c",
        "ce_source": b"s",
        "content-type": b"application/json",
    }

    assert reading.event == event(raw())
    assert event(raw(), headers=headers) == event(raw())


def test_a_cloud_event_carries_any_other_format_too():
    """The data is recognised as if it came alone."""
    finding = b'{"schemaVersion":"2.0","accountId":"1","id":"g","type":"X","resource":{},"service":{},"severity":2,"title":"t"}'
    (reading,) = formats.read(
        b'{"specversion":"1.0","type":"t","source":"s","id":"c","data":' + finding + b"}", received_at=RECEIVED
    )

    assert reading.event is not None
    assert reading.event.format == "aws-guardduty"


def test_a_cloud_event_of_another_domain_is_refused_with_that_reason():
    """Most CloudEvents are no alerts: a file was stored, a pull request opened."""
    about = b'{"specversion":"1.0","type":"t","source":"s","id":"c"'

    assert error(about + b',"data":{"bucket":"x","size":3}}').startswith("the CloudEvent carries no security event")
    assert "content type is not JSON" in error(about + b',"datacontenttype":"text/xml","data":"<x/>"}')
    assert "carries no data" in error(about + b"}")
    assert "not base64" in error(about + b',"data_base64":"%%%"}')
    assert "not 1.x" in error(about.replace(b"1.0", b"0.3") + b',"data":' + raw() + b"}")
    assert "content type is not JSON" in error(raw(), headers={"ce_specversion": b"1.0", "content-type": b"text/plain"})


def test_json_that_nobody_knows_is_named_as_such():
    """It says what a native event would need; `unknown` lets the quarantine offer a mapping."""
    (reading,) = formats.read(b'{"id": 1, "alarm": "x"}', received_at=RECEIVED)

    assert reading.unknown
    assert "no reader knows this JSON" in (reading.error or "")
    assert "source, detected_at, title" in (reading.error or "")


def test_a_native_event_that_forgot_its_time_is_a_native_event_that_forgot_its_time():
    """Not JSON of an unknown product."""
    assert error(raw(detected_at=...)).startswith("`detected_at` is missing")


def test_a_format_that_does_not_exist_is_the_settings_fault():
    """And no exception either."""
    assert "none that breachflow reads" in error(raw(), format="wazuh9")


def test_a_named_format_reads_what_recognition_would_read_otherwise():
    """The override of a topic counts."""
    (reading,) = read_payload(raw(rule={"level": 3}), received_at=RECEIVED, format="native")

    assert reading.error == "`rule` is not a key of the vocabulary"
