"""Retention: what may name people goes in time, never too early, never from under a hold; the register stays."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from store_samples import case_named
from story import BREACH, Story, organisation

from breachflow.core.account import account
from breachflow.core.case import Case, Held, IllegalMove, Stage, facts_of
from breachflow.core.decision import Confirm, Dismiss, Filed, Hold, Release, Reopen, SetFacts
from breachflow.core.organisation import Policy, Retention, Screening
from breachflow.core.retention import day_until, erased, expired, expired_days, kept, latest_closing, years_later
from breachflow.inbox import Inbox
from breachflow.loop import serve
from breachflow.rendering import Renderer
from breachflow.settings.home import example
from breachflow.settings.organisation_file import check
from breachflow.store import WrongKey, open_store
from breachflow.store.vault import Vault

OLD, NEW = bytes(32), bytes(range(32))
SECRET = "The file of Marie Durand"
POLICY = Policy(retention=Retention(raw_days=30, case_years=2, dead_days=60, inbox_days=10),
                screening=Screening(keep_days=90))  # fmt: skip
EARLIEST, LATEST = datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2090-01-01")
numbers = count()


@pytest.fixture(params=["sqlite", "postgres"])
def story(request, tmp_path) -> Iterator[Story]:
    """One case, closed as no breach; its events and one text name somebody."""
    url = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").fresh(f"kept_{next(numbers)}")
    story = Story(tmp_path, organisation(POLICY), url)
    story.url = url or f"sqlite:///{tmp_path}/breachflow.db"
    story.event(title=SECRET, description=f"{SECRET} was seen.", assets=["pc-marie-durand"], case="INC-1")
    story.decide(SetFacts(by="dpo", values={"text_nature": SECRET, "parties": [{"name": SECRET}]}))
    yield story
    story.store.close()


def dismissed(story: Story) -> Case:
    story.decide(Dismiss(by="dpo", reason="The screen was a mock-up."))
    return story.case


def raw_of(story: Story) -> bytes | None:
    (event,) = story.store.events(story.case.id)
    return story.store.raw(event.identity, event.content)


def sealed_of(story: Story) -> list:
    return [entry.sealed for entry in story.store.entries(story.case.id) if entry.sealed_digest]


def everything(story: Story) -> str:
    """All that the case's document, its entries and its drafts say."""
    case = story.case
    drafts = [
        Renderer().draft("cnil", case, case.parts[0], story.charter.organisation,
                         story.workflow.assessments(case)[case.parts[0].controller], story.watch(), lang="fr",
                         format="text").content.decode()
    ]  # fmt: skip
    return repr(case) + repr(story.store.entries(case.id)) + repr(drafts)


# --- In time


def test_a_closed_case_loses_its_raw_events_first_and_its_content_years_later(story):
    """Thirty days after closing the events as they came in go, two years after closing all the rest; not a day before."""
    dismissed(story)
    closed = story.watch()

    story.advance(days=29, hours=23)
    assert story.workflow.forget() == 0
    assert SECRET.encode() in raw_of(story)

    story.advance(hours=1)
    assert story.workflow.forget() == 1
    assert raw_of(story) is None
    assert all(sealed_of(story))
    assert story.case.title == SECRET
    assert story.workflow.forget() == 0

    story.watch.advance(years_later(closed, 2) - timedelta(seconds=1), story)
    assert story.workflow.forget() == 0
    story.advance(seconds=1)
    assert story.workflow.forget() == 1
    assert sealed_of(story) == [None] * len(sealed_of(story))
    assert "Durand" not in everything(story)
    assert "durand" not in everything(story)
    assert story.workflow.forget() == 0


