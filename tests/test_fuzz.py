"""The readers under payloads that nobody meant: a short run of the fuzzer, and what longer ones have found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from breachflow import formats
from breachflow.formats.registry import coded

RECEIVED = datetime(2026, 11, 24, tzinfo=UTC)
FUZZER = Path(__file__).parent / "fuzz" / "run.py"


def error(payload: bytes, form: str | None = None) -> str:
    (reading,) = formats.read(payload, format=form, received_at=RECEIVED)
    assert reading.event is None
    return reading.error


def test_a_short_run_finds_nothing():
    """Guided by the branches that payloads reach; `make fuzz` runs it for ten minutes a reader. The seed is printed and the same each time."""
    seed = os.environ.get("BREACHFLOW_SEED", "20261124")
    readers = ["native", "cloudevents", *(known.name for known in coded())]
    run = subprocess.run(
        [sys.executable, str(FUZZER), *readers],
        env=os.environ | {"BREACHFLOW_SEED": seed, "BREACHFLOW_FUZZ_SECONDS": "60", "BREACHFLOW_FUZZ_PAYLOADS": "400"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    print(run.stdout)
    assert run.returncode == 0, f"BREACHFLOW_SEED={seed}\n{run.stdout}\n{run.stderr[-2000:]}"


@pytest.mark.parametrize("form", ["cef", "leef"])
def test_a_document_that_is_said_to_be_a_line_is_refused_in_one_sentence(form):
    assert "fault of breachflow" not in error(b'{"fields": 1}', form)


def test_an_ocsf_event_without_its_class_is_refused_in_one_sentence():
    assert "class_uid" in error(b'{"category_uid": 2, "metadata": {}}', "ocsf-event")


@pytest.mark.parametrize("objects", [b"", b', "objects": 1', b', "objects": [1, null]'])
def test_a_bundle_whose_objects_are_none_holds_no_incident(objects):
    assert "holds no incident" in error(b'{"type": "bundle", "id": "bundle--1"' + objects + b"}", "stix21-incident")


def test_a_register_of_endless_kinds_is_cut_where_a_text_ends():
    kinds = [{"variety": "x" * 300, "amount": 1} for _ in range(100)]
    incident = {"schema_version": "1.4", "action": {}, "attribute": {"confidentiality": {"data": kinds}}}
    (reading,) = formats.read(json.dumps(incident).encode(), format="veris", received_at=RECEIVED)
    assert reading.event is not None, reading.error
    assert len(reading.event.facts.text_data) <= 20_000


def test_a_number_of_thousands_of_digits_is_no_fault_of_ours():
    payload = (
        b'{"id": "1", "source": "s", "title": "t", "detected_at": "2026-01-01T00:00:00Z", "id": ' + b"9" * 5000 + b"}"
    )
    assert "fault of breachflow" not in error(payload)


def test_pieces_of_a_broken_payload_are_not_taken_apart_again():
    payload = b'{"a": 1, "b":\n' + b'[{"a":[[{"a"::\n' * 400
    started = time.thread_time()
    formats.read(payload, received_at=RECEIVED)
    assert time.thread_time() - started < 1.0


def test_a_key_without_end_is_not_repeated_in_the_error():
    key = b'"' + b"k" * 900 + b'": 1'
    assert len(error(b'{"id": "1", "source": "s", "detected_at": "x", "title": "t", ' + key + b", " + key + b"}")) < 200


def test_thousands_of_documents_that_were_cut_off_cost_no_more_than_their_bytes():
    """Each ends in a comma, so that the next line might go on with it: that is looked at, but not for the whole file."""
    took = []
    for count in (2_000, 8_000):
        table = b'{"a": [1,\n' * count
        started = time.thread_time()
        pieces = sum(1 for _ in formats.split(table))
        took.append(time.thread_time() - started)
        assert pieces > count / 2
    assert took[1] < 12 * took[0] + 0.5, "four times as many may cost four times as much, not sixteen times"


def test_digits_that_are_no_number_are_no_fault_of_ours():
    """A superscript two is a digit to Unicode and no number to anybody."""
    head = "CEF:0|Varonis Inc.|DatAdvantage|8.6|5012|Many files opened|"
    (reading,) = formats.read(f"{head}²".encode(), received_at=RECEIVED, format="varonis-cef")
    assert reading.event is not None
    assert reading.event.severity is None
    (reading,) = formats.read(f"{head}5|rt={'²' * 14}".encode(), received_at=RECEIVED, format="varonis-cef")
    assert reading.event is not None
    assert reading.event.detected_at_basis == "receipt"


def test_lines_that_open_brackets_without_end_are_not_looked_through_again_and_again():
    """Each might go on in the next ones until it is too deep: what is looked at in vain counts, too."""
    table = b'{"a":[{"a":[[{"a":{"a":[[{"a":[[":[[[[\r\n' * 25_000
    started = time.thread_time()
    pieces = sum(1 for _ in formats.split(table))
    assert pieces == 25_000
    assert time.thread_time() - started < 1.2, "a megabyte of them took more than two seconds"


def test_two_kilobytes_of_cut_documents_are_read_in_an_instant():
    """An object and a list that begin on every line and end nowhere: found by the fuzzer, which allows 50 ms."""
    payload = b"{\n[a" * 500
    took = []
    for _ in range(5):
        started = time.thread_time()
        formats.read(payload, received_at=RECEIVED)
        took.append(time.thread_time() - started)
    assert min(took) < 0.05
