"""Whatever comes in: an answer, soon, in bounded memory, and no exception. A reader that failed would say so by name."""

from __future__ import annotations

import copy
import json
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breachflow import formats
from breachflow.core.event import SecurityEvent

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
SAMPLES = sorted(path for path in (Path(__file__).parent / "fixtures" / "formats").iterdir() if path.suffix != ".toml")
MUTATIONS = int(os.environ.get("BREACHFLOW_MUTATIONS", "4000"))
SEED = int(os.environ.get("BREACHFLOW_SEED", "7"))
LONGEST = 0.05  # Seconds of processor time; the slowest sample takes a hundredth of it.

VALUES: list[Any] = [
    None, 0, -1, 1e308, 2**63, True, False, "", "x" * 3000, [], {}, [[]], [None], {"a": None}, "\u0000\u202e",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", 253402300799999, "2026-03-02T08:15:30", '{"a":1}',
    ["a", 1, None, {}], 1.5, 123456789012345678901234567890, "/Date(99999999999999)/", [{}], "-", "<134>",
]  # fmt: skip
TOKENS = [b"{", b"[", b'"', b"\\", b"\n", b"|", b"=", b"\x00", b"\xff", b"<134>", b"1e999", b"\\ud800", b"CEF:0|"]
KEYS = [
    "id",
    "type",
    "severity",
    "fields",
    "cef",
    "rule",
    "event",
    "data",
    "objects",
    "records",
    "detected_at",
    "title",
]


def mutated(payload: bytes, dice: random.Random) -> bytes:
    """The payload with values, keys or bytes changed at random."""
    if dice.random() < 0.6 and payload[:1] in b"{[":
        document = json.loads(payload)
        for _ in range(dice.choice([1, 1, 2, 5])):
            spots = list(places(document))
            if not spots:
                break
            node, key = dice.choice(spots)
            choice = dice.random()
            if choice < 0.7:
                node[key] = copy.deepcopy(dice.choice(VALUES))
            elif choice < 0.9 or not isinstance(node, dict):
                del node[key]
            else:
                node[dice.choice(KEYS)] = copy.deepcopy(dice.choice(VALUES))
        return json.dumps(document).encode()
    changed = bytearray(payload)
    for _ in range(dice.choice([1, 2, 4, 16])):
        at = dice.randrange(len(changed) or 1)
        choice = dice.random()
        if choice < 0.4 and changed:
            changed[at] = dice.randrange(256)
        elif choice < 0.6:
            del changed[at : at + dice.randrange(1, 30)]
        elif choice < 0.8:
            changed[at:at] = dice.choice(TOKENS)
        else:
            changed[at:at] = changed[at : at + dice.randrange(1, 200)]
    return bytes(changed)


def places(node: Any) -> Any:
    for key, value in list(
        node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    ):
        yield node, key
        yield from places(value)


def timed(payload: bytes) -> tuple[tuple[formats.Reading, ...], float]:
    started = time.process_time()
    readings = formats.read(payload, received_at=RECEIVED)
    return readings, time.process_time() - started


def check(payload: bytes) -> None:
    """One payload: at least one reading, each an event of the vocabulary or a sentence, and no fault of a reader."""
    readings, took = timed(payload)
    if took >= LONGEST:
        # A collection of the whole test session's garbage may fall into one reading; a slow reader is slow again.
        took = min(timed(payload)[1] for _ in range(3))
    assert took < LONGEST, f"{took:.3f} s for {len(payload)} bytes"
    assert readings
    for reading in readings:
        assert (reading.event is None) != (reading.error is None)
        if reading.event is not None:
            assert msgspec.json.decode(msgspec.json.encode(reading.event), type=SecurityEvent) == reading.event
        else:
            assert "fault of breachflow" not in (reading.error or ""), payload[:2000]


def test_mutated_samples_are_read_or_refused():
    """The short run; `BREACHFLOW_MUTATIONS=1000000 BREACHFLOW_SEED=1` is the long one."""
    dice = random.Random(SEED)
    payloads = [path.read_bytes() for path in SAMPLES]
    for _ in range(MUTATIONS):
        check(mutated(dice.choice(payloads), dice))


HOSTILE = {
    "nothing": b"",
    "space": b" \n\t ",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "ten thousand lists": b"[" * 10_000 + b"]" * 10_000,
    "ten thousand objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a hundred and one levels": b'{"a":' * 101 + b"1" + b"}" * 101,
    "brackets inside strings": b'{"a":"' + b"[{" * 5_000 + b'"}',
    "NaN": b'{"id":"a","source":"b","title":"c","detected_at":NaN}',
    "infinity": b'{"id":"a","source":"b","title":"c","detected_at":Infinity}',
    "a number of a million digits": b'{"id":' + b"9" * 1_000_000 + b"}",
    "a lone surrogate": b'{"id":"a","source":"b","title":"\\ud800","detected_at":"2026-03-02T08:15:30Z"}',
    "a surrogate in bytes": b'{"id":"a","title":"\xed\xa0\x80"}',
    "bytes of no encoding": bytes(range(256)),
    "UTF-16": '{"id":"a"}'.encode("utf-16"),
    "NUL in a key": b'{"id\\u0000":"a"}',
    "a million empty strings": b"[" + b'"",' * 999_999 + b'""]',
    "a hundred thousand records": b"[" + b'{"id":1},' * 99_999 + b'{"id":1}]',
    "envelopes without end": b'{"message":' * 90 + b"{}" + b"}" * 90,
    "more than is read": b'{"a":"' + b"x" * formats.MAX_PAYLOAD + b'"}',
    "a line without end": b"<134>" + b"x" * 1_000_000,
    "a CEF line of a million fields": b"CEF:0|a|b|c|d|e|5|" + b"k=v " * 300_000,
    "a CEF line of bars": b"CEF:0" + b"|" * 500_000,
    "a LEEF line of tabs": b"LEEF:1.0|a|b|c|d|" + b"\t" * 500_000,
    "a syslog line of spaces": b"<13>Mar  2 08:15:30 " + b" " * 500_000,
    "a key of a megabyte": b'{"' + b"k" * 1_000_000 + b'":1}',
    "two hundred thousand keys": b"{" + b",".join(b'"k%d":1' % number for number in range(200_000)) + b"}",
    "a bundle of nothing": b'{"type":"bundle","objects":[' + b"{}," * 100_000 + b"{}]}",
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_get_one_clear_sentence_or_an_event(payload):
    """No exception, no noticeable wait even for five megabytes, no record without bound."""
    readings, took = timed(payload)

    assert took < 0.3
    assert readings
    assert all("fault of breachflow" not in (reading.error or "") for reading in readings)
    assert len(readings) <= formats.MAX_RECORDS


def test_what_is_nested_too_deep_is_said_in_one_sentence():
    """Not a RecursionError, and not a crash of the interpreter."""
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        for depth in (101, 900, 10_000, 800_000):
            (reading,) = formats.read(opening * depth + b"1" + closing * depth, received_at=RECEIVED)
            assert reading.error == "the JSON is nested deeper than 100 levels"


def test_a_hundred_levels_are_read():
    """The limit is a limit of depth, not of brackets."""
    deep = (
        b'{"id":"a","source":"b","title":"c","detected_at":"2026-03-02T08:15:30Z","x":' + b"[" * 98 + b"]" * 98 + b"}"
    )
    (reading,) = formats.read(deep, received_at=RECEIVED)

    assert reading.error == "`x` is not a key of the vocabulary"
