"""SendGrid: what we ask of it is what its own document allows, and whatever it answers, no mail is lost."""

from __future__ import annotations

import logging
import socket
from datetime import timedelta

import pytest
from sendgrid_mock import DOCUMENT, SendGridMock, validator
from test_delivery import CASE, NOTICE, mail, settings

from breachflow.delivery import Deferred, Refused, Sent, open_route
from breachflow.delivery.sendgrid import SendGrid

MESSAGE_ID = f"<{NOTICE}.breachflow@group.example>"


@pytest.fixture
def mock():
    with SendGridMock() as running:
        yield running


def send(url: str, *, key: str = "SG.key", sandbox: bool = False, timeout: float = 5.0, **changes) -> str:
    return SendGrid(key, url, sandbox=sandbox, timeout=timeout).send(
        mail(**changes), to="dpo@group.example", notice=NOTICE, case=CASE
    )


@pytest.mark.shared
@pytest.mark.parametrize("sandbox", [False, True])
def test_our_requests_are_what_sendgrids_own_document_allows(shared, sandbox):
    """Plain, hostile and empty mails alike; the document is the one that SendGrid publishes."""
    with SendGridMock(validator(shared / DOCUMENT)) as mock:
        send(mock.url, sandbox=sandbox)
        send(
            mock.url,
            sandbox=sandbox,
            subject="x\r\nBcc: y@z.example\u202e" * 400,
            to_name='"\r\n<a@b>',
            text="",
            html="",
        )
        SendGrid("SG.key", mock.url, sandbox=sandbox).send(
            mail(thread=None, headers={}), to="a@b.example", notice="n", case=None
        )

        assert mock.complaints == []
        assert len(mock.accepted) == (0 if sandbox else 3)
        known = set(
            mock.check.schema["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"][
                "properties"
            ]
        )
        assert all(set(body) <= known for body in mock.requests)


@pytest.mark.shared
def test_the_mock_refuses_what_the_document_forbids(shared):
    """A stand-in that takes everything would prove nothing."""
    check = validator(shared / DOCUMENT)
    body = {"personalizations": [{}], "subject": ""}
    assert {error.json_path for error in check.iter_errors(body)} >= {"$", "$.personalizations[0]", "$.subject"}


def test_a_mail_arrives_with_its_message_id_case_and_both_bodies(mock):
    """Replies thread, bounces find their case, and nothing tracks who opens or clicks."""
    assert send(mock.url) == "sg-1"
    (body,) = mock.accepted

    assert body["headers"]["Message-ID"] == MESSAGE_ID
    assert body["headers"]["References"] == f"<{CASE}.breachflow@group.example>"
    assert body["headers"]["Auto-Submitted"] == "auto-generated"
    assert body["headers"]["X-Breachflow-Notice"] == NOTICE
    assert body["categories"] == ["breachflow"]
    (envelope,) = body["personalizations"]
    assert envelope["to"] == [{"email": "dpo@group.example", "name": "Délégué à la protection des données"}]
    assert envelope["custom_args"] == {"notice": NOTICE, "case": CASE}
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    assert "Il reste 48 heures." in body["content"][0]["value"]
    assert not body["tracking_settings"]["click_tracking"]["enable"]
    assert not body["tracking_settings"]["open_tracking"]["enable"]
    # These belong to SendGrid; a request that overrides them is refused by the real one.
    assert not {"to", "from", "subject", "cc", "bcc", "content-type", "reply-to"} & {
        name.lower() for name in body["headers"]
    }


def test_in_an_exercise_nothing_is_sent(mock):
    """SendGrid checks the request and throws it away."""
    assert send(mock.url, sandbox=True) == "accepted"
    assert mock.requests[0]["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert mock.accepted == []


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        ({"Retry-After": "0"}, timedelta(seconds=1)),
        ({"Retry-After": "999999999"}, timedelta(hours=1)),
        ({"Retry-After": "soon"}, None),
        ({"X-RateLimit-Reset": "nonsense"}, None),
        ({}, None),
    ],
)
def test_too_many_requests_defer_for_as_long_as_sendgrid_asks(mock, headers, wait):
    """Within reason: the ladder does not wait a day."""
    mock.answers = [(429, headers)]
    with pytest.raises(Deferred, match="slow down") as caught:
        send(mock.url)
    assert caught.value.retry_after == wait


