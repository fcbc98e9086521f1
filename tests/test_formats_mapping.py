"""A mapping: the TOML that a user writes for a product that breachflow does not know, and the first guess at it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import msgspec
import pytest

from breachflow import formats
from breachflow.formats import paths
from breachflow.formats.mapping import MappingError

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
ALARM = {
    "vendor": "Acme",
    "alarm": {"no": 7, "level": "P1", "raised": "02/Mar/2026:09:15:30 +0100", "text": "Door of the archive forced"},
    "where": [{"kind": "host", "label": "door-3"}, {"kind": "person", "label": "guard"}],
    "state": "verified",
    "inside.json": '{"zone": "archive"}',
    "sort": "theft",
}
MAPPING = b"""
name = "acme-alarm"

[[recognise]]
keys = ["alarm.no", "where"]
equals = { vendor = ["acme"] }

[event]
id = ["alarm.no"]
title = ["{alarm.text} ({missing})", "{alarm.text}: {vendor}"]
detected_at = ["alarm.nothing", "alarm.raised"]
assets = ["where[kind=host].label", "\\"inside.json\\"<json>.zone"]
users = ["where[1].label"]

[[severity]]
from = "alarm.level"
words = { p1 = "critical", p2 = "high" }

[verdict]
from = ["state"]
confirmed = ["Verified"]

[facts]
origin = "external"

[[when]]
path = "sort"
is = ["theft"]
facts = { incident_type = "paper_lost_or_stolen" }
"""


def test_a_users_mapping_reads_what_no_reader_knew():
    """The same file tried from the command line and used by intake."""
    raw = msgspec.json.encode(ALARM)
    (before,) = formats.read(raw, received_at=RECEIVED)
    (after,) = formats.read(raw, received_at=RECEIVED, extra=(formats.load_mapping(MAPPING),))

    assert before.unknown
    event = after.event
    assert event is not None
    assert (event.format, event.id, event.severity, event.original_severity) == ("acme-alarm", "7", "critical", "P1")
    assert event.title == "Door of the archive forced: Acme"
    assert event.detected_at == datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
    assert event.assets == ("door-3", "archive")
    assert event.users == ("guard",)
    assert event.verdict == "confirmed"
    assert event.facts is not None
    assert (event.facts.origin, event.facts.incident_type) == ("external", "paper_lost_or_stolen")


WRONG = {
    "no TOML": (b"name = ", "not TOML"),
    "no UTF-8": (b"\xff", "not UTF-8"),
    "a key that is none": (MAPPING.replace(b"users =", b"user ="), "line 13: object contains unknown field `user`"),
    "no title": (b'name="x"\n[[recognise]]\nkeys=["a"]\n[event]\nid=["a"]', "missing required field `title`"),
    "a path that is none": (
        MAPPING.replace(b'"alarm.raised"', b'"alarm..raised"'),
        "line 11: 'alarm..raised' is no path",
    ),
    "braces that do not match": (MAPPING.replace(b"{vendor}", b"{vendor"), "the braces of"),
    "a severity of another scale": (MAPPING.replace(b'"critical"', b'"terrible"'), "invalid enum value 'terrible'"),
    "a fact that is none": (MAPPING.replace(b"origin =", b"orgin ="), "unknown field `orgin`"),
    "a zone that is none": (
        MAPPING.replace(b'name = "acme-alarm"', b'name = "a"\nzone = "Mars"'),
        "line 3: 'Mars' is no IANA",
    ),
    "no recognition": (MAPPING.replace(b'keys = ["alarm.no", "where"]', b"keys = []"), "needs `keys`"),
    "a name that is none": (MAPPING.replace(b"acme-alarm", b"Acme Alarm"), "`name` is written in lower case"),
}


@pytest.mark.parametrize(("content", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_mapping_is_refused_where_it_is_wrong(content, sentence):
    """By its line or its key, before a single record is read with it."""
    with pytest.raises(MappingError) as refused:
        formats.load_mapping(content)

    assert sentence in str(refused.value)


def test_a_skeleton_is_a_mapping_that_reads_the_record_it_was_guessed_from():
    """One command from being replayed; paths only, never values."""
    record = {"alertNumber": 5, "ruleName": "Odd", "detected": "2026-03-02T08:15:30Z", "updated": "2026-03-04T08:15:30Z",
              "risk": "high", "machine": {"hostName": "srv-1"}, "userName": "jeanne.moulin"}  # fmt: skip
    skeleton = formats.skeleton(record)
    (reading,) = formats.read(
        msgspec.json.encode(record), received_at=RECEIVED, extra=(formats.load_mapping(skeleton.encode()),)
    )

    assert "jeanne" not in skeleton
    assert reading.event is not None
    assert reading.event.detected_at == datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
    assert (reading.event.title, reading.event.severity) == ("Odd", "high")
    assert "srv-1" in reading.event.assets


@pytest.mark.parametrize(
    "record", [{}, [], None, 3, {"": ""}, {'a"b\n': 1}, {"x.y": {"[]": [[1]]}}, {"é": "2026-03-02 10:00"}]
)
def test_a_skeleton_of_anything_is_a_mapping(record):
    """Whatever was quarantined, the guess can be loaded and corrected."""
    formats.load_mapping(formats.skeleton(record).encode())


def test_shipped_mappings_are_named_as_their_files():
    """`--format NAME` and the file that says it are found by the same name."""
    folder = resources.files("breachflow.formats") / "mappings"
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            assert formats.load_mapping(file.read_bytes()).name == file.name.removesuffix(".toml")


def test_a_path_follows_what_is_there_and_nothing_else():
    """A record of another shape gives nothing, never an error."""
    gather = paths.gatherer("a[].b[0].c")

    assert gather({"a": [{"b": [{"c": 0}]}, {"b": []}, 3, None, {"b": "x"}]}) == [0]
    assert gather({"a": {"b": [{"c": False}]}}) == [False]
    for other in ({}, {"a": None}, {"a": [[[]]]}, {"a": "abc"}, {"a": {"b": {"c": 1}}}):
        assert gather(other) == []
    assert paths.getter("a.b.c")({"a": {"b": 3}}) is None
