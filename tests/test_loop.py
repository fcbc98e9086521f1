"""The embedded service: the drop folder, one pass for cron, stopping in time, and a clock that never stands still."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from story import BREACH, Outtray, organisation

from breachflow import inbox as inbox_module
from breachflow import loop
from breachflow.core.charter import Charter
from breachflow.desk import Folder, file_name
from breachflow.formats import read
from breachflow.inbox import Inbox
from breachflow.loop import Duty, ingest, serve
from breachflow.meter import Meter
from breachflow.settings.environment import load
from breachflow.settings.home import master_key
from breachflow.store import Unavailable, open_store
from breachflow.workflow import Record, Workflow

SERVICE = Path(__file__).parent / "programs" / "service.py"
AT_ONCE = Path(__file__).parent / "programs" / "at_once.py"


@pytest.fixture
def make(tmp_path):
    """What puts a workflow together over the one database of the test; the mails are in `make.outtray`."""
    charter, outtray = Charter(organisation()), Outtray()
    opened = []

    def make() -> Workflow:
        store = open_store(f"sqlite:///{tmp_path}/breachflow.db", bytes(32), create=True)
        opened.append(store)
        now = lambda: datetime.now(UTC)  # noqa: E731
        return Workflow(store, charter, now, route=outtray, desk=Folder(tmp_path / "drafts"))

    make.outtray = outtray
    yield make
    for store in opened:
        store.close()


@pytest.fixture
def inbox(tmp_path, monkeypatch):
    """A drop folder whose files count as written at once."""
    monkeypatch.setattr(inbox_module, "SETTLED_SECONDS", 0.0)
    return Inbox(tmp_path)


def event(number=1, **values) -> bytes:
    return json.dumps(
        {
            "id": f"e{number}",
            "source": "soc/test",
            "detected_at": "2026-11-24T09:00:00+01:00",
            "title": "Something happened",
            "facts": BREACH,
        }
        | values
    ).encode()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# The drop folder.


def test_a_file_is_taken_in_and_moved_aside(make, inbox):
    """Whoever drops a file sees in `done` that it is in the database."""
    (inbox.folder / "alerts.jsonl").write_bytes(event(1) + b"\n" + event(2) + b"\n{broken")

    tally = inbox.drain(make())

    assert (tally.opened, tally.quarantined) == (2, 1)
    assert names(inbox.folder) == ["done"]
    assert names(inbox.done) == ["alerts.jsonl"]


def test_a_file_with_nothing_readable_in_it_is_moved_as_well(make, inbox):
    """What it said is in the dead letters, with the name of the file and the place in it."""
    (inbox.folder / "notes.txt").write_bytes(b"dear colleagues\nnothing to see\n")

    workflow = make()
    tally = inbox.drain(workflow)

    assert (tally.received, tally.quarantined) == (2, 2)
    assert {letter.origin for letter in workflow.store.dead_letters()} == {
        "file notes.txt record 1",
        "file notes.txt record 2",
    }
    assert names(inbox.done) == ["notes.txt"]


@pytest.mark.parametrize("name", [".alerts.json", "alerts.json.part", "alerts.json.tmp"])
def test_what_is_still_being_written_is_left_alone(make, inbox, name):
    """Programs write under such a name and rename; until then there is nothing to read."""
    (inbox.folder / name).write_bytes(event())

    assert inbox.drain(make()).received == 0
    (inbox.folder / name).rename(inbox.folder / "alerts.json")
    assert inbox.drain(make()).received == 1


def test_a_file_that_grows_is_read_only_when_it_has_settled(make, tmp_path, monkeypatch):
    """A slow copy is not read halfway; one pass waits for it a moment."""
    monkeypatch.setattr(inbox_module, "SETTLED_SECONDS", 0.4)
    inbox, path = Inbox(tmp_path), tmp_path / "inbox" / "slow.json"
    whole = event()
    path.write_bytes(whole[:50])
    assert inbox.drain(make()).received == 0

    def finish() -> None:
        time.sleep(0.3)
        with path.open("ab") as file:
            file.write(whole[50:])

    writer = threading.Thread(target=finish)
    writer.start()
    tally = inbox.drain(make(), wait=True)
    writer.join()

    assert (tally.received, tally.opened) == (1, 1)


def test_what_is_written_while_it_is_read_is_not_lost(make, inbox):
    """A file that grew under the reader stays, and what was added comes in with the next look."""
    path = inbox.folder / "growing.jsonl"
    path.write_bytes(b"\n".join(event(n) for n in range(600)))
    workflow = make()
    receive, grown = workflow.receive, []

    def growing(records):
        if not grown:
            with path.open("ab") as file:
                file.write(b"\n" + event(1_000))
            grown.append(True)
        return receive(records)

    workflow.receive = growing
    inbox.drain(workflow)
    assert path.exists()
    inbox.drain(workflow)

    assert not path.exists()
    assert len(list(workflow.store.every_case())) == 601


def test_two_files_of_one_name_are_both_kept(make, inbox):
    """A nightly export has the same name every night."""
    for number in (1, 2, 3):
        (inbox.folder / "nightly.json").write_bytes(event(number))
        inbox.drain(make())

    assert names(inbox.done) == ["nightly.json", "nightly.json~2", "nightly.json~3"]


def test_links_pipes_and_folders_are_not_read(make, inbox, tmp_path):
    """A link could point to the key file, a pipe could hold up everything."""
    (tmp_path / "secret").write_bytes(event())
    (inbox.folder / "link.json").symlink_to(tmp_path / "secret")
    os.mkfifo(inbox.folder / "pipe.json")
    (inbox.folder / "folder.json").mkdir()

    assert inbox.drain(make()).received == 0
    assert names(inbox.folder) == ["done", "folder.json", "link.json", "pipe.json"]


def test_a_file_that_cannot_be_read_is_said_once_and_tried_again(make, inbox, monkeypatch):
    """Its owner gives the right later; until then one line in the log, not one a second."""
    (inbox.folder / "locked.json").write_bytes(event())
    real, locked = os.open, [True]

    def refusing(path, *args, **more):
        if locked and str(path).endswith("locked.json"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **more)

    monkeypatch.setattr(inbox_module.os, "open", refusing)  # Root reads everything, so the refusal is played.
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            assert inbox.drain(make()).received == 0
    assert len([line for line in lines if line["event"] == "inbox"]) == 1

    locked.clear()
    assert inbox.drain(make()).opened == 1


def test_a_crash_between_commit_and_move_reads_the_file_again_and_changes_nothing(make, inbox, monkeypatch):
    """The second reading meets only duplicates, and the same dead letters."""
    (inbox.folder / "alerts.jsonl").write_bytes(event(1) + b"\n{broken")
    workflow = make()
    monkeypatch.setattr(Inbox, "_aside", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        inbox.drain(workflow)
    monkeypatch.undo()
    monkeypatch.setattr(inbox_module, "SETTLED_SECONDS", 0.0)

    tally = Inbox(inbox.folder.parent).drain(make())

    assert (tally.duplicates, tally.opened) == (1, 0)
    assert len(list(workflow.store.every_case())) == 1
    assert len(list(workflow.store.dead_letters())) == 1


def test_everything_the_service_writes_is_for_its_owner_only(make, tmp_path):
    """Drop folder, drafts, database: another user of the machine sees none of it."""
    before = os.umask(0o022)
    try:
        home = tmp_path / "home"
        serve(make, home=home, http=None, token=None, intake=True, once=True)
        (home / "inbox" / "alerts.json").write_bytes(event())
        (home / "inbox" / "alerts.json").chmod(0o644)
        serve(make, home=home, http=None, token=None, intake=True, once=True)
    finally:
        os.umask(before)

    written = [
        home,
        *home.rglob("*"),
        tmp_path / "drafts",
        *(tmp_path / "drafts").rglob("*"),
        tmp_path / "breachflow.db",
    ]
    assert (home / "inbox" / "done" / "alerts.json") in written
    assert any(path.suffix == ".html" for path in written)
    for path in written:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


# One pass, and batches.


def test_one_pass_takes_in_drafts_and_tells(make, tmp_path):
    """For cron: when it returns, the case is open, its drafts are laid and its people are told."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "alerts.json").write_bytes(event())

    assert serve(make, home=tmp_path, http=None, token=None, intake=True, once=True) == 0

    (case,) = make().store.every_case()
    assert list((tmp_path / "drafts" / case.id).iterdir())
    assert make.outtray.mails


