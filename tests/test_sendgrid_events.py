"""What SendGrid reports about mails: who may say so, what counts once, and that a mail that came back is told on."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from postgres_server import postgres_server  # noqa: F401 - a fixture.
from sendgrid_mock import SendGridMock
from story import START, Story

from breachflow.core.decision import Ack, Confirm, Dismiss
from breachflow.delivery import BadRoute, Route
from breachflow.delivery.sendgrid import SendGrid
from breachflow.delivery.sendgrid_events import Seal, reports
from breachflow.intake_http import Door
from breachflow.settings.environment import Address
from breachflow.store import Unavailable
from breachflow.workflow import Workflow

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()

numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """The address of an empty database, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/breachflow.db"
    return request.getfixturevalue("postgres_server").fresh(f"reports_{next(numbers)}")


class House:
    """A story whose mails go to SendGrid's stand-in, with the door at which SendGrid reports."""

    def __init__(self, folder, url=None) -> None:
        self.sendgrid = SendGridMock()
        self.sendgrid.__enter__()
        self.story = Story(folder, url=url)
        route = Route([SendGrid("SG.key", self.sendgrid.url)])
        self.story.workflow = Workflow(self.story.store, self.story.charter, self.story.watch, route=route)
        self.door = Door(
            Address("127.0.0.1", 0), None, lambda: True, lambda: True, seal=Seal(PUBLIC), clock=self.story.watch
        )
        self.door.open()
        self.away = False
        self._ids = itertools.count(1)

    def close(self) -> None:
        self.door.close()
        self.story.store.close()
        self.sendgrid.__exit__()

    def told(self) -> list[str]:
        """Who was mailed since the last question, by the part before the @."""
        accepted, self.sendgrid.accepted = self.sendgrid.accepted, []
        return [body["personalizations"][0]["to"][0]["email"].partition("@")[0] for body in accepted]

    def about(self, number: int = -1, event: str = "bounce", **more) -> dict:
        """An event about a mail that was accepted, as SendGrid writes it."""
        body = self.sendgrid.requests[number]
        (envelope,) = body["personalizations"]
        return {
            "email": envelope["to"][0]["email"], "timestamp": int(self.story.watch().timestamp()), "event": event,
            "smtp-id": body["headers"]["Message-ID"], "sg_event_id": f"ev{next(self._ids)}",
            "sg_message_id": "14c5d75ce93.dfd.64b469", "category": ["breachflow"], "status": "5.1.1",
            "reason": f"550 5.1.1 <{envelope['to'][0]['email']}> unknown user",
        } | envelope["custom_args"] | more  # fmt: skip

    def report(self, *events, body=None, key=KEY, at=None, signature=None, headers=True):
        """SendGrid posts; return status and answer, after a beat of the heart."""
        body = json.dumps(list(events)).encode() if body is None else body
        stamp = str(int((at or self.story.watch()).timestamp()))
        signed = signature or base64.b64encode(key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
        said = {
            "X-Twilio-Email-Event-Webhook-Signature": signed, "X-Twilio-Email-Event-Webhook-Timestamp": stamp
        } if headers else {}  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", self.door.address.port, timeout=20)
        answered = {}

        def ask() -> None:
            connection.request("POST", "/sendgrid/events", body, said)
            answer = connection.getresponse()
            answered["it"] = answer.status, json.loads(answer.read())

        thread = threading.Thread(target=ask)
        thread.start()
        while thread.is_alive():
            with contextlib.suppress(Unavailable):
                self.door.take(self.story.workflow, 0.02)
        connection.close()
        self.story.beat()
        return answered["it"]

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.story.store.entries(self.story.case.id)]


@pytest.fixture
def house(tmp_path, database):
    house = House(tmp_path, database)
    yield house
    house.close()


