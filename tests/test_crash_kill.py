"""kill -9 at random instants: what was accepted is there once, every clock runs, no mail is lost or becomes another.

`BREACHFLOW_SEED` repeats a run, `BREACHFLOW_KILLS` and `BREACHFLOW_EVENTS` make it longer (the long version: 100 kills
while 5,000 events come in).
"""

from __future__ import annotations

import asyncio
import collections
import email
import hashlib
import http.client
import json
import os
import random
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from story import BREACH

from breachflow.core.case import is_open, next_rung_at
from breachflow.core.identity import content_of, event_identity
from breachflow.settings.environment import load
from breachflow.settings.home import master_key
from breachflow.store import open_store

SERVICE = Path(__file__).parent / "programs" / "service.py"
TOKEN = "a-token-for-the-test-0123456789"
SEED = int(os.environ.get("BREACHFLOW_SEED", secrets.randbelow(10**9)))
KILLS = int(os.environ.get("BREACHFLOW_KILLS", "8"))
EVENTS = int(os.environ.get("BREACHFLOW_EVENTS", "1500"))
PACE = KILLS / EVENTS  # Seconds an event: the feed must last as long as the killing.
PATIENCE = 120  # Seconds until what is owed must have left; the run fails with what is missing.


class Feed:
    """All that is sent: the same events from the same seed; half by HTTP, half as files; some of them twice."""

    def __init__(self, seed: int, count: int) -> None:
        self.dice = random.Random(seed)
        now = datetime.now(UTC)
        self.sent = [self._event(number, now) for number in range(count)]
        self.accepted: collections.Counter[bytes] = collections.Counter()
        self.tally: collections.Counter[str] = collections.Counter()
        self.lock = threading.Lock()

    def _event(self, number: int, now: datetime) -> bytes:
        dice = self.dice.random()
        event = {
            "id": f"e{number}",
            "source": f"soc/{self.dice.randrange(3)}",
            "detected_at": (now - timedelta(hours=self.dice.uniform(0, 90))).isoformat(),
            "title": "Something happened",
        }
        if dice < 0.04:
            return json.dumps(event)[: self.dice.randrange(10, 60)].encode() + b"\x01 %d" % number
        if dice < 0.12:
            return json.dumps(event | {"verdict": "test"}).encode()
        if dice < 0.9:
            event["case"] = f"incident-{self.dice.randrange(max(3, len_cases()))}"
        return json.dumps(event | {"facts": BREACH | {"people_count": self.dice.randrange(1, 5_000)}}).encode()

    def by_http(self, events: list[bytes], port: int, over: threading.Event) -> None:
        """Send until the answer is a 2xx, as a SIEM does; a lost answer makes a duplicate, never a loss."""
        dice = random.Random(len(events))
        while events and not over.is_set():
            batch, events = events[: (size := dice.randrange(1, 25))], events[size:]
            body = b"\n".join(batch)
            while not over.is_set():
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    connection.request("POST", "/events", body, {"Authorization": f"Bearer {TOKEN}"})
                    answer = connection.getresponse()
                    said = json.loads(answer.read())
                except (OSError, http.client.HTTPException):
                    time.sleep(0.05)
                    continue
                finally:
                    connection.close()
                if answer.status == 200:
                    with self.lock:
                        self.accepted.update(batch)
                        self.tally.update({name: count for name, count in said.items() if isinstance(count, int)})
                    assert said["received"] == len(batch)
                    time.sleep(
                        PACE * 4 * len(batch) * dice.uniform(0, 1.5)
                    )  # A quarter of the events is this sender's.
                    break
                assert answer.status == 503, said
                time.sleep(0.05)

    def by_file(self, events: list[bytes], inbox: Path, over: threading.Event) -> None:
        """Drop files as an exporter does: written beside, then renamed."""
        dice, number = random.Random(len(events) + 1), 0
        while events and not over.is_set():
            batch, events = events[: (size := dice.randrange(1, 60))], events[size:]
            if not inbox.is_dir():
                time.sleep(0.05)
                events = batch + events
                continue
            number += 1
            (inbox / f".{number}").write_bytes(b"\n".join(batch))
            (inbox / f".{number}").rename(inbox / f"export-{number}.jsonl")
            with self.lock:
                self.accepted.update(batch)
            time.sleep(PACE * 2 * len(batch) * dice.uniform(0, 1.5))