def test_the_clock_process_leaves_the_drop_folder_alone(make, tmp_path):
    """Beside other doors it ticks, drafts and delivers what they took in."""
    ingest(make(), event(), "file x")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "alerts.json").write_bytes(event(2))

    assert serve(make, home=tmp_path, http=None, token=None, intake=False, once=True) == 0

    assert len(list(make().store.every_case())) == 1
    assert make.outtray.mails


def test_a_large_file_goes_in_by_batches_and_says_how_far_it_is(make, tmp_path):
    """A person sees it move; each batch is one commit."""
    seen = []

    tally = ingest(make(), b"\n".join(event(n) for n in range(1_201)), "file big", progress=seen.append)

    assert seen == [500, 1_000, 1_201]
    assert tally.received == tally.opened == 1_201


# The process.


def test_a_database_that_is_away_is_waited_for_and_said_once(make):
    """Half a minute without a database is one line when it goes and one when it comes back; nothing stops."""
    stopping, tries = threading.Event(), []

    def work(_workflow, _asked):
        tries.append(time.monotonic())
        if len(tries) < 4:
            raise Unavailable("The database cannot be used now.")
        stopping.set()

    with structlog.testing.capture_logs() as lines:
        duty = Duty("clock", work, 0.01, make, stopping)
        duty.start()
        assert duty.join(time.monotonic() + 10)

    assert [line["event"] for line in lines] == ["away", "back"]
    assert len(tries) == 5, "one more beat after the signal"