@pytest.mark.parametrize("event", ["bounce", "dropped"])
def test_a_mail_that_came_back_is_told_to_the_next_person_at_once(house, event):
    """The DPO's mailbox does not exist: the deputy is told now, not in twelve hours, and it is on record."""
    house.story.event()
    assert house.told() == ["dpo"]

    assert house.report(house.about(event=event)) == (200, {"recorded": 1})
    assert house.told() == ["deputy"]
    assert house.kinds() == ["opened", "told", "delivery", "told"]
    entry = house.story.store.entries(house.story.case.id)[2]
    assert entry.body["event"] == event
    assert entry.body["status"] == "5.1.1"
    assert entry.body["instead"] == "deputy"
    assert "@" not in entry.body_text
    rows = {row.notice.to: row.state for row in house.story.store.notices(house.story.case.id)}
    assert rows == {"dpo": "bounced", "deputy": "sent"}
    assert house.story.store.verify_register() == []


def test_when_every_mail_comes_back_it_is_the_alarm(house):
    """Nobody is left: the wall says so until a person answers."""
    house.story.event()
    for _ in range(4):
        assert not house.story.case.alarm
        house.report(house.about())

    assert house.told() == ["dpo", "deputy", "ciso", "boss"]
    assert house.story.case.alarm
    house.story.decide(Ack(by="dpo"))
    assert not house.story.case.alarm


def test_the_same_report_twice_counts_once(house):
    """SendGrid sends again what it is not sure of, alone or among others."""
    house.story.event()
    house.told()
    bounce = house.about()
    assert house.report(bounce, bounce)[1] == {"recorded": 1}
    assert house.report(bounce)[1] == {"recorded": 0}

    assert house.told() == ["deputy"]
    assert house.kinds().count("delivery") == 1


def test_a_second_bounce_of_the_same_mail_is_recorded_and_tells_nobody_else(house):
    """Dropped after a bounce: one person more was told for it already."""
    house.story.event()
    house.told()
    house.report(house.about(0))
    house.report(house.about(0, "dropped"))
    assert house.told() == ["deputy"]
    assert house.kinds().count("delivery") == 2


def test_a_later_delivered_does_not_take_it_back(house):
    """Reports come in any order; who was told instead stays told, and the mail stays bounced."""
    house.story.event()
    house.report(house.about(0))
    house.report(house.about(0, "delivered"))

    rows = {row.notice.to: row.state for row in house.story.store.notices(house.story.case.id)}
    assert rows == {"dpo": "bounced", "deputy": "sent"}
    events = [e.body["event"] for e in house.story.store.entries(house.story.case.id) if e.kind == "delivery"]
    assert events == ["bounce", "delivered"]