def test_what_a_filing_stated_in_free_words_goes_with_the_rest(story):
    """The free texts that were filed and why they changed; what remains is what the register shows in the open."""
    story.decide(Confirm(by="dpo", aware_at=story.watch(), reason="the logs show it"))
    story.decide(Filed(by="dpo", at=story.watch(), reference="N-1"))
    story.advance(hours=1)
    story.decide(
        SetFacts(by="dpo", reason="Marie Durand called", values={"text_nature": "her file", "people_count": 7})
    )
    assert "Durand" in repr(story.case.parts)
    closed = replace(story.case, stage=Stage.CLOSED)
    gone = erased(closed, "Claire", "The proceedings are over.", story.watch()).case

    assert "Durand" not in repr(gone)
    assert "her file" not in repr(gone)
    assert gone.parts[0].filings[0].stated["people_count"]


def test_what_was_erased_leaves_a_register_that_says_so(story):
    """Who, when and why it was erased; the chain holds; facts, decisions and reasons are there; drafts say "effacé le"."""
    case = dismissed(story)
    for draft in (story.workflow.desk.root / case.id).iterdir():
        draft.write_text(SECRET)
    story.workflow.erase(case.id, "Claire", "The proceedings are over.")

    assert not (story.workflow.desk.root / case.id).exists()
    case, entries = story.case, story.store.entries(story.case.id)
    assert (entries[-1].kind, entries[-1].by, entries[-1].body["reason"]) == (
        "erased", "Claire", "The proceedings are over.",
    )  # fmt: skip
    assert story.store.verify_register() == []
    assert [entry.erased_at for entry in entries if entry.sealed_digest] == [story.watch()] * len(sealed_of(story))
    assert facts_of(case).people_count == 300
    assert "The screen was a mock-up." in repr(entries)
    said = everything(story)
    assert "effacé le 24 novembre 2026" in said
    assert "Durand" not in said
    told = Renderer().register([account(case, entries)], story.charter.organisation, story.watch(), lang="en").content
    assert b"erased on 24 November 2026" in told
    assert b"The screen was a mock-up." in told
    assert b"Durand" not in told


def test_an_open_case_and_one_on_hold_lose_nothing(story):
    """Ten years pass: an open case is whole. Closed and on hold it is too; released, it goes with the next beat."""
    story.decide(Confirm(by="dpo", aware_at=story.watch(), evidence="logs"))
    ten_years = story.watch() + timedelta(days=3653)
    (case,) = story.store.cases([story.case.id]).values()
    assert expired(case, POLICY, ten_years) is None
    with pytest.raises(IllegalMove, match="only a closed or dismissed case"):
        story.workflow.erase(case.id, "dpo", "We want to.")

    dismissed(story)
    story.decide(Hold(by="Legal", reason="Durand v. Insurance SA, RG 26/00421"))
    story.watch.instant = ten_years
    assert story.workflow.forget() == 0
    assert SECRET.encode() in raw_of(story)
    with pytest.raises(IllegalMove, match="is on hold since 2026-11-24 by Legal"):
        story.workflow.erase(story.case.id, "dpo", "We want to.")
    with pytest.raises(IllegalMove, match="on hold already"):
        story.decide(Hold(by="Legal", reason="again"))

    story.decide(Release(by="Legal", reason="The judgment is final."))
    kinds = [entry.kind for entry in story.store.entries(story.case.id)]
    assert [kind for kind in kinds if kind in ("hold", "release")] == ["hold", "release"]
    assert story.workflow.forget() == 1
    assert sealed_of(story)[0] is None
    with pytest.raises(IllegalMove, match="not on hold"):
        story.decide(Release(by="Legal", reason="again"))


def test_a_hold_moves_no_clock_and_silences_no_alarm(story):
    """Whoever keeps the papers has not answered for the breach."""
    before = story.case
    after = story.decide(Hold(by="Legal", reason="An inquiry")).case
    assert (after.stage, after.clocks, after.material, after.parts) == (
        before.stage, before.clocks, before.material, before.parts,
    )  # fmt: skip
    assert msgspec.structs.replace(after, alarm=True).alarm