def len_cases() -> int:
    """How many cases the events with a correlation key share: mails and register grow with cases, not with events."""
    return EVENTS // 15


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Mailbox:
    """Everybody's mail server: it keeps every mail that was handed over, however often."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str, str]] = []
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - the name the server calls.
        mail = email.message_from_bytes(envelope.content)
        digest = hashlib.sha256(envelope.content).hexdigest()
        (to,) = envelope.rcpt_tos
        self.mails.append((mail["X-Breachflow-Notice"], mail["Message-ID"], to, digest))
        await asyncio.sleep(0.003)  # A server takes a moment to answer, and a sender can be killed in it.
        return f"250 OK queued as {len(self.mails)}"


class Service:
    """The process under fire: `breachflow run` on a home that `breachflow init` made."""

    def __init__(self, home: Path, port: int, mail: str) -> None:
        self.environment = os.environ | {
            "BREACHFLOW_HOME": str(home),
            "BREACHFLOW_HTTP": f"127.0.0.1:{port}",
            "BREACHFLOW_HTTP_TOKEN": TOKEN,
            "BREACHFLOW_MAIL": mail,
        }
        self.said = home / "log"
        subprocess.run(
            [sys.executable, "-c", "from breachflow.cli import main; main(['init'])"],
            env=self.environment, check=True, capture_output=True,
        )  # fmt: skip
        # Every mail on its own: what is counted here are mails, and a digest would wait for its quarter of an hour.
        with (home / "organisation.toml").open("a") as file:
            file.write("\n[policy.ladder]\nstorm_after = 10000\n")
        self.log = self.said.open("ab")
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVICE)], env=self.environment, stderr=self.log, stdout=self.log
        )

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, self.said.read_text()[-2_000:]


@pytest.fixture
def home(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


def test_kill_9_at_random_instants_loses_nothing(home):
    """Promise 1 and 3: no clock is ever lost; mail at least once, recognisably the same."""
    print(f"BREACHFLOW_SEED={SEED} BREACHFLOW_KILLS={KILLS} BREACHFLOW_EVENTS={EVENTS}")
    dice, feed, over = random.Random(SEED), Feed(SEED, EVENTS), threading.Event()
    port, mailbox = free_port(), Mailbox()
    mailbox.controller.start()
    service = Service(home, port, f"smtp+plain://127.0.0.1:{mailbox.port}")
    again = [event for event in feed.sent if random.Random(event).random() < 0.1]
    half = EVENTS // 2
    senders = [
        threading.Thread(target=feed.by_http, args=(feed.sent[:half:2], port, over)),
        threading.Thread(target=feed.by_http, args=(feed.sent[1:half:2] + again, port, over)),
        threading.Thread(target=feed.by_file, args=(feed.sent[half:], home / "inbox", over)),
    ]
    try:
        service.start()
        for sender in senders:
            sender.start()
        busy = 0
        for _ in range(KILLS):
            # Now and then in the middle of the start, mostly in the middle of the work.
            time.sleep(dice.choice((dice.uniform(0, 0.6), dice.uniform(0.6, 1.6), dice.uniform(0.6, 1.6))))
            busy += any(sender.is_alive() for sender in senders)
            service.kill()
            service.start()
        assert busy > KILLS / 2, "the feed was over too soon for the kills to mean anything"
        wait_until_all_is_done(home, senders, service)
        service.process.terminate()
        assert service.process.wait(20) == 0
    finally:
        over.set()
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()
        service.log.close()
        mailbox.controller.stop()

    settings = load({"BREACHFLOW_HOME": str(home)}, home)
    with open_store(settings.database, master_key(settings)) as store:
        check_events(feed, store, home)
        check_clocks(store)
        check_mails(store, home, mailbox)
        check_drafts(store, home)
    log = (home / "log").read_text()
    assert "stumbled" not in log
    assert "Traceback" not in log


def wait_until_all_is_done(home: Path, senders: list[threading.Thread], service: Service) -> None:
    """Everything sent, nothing left in the drop folder, nothing owed; and the last process lives."""
    until = time.monotonic() + PATIENCE
    while True:
        assert service.process.poll() is None, f"it ended by itself: {service.process.returncode}"
        sending = sum(sender.is_alive() for sender in senders)
        left = [path.name for path in (home / "inbox").iterdir() if path.is_file()]
        with sqlite3.connect(f"file:{home}/breachflow.db?mode=ro", uri=True, timeout=10) as look:
            ((queued,),) = look.execute("SELECT count(*) FROM outbox WHERE state = 'queued'")
            ((undrafted,),) = look.execute("SELECT count(*) FROM cases WHERE drafted < material")
        look.close()
        if not sending and not left and not queued and not undrafted:
            return
        owed = f"{sending} still sending; still in the folder: {left[:5]}; still owed: {queued} mails, the drafts of {undrafted} cases"
        assert time.monotonic() < until, owed
        time.sleep(0.2)


def check_events(feed: Feed, store, home: Path) -> None:
    """Every accepted event is on record exactly once, as an event or as a dead letter, and in its case's register once."""
    assert set(feed.accepted) == set(feed.sent)
    assert not list((home / "inbox").glob("*.jsonl"))
    letters = [store.dead_letter(row.id) for row in store.dead_letters()]
    unread = {letter.raw for letter in letters}
    expected = collections.Counter()
    for raw in feed.sent:
        try:
            event = json.loads(raw)
        except ValueError:
            assert raw in unread, "a broken record is neither an event nor a dead letter"
            continue
        expected[event_identity(event["source"], event["id"]), content_of(raw)] += 1
    with sqlite3.connect(home / "breachflow.db") as look:
        rows = look.execute("SELECT identity, content, case_id FROM events").fetchall()
    look.close()
    assert collections.Counter((identity, content) for identity, content, _ in rows) == expected
    assert unread <= set(feed.sent), "a dead letter that nobody sent"
    counted = collections.Counter(case for _, _, case in rows if case is not None)
    cases = {case.id: case for case in store.every_case()}
    assert {ident: case.events for ident, case in cases.items()} == counted
    for ident in cases:
        told = [entry.body["event"] for entry in store.entries(ident) if entry.kind in ("opened", "attached")]
        assert len(told) == len(set(told)) == counted[ident]
    assert store.verify_register() == []


