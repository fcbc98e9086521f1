"""A channel that was breached: this case's mails go another way, and where none is left that is the alarm."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from click.testing import CliRunner
from hook_receiver import KEY, Receiver
from msgspec.structs import replace
from sendgrid_mock import SendGridMock
from story import BREACH, PEOPLE, START, Story, organisation
from test_delivery_smtp import Handler, serving

from breachflow.cli import group
from breachflow.core.case import IllegalMove
from breachflow.core.decision import Ack, Channel, Confirm
from breachflow.core.organisation import Policy
from breachflow.delivery import Hook, Route
from breachflow.delivery.sendgrid import SendGrid
from breachflow.delivery.smtp import Smtp
from breachflow.settings.organisation_file import check
from breachflow.workflow import Workflow

ALTERNATIVE = "dpo@elsewhere.example"


class House:
    """The organisation's own mail server first, SendGrid second, and a bridge that listens."""

    def __init__(self, folder, stack: ExitStack, *, providers=("smtp", "sendgrid"), policy=None) -> None:
        self.own = Handler()
        port = stack.enter_context(serving(self.own))
        self.sendgrid = stack.enter_context(SendGridMock())
        self.bridge = stack.enter_context(Receiver())
        people = (replace(PEOPLE[0], alternative_email=ALTERNATIVE), *PEOPLE[1:])
        self.story = Story(folder, organisation(policy, people=people))
        stack.callback(self.story.store.close)
        made = {
            "smtp": Smtp("127.0.0.1", port, encryption="none"),
            "sendgrid": SendGrid("SG.key", self.sendgrid.url),
        }
        stack.callback(made["smtp"].close)
        self.story.workflow = Workflow(
            self.story.store, self.story.charter, self.story.watch,
            route=Route([made[name] for name in providers]), hooks=[Hook(self.bridge.url, KEY)],
        )  # fmt: skip

    def by_own(self) -> list[str]:
        """Who was mailed by the organisation's own server since the last question."""
        found, self.own.arrived = self.own.arrived, []
        return [recipient for _, recipients, _ in found for recipient in recipients]

    def by_sendgrid(self) -> list[str]:
        """Who was mailed by SendGrid since the last question."""
        accepted, self.sendgrid.accepted = self.sendgrid.accepted, []
        return [body["personalizations"][0]["to"][0]["email"] for body in accepted]


@pytest.fixture
def house(tmp_path):
    with ExitStack() as stack:
        yield House(tmp_path, stack)


def breached(**values) -> Channel:
    return Channel(**{"by": "ciso", "reason": "the mail server was taken over", "channel": "mail"} | values)


def test_where_the_mail_system_was_breached_the_case_is_told_another_way(house):
    """The DPO is told again at once, by SendGrid, at the address outside; so are the rungs that follow."""
    house.story.event()
    assert house.by_own() == ["dpo@group.example"]
    house.story.decide(Confirm(by="ciso", aware_at=START))

    house.story.decide(breached())
    assert house.by_sendgrid() == [ALTERNATIVE]
    house.story.advance(hours=49)
    told = house.by_sendgrid()
    assert {ALTERNATIVE, "deputy@group.example"} <= set(told)
    assert house.by_own() == []
    entry = next(e for e in house.story.store.entries(house.story.case.id) if e.kind == "channel")
    assert entry.body["compromised"] == ["mail"]
    assert entry.body["reason"] == "the mail server was taken over"
    assert entry.by == "ciso"


def test_other_cases_keep_their_channel(house):
    """What is breached in one case may be the way of all others."""
    house.story.event(case="C-1")
    house.story.decide(breached())
    house.by_own()
    house.story.event(case="C-2")
    assert house.by_own() == ["dpo@group.example"]


def test_a_restored_channel_is_used_again(house):
    """Safe again, with a reason: the next mail takes the first provider as before."""
    house.story.event()
    house.story.decide(breached())
    house.by_own(), house.by_sendgrid()
    house.story.decide(breached(restored=True, reason="rebuilt and checked"))
    assert house.by_own() == house.by_sendgrid() == []
    house.story.advance(hours=13)

    assert "dpo@group.example" in house.by_own() or "deputy@group.example" in house.by_own()
    assert house.by_sendgrid() == []
    assert house.story.case.compromised == ()


