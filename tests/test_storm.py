"""A storm: many cases at once are a few mails and one digest, proven case by case, and nothing urgent waits."""

from __future__ import annotations

import email
import itertools
import re
from datetime import timedelta

import pytest
from drafted import check as well_written
from postgres_server import postgres_server  # noqa: F401 - a fixture.
from sendgrid_mock import SendGridMock
from story import BREACH, PEOPLE, START, Story, organisation
from test_delivery_smtp import Handler, free_port, serving

from breachflow.core import storm
from breachflow.core.case import Report
from breachflow.core.decision import Ack, Channel, Confirm, Dismiss
from breachflow.core.organisation import Controller, Ladder, Policy
from breachflow.delivery import Route
from breachflow.delivery.sendgrid import SendGrid
from breachflow.delivery.smtp import Smtp
from breachflow.workflow import LEASE, Workflow

numbers = itertools.count(1)
QUARTER = timedelta(minutes=15)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """The address of an empty database, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/breachflow.db"
    return request.getfixturevalue("postgres_server").fresh(f"storm_{next(numbers)}")


@pytest.fixture
def story(tmp_path, database):
    told = Story(tmp_path, url=database)
    yield told
    told.store.close()


def strike(story, count: int, **values) -> None:
    """So many cases come in."""
    for _ in range(count):
        story.event(case=f"S-{next(numbers)}", **values)


def digests(story) -> list[email.message.EmailMessage]:
    """The mails that belong to no case of their own, each once."""
    mails = [email.message_from_bytes(message, policy=email.policy.default) for _, message in story.outtray.mails]
    return [mail for mail in mails if "X-Breachflow-Case" not in mail]


def text(mail) -> str:
    return mail.get_body(("plain",)).get_content()


def test_twenty_cases_at_once_are_five_mails_and_one_digest(story):
    """The first few at once; the others together at the end of the quarter, each proven on its own case."""
    strike(story, 20)
    assert story.told() == ["dpo"] * 5

    story.advance(minutes=14)
    assert story.told() == []
    story.advance(minutes=1)
    assert story.told() == ["dpo"]
    (digest,) = digests(story)
    assert text(digest).count("breachflow confirm ") == 15
    told = [case for case in story.cases if case.id in text(digest)]
    assert len(told) == 15
    ident = digest["X-Breachflow-Notice"]
    for case in told:
        (row,) = story.store.notices(case.id)
        assert (row.state, row.reference) == ("sent", f"outtray {ident} digest {ident}")
        entries = story.store.entries(case.id)
        assert [entry.kind for entry in entries] == ["opened", "told"]
        assert entries[-1].body["reference"] == row.reference
        assert entries[-1].at == START + QUARTER
    assert story.store.verify_register() == []
    assert story.store.outbox_summary().queued == 0


def test_the_storm_goes_on_and_each_quarter_has_one_digest(story):
    """An hour of it: nobody gets more than a few mails a quarter, and every case is told."""
    for _ in range(12):
        strike(story, 4)
        story.advance(minutes=5)
    story.advance(minutes=15)

    assert len(story.cases) == 48
    assert len(digests(story)) == 4
    assert len({mail["Message-ID"] for mail in digests(story)}) == 4
    assert {row.state for case in story.cases for row in story.store.notices(case.id)} == {"sent"}


def test_what_is_near_its_deadline_leaves_at_once(story):
    """T-12 of ten cases at once, T-6, T-2, the deadline, and what is overdue: each on its own."""
    strike(story, 10)
    story.advance(minutes=15)
    for case in story.cases:
        story.decide(Confirm(by="dpo", aware_at=START), case=case.id)
    story.watch.instant = START + timedelta(hours=59, minutes=40)  # T-12 is twenty minutes away.
    story.beat()
    story.advance(minutes=15)
    story.told()
    before = len(digests(story))
    story.watch.instant = START + timedelta(hours=60)
    story.beat()
    assert story.told().count("dpo") == 10
    story.watch.instant = START + timedelta(hours=73)
    story.beat()
    assert story.told().count("boss") == 10
    assert len(digests(story)) == before


def test_what_would_reach_its_last_hours_while_it_waits_does_not_wait(tmp_path):
    """Ten minutes before T-12 a mail does not wait for fifteen."""
    story = Story(tmp_path)
    strike(story, 1)
    story.decide(Confirm(by="dpo", aware_at=START))
    case = story.case
    row = story.store.notices(case.id)[0]
    at = START + timedelta(hours=60)
    assert storm.can_wait(row.notice, case, at - timedelta(minutes=1))
    assert not storm.can_wait(row.notice, case, at)
    story.store.close()


def test_a_short_clock_is_urgent_in_its_own_measure(tmp_path):
    """Four hours from classification (DORA): forty minutes before the end of them nothing waits."""
    house = organisation(controllers=(Controller(id="insurance", name="Insurance SA", dora=True),))
    story = Story(tmp_path, house)
    strike(story, 1, facts=BREACH | {"malicious_access": True, "dora_classified_at": START.isoformat()})
    (case,) = story.cases
    (row,) = story.store.notices(case.id)
    assert storm.can_wait(row.notice, case, START + timedelta(hours=3, minutes=19))
    assert not storm.can_wait(row.notice, case, START + timedelta(hours=3, minutes=21))
    story.store.close()


def test_an_alarm_never_waits(story):
    """Nobody reachable in a storm: every case is in alarm, in the end by the digests that came back."""
    story.outtray.broken = {f"{person.id}@group.example" for person in PEOPLE}
    strike(story, 8)
    for _ in range(20):
        story.advance(minutes=5)
    assert all(case.alarm for case in story.cases)


def test_each_case_is_acted_on_by_itself(story):
    """An acknowledgement, or a dismissal, of one case that the digest tells changes that case only."""
    strike(story, 8)
    story.told()
    waiting = [case for case in story.cases if story.store.notices(case.id)[0].state == "queued"]
    assert len(waiting) == 3
    story.decide(Ack(by="dpo"), case=waiting[0].id)
    story.advance(minutes=15)
    (digest,) = digests(story)
    assert all(case.id in text(digest) for case in waiting)

    story.advance(hours=12)  # Silence climbs, but for the case that somebody is on.
    acked = story.store.get(waiting[0].id).clocks[0]
    assert acked.acked_by is None or acked.acked_until is not None
    story.decide(Dismiss(by="dpo", reason="a scanner of our own"), case=waiting[1].id)
    assert story.store.get(waiting[1].id).stage == "dismissed"
    assert story.store.get(waiting[2].id).stage == "suspected"


def test_what_is_dismissed_before_the_digest_leaves_is_not_in_it(story):
    """A rung whose clocks have stopped is owed no more; a digest with nothing left in it is not sent."""
    strike(story, 7)
    story.advance(minutes=15)
    for case in story.cases:
        story.decide(Confirm(by="dpo", aware_at=START), case=case.id)
    story.watch.instant = START + timedelta(hours=24, minutes=1)
    story.beat()
    waiting = [c for c in story.cases if any(r.state == "queued" for r in story.store.notices(c.id))]
    assert len(waiting) == 2
    story.told()
    for case in waiting:
        story.decide(Dismiss(by="dpo", reason="a scanner of our own"), case=case.id)
    before = len(digests(story))
    story.advance(minutes=15)
    assert len(digests(story)) == before
    states = {r.state for c in waiting for r in story.store.notices(c.id)}
    assert states == {"sent", "dropped"}
    assert story.store.outbox_summary().queued == 0


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("dies_in", ["save_digest", "send", "commit 1", "commit 3", "last commit"])
def test_a_crash_at_any_step_of_a_digest_sends_the_same_bytes_again_and_loses_nothing(story, dies_in):
    """Between composing, sending and settling: the same Message-ID, byte for byte, and each case is told once."""
    strike(story, 9)
    story.told()
    store, workflow = story.store, story.workflow
    commits = itertools.count(1)
    plain_commit, plain_save, plain_send = store.commit, store.save_digest, story.outtray.send
    deadly = {"commit 1": 1, "commit 3": 3, "last commit": 5}.get(dies_in)

    def commit(*changes, **more):
        if next(commits) == deadly:
            raise Died
        return plain_commit(*changes, **more)

    def save(*given):
        saved = plain_save(*given)
        if dies_in == "save_digest":
            raise Died
        return saved

    def send(*given, **more):
        sent = plain_send(*given, **more)
        if dies_in == "send":
            raise Died
        return sent

    story.watch.instant = START + QUARTER
    store.commit, store.save_digest, story.outtray.send = commit, save, send
    with pytest.raises(Died):
        workflow.deliver()
    store.commit, store.save_digest, story.outtray.send = plain_commit, plain_save, plain_send
    story.advance(seconds=(LEASE + timedelta(seconds=1)).total_seconds())
    story.advance(minutes=30)

    assert len({bytes(mail) for mail in digests(story)}) == 1
    assert {row.state for case in story.cases for row in store.notices(case.id)} == {"sent"}
    for case in story.cases:
        assert [entry.kind for entry in store.entries(case.id)] == ["opened", "told"]
    assert store.outbox_summary().queued == 0


def test_a_digest_that_cannot_be_delivered_is_told_on_case_by_case(story):
    """The DPO's mailbox is gone: the deputy is told of each, and again gathered."""
    strike(story, 9)
    story.told()
    story.outtray.broken = {"dpo@group.example"}
    story.advance(minutes=15)
    assert story.told() == ["deputy"] * 4
    for case in story.cases:
        kinds = [entry.kind for entry in story.store.entries(case.id)]
        assert kinds in (["opened", "told"], ["opened", "not-told", "told"])


