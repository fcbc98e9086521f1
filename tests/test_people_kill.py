"""kill -9 while a list leaves: after a restart everybody has exactly one outcome, and one mail, or two of one id."""

from __future__ import annotations

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from story import BREACH
from test_cli import run  # noqa: F401 - a fixture.
from test_delivery_smtp import free_port
from test_people import HEAD, MEASURES, rows

PEOPLE = 2_000
PATIENCE = 120  # Seconds; the lease of the process that was killed lapses on the way.
SEND = """
from datetime import timedelta
from breachflow.cli import main
from breachflow.sending import dispatch

# In earnest longer than a batch with every time-out; in a test that kills, its longest part by far.
dispatch.LEASE = timedelta(seconds=2)
main(["people", "send", {case!r}, "--json"])
"""


class Handler:
    """Takes everything; two thirds of the mails may arrive before somebody pulls the plug."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, str]] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name.
        mail = email.message_from_bytes(envelope.content.partition(b"\r\n\r\n")[0], policy=email.policy.default)
        if "X-Breachflow-Notice" not in mail:
            self.arrived.append((envelope.rcpt_tos[0], str(mail["Message-ID"])))
        return "250 OK"


@pytest.fixture
def server():
    handler = Handler()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    handler.port = controller.port
    yield handler
    controller.stop()


def confirmed(run, folder: Path) -> str:  # noqa: F811 - the fixture.
    now = datetime.now(UTC)
    run("init")
    event = {"id": "e1", "source": "soc/test", "title": "Copied", "facts": BREACH | MEASURES,
             "detected_at": (now - timedelta(hours=1)).isoformat()}  # fmt: skip
    (folder / "event.json").write_text(json.dumps(event))
    run("ingest", folder / "event.json")
    case = json.loads(run("status", "--json")[1])[0]["id"]
    assert run("confirm", case, "--by", "dpo", "--aware", now.isoformat())[0] == 0
    return case


def test_killed_in_the_middle_everybody_ends_with_one_outcome(run, server, tmp_path, monkeypatch):  # noqa: F811 - the fixture.
    """2,000 people, kill -9 twice, a third process: one outcome each, and only unrecorded mails a second time."""
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BREACHFLOW_MAIL", f"smtp+plain://127.0.0.1:{server.port}")
    monkeypatch.chdir(tmp_path)
    case = confirmed(run, tmp_path)
    (tmp_path / "people.csv").write_text(HEAD + rows(PEOPLE))
    assert run("people", "import", case, "people.csv")[0] == 0
    assert run("people", "release", case, "--by", "dpo", "--reason", "read", "--rate", "100000")[0] == 0

    for kills, after in enumerate((300, 1_100)):
        child = subprocess.Popen([sys.executable, "-c", SEND.format(case=case)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while len(server.arrived) < after:
            assert child.poll() is None, f"the sender ended by itself before kill {kills + 1}"
            assert time.monotonic() < until, f"only {len(server.arrived)} mails arrived"
            time.sleep(0.002)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    code, _, err = run("people", "send", case)
    assert code == 0
    assert "--count 2000" in err, "the exact command that a person may record it with"

    (listed,) = json.loads(run("people", "outcomes", case, "--json")[1])
    assert listed["state"] == "done"
    assert {name: count for name, count in listed["outcomes"].items() if count} == {"sent": PEOPLE}
    ids: dict[str, set[str]] = {}
    for to, ident in server.arrived:
        ids.setdefault(to, set()).add(ident)
    times = Counter(to for to, _ in server.arrived)
    assert set(ids) == {f"p{n}@people.example" for n in range(PEOPLE)}
    assert all(len(of) == 1 for of in ids.values())
    assert len({ident for of in ids.values() for ident in of}) == PEOPLE
    assert max(times.values()) <= 3
    assert sum(count - 1 for count in times.values()) <= 2 * 100, "at most one batch a kill"
    register = [json.loads(line) for line in run("register", "export", "--case", case)[1].splitlines()]
    proofs = [entry["body"] for entry in register if entry["kind"] == "people_dispatched"]
    assert [proof["outcomes"] for proof in proofs] == [{"a": {"sent": 1000}, "b": {"sent": 1000}}]


def test_the_commands_from_import_to_erasure(run, tmp_path, monkeypatch):  # noqa: F811 - the fixture.
    """As an operator meets them: what is refused, what is said next, and what files are made."""
    pytest.importorskip("typst")
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    case = confirmed(run, tmp_path)
    row = "{0},Zoé {0},{1},1 rue X,75001,Paris,,fr,g,identity,\n"
    (tmp_path / "bad.csv").write_text(HEAD + row.format("A", "not-an-address"))
    code, out, err = run("people", "import", case, "bad.csv")
    assert (code, out) == (2, "")
    assert "line 2, column email: is not an address." in err
    assert "not-an-address" not in err
    (tmp_path / "people.csv").write_text(HEAD + row.format("A", "a@x.example") + row.format("=B", ""))
    said = json.loads(run("people", "import", case, "people.csv", "--json")[1])
    assert (said["count"], said["groups"]) == (2, {"g": 2})

    shown = run("people", "preview", case, "--lang", "fr")[1]
    assert "Prénom Nom" in shown
    assert "Zoé" not in shown
    assert "no group" in run("people", "preview", case, "--group", "other")[2]
    assert "nothing was recorded" in run("people", "exempt", case, "Z", "--by", "dpo", "--reason", "x")[2]
    assert run("people", "release", case, "--by", "dpo")[0] == 2, "without a reason"
    assert "people" in run("people", "release", case, "--by", "dpo", "--reason", "read")[1]
    assert run("run", "--once")[0] == 0
    assert len([p for p in (tmp_path / "home" / "outbox").glob("*.eml") if b"a@x.example" in p.read_bytes()]) == 1

    assert "1 letters in 1 files" in run("people", "letters", case, "-o", "letters")[1]
    run("people", "outcomes", case, "--export", "left.csv")
    assert "'=B" in (tmp_path / "left.csv").read_text(encoding="utf-8-sig")
    assert (tmp_path / "left.csv").stat().st_mode & 0o077 == 0
    assert run("people", "reached", case, "--how", "post", "--printed", "--by", "post room")[0] == 0
    (listed,) = json.loads(run("people", "outcomes", case, "--json")[1])
    assert (listed["state"], listed["outcomes"]["sent"], listed["outcomes"]["posted"]) == ("done", 1, 1)
    assert run("people", "erase", case, "--by", "dpo", "--reason", "retention")[0] == 0
    assert "1 sent, 1 posted" in run("people", "outcomes", case)[1]
    assert run("register", "verify")[0] == 0
