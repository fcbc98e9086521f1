"""Webhooks: whatever a mail tells, other systems are told once, signed, and again until they take it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hook_receiver import KEY, SECRET, Receiver
from postgres_server import postgres_server  # noqa: F401 - a fixture.
from story import BREACH, START, Story

from breachflow import loop
from breachflow.cli import group
from breachflow.core import lifecycle
from breachflow.core.decision import Confirm, Dismiss, Filed
from breachflow.delivery import BadRoute, Hook, open_hooks
from breachflow.formats import read
from breachflow.store import open_store
from breachflow.workflow import LEASE, Record, Workflow

numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """The address of an empty database, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/breachflow.db"
    return request.getfixturevalue("postgres_server").fresh(f"webhooks_{next(numbers)}")


class Hooked(Story):
    """A story that other systems listen to; they are told after the mails, as in the service."""

    def __init__(self, folder, receivers, **more) -> None:
        super().__init__(folder, **more)
        self.hook_to(*receivers)

    def hook_to(self, *receivers, timeout: float = 1.0) -> None:
        hooks = [Hook(there.url, KEY, timeout=timeout) for there in receivers]
        self.workflow = Workflow(self.store, self.charter, self.watch, route=self.outtray, hooks=hooks)

    def beat(self) -> None:
        super().beat()
        self.workflow.post()


@pytest.fixture
def there():
    with Receiver() as receiver:
        yield receiver
        assert receiver.forged == []


@pytest.fixture
def story(tmp_path, there, database):
    told = Hooked(tmp_path, [there], url=database)
    yield told
    told.store.close()


def test_a_new_case_is_told_once_to_each_address_with_what_a_bridge_needs(tmp_path, there):
    """Case, stage, controller, regime, deadline, what is left, risk, what to do; nothing of what happened to whom."""
    with Receiver() as other:
        story = Hooked(tmp_path, [there, other])
        story.event(title="Jean Dupont lost his file", description="Jean Dupont, jean@dupont.example")
        assert there.heard[0]["data"] == other.heard[0]["data"]
        assert there.ids == other.ids
        story.store.close()

    (said,) = there.heard
    assert said["path"] == "/hooks/T0K3N?x=1"
    assert said["type"] == "breachflow.case.opened"
    assert said["data"] == {
        "case": story_case(said), "stage": "suspected", "risk": "high", "controller": "insurance",
        "controllers": ["insurance"], "regime": "gdpr-art33", "rung": "T-72", "act_by": "2026-11-27T09:00:00Z",
        "remaining_seconds": 72 * 3600, "next_command": f"breachflow confirm {story_case(said)}",
    }  # fmt: skip
    assert "Dupont" not in json.dumps(said)
    assert "group.example" not in json.dumps(said)


def story_case(said) -> str:
    return said["data"]["case"]