def test_a_reopened_case_takes_in_anew_and_is_erased_anew(story):
    """What came after the erasure has a key of its own, and goes when the case has been closed again."""
    case = dismissed(story)
    story.workflow.erase(case.id, "dpo", "over")
    story.decide(Reopen(by="dpo", reason="The screen was none."))
    story.decide(SetFacts(by="dpo", values={"text_nature": "Paul Martin"}))
    assert "Paul Martin" in everything(story)
    assert story.workflow.forget() == 0
    assert (story.workflow.desk.root / case.id).exists()

    story.decide(Dismiss(by="dpo", reason="It was."))
    story.workflow.erase(case.id, "dpo", "over again")
    assert "Martin" not in everything(story)
    assert story.store.verify_register() == []
    with pytest.raises(IllegalMove, match="erased on 2026-11-24 already"):
        story.workflow.erase(case.id, "dpo", "once more")


def test_what_comes_in_after_the_erasure_without_reopening_is_erased_too(story):
    """A late "false positive" about an erased case opens nothing, and what it says is not kept for ever."""
    dismissed(story)
    story.workflow.erase(story.case.id, "dpo", "over")
    case = story.case.id
    story.event({}, title="Marie Durand again", verdict="false_positive", case="INC-1")
    assert len(story.store.events(case)) == 2
    assert story.case.stage is Stage.DISMISSED
    assert sealed_of(story)[-1] is not None
    story.advance(days=731)
    assert story.workflow.forget() == 1
    assert sealed_of(story) == [None] * len(sealed_of(story))


def test_what_belongs_to_no_case_expires_by_its_day(story):
    """Screened events after their days, dead letters after theirs, each when its last second is old enough."""
    story.raw(
        b'{"id": "s", "source": "soc", "detected_at": "2026-11-24T09:00:00Z", "title": "Marie", "verdict": "test"}'
    )
    story.raw(b"Marie Durand, not JSON")
    (screened,) = story.store.screened(datetime(2026, 1, 1, tzinfo=UTC), 10)
    (letter,) = story.store.dead_letters()
    assert story.store.days() == ["dead:2026-11-24", "mail:2026-11-24", "screened:2026-11-24"]

    def left() -> tuple[bool, bool]:
        return (
            story.store.dead_letter(letter.id).raw is not None,
            story.store.raw(screened.identity, screened.content) is not None,
        )

    story.watch.instant = day_until("dead:2026-11-24", POLICY) - timedelta(seconds=1)
    story.workflow.forget()
    assert left() == (True, True)
    story.watch.instant += timedelta(seconds=1)
    story.workflow.forget()
    assert left() == (False, True)
    story.watch.instant = day_until("screened:2026-11-24", POLICY)
    story.workflow.forget()
    assert left() == (False, False)
    assert story.store.days() == []
    assert len(story.store.dead_letters()) == 1, "that there was one stays on record"


def test_a_crash_between_erasing_and_clearing_is_made_up_for(story):
    """The process dies after the commit: the next beat removes what lay outside the database."""
    case = dismissed(story)
    desk = story.workflow.desk
    story.workflow.desk = None
    story.workflow.erase(case.id, "dpo", "over")
    story.workflow.desk = desk
    assert (desk.root / case.id).exists()

    story.workflow.forget()
    assert not (desk.root / case.id).exists()


def test_a_case_that_moves_meanwhile_is_not_erased_from_under_it(story):
    """Somebody reopens the case between our reading and our writing: nothing is erased."""
    case = dismissed(story)
    other = open_store(story.url, OLD)
    stale = expired(other.get(case.id), POLICY, story.watch() + timedelta(days=3653))
    story.decide(Reopen(by="dpo", reason="New facts."))
    assert not other.commit([stale])
    other.close()
    assert all(sealed_of(story))
    assert story.case.stage is Stage.SUSPECTED


# --- What a backup taken before still holds