def test_a_fault_of_ours_does_not_stop_the_clock(make):
    """A beat that stumbles is made up by the next one, on a fresh connection; the log says what and where, no content."""
    stopping, workflows = threading.Event(), []

    def work(workflow, _asked):
        workflows.append(workflow)
        if len(workflows) < 3:
            raise ValueError("zqx7canary")
        stopping.set()

    with structlog.testing.capture_logs() as lines:
        duty = Duty("clock", work, 0.01, make, stopping)
        duty.start()
        assert duty.join(time.monotonic() + 10)

    assert workflows[0] is not workflows[1]
    assert workflows[2] is workflows[3]
    assert [line["fault"].split(":")[0] for line in lines] == ["ValueError in test_loop.py"] * 2
    assert "canary" not in str(lines)


def test_a_duty_that_the_signal_has_ended_is_not_one_that_stands_still():
    """The signal comes while the duties are looked at, and the clock has done its last beat: the end is a good one."""
    stopping = threading.Event()

    def ended() -> bool:
        stopping.set()
        return True

    clock = SimpleNamespace(name="clock", failures=0, stands_still=ended)
    with structlog.testing.capture_logs() as lines:
        assert loop._watch([clock], None, stopping, Meter()) == 0
    assert lines == []


def test_a_clock_that_keeps_failing_ends_the_process(make, tmp_path, monkeypatch):
    """It never goes on with a clock that stands still: the process ends with an error, for its supervisor to see."""
    monkeypatch.setattr(loop, "STANDING_STILL", 0.5)
    monkeypatch.setattr(Workflow, "tick", lambda *_: 1 / 0)

    with structlog.testing.capture_logs() as lines:
        assert serve(make, home=tmp_path, http=None, token=None, intake=True, once=False, beat=0.05) == 1

    assert next(line for line in lines if line["log_level"] == "critical")["duty"] == "clock"


def test_a_clock_that_hangs_ends_the_process(make, tmp_path, monkeypatch):
    """A call that never returns is worse than one that fails: nothing would say so."""
    never = threading.Event()
    monkeypatch.setattr(loop, "HANGING", 0.5)
    monkeypatch.setattr(loop, "STOP_WITHIN", 0.5)
    monkeypatch.setattr(Workflow, "tick", lambda *_: never.wait(20))
    try:
        assert serve(make, home=tmp_path, http=None, token=None, intake=False, once=False, beat=0.05) == 1
    finally:
        never.set()