def test_while_the_server_is_away_the_digest_waits_and_is_told_in_the_end(tmp_path):
    """On a real SMTP server that comes back after ten minutes: one digest, and no mail is counted as tried in vain."""
    story = Story(tmp_path)
    port = free_port()
    handler = Handler()
    smtp = Smtp("127.0.0.1", port, encryption="none")
    story.workflow = Workflow(story.store, story.charter, story.watch, route=Route([smtp]))
    with serving(handler, port=port):
        strike(story, 9)
        assert len(handler.arrived) == 5
    smtp.close()
    for _ in range(10):
        story.advance(minutes=2)
    with serving(handler, port=port):
        for _ in range(4):
            story.advance(minutes=2)
        assert len(handler.arrived) == 6
        smtp.close()
    assert {row.state for case in story.cases for row in story.store.notices(case.id)} == {"sent"}
    story.store.close()


def test_a_digest_that_came_back_tells_the_next_person_of_every_case(tmp_path):
    """SendGrid reports the bounce of the digest: it was the bounce of each notice that it told."""
    story = Story(tmp_path)
    with SendGridMock() as sendgrid:
        route = Route([SendGrid("SG.key", sendgrid.url)])
        story.workflow = Workflow(story.store, story.charter, story.watch, route=route)
        strike(story, 9)
        story.advance(minutes=15)
        ident = sendgrid.accepted[-1]["personalizations"][0]["custom_args"]["notice"]
        bounce = Report(id="ev1", notice=ident, event="bounce", at=story.watch(), status="5.1.1")
        assert story.workflow.report([bounce, bounce]) == 1
        story.beat()
        told = [one["personalizations"][0]["to"][0]["email"] for one in sendgrid.accepted]
        assert told == ["dpo@group.example"] * 6 + ["deputy@group.example"] * 4
    states = sorted(row.state for case in story.cases for row in story.store.notices(case.id))
    assert states == ["bounced"] * 4 + ["sent"] * 9
    assert story.store.outbox_summary().bounced == 5
    story.store.close()