def check_clocks(store) -> None:
    """Every open case has its clocks, and an instant at which somebody is told next."""
    for case in store.every_case():
        assert is_open(case)
        assert case.clocks, case.id
        assert all(clock.next_rung_at is not None for clock in case.clocks if clock.stop is None), case.id
        assert next_rung_at(case) > datetime.now(UTC) - timedelta(minutes=5), "a rung was due and did not fire"


def check_mails(store, home: Path, mailbox: Mailbox) -> None:
    """Every mail that was owed left, each notice always as the same mail; nobody got a mail that was not owed."""
    with sqlite3.connect(home / "breachflow.db") as look:
        owed = dict(look.execute("SELECT id, state FROM outbox").fetchall())
    look.close()
    assert set(owed.values()) <= {"sent", "dropped"}
    sent = collections.defaultdict(set)
    for notice, *mail in mailbox.mails:
        sent[notice].add(tuple(mail))
    assert {notice for notice, state in owed.items() if state == "sent"} <= set(sent) <= set(owed)
    assert all(len(mails) == 1 for mails in sent.values()), "a mail was sent again as a different one"
    idents = [ident for mails in sent.values() for ident, *_ in mails]
    assert len(set(idents)) == len(idents), "two mails share a Message-ID"
    for case in store.every_case():
        told = collections.Counter(entry.body["notice"] for entry in store.entries(case.id) if entry.kind == "told")
        assert set(told.values()) <= {1}
    print(f"{store.counts()}; {len(sent)} mails, {len(mailbox.mails) - len(sent)} sent twice as the same mail")


def check_drafts(store, home: Path) -> None:
    """Every case has its drafts on the desk, whole: each file is the one that is on record."""
    for case in store.every_case():
        drafts = store.drafts(case.id)
        assert drafts, case.id
        for draft in drafts:
            assert Path(draft.path).parent == home / "drafts" / case.id
        newest = {draft.path: draft.sha256 for draft in drafts}
        for path, digest in newest.items():
            assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