def test_every_rung_is_told_once_however_many_people_are_mailed(story, there):
    """Three ranks at T-12 are three mails and one signal; overdue is told too."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=80)

    assert len(there.ids) == len(set(there.ids))
    rungs = [one["data"]["rung"] for one in there.heard if one["type"].endswith((".rung", ".overdue"))]
    assert {"T-24", "T-12", "T-6", "T-2", "T+4"} <= set(rungs)
    assert "overdue" in there.types()
    late = next(one for one in there.heard if one["data"].get("rung") == "T+4")
    assert late["data"]["remaining_seconds"] == -4 * 3600


def test_when_no_mail_reaches_anybody_the_alarm_still_goes_out(story, there):
    """Webhooks may be the only channel left."""
    story.outtray.broken = {f"{who}@group.example" for who in ("dpo", "deputy", "ciso", "boss")}
    story.event()

    assert there.types() == ["opened", "alarm"]


def test_what_is_not_taken_is_sent_again_under_the_same_id_with_the_same_content(story, there):
    """503, a redirect, a refusal: tried again, with a new timestamp, until a 2xx."""
    there.answers = [503, (302, {"Location": "http://127.0.0.1:1/"}), 400]
    story.event()
    for _ in range(5):
        story.advance(minutes=2)

    assert len(there.ids) == 4
    assert len(set(there.ids)) == 1
    assert len({json.dumps(one["data"]) for one in there.heard}) == 1
    stamps = [one["stamp"] for one in there.heard]
    assert stamps == sorted(set(stamps))
    (row,) = story.store.posts(story.case.id)
    assert (row.state, row.attempts, row.answer) == ("sent", 4, "204")


def test_the_wait_that_a_receiver_asks_for_is_kept(story, there):
    """Retry-After, within reason."""
    there.answers = [(429, {"Retry-After": "600"})]
    story.event()
    story.advance(minutes=9)
    assert len(there.ids) == 1
    story.advance(minutes=2)
    assert len(there.ids) == 2


def test_a_receiver_that_is_away_for_a_day_is_given_up_and_the_others_are_not(tmp_path, there):
    """Its signals end as failed, on record; whoever listens has heard everything meanwhile."""
    with Receiver() as dead:
        dead.answers = [500] * 1000
        story = Hooked(tmp_path, [dead, there])
        story.event()
        for _ in range(30 * 12):
            story.watch.instant += timedelta(minutes=5)
            story.workflow.post()
        rows = story.store.posts(story.case.id)
        assert sorted(row.state for row in rows) == ["failed", "sent"]
        assert len(dead.ids) == 30
        story.store.close()


def test_410_ends_an_address_until_the_next_start(story, there):
    """Whoever wants no more is left alone; a restart asks once more, and what was owed meanwhile is told."""
    there.answers = [410]
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=50)
    assert len(there.ids) == 1

    story.hook_to(there)
    story.workflow.post()
    assert len(there.ids) > 1


def test_a_webhook_that_hangs_delays_no_mail(tmp_path, there):
    """The service: mails have a thread of their own; the hanging address is cut off."""
    there.answers = ["hang"] * 50
    story = Hooked(tmp_path, [there])
    made = []

    def make():
        store = open_store(f"sqlite:///{tmp_path}/breachflow.db", bytes(32))
        hooks = [Hook(there.url, KEY, timeout=0.3)]
        made.append(Workflow(store, story.charter, story.watch, route=story.outtray, hooks=hooks))
        return made[-1]

    stopping = threading.Event()
    duties = loop._duties(make, tmp_path, 0.05, stopping, intake=False)
    assert {"mails", "webhooks"} <= {duty.name for duty in duties}
    for duty in duties:
        duty.start()
    receive = Workflow(story.store, story.charter, story.watch, hooks=[Hook(there.url, KEY)])
    begun = time.monotonic()
    for number in range(4):
        event = {"id": f"h{number}", "source": "s", "detected_at": START.isoformat(), "title": "x", "facts": BREACH}
        receive.receive([Record(one, "test") for one in read(json.dumps(event).encode(), received_at=START)])
    while len(story.outtray.mails) < 4 and time.monotonic() - begun < 10:
        time.sleep(0.02)
    took = time.monotonic() - begun
    stopping.set()
    assert all(duty.join(time.monotonic() + 10) for duty in duties)
    assert len(story.outtray.mails) == 4
    assert len(there.ids) >= 1
    assert took < 5
    story.store.close()


def test_what_is_no_longer_owed_is_not_told(story, there):
    """Filed while the receiver was away: no call about a clock that has stopped."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    there.answers = [503] * 1000
    story.advance(hours=49)
    story.decide(Dismiss(by="dpo", reason="a scanner of our own"))
    there.answers = []
    before = len(there.ids)
    story.advance(hours=2)

    states = {row.signal.kind: row.state for row in story.store.posts(story.case.id)}
    assert states["rung"] == "dropped"
    assert len(there.ids) == before