def backup(story: Story, tmp_path) -> str:
    """Copy the database as it is now; return the address of the copy."""
    if story.url.startswith("sqlite"):
        story.store._engine.scrub()
        shutil.copy(tmp_path / "breachflow.db", tmp_path / "backup.db")
        return f"sqlite:///{tmp_path}/backup.db"
    story.store._engine.close()
    base, _, name = story.url.rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}_backup" TEMPLATE "{name}"'.encode())
    return f"{base}/{name}_backup"


def test_what_a_backup_holds_and_which_key_opens_it(story, tmp_path):
    """Erased, then the master key changed: the live database has nothing, whatever the key. The backup opens with the
    old master key and only with it; with the old key destroyed nothing that was sealed can be read from it. The title
    and the texts of the case's own document stand in the backup in the clear: they go when the backup does."""
    case = dismissed(story)
    (event,) = story.store.events(case.id)
    copy = backup(story, tmp_path)
    story.workflow.erase(case.id, "dpo", "over")

    # 1. Before the change of key: the backup opens with the same master key, and everything is there.
    with open_store(copy, OLD) as old:
        assert SECRET.encode() in old.raw(event.identity, event.content)
        assert any(SECRET in repr(entry.sealed) for entry in old.entries(case.id))
    # 2. After it: the live database opens with the new key alone, and holds nothing of the case under either.
    assert story.store.rewrap(NEW) == 0, "the only key was the case's"
    story.store.close()
    with pytest.raises(WrongKey):
        open_store(story.url, OLD)
    with open_store(story.url, NEW) as live:
        assert live.raw(event.identity, event.content) is None
        assert [entry.sealed for entry in live.entries(case.id) if entry.sealed_digest] == [None] * 2
        assert live.verify_register() == []
    # 3. The backup does not open with the new key, nor does the new key unwrap its keys where nobody asks.
    with pytest.raises(WrongKey):
        open_store(copy, NEW)
    with open_store(copy, OLD) as old:
        for reader, readable in ((Vault(old._engine, OLD), True), (Vault(old._engine, NEW), False)):
            sealed = next(row for row in old._engine.rows("SELECT raw FROM events WHERE raw IS NOT NULL"))[0]
            name = b"event:" + event.identity + event.content
            if readable:
                assert SECRET.encode() in reader.open(case.id, sealed, name)
            else:
                with pytest.raises(WrongKey):
                    reader.open(case.id, sealed, name)
        # 4. What no key protects: the case's own document.
        ((document,),) = old._engine.rows("SELECT doc FROM cases")
        assert document.count(SECRET) >= 3


def test_nothing_of_an_erased_case_is_left_in_the_file(tmp_path):
    """SQLite overwrites what it frees: neither the texts nor the wrapped key are in the file or its log any more."""
    story = Story(tmp_path, organisation(POLICY))
    story.event(title=SECRET, assets=["pc-marie-durand"])
    case = dismissed(story)
    ((wrapped,),) = story.store._engine.rows("SELECT wrapped FROM keys WHERE name = ?", (case.id,))

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.glob("breachflow.db*"))

    story.store._engine.scrub()
    assert SECRET.encode() in on_disk()
    assert wrapped in on_disk()
    story.workflow.erase(case.id, "dpo", "over")
    assert SECRET.encode() not in on_disk()
    assert b"marie-durand" not in on_disk()
    assert wrapped not in on_disk()


# --- The rules by themselves


@given(closed=st.datetimes(EARLIEST, LATEST), years=st.integers(1, 30), days=st.integers(1, 900),
       later=st.integers(0, 12_000))  # fmt: skip
def test_what_is_due_is_among_what_is_asked_for(closed, years, days, later):
    """The question to the database never leaves out a case that the rule would erase."""
    closed = closed.replace(tzinfo=UTC)
    policy = Policy(retention=Retention(raw_days=days, case_years=years))
    case = msgspec.structs.replace(case_named(1), stage=Stage.CLOSED, closed_at=closed)
    now = closed + timedelta(days=later)
    change = expired(case, policy, now)
    raw, content = latest_closing(policy, now)
    until = kept(case, policy.retention)
    if change is None:
        assert now < until.raw_until
        assert now < until.content_until
    else:
        assert closed <= (content if change.forget.what == "content" else raw)
    held = msgspec.structs.replace(case, hold=Held(by="legal", reason="x", at=closed))
    assert expired(held, policy, now) is None
    assert kept(held, policy.retention).content_until is None