@pytest.mark.parametrize("event", ["delivered", "deferred", "spamreport"])
def test_what_still_may_arrive_is_recorded_and_wakes_nobody(house, event):
    """Who, when, what; nothing else changes."""
    house.story.event()
    house.told()
    at = int((START - timedelta(minutes=1)).timestamp())
    house.report(house.about(event=event, timestamp=at))

    assert house.told() == []
    entry = house.story.store.entries(house.story.case.id)[-1]
    assert (entry.kind, entry.body["to"], entry.body["event"]) == ("delivery", "dpo", event)
    assert entry.body["reported_at"] == (START - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")


def test_a_bounce_before_our_own_record_sends_nothing_twice(house):
    """The process died between SendGrid's yes and our note of it; the bounce is faster than the lapsed claim."""
    settle = house.story.workflow._settle
    house.story.workflow._settle = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        house.story.event()
    house.story.workflow._settle = settle
    assert house.told() == ["dpo"]
    house.report(house.about())
    house.story.advance(minutes=5)
    assert house.told() == ["deputy"]


def test_a_mail_of_a_clock_that_has_stopped_is_told_to_nobody_else(house):
    """The case was dismissed meanwhile: there is no duty to climb for."""
    house.story.event()
    house.story.decide(Confirm(by="dpo", aware_at=START))
    house.story.advance(hours=24)
    house.story.decide(Dismiss(by="dpo", reason="a scanner of our own"))
    house.told()
    house.report(house.about())
    assert house.told() == []
    assert not house.story.case.alarm


def test_what_is_about_no_case_is_told_on_too(house):
    """The mail that says that events cannot be read."""
    house.story.raw(b"broken")
    assert house.told() == ["dpo"]
    house.report(house.about())
    assert house.told() == ["deputy"]


def test_other_events_and_other_peoples_mails_are_passed_over(house):
    """Opened, clicked, another sender's, and nonsense: 2xx, so that SendGrid does not send them again."""
    house.story.event()
    strange = [
        house.about(event="open"), house.about(notice="0" * 26), house.about(notice=["x"]), {"event": "bounce"}, 7,
        house.about(sg_event_id=None), house.about(timestamp="now"), house.about(timestamp=1e300),
        house.about(timestamp=True), house.about(event=["bounce"]),
    ]  # fmt: skip
    assert house.report(*strange) == (200, {"recorded": 0})
    assert house.kinds() == ["opened", "told"]


def test_nobody_but_sendgrid_may_say_that_a_mail_came_back(house):
    """Another key, another body, no signature, an old one: refused, and nothing changes."""
    house.story.event()
    house.told()
    bounce = house.about()
    assert house.report(bounce, key=ec.generate_private_key(ec.SECP256R1()))[0] == 401
    assert house.report(bounce, signature="AAAA")[0] == 401
    assert house.report(bounce, signature="né!")[0] == 401
    assert house.report(bounce, headers=False)[0] == 401
    assert house.report(bounce, at=START - timedelta(minutes=11))[0] == 401
    assert house.report(bounce, at=START + timedelta(minutes=11))[0] == 401
    assert house.report(body=b"{")[0] == 400
    assert house.report(body=b"[" * 100_000)[0] == 400
    assert house.report(body=b'{"event": "bounce"}')[0] == 400
    assert house.told() == []

    assert house.report(bounce, at=START - timedelta(minutes=9))[0] == 200
    assert house.told() == ["deputy"]


def test_without_a_token_the_door_takes_no_events(house):
    """The address for SendGrid opens no other one."""
    connection = http.client.HTTPConnection("127.0.0.1", house.door.address.port, timeout=20)
    connection.request("POST", "/events", b"{}", {"Authorization": "Bearer "})
    assert connection.getresponse().status == 404
    connection.close()


def test_2xx_comes_only_after_the_commit(house):
    """The database is away: 503, and SendGrid sends it again."""
    house.story.event()
    house.told()
    bounce = house.about()
    commit = house.story.store.commit

    def away(*_, **__):
        raise Unavailable("The database cannot be used now.")

    house.story.store.commit = away
    assert house.report(bounce)[0] == 503
    house.story.store.commit = commit
    house.story.beat()
    assert house.told() == []
    assert house.report(bounce)[0] == 200
    assert house.told() == ["deputy"]


def test_a_key_that_is_none_is_named():
    """`breachflow check` and `run` say which variable."""
    other = rsa.generate_private_key(65537, 2048).public_key()
    der = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in ("x", "MFkw", base64.b64encode(der).decode()):
        with pytest.raises(BadRoute, match="BREACHFLOW_SENDGRID_WEBHOOK_KEY"):
            Seal(key)


def test_sendgrids_own_helper_signs_as_we_verify():
    """The two read one signature alike."""
    from sendgrid.helpers.eventwebhook import EventWebhook

    body, stamp = '[{"événement": 1}]\r\n', str(int(START.timestamp()))
    signature = base64.b64encode(KEY.sign((stamp + body).encode(), ec.ECDSA(hashes.SHA256()))).decode()
    assert EventWebhook(PUBLIC).verify_signature(body, signature, stamp)
    assert Seal(PUBLIC).refused(body.encode(), signature, stamp, START) is None


def test_no_reason_of_a_mail_server_is_taken_over():
    """It repeats the address; the code is enough."""
    event = {"event": "bounce", "sg_event_id": "e", "notice": "0f" * 13, "timestamp": 1, "status": "5.1.1 <a@b>"}
    (report,) = reports(json.dumps([event]).encode())
    assert report.status == ""
