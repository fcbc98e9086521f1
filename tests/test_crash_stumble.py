"""A fault of ours in one record, one case or one mail holds up none of the others, and is said aloud."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import structlog
from story import BREACH, START, Story

from breachflow.core import lifecycle
from breachflow.formats import read
from breachflow.rendering import Renderer
from breachflow.store import Unavailable
from breachflow.store.rows import Position
from breachflow.workflow import Record


@pytest.fixture
def story(tmp_path):
    story = Story(tmp_path)
    yield story
    story.store.close()


def stumble_over(monkeypatch, owner, name, wrong):
    """Let one of our own functions fail where `wrong` says so of its arguments, as a bug in it would."""
    real = getattr(owner, name)

    def failing(*args, **more):
        if wrong(*args):
            raise KeyError("zqx7canary")
        return real(*args, **more)

    monkeypatch.setattr(owner, name, failing)


def record(ident: str, **values) -> Record:
    event = {"id": ident, "source": "soc", "detected_at": START.isoformat(), "title": ident, "facts": BREACH} | values
    (reading,) = read(json.dumps(event).encode(), received_at=START)
    return Record(reading, f"file x record {ident}")


def test_a_record_that_we_stumble_over_is_kept_and_the_others_are_taken_in(story, monkeypatch):
    """A batch of four with one event that a rule fails on: three are in, one is a dead letter that says whose fault."""
    stumble_over(monkeypatch, lifecycle, "opened", lambda _, event, *__: event.id == "e2")
    place = Position(group="g", topic="t", partition=0, next_offset=4, last_timestamp=0, last_hash=b"x" * 16)

    with structlog.testing.capture_logs() as lines:
        batch = [record("e1"), record("e2"), record("e3", verdict="test"), record("e1")]
        fates = story.workflow.take_in(batch, [place])

    assert fates == ("opened", "quarantined", "screened", "duplicates")
    (letter,) = story.store.dead_letters()
    assert letter.origin == "file x record e2"
    assert re.fullmatch(
        r"breachflow stumbled over this event \(KeyError in test_crash_stumble\.py:\d+\): "
        r"its own fault; the event is kept here\.",
        letter.reason,
    )
    assert story.store.dead_letter(letter.id).raw == batch[1].reading.raw
    assert story.store.positions("g") == [place], "how far the source was read is on record all the same"
    assert "canary" not in str(lines)


def test_a_database_that_is_away_is_no_fault_of_a_record(story, monkeypatch):
    """Nothing becomes a dead letter because the disk was full; the batch is handed in again."""

    def away(*_, **__):
        raise Unavailable("The database cannot be used now.")

    monkeypatch.setattr(story.store, "commit", away)
    with pytest.raises(Unavailable):
        story.workflow.receive([record("e1")])
    monkeypatch.undo()

    assert story.workflow.receive([record("e1")]).opened == 1
    assert story.store.dead_letters() == []


def test_a_batch_that_is_overtaken_again_and_again_goes_in_by_smaller_ones(story, monkeypatch):
    """While mails about the same cases are being settled, a large batch is always too late; its events go in all the same."""
    commit, sizes = story.store.commit, []

    def crowded(changes, **more):
        sizes.append(len(changes))
        return len(changes) <= 3 and commit(changes, **more)

    monkeypatch.setattr(story.store, "commit", crowded)
    place = Position(group="g", topic="t", partition=0, next_offset=4, last_timestamp=0, last_hash=b"x" * 16)
    fates = story.workflow.take_in([record(f"e{n}") for n in (*range(20), 0)], [place])

    assert fates == ("opened",) * 20 + ("duplicates",)
    assert len(story.cases) == 20
    assert story.store.positions("g") == [place]
    assert len(sizes) < 40, "halved soon, not tried to the end"


def test_a_case_that_we_stumble_over_does_not_stop_the_clocks_of_the_others(story, monkeypatch):
    """One of two cases cannot be worked out: the DPO is still told about the other, and the log says which one."""
    story.event()
    story.event()
    bad, good = story.cases
    story.told()
    stumble_over(monkeypatch, lifecycle, "timed", lambda case, *_: case.id == bad.id)

    with structlog.testing.capture_logs() as lines:
        for hours in (24, 25, 49):
            story.watch.instant = START + timedelta(hours=hours)
            story.beat()

    rungs = [row.notice for row in story.store.notices(good.id) if row.notice.kind != "opened"]
    assert rungs
    assert not [row for row in story.store.notices(bad.id) if row.notice.kind != "opened"]
    assert [line["case"] for line in lines if line["event"] == "stumbled"] == [bad.id], "said once, not every second"
    assert bad.id in {case.id for case in story.store.due(story.watch(), 9)}, "it stays due"


def test_a_case_that_cannot_be_drafted_keeps_no_draft_from_the_others(story, monkeypatch, tmp_path):
    """The other case's drafts are on the desk; this one's come when it can be rendered."""
    stumble_over(monkeypatch, Renderer, "drafts", lambda _, case, *__: case.title == "bad")
    with structlog.testing.capture_logs() as lines:
        story.event(title="bad")
        story.event(title="good")
        story.beat()

    bad, good = sorted(story.cases, key=lambda case: case.title)
    assert (tmp_path / "drafts" / good.id).is_dir()
    assert not (tmp_path / "drafts" / bad.id).exists()
    assert [line["case"] for line in lines if line["event"] == "stumbled"] == [bad.id]

    monkeypatch.undo()
    story.workflow._stumbled.clear()  # What a new start forgets.
    story.beat()
    assert (tmp_path / "drafts" / bad.id).is_dir()


def test_a_mail_that_cannot_be_written_goes_to_the_next_person_in_the_end(story, monkeypatch):
    """No escalation is silent: it is tried again for a while, then somebody else is told; other mails leave at once."""
    story.workflow.receive([record("e1")])
    bad = story.case.id
    stumble_over(monkeypatch, Renderer, "mail", lambda _, notice, *__: notice.to == "dpo" and notice.case == bad)

    story.event()
    assert story.told() == ["dpo"], "the mail about the other case left"

    assert [name for _ in minutes(story, 40) for name in story.told()] == ["deputy"]
    assert [(row.notice.to, row.state) for row in story.store.notices(bad)] == [("dpo", "failed"), ("deputy", "sent")]


def minutes(story: Story, count: int):
    """So many minutes, with the heart beating once in each."""
    for _ in range(count):
        story.watch.instant += timedelta(minutes=1)
        story.beat()
        yield story.watch.instant