def test_years_end_on_the_same_day(tmp_path):
    """Two years after the 29th of February is the 28th; days of no case end after their last second."""
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert years_later(leap, 2) == datetime(2030, 2, 28, 12, tzinfo=UTC)
    assert years_later(leap, 4) == datetime(2032, 2, 29, 12, tzinfo=UTC)
    end = day_until("dead:2026-11-24", POLICY)
    assert expired_days(POLICY, end)["dead"] == "2026-11-25"
    assert expired_days(POLICY, end - timedelta(seconds=1))["dead"] == "2026-11-24"


def test_the_defaults_are_those_of_the_example_file(tmp_path):
    """Uncommented, the lines of the example say what holds without them."""
    text = example().decode()
    block = text[text.index("# [policy.retention]") :].split("\n\n")[0]
    uncommented = "\n".join(line.removeprefix("# ") for line in block.splitlines() if line.startswith("# "))
    import tomllib

    stated = tomllib.loads(uncommented)["policy"]["retention"]
    assert msgspec.convert(stated, Retention) == Retention()
    assert set(stated) == set(Retention.__struct_fields__)
    (tmp_path / "organisation.toml").write_text(text.replace(block, uncommented))
    assert not [found for found in check(tmp_path / "organisation.toml") if found.level == "error"]


def test_a_database_of_before_knows_when_its_cases_were_closed(tmp_path):
    """A database of version 5 is migrated: closed cases are due as if the columns had always been there."""
    story = Story(tmp_path, organisation(POLICY))
    story.event(title=SECRET)
    case = dismissed(story)
    story.store.close()
    path = tmp_path / "breachflow.db"
    connection = sqlite3.connect(path)
    for index in ("cases_raw_kept", "cases_kept", "keys_destroyed"):
        connection.execute(f"DROP INDEX {index}")
    for column in ("raw_from", "content_from"):
        connection.execute(f"ALTER TABLE cases DROP COLUMN {column}")
    connection.execute("UPDATE meta SET value = '5' WHERE name = 'version'")
    connection.commit()
    connection.close()

    with open_store(f"sqlite:///{path}", OLD) as store:
        long_ago = story.watch() + timedelta(days=3653)
        raw, content = latest_closing(POLICY, long_ago)
        assert [found.id for found in store.due_for_erasure(raw, content, 10)] == [case.id]
        assert store.commit([expired(store.get(case.id), POLICY, long_ago)])
        assert store.due_for_erasure(raw, content, 10) == []
        assert store.verify_register() == []


# --- The folder and the command line


def test_files_that_were_taken_in_are_cleared(tmp_path):
    """By when they were taken in, not by the date that the file brought along; nothing else in the folder is touched."""
    inbox = Inbox(tmp_path)
    old = inbox.done / "export-of-2019.json"
    old.write_text(SECRET)
    os.utime(old, (1, 1))
    (inbox.done / "link").symlink_to(tmp_path)
    now = datetime.now(UTC)

    assert inbox.clear(now - timedelta(days=10)) == 0
    assert inbox.clear(now + timedelta(days=1)) == 1
    assert not old.exists()
    assert (inbox.done / "link").is_symlink()


def test_the_heartbeat_erases_what_is_due(tmp_path):
    """`breachflow run` does it without being asked: the case's content, and the file in `done`."""
    story = Story(tmp_path, organisation(POLICY))
    story.event(title=SECRET)
    case = dismissed(story)
    inbox = Inbox(tmp_path)
    (inbox.done / "events.json").write_text(SECRET)
    story.watch.instant += timedelta(days=3653)
    make = lambda: story.workflow  # noqa: E731
    assert serve(make, home=tmp_path, http=None, token=None, intake=True, once=True) == 0

    with open_store(f"sqlite:///{tmp_path}/breachflow.db", OLD) as store:
        assert store.get(case.id).erased is not None
    assert list(inbox.done.iterdir()) == []


