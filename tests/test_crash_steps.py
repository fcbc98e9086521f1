"""A crash at every step, from outside: whatever call the process dies in, the next one makes up for it.

The store and the mail route are wrapped so that call number n dies, before it did its work or after it (the work is
done, the caller never learns of it), for every n. Then the story goes on with a fresh process, as a door would: the
step that died is done again. At the end it is the story that never failed.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime, timedelta

import pytest
from story import BREACH, START, organisation

from breachflow.core.charter import Charter
from breachflow.core.decision import Confirm, Decision
from breachflow.delivery import Sent
from breachflow.desk import Folder
from breachflow.inbox import Inbox
from breachflow.store import open_store
from breachflow.workflow import LEASE, Workflow


class Died(BaseException):
    """The process is gone: no code of ours gets to answer this."""


class Fuse:
    """Counts the calls that matter and blows at one of them, before or after it has done its work."""

    def __init__(self, at: int | None, after: bool) -> None:
        self.at, self.after, self.calls, self.blown = at, after, 0, ""

    def through(self, name, call):
        def called(*args, **more):
            self.calls += 1
            due = self.calls == self.at
            if due and not self.after:
                self.blown = name
                raise Died(name)
            result = call(*args, **more)
            if due:
                self.blown = name
                raise Died(name)
            return result

        return called


class Fragile:
    """Something whose every method goes through the fuse."""

    def __init__(self, inner, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        return self._fuse.through(name, value) if callable(value) and name != "close" else value


class Postbox:
    """Everybody's mailbox: every mail that was handed over, however often."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str]] = []

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> Sent:
        self.mails.append((notice, to, hashlib.sha256(message).hexdigest()))
        return Sent(provider="postbox", reference=notice)


class Life:
    """The story of four payloads, three days long, that may die once on the way."""

    def __init__(self, folder, at: int | None = None, after: bool = False) -> None:
        self.folder, self.fuse, self.postbox = folder, Fuse(at, after), Postbox()
        self.now = START
        self.died = 0
        self.inbox = Inbox(folder)
        self.charter = Charter(organisation(languages=("fr",)))
        self._restart()

    def live(self) -> Life:
        drop = [
            event("e1", case="INC-1", assets=["fileserver"]),
            event("e2", case="INC-1", facts=BREACH | {"people_count": 40_000}),
            event("e3", verdict="test"),
            b"{broken",
            event("e1", case="INC-1", assets=["fileserver"]),
        ]
        (self.inbox.folder / ".drop").write_bytes(b"\n".join(drop))
        os.utime(self.inbox.folder / ".drop", (0, 0))  # Written long ago: nobody need wait for it to settle.
        (self.inbox.folder / ".drop").rename(self.inbox.folder / "drop.jsonl")
        self.step(lambda workflow: self.inbox.drain(workflow, wait=True))
        self.beat()
        self.now = START + timedelta(hours=3)
        self.step(lambda workflow: self._decide(workflow, Confirm(by="dpo", reason="seen", aware_at=START)))
        self.beat()
        self.now = START + timedelta(hours=73)
        self.beat()
        return self

    def beat(self) -> None:
        self.step(lambda workflow: workflow.tick())
        self.step(lambda workflow: workflow.draft())
        self.step(lambda workflow: workflow.deliver())
        # What a dead process had claimed is free again after its lease.
        self.now += LEASE + timedelta(seconds=1)
        self.step(lambda workflow: workflow.deliver())

    def step(self, work) -> None:
        try:
            work(self.workflow)
        except Died:
            self.died += 1
            self._restart()
            work(self.workflow)

    def _decide(self, workflow: Workflow, decision: Decision) -> None:
        """Decide as a person does who saw no answer: look first whether it is there already."""
        (case,) = self.store.every_case()
        if case.aware is None:
            workflow.decide(case.id, decision)

    def _restart(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
        self.store = open_store(f"sqlite:///{self.folder}/breachflow.db", bytes(32), create=True)
        self.workflow = Workflow(
            Fragile(self.store, self.fuse),
            self.charter,
            lambda: self.now,
            route=Fragile(self.postbox, self.fuse),
            desk=Fragile(Folder(self.folder / "drafts"), self.fuse),
        )

    def told(self) -> dict:
        """All that must come out the same; when exactly a mail left, and how many tries it took, need not."""
        store, cases = self.store, list(self.store.every_case())
        return {
            "cases": [(c.id, c.stage, c.title, c.events, c.clocks, c.parts, c.facts, c.alarm) for c in cases],
            "register": {c.id: sorted(line(entry) for entry in store.entries(c.id)) for c in cases},
            "broken": store.verify_register(),
            "mails": {c.id: sorted((n.notice.id, n.notice.to, n.state) for n in store.notices(c.id)) for c in cases},
            "letters": sorted((letter.sha256, letter.origin) for letter in store.dead_letters()),
            "screened": [row.identity for row in store.screened(START - timedelta(days=9), 9)],
            "drafts": sorted(path.name for path in (self.folder / "drafts").rglob("*.*")),
            "undrafted": store.undrafted(9),
            "folder": sorted(path.name for path in self.inbox.folder.iterdir()),
            "handed over": sorted({(notice, to) for notice, to, _ in self.postbox.mails}),
        }


def line(entry) -> tuple[str, str]:
    body = {key: value for key, value in entry.body.items() if key != "reference"}
    return entry.kind, json.dumps(body, sort_keys=True, default=str)


def event(ident: str, at: datetime = START, **values) -> bytes:
    known = {"id": ident, "source": "soc", "detected_at": at.isoformat(), "title": f"Event {ident}", "facts": BREACH}
    return json.dumps(known | values).encode()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The life in which nothing failed."""
    return Life(tmp_path_factory.mktemp("whole")).live()


def test_the_story_itself_is_worth_failing_in(whole):
    """Something comes of everything: a case, mails for several rungs, drafts, a screened event, a dead letter."""
    told = whole.told()

    assert len(told["cases"]) == 1
    assert told["cases"][0][3] == 2
    assert len(told["handed over"]) == len(whole.postbox.mails) >= 6
    assert told["drafts"]
    assert len(told["letters"]) == len(told["screened"]) == 1
    assert told["undrafted"] == told["broken"] == []
    assert whole.fuse.calls > 50


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_call_is_made_up_for(whole, tmp_path, after):
    """For every call to the database, the desk and the mail route: dying there changes nothing in the end."""
    expected = whole.told()
    for number in range(1, whole.fuse.calls + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        life = Life(folder, number, after).live()
        assert life.died == 1
        # A mail that is handed over twice is the same mail: one hash for each notice.
        assert len(set(life.postbox.mails)) == len({notice for notice, *_ in life.postbox.mails})
        told = life.told()
        for what, was in expected.items():
            assert told[what] == was, f"dying {'after' if after else 'before'} call {number}, {life.fuse.blown}: {what}"
        life.store.close()
