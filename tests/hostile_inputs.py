"""What a stranger, a broken exporter or an attacker may send: payloads from a seed, each with what it tries."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator

CANARY = "zqx7canary"
"""Stands in every payload that has content: wherever it shows up outside the database, something leaked."""

PRODUCT = ("1337*7331", "9801547")
"""A sum that no template may work out, and what it would come to."""

EVIL_TEXT = (
    f"{{{{ {PRODUCT[0]} }}}}",
    f"{{{{{PRODUCT[0]}}}}}",
    f"${{{PRODUCT[0]}}}",
    f"#{{{PRODUCT[0]}}}",
    f"<%= {PRODUCT[0]} %>",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{# comment #}{% raw %}",
    "<script>alert('x')</script>",
    "<img src=x onerror=alert(1)>",
    "</title></head><body onload=alert(1)>",
    '"><svg/onload=alert(1)>',
    "<a href='javascript:alert(1)'>here</a>",
    "&lt;script&gt;",
    "subject\r\nBcc: victim@evil.example\r\n\r\nbody",
    "subject\nX-Injected: yes",
    "subject\r\n\r\n<html>",
    "=?utf-8?q?=0D=0ABcc:_victim@evil.example?=",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","ok")',
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "'; DROP TABLE cases; --",
    '" OR 1=1 --',
    "$(touch /tmp/owned)",
    "`touch /tmp/owned`",
    "%s%s%s%n",
    "%(message)s {0} {name}",
    "../../../../etc/passwd",
    "/etc/passwd\0.html",
    "C:\\Windows\\System32",
    "file:///etc/passwd",
    "\x00\x01\x02\x1b[31mred\x1b[0m\x07",
    "a\u202egnp.exe",
    "\u2028\u2029line",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "é" * 400,
    "𝕏" * 300,
    "",
    " ",
    "\r\n",
    "null",
    '#set text(size: 1pt)\n#import "@preview/x:1.0.0"',
)

EVIL_TIMES = (
    "2026-11-24T09:00:00", "2026-11-24", "2026-11-24 09:00", "24/11/2026", "yesterday", "", "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:60Z", "2026-02-30T00:00:00Z",
    "2026-11-24T25:00:00Z", "2026-11-24T09:00:00+99:99", "1970-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z", "2026-11-24T09:00:00.123456789012345678Z", "２０２６-11-24T09:00:00Z", 0, -1, 1e30, 2**63,
    1764000000, 1764000000000, True, None, [], {}, "2100-01-01T00:00:00Z", "2026-11-24T09:00:00+00:60",
)  # fmt: skip

EVIL_VALUES = (
    None, True, 0, -1, 1.5, 10**400, -(2**70), "", "x" * 5_000, "x" * 100_000, [], {}, [[]], {"a": {}}, ["x"] * 2_000,
    {"$ref": "#"}, {"__proto__": {"admin": True}}, [None], "undefined", "\x00",
)  # fmt: skip


class Hostile:
    """A source of payloads; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def payloads(self, count: int) -> Iterator[tuple[str, bytes]]:
        """So many payloads, each under the name of what it tries; about a third could be read as events."""
        kinds = [name for name in dir(self) if name.startswith("try_")]
        for number in range(count):
            kind = self.dice.choice(kinds)
            yield kind.removeprefix("try_"), getattr(self, kind)(number)

    def event(self, number: int, **values) -> dict:
        """A native event that would open a case."""
        return {
            "id": f"{CANARY}-{number}",
            "source": f"hostile/{self.dice.randrange(5)}",
            "detected_at": "2026-11-24T08:00:00+01:00",
            "title": f"{CANARY} {number}",
            "verdict": "confirmed",
            "facts": {"personal_data": True, "confidentiality": True, "data": ["identity"], "people_count": 3},
        } | values

    def encoded(self, event: dict) -> bytes:
        return json.dumps(event, ensure_ascii=self.dice.random() < 0.5).encode("utf-8", "surrogatepass")

    def evil(self) -> str:
        return self.dice.choice(EVIL_TEXT)

    def try_truncation(self, number: int) -> bytes:
        whole = self.encoded(self.event(number))
        return whole[: self.dice.randrange(1, len(whole))]

    def try_depth(self, number: int) -> bytes:
        depth = self.dice.choice((50, 99, 101, 1_000, 10_000))
        opening, closing = self.dice.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
        return (opening * depth + "1" + closing * self.dice.choice((depth, depth, 0, depth - 1))).encode()

    def try_depth_inside(self, number: int) -> bytes:
        depth = self.dice.choice((50, 200, 10_000))
        deep = "[" * depth + "]" * depth
        return self.encoded(self.event(number))[:-1] + f', "facts": {deep}}}'.encode()

    def try_not_a_number(self, number: int) -> bytes:
        text = self.encoded(self.event(number, facts={"people_count": 0})).decode()
        word = self.dice.choice(("NaN", "Infinity", "-Infinity", "1e999", "-0", "0x10", "1e-999", "9" * 5_000, "01"))
        return text.replace('"people_count": 0', f'"people_count": {word}').encode()

    def try_key_twice(self, number: int) -> bytes:
        text = self.encoded(self.event(number)).decode()
        key, value = self.dice.choice(
            (("id", '"other"'), ("title", '"other"'), ("facts", "{}"), ("i\\u0064", '"other"'))
        )
        return (text[:-1] + f', "{key}": {value}}}').encode()

    def try_bad_bytes(self, number: int) -> bytes:
        whole = bytearray(self.encoded(self.event(number)))
        for _ in range(self.dice.randrange(1, 5)):
            at = self.dice.randrange(len(whole))
            whole[at:at] = self.dice.choice(
                (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xfe\xfe")
            )
        return bytes(whole)

    def try_flipped_bytes(self, number: int) -> bytes:
        whole = bytearray(self.encoded(self.event(number)))
        for _ in range(self.dice.randrange(1, 8)):
            whole[self.dice.randrange(len(whole))] = self.dice.randrange(256)
        return bytes(whole)

    def try_surrogates(self, number: int) -> bytes:
        text = self.encoded(self.event(number)).decode()
        return text.replace(
            CANARY, CANARY + self.dice.choice(("\\ud800", "\\udfff\\ud800", "\\u0000", "\\u202e"))
        ).encode()

    def try_time(self, number: int) -> bytes:
        key = self.dice.choice(("detected_at", "detected_at", "occurred_from", "occurred_to"))
        return self.encoded(self.event(number, **{key: self.dice.choice(EVIL_TIMES)}))

    def try_time_in_facts(self, number: int) -> bytes:
        key = self.dice.choice(("reported_at", "attack_known_at", "informed_at"))
        return self.encoded(self.event(number, facts={"personal_data": True, key: self.dice.choice(EVIL_TIMES)}))

    def try_text(self, number: int) -> bytes:
        event = self.event(number)
        for key in self.dice.sample(("title", "description", "controller", "case", "source", "id"), 2):
            event[key] = self.evil() + self.dice.choice(("", f" {CANARY}"))
        event["assets"] = [self.evil() for _ in range(self.dice.randrange(3))]
        return self.encoded(event)

    def try_title(self, number: int) -> bytes:
        return self.encoded(self.event(number, title=f"{self.evil()} {CANARY}"))

    def try_text_in_facts(self, number: int) -> bytes:
        facts = {"personal_data": True, "confidentiality": True, "people_count": 40_000, "data": ["health"]}
        for key in self.dice.sample(("text_nature", "text_people", "text_data", "text_consequences", "late_reason"), 2):
            facts[key] = self.evil()
        facts["parties"] = [{"name": self.evil(), "contact": self.evil(), "role": "processor"}]
        facts["measures_taken"] = [{"what": self.evil()}]
        return self.encoded(self.event(number, facts=facts))

    def try_scopes(self, number: int) -> bytes:
        scopes = [{"controller": self.evil(), "processing": self.evil()} for _ in range(self.dice.choice((1, 3, 300)))]
        return self.encoded(self.event(number, facts={"personal_data": True, "scopes": scopes}))

    def try_wrong_type(self, number: int) -> bytes:
        event = self.event(number)
        event[self.dice.choice(list(event))] = self.dice.choice(EVIL_VALUES)
        return self.encoded(event)

    def try_wrong_fact(self, number: int) -> bytes:
        key = self.dice.choice(
            ("people_count", "data", "people", "role", "countries", "exposed_hours", "scopes", "nonsense")
        )
        return self.encoded(self.event(number, facts={"personal_data": True, key: self.dice.choice(EVIL_VALUES)}))

    def try_stranger(self, number: int) -> bytes:
        value = self.dice.choice(EVIL_VALUES)
        return self.encoded({self.evil() or "k": value, CANARY: self.evil(), "n": number})

    def try_scalar(self, number: int) -> bytes:
        return self.dice.choice(
            (
                b"null",
                b"true",
                b"0",
                b'""',
                b"[]",
                b"{}",
                b'"x"',
                b"[[]]",
                b"[1,2,3]",
                b"[null]",
                b"\x00",
                b"\xef\xbb\xbf{}",
            )
        )

    def try_noise(self, number: int) -> bytes:
        return b"\x01" + self.dice.randbytes(self.dice.choice((1, 100, 5_000))).replace(b"\n", b"").strip() + b"\x01"

    def try_wrapping(self, number: int) -> bytes:
        inner = self.event(number)
        for _ in range(self.dice.choice((1, 3, 6, 200))):
            inner = self.dice.choice(
                (
                    {"records": [inner]},
                    {"message": json.dumps(inner)} if len(json.dumps(inner)) < 100_000 else {"data": inner},
                    {"specversion": "1.0", "type": "t", "source": "s", "id": "i", "data": inner},
                    [inner],
                )
            )
        return self.encoded(inner) if isinstance(inner, dict) else json.dumps(inner).encode()

    def try_cloud_event(self, number: int) -> bytes:
        data = base64.b64encode(self.evil().encode("utf-8", "surrogatepass")).decode()
        form = {"specversion": self.dice.choice(("1.0", "0.3", "9", "")), "type": "t", "source": "s", "id": "i"}
        return self.encoded(
            form | self.dice.choice(({"data_base64": data}, {"data_base64": "%%%"}, {"data": None}, {}))
        )

    def try_lines(self, number: int) -> bytes:
        events = [self.encoded(self.event(number * 100 + n)) for n in range(3)]
        events.insert(self.dice.randrange(3), self.try_flipped_bytes(number).replace(b"\n", b" "))
        return self.dice.choice((b"\n", b"\r\n", b"\n\n")).join(events)

    def try_length(self, number: int) -> bytes:
        key = self.dice.choice(("title", "description", "id", "source", "case"))
        return self.encoded(self.event(number, **{key: CANARY * self.dice.choice((30, 60, 3_000))}))
