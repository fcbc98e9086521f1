"""The formats on payloads that others published: read as the format they are, and as an independent reader read them."""

from __future__ import annotations

import calendar
import csv
import gzip
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_formats_broken import check, mutated

from breachflow import formats
from breachflow.core.event import SEVERITIES, SecurityEvent
from breachflow.formats.instants import parse
from breachflow.formats.text import text

pytestmark = pytest.mark.shared

RECEIVED = datetime(2026, 11, 24, 12, tzinfo=UTC)

SAME = {"ms-defender-xdr-event": "ms-365-defender-eventhub"}
"""Two names of the index for one vendor's format: rows of Defender's streaming API."""

REFUSED = {
    "aws-guardduty/test-guardduty-05.json": "empty container",
    "ms-defender-xdr-incident/test-incident-10.json": "empty container",
    "trend-vision-one/test-pipeline-detection-03.json": "empty container",
    "ocsf-event/oe-markdown-Microsoft-Windows-Defender-1116.event.txt": "neither JSON nor a line",
}
"""What is not read, and with which words: three containers without a record, and a screen copy of Windows' event viewer
(the OCSF project's input to its own conversion, no OCSF)."""

OTHER = {"ocsf-event/oe-System-Logs-Detection-Finding-samples-detection_finding.raw.json": "okta-system-log"}
"""Filed with OCSF as the input of a conversion; it is what Okta wrote, and is read as that."""

TIMES: dict[str, str] = {
    "cybereason-malop/test_malop": "theirs is the last update; the malop was found when it was created, a week before",
    "extrahop/test_1": "theirs is mod_time, the last change; the detection began two months before",
    "extrahop/test_3": "as test_1",
    "ocsf-event/test_compliance_finding_1": "theirs is the time of an update; the finding was created half a year before",
    "trellix-edr/alert_event_1": "theirs is eventDate, when it happened; detectionDate says when it was detected",
    "varonis-cef/test_intrusion": "theirs is start, when it began to happen; rt is the alert's own time",
}
HOSTS: dict[str, str] = {
    "wiz-threat/test_detection_3": "theirs has the port cut off; the payload names the endpoint internal.test:27017",
}
USERS: dict[str, str] = {
    "lacework/event_03": "theirs is cut out of the description's free text",
    "lacework/event_08": "as event_03",
    "lacework/event_10": "as event_03",
    "lacework/test_security_group_change": "as event_03",
    "o365-alert/security_compliance_alert_3": "theirs is cut out of the alert's inner data, of a sender",
}


