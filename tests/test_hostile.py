"""Hostile inputs: one clear line each, nothing lost, nothing executed, memory bounded.

`BREACHFLOW_SEED` repeats a run, `BREACHFLOW_HOSTILE` sets how many inputs it has (the long version: 10,000).
"""

from __future__ import annotations

import collections
import email
import email.policy
import json
import os
import re
import resource
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from hostile_inputs import CANARY, PRODUCT, Hostile
from story import Outtray, organisation

from breachflow.core.charter import Charter
from breachflow.core.organisation import Ladder, Policy
from breachflow.desk import Folder
from breachflow.loop import ingest
from breachflow.store import open_store
from breachflow.workflow import Workflow

SEED = int(os.environ.get("BREACHFLOW_SEED", secrets.randbelow(10**9)))
COUNT = int(os.environ.get("BREACHFLOW_HOSTILE", "1500"))
SAMPLE = int(os.environ.get("BREACHFLOW_HOSTILE_SAMPLE", "40"))
"""Cases whose mails and drafts are rendered and looked at; rendering all of them would take an hour."""

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ONE_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]{10,400}")
INGEST = Path(__file__).parent / "programs" / "ingest_file.py"


class Ordeal:
    """All inputs, taken in once, with what was said and what was logged."""

    def __init__(self, folder: Path) -> None:
        print(f"BREACHFLOW_SEED={SEED} BREACHFLOW_HOSTILE={COUNT}")
        self.folder, self.outtray = folder, Outtray()
        self.store = open_store(f"sqlite:///{folder}/breachflow.db", bytes(32), create=True)
        self.workflow = Workflow(
            self.store,
            Charter(organisation(Policy(ladder=Ladder(storm_after=10_000)))),
            lambda: NOW,
            route=self.outtray,
            desk=Folder(folder / "drafts"),
        )
        self.total: collections.Counter[str] = collections.Counter()
        self.fates: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        with structlog.testing.capture_logs() as self.lines:
            for number, (kind, payload) in enumerate(Hostile(SEED).payloads(COUNT)):
                tally = ingest(self.workflow, payload, f"file hostile-{number}")
                for name in ("opened", "attached", "screened", "duplicates", "quarantined"):
                    self.fates[kind][name] += getattr(tally, name)
                    self.total[name] += getattr(tally, name)
                assert tally.received >= 1 or not payload.strip(b" \t\r\n\xef\xbb\xbf"), (kind, number)
        self.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    def sample(self) -> None:
        """Draft and mail for a sample of the cases, each with its own text."""
        with structlog.testing.capture_logs() as self.rendering:
            cases = list(self.store.every_case())
            self.sampled = cases[:: max(1, len(cases) // SAMPLE)]
            wanted = {case.id for case in self.sampled}
            for case in self.sampled:
                rendered = self.workflow._drafts(case, self.workflow.desk)
                assert rendered is not None, case.id
            left = self.store.outbox_summary().queued
            while left > 0:
                mails = self.store.lease(NOW, 500, NOW.replace(year=2027))
                for mail in mails:
                    if mail.notice.case in wanted:
                        self.workflow._deliver(mail, self.outtray)
                left = len(mails)


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory):
    ordeal = Ordeal(tmp_path_factory.mktemp("hostile"))
    ordeal.sample()
    yield ordeal
    for kind, fates in sorted(ordeal.fates.items()):
        print(f"{kind:18} " + "  ".join(f"{count} {name}" for name, count in fates.items() if count))
    print(f"{dict(ordeal.total)}; {len(ordeal.sampled)} cases rendered; peak {ordeal.peak} MB")
    ordeal.store.close()


def test_every_input_is_an_event_or_a_dead_letter(ordeal):
    """The counts add up to what is in the database: nothing was lost on the way."""
    counts = ordeal.store.counts()

    assert counts.events == ordeal.total["opened"] + ordeal.total["attached"] + ordeal.total["screened"]
    assert counts.cases == ordeal.total["opened"]
    assert counts.dead_letters == ordeal.total["quarantined"]
    assert ordeal.total["quarantined"] > COUNT / 3
    assert ordeal.total["opened"] > COUNT / 20
    assert ordeal.store.verify_register() == []


def test_every_dead_letter_says_in_one_line_what_is_wrong(ordeal):
    """A person can act on it, and it quotes nothing of the content."""
    for letter in ordeal.store.dead_letters():
        assert ONE_LINE.fullmatch(letter.reason), ascii(letter.reason)
        assert CANARY not in letter.reason, letter.reason
        assert "fault of breachflow" not in letter.reason, letter.reason
        assert re.fullmatch(r"file hostile-\d+ record \d+", letter.origin)


def test_the_bytes_of_a_dead_letter_are_kept_as_they_came(ordeal):
    """Whoever mends the exporter, or the reader, has what was sent."""
    payloads = [payload for _, payload in Hostile(SEED).payloads(COUNT)]
    letters = ordeal.store.dead_letters()
    for letter in letters[:: max(1, len(letters) // 200)]:
        number = int(re.search(r"\d+", letter.origin)[0])
        raw = ordeal.store.dead_letter(letter.id).raw
        assert raw in payloads[number] or json.loads(raw) is not None, (
            "neither the bytes nor a record taken out of them"
        )


def test_every_open_case_has_a_clock_that_rings(ordeal):
    """However strange the event, if it opened a case somebody is told in time."""
    for case in ordeal.store.every_case():
        assert case.clocks, case.id
        assert all(clock.next_rung_at is not None for clock in case.clocks if clock.stop is None), case.id


def test_the_log_holds_no_content(ordeal):
    """What came in is personal data until somebody has looked: the log has counts."""
    assert ordeal.lines
    assert CANARY not in str(ordeal.lines)
    assert CANARY not in str(ordeal.rendering)
    assert not [line for line in ordeal.lines + ordeal.rendering if line["event"] == "stumbled"]


def test_no_mail_is_bent_by_what_is_in_an_event(ordeal):
    """One sender, one recipient, no header that we did not write, no sum worked out, nothing that a reader runs."""
    assert ordeal.outtray.mails
    for to, raw in ordeal.outtray.mails:
        head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert mail["To"].addresses[0].addr_spec == to
        assert len(mail["To"].addresses) == len(mail["From"].addresses) == 1
        assert not set(mail.keys()) - KNOWN_HEADERS, set(mail.keys()) - KNOWN_HEADERS
        assert not mail.defects
        assert CANARY not in head, "an event's text in a header: subjects travel unencrypted"
        for part in mail.walk():
            if not part.is_multipart():
                check_harmless(part.get_content(), html=part.get_content_type() == "text/html")


KNOWN_HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding", "Auto-Submitted", "X-Auto-Response-Suppress", "Precedence", "X-Breachflow-Notice",
    "X-Breachflow-Case", "Content-Language", "Importance", "X-Priority", "Thread-Topic",
}  # fmt: skip


def test_no_draft_is_bent_by_what_is_in_an_event(ordeal):
    """Every draft of the sample is written, and states what was sent as text."""
    drafts = [path for path in (ordeal.folder / "drafts").rglob("*") if path.is_file()]

    assert {path.suffix for path in drafts} >= {".html", ".txt", ".json"}
    told = "".join(path.read_text(encoding="utf-8") for path in drafts)
    assert PRODUCT[0] in told, "no draft states what was tried: the sample proves nothing"
    assert "&lt;" in told
    for path in drafts:
        text = path.read_text(encoding="utf-8")
        check_harmless(text, html=path.suffix == ".html")
        if path.suffix == ".json":
            json.loads(text)


def check_harmless(text: str, *, html: bool) -> None:
    """No template was worked out, and in HTML no element came from an event."""
    assert PRODUCT[1] not in text
    assert "<class 'object'>" not in text
    assert "uid=" not in text
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    if html:
        assert not re.search(r"<(script|img|svg|iframe|object|embed|form)\b", text, re.IGNORECASE)
        assert not re.search(r"<[^>]*\son\w+\s*=", text, re.IGNORECASE)
        assert not re.search(r"href\s*=\s*[\"']?\s*javascript:", text, re.IGNORECASE)


def test_nothing_was_executed(ordeal):
    """None of the commands in the texts ran."""
    assert not Path("/tmp/owned").exists()


# What is larger than anybody should send.


def write(path: Path, *parts: bytes, times: int = 1) -> Path:
    with path.open("wb") as file:
        for _ in range(times):
            for part in parts:
                file.write(part)
    return path


def taken_in(folder: Path, path: Path) -> tuple[dict[str, int], int]:
    """Take a file in with a process of its own; return its tally and the most memory it held, in MB."""
    out = subprocess.run(
        [sys.executable, str(INGEST), str(folder), str(path)], check=True, capture_output=True, timeout=300
    ).stdout
    answer = json.loads(out)
    return answer["tally"], answer["peak_mb"]


def native(number: int) -> bytes:
    return json.dumps(Hostile(1).event(number, verdict="suspected", case="one")).encode()


def test_fifty_megabytes_in_one_string_are_one_dead_letter(tmp_path):
    """A single document ten times larger than is read: its beginning is kept, and it costs no more memory than that."""
    path = write(tmp_path / "big.json", native(1)[:-1] + b', "description": "', *[b"x" * 1_000_000] * 50, b'"}')

    tally, peak = taken_in(tmp_path, path)

    assert tally["received"] == tally["quarantined"] >= 1
    assert peak < 200


def test_fifty_megabytes_that_never_close_do_not_swallow_what_follows(tmp_path):
    """Brackets without end, then a good event on a line of its own: the event is taken in."""
    path = write(tmp_path / "open.json", *[b"[" * 1_000_000] * 50, b"\n", native(1), b"\n")

    tally, peak = taken_in(tmp_path, path)

    assert (tally["opened"], tally["quarantined"]) == (1, 1)
    assert peak < 200


def test_a_broken_record_costs_only_itself(tmp_path):
    """Records cut off in the middle of a file of good ones: each good one is taken in."""
    broken = [
        b'{"id": "e5", "sou',
        b'{"id": "e5", ',
        b'{"id"',
        b'{"id": [',
        b'{"a": {"b": ',
        b'"',
        b"[",
        b"}",
        b"]",
        b"{",
    ]
    lines = []
    for number, line in enumerate(broken):
        lines += [native(2 * number), line, native(2 * number + 1)]
    path = write(tmp_path / "mixed.jsonl", b"\n".join(lines))

    tally, _ = taken_in(tmp_path, path)

    assert tally["opened"] + tally["attached"] == 2 * len(broken)


def test_a_long_file_of_small_events_needs_no_more_memory_than_a_short_one(tmp_path):
    """Fifty thousand records stream through; what is held is a batch."""
    short = write(tmp_path / "short.jsonl", *[b'{"n": 1}\n'] * 1_000)
    long = write(tmp_path / "long.jsonl", *[b'{"n": 1}\n'] * 1_000, times=30)

    _, small = taken_in(tmp_path, short)
    tally, large = taken_in(tmp_path, long)

    assert tally["quarantined"] == 30_000
    assert large - small < 60