def test_a_case_with_a_compromised_channel_goes_its_own_way(story):
    """It is not listed with the others in a mail that takes the breached way."""
    strike(story, 6)
    first = story.cases[0]
    story.told()
    story.decide(Channel(by="ciso", channel="sendgrid", reason="the account was taken over"), case=first.id)
    assert not storm.can_wait(story.store.notices(first.id)[0].notice, story.store.get(first.id), story.watch())


def test_a_few_mails_are_no_storm_and_the_policy_says_how_many(tmp_path):
    """Two at most here; the third waits."""
    story = Story(tmp_path, organisation(Policy(ladder=Ladder(storm_after=2))))
    strike(story, 2)
    story.advance(minutes=20)
    strike(story, 2)
    assert story.told() == ["dpo"] * 4
    strike(story, 1)
    assert story.told() == []
    story.store.close()


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_digest_is_written_for_whoever_has_to_act(tmp_path, lang):
    """Most urgent first, whose, until when, what is left, the command; sixty cases are fifty lines and a number."""
    from msgspec.structs import replace

    people = (replace(PEOPLE[0], lang=lang), *PEOPLE[1:])
    story = Story(tmp_path, organisation(Policy(ladder=Ladder(storm_after=1)), people=people))
    strike(story, 60, detected_at=(START - timedelta(hours=5)).isoformat(), title="Jean Dupont lost his file")
    urgent = START - timedelta(hours=9)
    strike(story, 1, detected_at=urgent.isoformat())
    story.advance(minutes=15)
    (digest,) = digests(story)
    body = text(digest)
    well_written(body, lang)
    html = digest.get_body(("html",)).get_content()
    assert body.count("breachflow confirm ") == 50
    first = re.search(r"BF-\d{6}-[0-9A-Z]{9}", body)[0]
    assert first == story.cases[-1].id or story.store.get(first).candidates[0].at == urgent
    assert ("Et 10 autres dossiers" if lang == "fr" else "And 10 more cases") in body.replace("\u00a0", " ")
    assert ("60 dossiers" if lang == "fr" else "60 cases") in digest["Subject"].replace("\u00a0", " ")
    assert "Insurance SA" in body
    assert "Dupont" not in body + html + digest["Subject"]
    story.store.close()


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_digest_of_one_speaks_of_one(tmp_path, lang):
    """No plural where there is one case."""
    from msgspec.structs import replace

    people = (replace(PEOPLE[0], lang=lang), *PEOPLE[1:])
    story = Story(tmp_path, organisation(Policy(ladder=Ladder(storm_after=1)), people=people))
    strike(story, 2)
    story.advance(minutes=15)
    (digest,) = digests(story)
    well_written(text(digest), lang)
    assert ("1 dossier à" if lang == "fr" else "1 case to") in digest["Subject"].replace("\u00a0", " ")
    story.store.close()