def test_a_date_is_read_by_sendgrids_own_clock():
    """Ours may be wrong, or stand still in an exercise."""
    from breachflow.delivery.sendgrid import _wait

    date = "Sun, 01 Mar 2026 08:00:00 GMT"
    assert _wait({"Retry-After": "Sun, 01 Mar 2026 08:05:00 GMT", "Date": date}) == timedelta(minutes=5)
    assert _wait({"X-RateLimit-Reset": "1772352090", "Date": date}) == timedelta(seconds=90)
    assert _wait({"X-RateLimit-Reset": "1772352000"}) is None


@pytest.mark.parametrize("status", [401, 403, 404, 405, 500, 502, 503, 504])
def test_what_is_not_the_mails_fault_defers_it(mock, status):
    """A server in trouble comes back, and a wrong key is put right; the mail is still owed."""
    mock.answers = [status]
    with pytest.raises(Deferred, match=str(status)):
        send(mock.url)
    assert send(mock.url) == "sg-1"


def test_a_wrong_key_names_the_variable(mock):
    """Whoever set it can mend it; the key itself is not repeated."""
    with pytest.raises(Deferred, match="SENDGRID_API_KEY") as caught:
        send(mock.url, key="SG.wrong")
    assert "SG.wrong" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_mail_says_which_field_and_repeats_nobodys_address(mock, status):
    """The sentence goes to log and register; SendGrid's own words may hold what the mail holds."""
    answer = (
        b'{"errors":[{"message":"dpo@group.example is no address","field":"personalizations.0.to.0.email","help":"x"}]}'
    )
    mock.answers = [(status, {}, answer)]
    with pytest.raises(Refused) as caught:
        send(mock.url)

    assert str(caught.value) == f"SendGrid refused the mail ({status}): it objects to personalizations.0.to.0.email."


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"errors":3}', b'{"errors":[3]}', b'{"errors":[{"field":"a@b"}]}', b"\xff"]
)
def test_a_refusal_in_another_form_is_still_a_refusal(mock, body):
    """A proxy on the way answers in HTML."""
    mock.answers = [(400, {}, body)]
    with pytest.raises(Refused, match=r"^SendGrid refused the mail \(400\)\.$"):
        send(mock.url)


def test_silence_defers_and_the_mail_is_resent_the_same(mock):
    """Nobody knows whether it was taken: it goes again, recognisably the same."""
    mock.answers = ["hang"]
    with pytest.raises(Deferred, match="did not answer in time"):
        send(mock.url, timeout=0.2)
    assert send(mock.url) == "sg-1"
    assert mock.requests[0] == mock.requests[1]
    assert mock.requests[1]["headers"]["Message-ID"] == MESSAGE_ID


def test_a_connection_that_breaks_off_mid_request_defers(mock):
    """As does one that cannot be made at all."""
    mock.answers = ["reset"]
    with pytest.raises(Deferred, match="cannot be reached"):
        send(mock.url, text="x" * 200_000)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Deferred, match="cannot be reached"):
            send(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert mock.accepted == []


def test_an_answer_that_is_no_acceptance_is_not_taken_for_one(mock):
    """A captive portal answers 204 to everything."""
    mock.answers = [204]
    with pytest.raises(Deferred, match="204"):
        send(mock.url)


def test_where_sendgrid_is_away_the_next_in_line_takes_the_mail(mock, tmp_path):
    """No escalation is silent: the same mail, by another way."""
    mock.answers = [503]
    route = open_route(settings("sendgrid:", f"folder:{tmp_path}", key="SG.key", url=mock.url))
    outcome = route.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)

    assert outcome == Sent("folder", f"{NOTICE}.eml")
    assert (tmp_path / outcome.reference).read_bytes() == mail()
    assert route.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE) == Sent("sendgrid", "sg-1")


def test_neither_key_nor_content_reaches_a_log(mock, caplog):
    """SendGrid's library logs both when debugging is on."""
    with caplog.at_level(logging.DEBUG):
        send(mock.url)

    assert len(mock.accepted) == 1
    assert "SG.key" not in caplog.text
    assert "48 heures" not in caplog.text