def test_a_process_that_dies_after_sending_sends_the_same_again(story, there):
    """The claim lapses; the receiver knows it by its id."""
    story.hook_to()
    story.event()  # Nobody listens yet, and nothing is owed to nobody.
    assert story.store.posts(story.case.id) == []
    story.hook_to(there)
    story.event(id="two", case="C-2")
    first = list(there.ids)
    assert len(first) == 1
    settle = story.store.settle_post
    story.store.settle_post = lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        story.event(id="three", case="C-3")
    story.store.settle_post = settle
    assert story.workflow.post() == 0
    story.watch.instant += LEASE
    assert story.workflow.post() == 1
    assert there.ids[1] == there.ids[2] != first[0]


def test_nothing_is_told_where_the_step_was_not_written(story, there):
    """The signal is owed in the transaction of the step, or not at all."""
    story.event()
    case = story.case
    late = START + timedelta(hours=50)
    stale = lifecycle.timed(case, story.charter, late)
    story.decide(Confirm(by="dpo", aware_at=START))
    assert stale is not None
    assert not story.store.commit([stale])
    assert [row.signal.kind for row in story.store.posts(case.id)] == ["opened"]


def test_filing_and_other_decisions_tell_nothing_by_themselves(story, there):
    """Only what a mail tells is told."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    heard = list(there.ids)
    story.decide(Filed(by="dpo", at=START, reference="N-1"))
    assert len(there.ids) - len(heard) == 1  # The CNIL's complement has begun, and that is mailed.
    assert there.heard[-1]["data"]["regime"] == "cnil-complement"


@pytest.mark.parametrize(
    ("urls", "secret", "said"),
    [
        (["http://hooks.example/x"], SECRET, "only https://"),
        (["https://ok.example", "http://10.0.0.1/x"], SECRET, "address 2: only https://"),
        (["https://u:p@hooks.example/x"], SECRET, "holds a user"),
        (["https://hooks.example:99999/x"], SECRET, "not a web address"),
        (["https://hooks.example/x"], None, "BREACHFLOW_WEBHOOK_SECRET is not"),
        (["https://hooks.example/x"], "hunter2", "must be whsec_"),
        (["https://hooks.example/x"], "whsec_c2hvcnQ=", "24 to 64 bytes"),
        (["https://hooks.example/x"], "whsec_***", "must be whsec_"),
    ],
)
def test_a_setting_that_cannot_work_is_named_and_not_shown(urls, secret, said):
    """One sentence, with the variable, without the address or the secret."""
    with pytest.raises(BadRoute, match="BREACHFLOW_WEBHOOK") as caught:
        open_hooks(SimpleNamespace(webhooks=urls, webhook_secret=secret))
    assert said in str(caught.value)
    assert "hooks.example" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_this_machine_may_be_spoken_to_in_clear():
    """A bridge on loopback; the same address twice is one."""
    urls = ["http://127.0.0.1:9000/x", "http://localhost/y", "http://127.0.0.1:9000/x", "https://hooks.example/x"]
    assert len(open_hooks(SimpleNamespace(webhooks=urls, webhook_secret=SECRET))) == 3


def test_check_names_a_bad_address_and_a_bad_secret(tmp_path, monkeypatch):
    """Before the service is started, and with exit 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    assert CliRunner().invoke(group, ["init"], standalone_mode=False).exception is None
    monkeypatch.setenv("BREACHFLOW_WEBHOOKS", "http://hooks.example/T0K3N")
    answer = CliRunner().invoke(group, ["check"], standalone_mode=False)
    assert answer.return_value == 2
    assert "BREACHFLOW_WEBHOOKS, address 1" in answer.output
    assert "T0K3N" not in answer.output
    monkeypatch.setenv("BREACHFLOW_WEBHOOKS", "https://hooks.example/T0K3N")
    answer = CliRunner().invoke(group, ["check", "--json"], standalone_mode=False)
    assert answer.return_value == 2
    assert "BREACHFLOW_WEBHOOK_SECRET" in answer.output