EVENT = {
    "id": "e1", "source": "soc/test", "detected_at": "2026-11-24T10:00:00+01:00", "title": SECRET, "facts": BREACH,
}  # fmt: skip


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    from breachflow.cli import main

    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BREACHFLOW_NOW", "2026-11-24T11:00:00+01:00")
    monkeypatch.chdir(tmp_path)

    def call(*args):
        with pytest.raises(SystemExit) as end:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return end.value.code, out, err

    call("init")
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    call("ingest", tmp_path / "event.json")
    call("run", "--once", "--exercise")
    return call


def test_the_command_line_lists_holds_erases_and_goes_on(cli, tmp_path, monkeypatch):
    """What is kept until when; refused while open, on hold, or without --yes; afterwards every command still works."""
    (line,) = json.loads(cli("retention", "list", "--json")[1])["cases"]
    case = line["case"]
    assert (line["content"], line["raw_events"], line["content_until"], line["hold"]) == (True, 1, None, None)
    assert "kept while it is open" in cli("retention", "list")[1]
    who = ("--by", "Claire", "--reason", "The file is closed")
    code, _, err = cli("retention", "erase", case, *who, "--yes")
    assert (code, "only a closed or dismissed case is erased" in err) == (2, True)
    assert cli("dismiss", case, *who)[0] == 0
    assert cli("retention", "hold", case, *who)[0] == 0
    assert "on hold since 2026-11-24 by Claire" in cli("retention", "list")[1]
    assert cli("retention", "erase", case, *who, "--yes")[0] == 2
    assert cli("retention", "release", case, *who)[0] == 0
    (line,) = json.loads(cli("retention", "list", "--json")[1])["cases"]
    assert (line["raw_until"], line["content_until"]) == ("2027-11-24T10:00:00Z", "2031-11-24T10:00:00Z")
    code, _, err = cli("retention", "erase", case, *who)
    assert (code, err) == (2, "breachflow: what is erased cannot be brought back by anybody; add --yes to erase it.\n")
    drafts, mails = tmp_path / "home" / "drafts" / case, tmp_path / "home" / "outbox"
    assert list(drafts.iterdir())
    assert any(case.encode() in mail.read_bytes() for mail in mails.glob("*.eml"))

    assert cli("retention", "erase", case, *who, "--yes")[0] == 0

    assert not drafts.exists()
    assert not any(case.encode() in mail.read_bytes() for mail in mails.glob("*.eml"))
    assert "erased on 2026-11-24" in cli("retention", "list")[1]
    shown = json.loads(cli("show", case, "--json")[1])
    assert shown["title"] == "erased on 2026-11-24"
    assert "erased on 2026-11-24" in [entry["sealed"] for entry in shown["register"]]
    for command in (
        ("show", case), ("draft", case), ("draft", case, "--for", "people"), ("register", "export"),
        ("register", "export", "--format", "csv"), ("register", "export", "--format", "html", "--lang", "en"),
        ("register", "export", "--format", "xlsx", "-o", tmp_path / "r.xlsx"), ("register", "verify"), ("status",),
        ("retention", "list", "--json"), ("run", "--once", "--exercise"),
    ):  # fmt: skip
        code, out, _ = cli(*command)
        assert code == 0, command
        assert "Durand" not in out, command
    cli("register", "export", "-o", tmp_path / "r.json")
    assert cli("register", "verify", tmp_path / "r.json")[0] == 0
    assert b"erased on 2026-11-24" in (tmp_path / "r.json").read_bytes()
    monkeypatch.setenv("BREACHFLOW_NOW", "2026-11-25T11:00:00+01:00")
    assert cli("reopen", case, *who)[0] == 0