def index(shared: Path) -> list[dict[str, str]]:
    with (shared / "siem" / "INDEX.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in ("native", "ecs")]


def expectations(shared: Path) -> list[tuple[str, SecurityEvent, dict[str, Any]]]:
    """Each payload that has an independent reading beside it: its name, our event, their fields."""
    found = []
    for path in sorted((shared / "siem").glob("*/*.expected-ecs.json")):
        stem = path.name.removesuffix(".expected-ecs.json")
        (payload,) = [other for other in path.parent.glob(f"{stem}.*") if other != path]
        (reading,) = formats.read(payload.read_bytes(), received_at=RECEIVED)
        assert reading.event is not None, (path, reading.error)
        found.append((f"{path.parent.name}/{stem}", reading.event, msgspec.json.decode(path.read_bytes())))
    return found


def test_nearly_all_payloads_are_read_as_the_format_they_are(shared):
    """At least 97 of 100; the rest with a reason that is written above, and CloudEvents of other domains apart."""
    read = Counter()
    for row in index(shared):
        name = row["file"].removeprefix("siem/")
        readings = formats.read((shared / row["file"]).read_bytes(), received_at=RECEIVED)
        if row["format"] == "cloudevents":
            assert all("CloudEvent" in (reading.error or "") for reading in readings), name
            continue
        if name in REFUSED:
            assert REFUSED[name] in (readings[0].error or ""), name
            read["refused"] += "empty" not in REFUSED[name]
            continue
        family = SAME.get(row["format"], row["format"].removesuffix("-sekoia"))
        for reading in readings:
            assert reading.event is not None, (name, reading.error)
            assert reading.event.format == OTHER.get(name, reading.event.format), name
            assert name in OTHER or reading.event.format.startswith(family), (name, reading.event.format)
        read["read"] += 1

    assert read["read"] >= 350
    assert read["read"] / (read["read"] + read["refused"]) >= 0.97


def test_the_instant_is_the_one_an_independent_reader_chose(shared):
    """Or the disagreement is listed, with its reason."""
    compared = 0
    for name, event, theirs in expectations(shared):
        stated = parse(theirs.get("@timestamp"), UTC, RECEIVED)
        if stated is None:
            continue
        compared += 1
        agrees = abs((stated.at - event.detected_at).total_seconds()) < 0.001
        assert agrees != (name in TIMES), (name, stated.at, event.detected_at)

    assert compared >= 130


def test_the_host_is_among_the_assets(shared):
    """The name of the machine, as the other reader found it."""
    compared = 0
    for name, event, theirs in expectations(shared):
        host = theirs.get("host", {}).get("name") or theirs.get("host", {}).get("hostname")
        if host:
            compared += 1
            assert (host.lower() in [asset.lower() for asset in event.assets]) != (name in HOSTS), (name, host)

    assert compared >= 50


def test_the_user_is_among_the_users(shared):
    """Without the domain, which the other reader cuts off."""

    def bare(user: str) -> str:
        return user.rsplit("\\", 1)[-1].split("@", maxsplit=1)[0].lower()

    compared = 0
    for name, event, theirs in expectations(shared):
        user = theirs.get("user", {}).get("name")
        if user:
            compared += 1
            assert (bare(user) in map(bare, event.users)) != (name in USERS), (name, event.users)

    assert compared >= 50


def test_severities_stand_in_the_order_of_the_other_reader(shared):
    """Within one format, a higher number of theirs is never a milder word of ours; their title is not compared: ECS has none."""
    by_format: dict[str, list[tuple[float, int]]] = {}
    for name, event, theirs in expectations(shared):
        number = theirs.get("event", {}).get("severity")
        # CrowdStrike's older events count to 5 and its newer ones to 100: two scales under one name.
        scale = f"{name.split('/')[0]} {isinstance(number, int) and number > 5 and 'crowdstrike' in name}"
        if number is not None and event.severity is not None:
            by_format.setdefault(scale, []).append((number, SEVERITIES.index(event.severity)))

    assert sum(map(len, by_format.values())) >= 25
    for scale, pairs in by_format.items():
        for theirs_low, ours_low in pairs:
            assert all(ours >= ours_low for number, ours in pairs if number >= theirs_low), scale


def test_three_thousand_published_breaches_are_read_without_loss(shared):
    """VCDB, VERIS 1.3.4: every incident is an event; dates, totals, disclosure and summaries are kept."""
    count = 0
    with gzip.open(shared / "vcdb" / "vcdb-incidents-3000.jsonl.gz") as file:
        for piece in formats.split(file):
            (reading,) = formats.read(piece.raw, received_at=RECEIVED)
            event, source = reading.event, msgspec.json.decode(piece.raw)
            assert event is not None, reading.error
            facts = event.facts
            assert facts is not None
            count += 1
            assert (event.format, event.id, event.detected_at_basis) == ("veris", source["incident_id"], "receipt")
            disclosure = source["attribute"].get("confidentiality", {})
            if "data_total" in disclosure:
                assert facts.records_count == disclosure["data_total"]
            assert facts.people_count is None
            assert (facts.accessed == "confirmed") == (disclosure.get("data_disclosure") == "Yes")
            assert event.description == (text(source.get("summary", "")) or None)
            date = source["timeline"]["incident"]
            assert facts.occurred_from is not None
            assert facts.occurred_to is not None
            days = (facts.occurred_to - facts.occurred_from).days
            assert facts.occurred_from.year == date["year"]
            assert (days >= 364) == ("month" not in date)
            # One incident is dated 29 February 2018: a day that never was says no more than its month.
            real = "month" in date and 1 <= date.get("day", 0) <= calendar.monthrange(date["year"], date["month"])[1]
            assert (days == 0) == real

    assert count == 3000


def test_every_version_of_veris_is_read(shared):
    """1.3.4 to 1.4.1: a changed schema changes neither identity nor facts."""
    for path in sorted((shared / "veris-version-fixtures").iterdir()):
        (reading,) = formats.read(path.read_bytes(), received_at=RECEIVED)
        assert reading.event is not None, (path.name, reading.error)
        assert reading.event.format == "veris"


def test_mutated_payloads_of_others_are_read_or_refused(shared):
    """As for our own samples: no fault, no hang."""
    dice = random.Random(11)
    payloads = [(shared / row["file"]).read_bytes() for row in index(shared)]
    for _ in range(1500):
        check(mutated(dice.choice(payloads), dice))