@pytest.fixture
def service(tmp_path):
    """`breachflow run` as a process of its own, once it says that it runs."""
    environment = os.environ | {"BREACHFLOW_HOME": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", "from breachflow.cli import main; main(['init'])"],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, str(SERVICE)], stderr=said, env=environment)
    until = time.monotonic() + 15
    while b'"running"' not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


def test_a_rehearsal_leaves_nothing_behind(make, tmp_path):
    """No case, no mail, no draft comes of the example event."""
    workflow = make()

    workflow.rehearse()

    counts = workflow.store.counts()
    assert (counts.cases, counts.events, counts.notices, counts.dead_letters) == (0, 0, 0, 0)
    assert not make.outtray.mails
    assert not (tmp_path / "drafts").exists()


def test_threads_that_begin_together_do_not_crash_the_interpreter(tmp_path):
    """Nothing is loaded for the first time by two threads at once: that ended the process without a word."""
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = subprocess.run([sys.executable, str(AT_ONCE), str(folder)], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, (done.returncode, done.stderr[-2_000:])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_cleanly_and_soon(service, tmp_path, number):
    """What was dropped before the signal is in, the exit code is 0, and it took no time."""
    (tmp_path / "inbox" / ".x").write_bytes(b"\n".join(event(n) for n in range(50)))
    os.utime(tmp_path / "inbox" / ".x", (0, 0))
    (tmp_path / "inbox" / ".x").rename(tmp_path / "inbox" / "x.jsonl")
    until = time.monotonic() + 10
    while not (tmp_path / "inbox" / "done" / "x.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.05)

    began = time.monotonic()
    service.send_signal(number)

    assert service.wait(20) == 0
    assert time.monotonic() - began < 5
    settings = load({"BREACHFLOW_HOME": str(tmp_path)}, tmp_path)
    with open_store(settings.database, master_key(settings)) as store:
        assert store.counts().cases == 50


def test_a_draft_does_not_wait_for_the_heartbeat(make, tmp_path):
    """Whoever opened the case, this process or another: its drafts are made though the clocks beat once in ten minutes."""
    stopping = threading.Event()
    (drafts,) = [one for one in loop._duties(make, tmp_path, 600.0, stopping, intake=False) if one.name == "drafts"]
    drafts.start()
    try:
        workflow = make()
        (reading,) = read(event(), received_at=datetime.now(UTC))
        workflow.receive([Record(reading, "test")])
        (case,) = workflow.store.every_case()
        until = time.monotonic() + 60
        while not (tmp_path / "drafts" / case.id).is_dir() and time.monotonic() < until:
            time.sleep(0.05)
        assert (tmp_path / "drafts" / case.id).is_dir()
    finally:
        stopping.set()
        assert drafts.join(time.monotonic() + 60)


# The desk.


def test_the_newest_draft_replaces_the_older_one_whole(tmp_path):
    """A person who opens the draft sees one or the other, never half of one; nothing else lies about."""
    desk = Folder(tmp_path)

    old, new = ([("cnil-group.fr.html", content), ("people-group.fr.html", content)] for content in (b"old", b"new"))
    assert desk.lay("BF-1", old) == desk.lay("BF-1", new)

    assert names(tmp_path / "BF-1") == ["cnil-group.fr.html", "people-group.fr.html"]
    assert (tmp_path / "BF-1" / "cnil-group.fr.html").read_bytes() == b"new"


@pytest.mark.parametrize(
    "controller", ["../../../etc/cron.d/x", "/etc/passwd", "a\0b", "..", "", "é" * 300, "x" * 5_000, "a/b"]
)
def test_no_controller_leads_out_of_the_folder(tmp_path, controller):
    """An event may name its controller, and so a stranger may; the draft stays on the desk."""
    path = Path(*Folder(tmp_path).lay("BF-1", [(f"cnil-{controller}.fr.html", b"x")]))

    assert path.parent == tmp_path / "BF-1"
    assert path.suffix == ".html"


def test_two_names_never_become_one_file():
    """Two controllers that differ only in signs that a file system cannot hold keep their own drafts."""
    names = [
        "cnil-a/b.fr.html",
        "cnil-a_b.fr.html",
        "cnil-a\\b.fr.html",
        f"cnil-{'x' * 300}.html",
        f"cnil-{'x' * 301}.html",
    ]

    assert len({file_name(name) for name in names}) == len(names)
