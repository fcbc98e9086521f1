"""Users as pseudonyms: what people are called stays in the encrypted bytes; everything else says `user:` and digits."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from story import START, Story, organisation

from breachflow import formats, regroup
from breachflow.agents.outgoing import announced, announced_dead
from breachflow.cli.show import whole
from breachflow.core.decision import Confirm
from breachflow.core.event import SecurityEvent
from breachflow.core.organisation import Policy, Screening
from breachflow.core.pseudonym import pseudonym, pseudonymised
from breachflow.core.regrouping import Regroup
from breachflow.ingest import ingest
from breachflow.store import open_store

KEY = bytes(range(32))
EVERYTHING = Policy(screening=Screening(mapped_from="informational", unmapped_from="informational"))
MARCH = "2026-03-02T08:15:30Z"
ALERT = {
    "@timestamp": MARCH, "kibana.alert.uuid": "a-1", "kibana.alert.rule.name": "Mass download by ada.lovelace",
    "kibana.alert.severity": "critical", "kibana.alert.reason": "ada.lovelace@insurer.example took 3,000 files",
    "host": {"name": "srv-1"}, "user": {"name": "ada.lovelace", "email": "ada.lovelace@insurer.example"},
}  # fmt: skip


@pytest.fixture
def story(tmp_path):
    """An organisation that opens a case for every event."""
    found = Story(tmp_path, organisation(EVERYTHING))
    yield found
    found.store.close()


def event(**values) -> SecurityEvent:
    return SecurityEvent(id="1", source="s", detected_at=START, **({"title": "t"} | values))


def test_a_pseudonym_is_keyed_and_the_same_for_every_spelling_of_a_name():
    """Two alerts about one account are seen to be that; whoever has no key learns nothing by trying names."""
    assert pseudonym("Ada", KEY) == pseudonym("ADA", KEY) == pseudonym("ada", KEY)
    assert pseudonym("ada", KEY) != pseudonym("ada", bytes(32))
    assert pseudonym("ada", KEY) != pseudonym("bob", KEY)
    assert pseudonym("ada", KEY).startswith("user:")
    assert len(pseudonym("\ud800" * 600, KEY)) == len("user:") + 16


def test_texts_say_the_pseudonym_where_they_repeat_a_name():
    """By the whole name, and by how texts shorten it; not inside another word. Assets are what the data map knows."""
    told = event(
        title="corp\\ada.l signed in; ADA.L failed; ada.lo did not",
        description="bob@insurer.example wrote to bob1 and bobby; tom saw it (tom).",
        users=("CORP\\ada.l", "bob@insurer.example", "tom"),
        assets=("bob@insurer.example",),
    )
    made = pseudonymised(told, KEY)
    ada, bob, tom = (pseudonym(name, KEY) for name in told.users)

    assert made.title == f"{ada} signed in; {ada} failed; ada.lo did not"
    assert made.description == f"{bob} wrote to bob1 and bobby; {tom} saw it ({tom})."
    assert made.users == (ada, bob, tom)
    assert made.assets == told.assets
    assert pseudonymised(event(), KEY) is not None
    assert len(pseudonymised(event(title="x " * 249, users=("x",)), KEY).title) <= 500


def test_the_case_its_register_and_its_drafts_know_the_pseudonym_only(story, tmp_path):
    """The same account in two alerts is one pseudonym; the name itself is in the encrypted bytes."""
    story.raw(json.dumps(ALERT).encode())
    story.raw(json.dumps(ALERT | {"kibana.alert.uuid": "a-2", "user": {"name": "ADA.LOVELACE"}}).encode())
    story.decide(Confirm(by="dpo", aware_at=story.watch(), reason="seen"))
    ada = pseudonym("ada.lovelace", story.store.pseudonym_key())

    shown = json.dumps(whole(story.case, story.store, story.charter, story.watch()), default=str)
    assert story.case.title == f"Mass download by {ada}"
    assert shown.count(f'"{ada}"') == 2
    assert "lovelace" not in shown.lower()
    drafts = [path.read_bytes() for path in (tmp_path / "drafts").rglob("*") if path.is_file()]
    assert drafts
    assert not any(b"lovelace" in one.lower() for one in drafts)
    assert not any(b"lovelace" in message.lower() for _, message in story.outtray.mails)


def test_a_pseudonym_outlives_a_change_of_the_master_key(story, tmp_path):
    """And a restart: it is a secret of the database, wrapped like every other key."""
    before = story.store.pseudonym_key()
    story.store.rewrap(KEY)
    assert story.store.pseudonym_key() == before
    with open_store(f"sqlite:///{tmp_path}/breachflow.db", KEY) as again:
        assert again.pseudonym_key() == before
    with open_store(f"sqlite:///{tmp_path}/other.db", KEY, create=True) as other:
        assert other.pseudonym_key() != before


def test_what_is_read_again_later_is_pseudonymised_again(tmp_path):
    """A screened event that is opened, and an event that is split off: both are read from the kept bytes."""
    story = Story(tmp_path)
    story.raw(json.dumps(ALERT | {"kibana.alert.severity": "low"}).encode())
    (row,) = story.store.screened(START.replace(year=2000), 10)
    change = story.workflow.open_screened(row.identity.hex(), "dpo", "ours after all")
    assert change.case.title == f"Mass download by {pseudonym('ada.lovelace', story.store.pseudonym_key())}"

    story.raw(json.dumps(ALERT | {"kibana.alert.uuid": "a-2"}).encode())
    (case,) = [case for case in story.cases if case.events == 2]
    regroup.part(story.workflow, case.id, "elastic-security-alert", "a-2", Regroup(by="dpo", reason="two things"))
    assert len(story.cases) == 2
    assert not any("lovelace" in case.title for case in story.cases)
    story.store.close()


def samples(shared):
    """Every payload we have: our own samples and those of the vendors."""
    for folder in ("tests/fixtures/formats", shared / "siem"):
        for path in sorted((Path(__file__).parents[1] / folder).rglob("*")):
            kept_out = path.suffix in (".toml", ".csv", ".md") or ".expected" in path.name
            if path.is_file() and not kept_out and path.stat().st_size < 2_000_000:
                yield path


def test_no_user_of_any_sample_is_in_a_column_a_message_a_mail_or_the_log(story, shared, tmp_path, capfd):
    """All payloads come in, open cases, are drafted, mailed and announced; then the database is read without a key."""
    names: set[str] = set()
    known: set[str] = set()
    for path in samples(shared):
        raw = path.read_bytes()
        for piece in formats.split(raw):
            for reading in formats.read(piece.raw, received_at=story.watch()):
                if (found := reading.event) is not None:
                    names.update(found.users)
                    known.update((*found.assets, found.id, found.source, found.format, found.case or ""))
        ingest(story.workflow, raw, f"file {path.name}")
        if path.parent.name == "formats":
            story.beat()  # Our own samples, one of each format, are drafted and mailed too.
    # A mailbox or a machine account is an asset, known by its name; a placeholder of a vendor's template is anything.
    told_apart = {name for name in names if len(name) > 4 and not any(name in other for other in known)}
    assert len(told_apart) > 60

    messages = [announced(one, "cases") for one in story.store.unpublished(100_000)]
    messages += [announced_dead(one, "dead") for one in story.store.unpublished_dead(100_000)]
    mails = [message for _, message in story.outtray.mails]
    out, err = capfd.readouterr()
    places = {
        "topics": b"\n".join(value for _, _, value in messages),
        "mails": b"\n".join(mails),
        "log": (out + err).encode(),
        "columns": b"\n".join(_columns(tmp_path / "breachflow.db")),
        "drafts": b"\n".join(one.read_bytes() for one in (tmp_path / "drafts").rglob("*") if one.is_file()),
    }
    assert messages
    assert mails
    whole_word = {name: re.compile(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)") for name in told_apart}
    spoken = {
        place: sorted(name for name in told_apart if name.encode() in said and whole_word[name].search(said))
        for place, said in places.items()
    }
    assert spoken == {place: [] for place in places}


def _columns(database):
    with sqlite3.connect(database) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                for value in row:
                    yield value if isinstance(value, bytes) else str(value).encode()