def test_only_the_provider_that_was_breached_is_avoided(house):
    """SendGrid's account was taken over: the own mail goes on, at the usual address."""
    house.story.event()
    house.by_own()
    house.story.decide(breached(channel="sendgrid"))
    assert house.by_own() == ["dpo@group.example"]
    assert house.by_sendgrid() == []


def test_with_no_channel_left_it_is_the_alarm_and_the_bridge_hears_it(tmp_path):
    """Nobody can be mailed about it: the wall says so, and other systems are told."""
    with ExitStack() as stack:
        house = House(tmp_path, stack, providers=("smtp",))
        house.story.event()
        assert house.by_own() == ["dpo@group.example"]
        house.story.decide(breached())
        house.story.workflow.post()

        assert house.by_own() == []
        assert house.story.case.alarm
        assert sorted(house.bridge.types()) == ["alarm", "channel", "opened"]
        # Whoever marks a channel has not been told by it: only an answer ends the alarm.
        house.story.decide(breached(restored=True))
        assert house.story.case.alarm
        house.story.decide(Ack(by="dpo"))
        assert not house.story.case.alarm


def test_the_policy_says_which_providers_are_the_own_mail(tmp_path):
    """An organisation whose mail is run at SendGrid."""
    with ExitStack() as stack:
        house = House(tmp_path, stack, providers=("sendgrid", "smtp"), policy=Policy(own_mail=("sendgrid",)))
        house.story.event()
        assert house.by_sendgrid() == ["dpo@group.example"]
        house.story.decide(breached())
        assert house.by_sendgrid() == []
        assert house.by_own() == [ALTERNATIVE]


def test_a_channel_is_marked_once_and_with_a_reason(house):
    """The register must say why, and a slip is named."""
    house.story.event()
    with pytest.raises(IllegalMove, match="reason is required"):
        house.story.decide(breached(reason=" "))
    with pytest.raises(IllegalMove, match="not marked"):
        house.story.decide(breached(restored=True))
    house.story.decide(breached())
    with pytest.raises(IllegalMove, match="already marked"):
        house.story.decide(breached())


def test_marking_a_channel_is_no_answer_to_the_ladder(house):
    """The climb goes on as if nobody had said anything: the DPO is still silent."""
    house.story.event()
    before = house.story.clock("gdpr-art33")
    house.story.decide(breached())
    assert house.story.clock("gdpr-art33") == before


def test_the_command_records_it(tmp_path, monkeypatch):
    """`breachflow channel CASE mail --compromised`; the answer shows it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    event = {"id": "1", "source": "s", "detected_at": "2026-01-01T00:00:00Z", "title": "x", "facts": BREACH}
    (tmp_path / "e.json").write_text(json.dumps(event))

    def run(*words):
        return CliRunner().invoke(group, words, standalone_mode=False)

    run("init"), run("ingest", "e.json")
    answer = run("channel", "BF", "mail", "--compromised", "--by", "ciso", "--reason", "taken over", "--json")
    assert json.loads(answer.stdout)["compromised"] == ["mail"]
    assert "--restored" in str(run("channel", "BF", "mail", "--by", "ciso", "--reason", "x").exception)
    answer = run("channel", "BF", "mail", "--restored", "--by", "ciso", "--reason", "rebuilt", "--json")
    assert "compromised" not in json.loads(answer.stdout)


def test_an_alternative_address_in_the_same_domain_is_doubted(tmp_path):
    """It would be breached with the first."""
    file = tmp_path / "organisation.toml"
    file.write_text(
        'name = "x"\nsender = "a@x.example"\n[[controllers]]\nid = "x"\nname = "x"\n[[people]]\nid = "dpo"\n'
        'rank = "dpo"\nname = "DPO"\nemail = "dpo@x.example"\nalternative_email = "d@X.example"\n'
    )
    assert any(finding.key == "people[0].alternative_email" for finding in check(file))
