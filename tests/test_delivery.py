"""Mails leave the house: composed harmlessly and repeatably, laid down privately, tried in order."""

from __future__ import annotations

import email
import threading
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breachflow.delivery import BadRoute, Deferred, Refused, Route, Sent, backoff, compose, message_id, open_route
from breachflow.delivery.folder import Folder
from breachflow.delivery.smtp import Smtp

NOTICE, CASE = "0f" * 13, "BF-260301-A1B2C3D4"
DATE = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "X-Breachflow-Notice", "X-Breachflow-Case", "MIME-Version", "Content-Type",
]  # fmt: skip


def mail(**changes) -> bytes:
    values = {
        "subject": "[48 h] Échéance : notification à la CNIL",
        "text": "Bonjour,\n\nIl reste 48 heures.\n",
        "html": "<p>Bonjour,</p><p>Il reste 48 heures.</p>",
        "sender": "alerte@group.example",
        "to_name": "Délégué à la protection des données",
        "to_address": "dpo@group.example",
        "message_id": message_id(NOTICE, "group.example"),
        "date": DATE,
        "thread": message_id(CASE, "group.example"),
        "headers": {"X-Breachflow-Notice": NOTICE, "X-Breachflow-Case": CASE},
    }
    return compose(**(values | changes))


def read(message: bytes) -> EmailMessage:
    return email.message_from_bytes(message, EmailMessage, policy=default)


def settings(*specs: str, smtp_password: str | None = None, key: str | None = None, url: str = "https://x.example"):
    return SimpleNamespace(mail=specs, smtp_password=smtp_password, sendgrid_api_key=key, sendgrid_url=url)


def test_a_mail_says_what_it_was_told_to_say():
    """Text and HTML, a thread for the case, and a mark that nobody's absence note should answer."""
    message = read(mail())

    assert message.keys() == HEADERS
    assert message["Subject"] == "[48 h] Échéance : notification à la CNIL"
    assert message["To"].addresses[0].display_name == "Délégué à la protection des données"
    assert message["To"].addresses[0].addr_spec == "dpo@group.example"
    assert message["Message-ID"] == f"<{NOTICE}.breachflow@group.example>"
    assert message["References"] == message["In-Reply-To"] == f"<{CASE}.breachflow@group.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == DATE
    assert message.get_content_type() == "multipart/alternative"
    assert message.get_body(("plain",)).get_content().splitlines() == ["Bonjour,", "", "Il reste 48 heures."]
    assert "<p>Il reste 48 heures.</p>" in message.get_body(("html",)).get_content()


def test_the_same_notice_gives_the_same_bytes():
    """What is sent again after a crash is recognisably the same."""
    assert mail() == mail()
    assert mail() != mail(message_id=message_id("0e" * 13, "group.example"))


def test_every_line_ends_as_the_standard_asks_and_none_is_too_long():
    """Lines of 998 octets at most, ended by CR LF, all seven bit: no server on the way has to touch the mail."""
    message = mail(text="é" * 5000 + "\n.\nFrom here\n", html="<p>" + "x" * 20_000 + "</p>")

    lines = message.split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line for line in lines)
    assert max(len(line) for line in lines) <= 998
    assert message.isascii()
    assert read(message).get_body(("plain",)).get_content().replace("\r\n", "\n") == "é" * 5000 + "\n.\nFrom here\n"


def test_long_ids_stay_whole():
    """A folded or encoded id would tear the thread apart."""
    domain = "mail." * 20 + "group.example"
    raw = mail(message_id=message_id(NOTICE, domain), thread=message_id(CASE, domain))

    assert f"References: <{CASE}.breachflow@{domain}>\r\n".encode() in raw
    assert f"In-Reply-To: <{CASE}.breachflow@{domain}>\r\n".encode() in raw
    assert f"Message-ID: <{NOTICE}.breachflow@{domain}>\r\n".encode() in raw


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\0", "\x1b", "=?utf-8?q?=0D=0A?="]
)
@pytest.mark.parametrize("place", ["subject", "to_name", "sender", "to_address", "headers"])
def test_no_text_from_outside_adds_a_header(end, place):
    """Whoever names an event must not address our mails."""
    hostile = f"innocent{end}Bcc: thief@evil.example{end}{end}<script>"
    value = {"sender": f"{hostile}@group.example", "to_address": f"{hostile}@group.example"}.get(place, hostile)
    raw = mail(**{place: {"X-Breachflow-Notice": value, "X-Breachflow-Case": CASE} if place == "headers" else value})

    for policy in (default, SMTP):
        message = email.message_from_bytes(raw, EmailMessage, policy=policy)
        assert message.keys() == HEADERS
        assert message["Bcc"] is None
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    head = raw.partition(b"\r\n\r\n")[0]
    assert not any(line.lower().startswith(b"bcc") for line in head.split(b"\r\n"))
    assert not any(ord(letter) < 32 or letter in "\x85\u2028\u2029" for letter in str(read(raw)["Subject"]))


@given(st.text(max_size=400), st.text(max_size=300))
def test_any_title_and_any_name_make_a_mail(title, name):
    """Whatever is in them: one mail, the same headers, the same two bodies."""
    message = read(mail(subject=title, to_name=name, text=title, html=name))

    assert message.keys() == HEADERS
    assert message["To"].addresses[0].addr_spec == "dpo@group.example"
    assert len(message["To"].addresses) == 1
    assert len(list(message.iter_parts())) == 2


def test_the_reading_direction_cannot_be_turned():
    """`annexe_fdp.exe` must not read `annexe_exe.pdf`."""
    message = read(mail(subject="annexe_\u202efdp.exe", text="a\u202eb\u2066c\x07\x00", html="<p>\u202e\u200f</p>"))

    assert message["Subject"] == "annexe_fdp.exe"
    assert message.get_body(("plain",)).get_content().rstrip("\r\n") == "abc  "
    assert message.get_body(("html",)).get_content().rstrip("\r\n") == "<p></p>"


def test_what_people_write_is_left_as_it_is():
    """Non-breaking spaces, quotation marks, emoji with joiners and other scripts are text, not tricks."""
    subject = "« Échéance » : 48\u00a0h, 👩\u200d💻 Ελληνικά 日本"
    assert read(mail(subject=subject))["Subject"] == subject


def test_a_title_of_twenty_thousand_characters_is_cut():
    """A subject is read on a telephone."""
    subject = str(read(mail(subject="x" * 20_000))["Subject"])
    assert len(subject) == 200
    assert subject.endswith("…")


def test_a_notice_always_has_the_same_message_id():
    """Derived from the notice; nothing in an id can leave the angle brackets."""
    assert message_id(NOTICE, "group.example") == message_id(NOTICE, "group.example")
    assert message_id("a>\r\nBcc: x", "ex ample>") == "<a---Bcc--x.breachflow@ex-ample->"
    assert message_id("a", "exemplé.fr") == "<a.breachflow@xn--exempl-gva.fr>"


def test_a_mail_laid_in_a_folder_is_its_owners_only(tmp_path):
    """It may hold what must not become the next breach."""
    folder = Folder(tmp_path / "outbox")
    name = folder.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)

    assert name == f"{NOTICE}.eml"
    assert (tmp_path / "outbox" / name).read_bytes() == mail()
    assert (tmp_path / "outbox" / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700


def test_the_same_notice_never_makes_a_second_file(tmp_path):
    """A crash between send and settle sends again; the person finds one mail."""
    folder = Folder(tmp_path)
    first = folder.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)
    again = folder.send(mail(text="other"), to="dpo@group.example", notice=NOTICE, case=CASE)

    assert first == again
    assert [path.name for path in tmp_path.iterdir()] == [first]
    assert (tmp_path / first).read_bytes() == mail()


def test_workers_that_lay_the_same_mail_at_once_leave_one_whole_file(tmp_path):
    """Two workers may hold the same lapsed claim."""
    start = threading.Barrier(6)

    def lay() -> None:
        start.wait()
        for _ in range(5):
            Folder(tmp_path).send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)

    threads = [threading.Thread(target=lay) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [mail()]


def test_a_folder_that_cannot_be_written_defers_the_mail(tmp_path):
    """A full or missing disk comes back; the mail is still owed."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Deferred, match="cannot be written") as caught:
        Folder(tmp_path / "file" / "outbox").send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)
    assert "dpo@" not in str(caught.value)


def test_no_file_name_leaves_the_folder(tmp_path):
    """Names come from ids, and ids could come from anywhere."""
    folder = Folder(tmp_path / "outbox")
    for ident in ("../../evil", ".hidden", "a/b", "x" * 500):
        raw = mail().replace(f"<{NOTICE}.breachflow@".encode(), f"<{ident}.breachflow@".encode(), 1)
        folder.send(raw, to="dpo@group.example", notice="n", case=None)
    folder.send(b"Subject: no id at all\r\n\r\nbody", to="dpo@group.example", notice="n-1", case=None)

    assert list(tmp_path.iterdir()) == [tmp_path / "outbox"]
    assert len(list((tmp_path / "outbox").iterdir())) == 5
    assert (tmp_path / "outbox" / "n-1.eml").exists()


class Answering:
    """A provider outside our walls that always answers the same."""

    def __init__(self, name: str, answer: Exception | str) -> None:
        self.name, self.answer, self.asked, self.closed = name, answer, 0, False

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> str:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.closed = True


def sent(*providers: Answering) -> Sent:
    return Route(providers).send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)


def test_the_first_provider_that_takes_the_mail_has_it():
    """The others are not asked, or the person would have it twice."""
    first, second, third = Answering("a", Deferred("away")), Answering("b", "id-7"), Answering("c", "id-8")

    assert sent(first, second, third) == Sent("b", "id-7")
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)
    assert sent(Answering("a", Refused("no")), Answering("b", "id")) == Sent("b", "id")


def test_a_mail_is_given_up_only_where_nobody_will_ever_take_it():
    """One provider that may come back is reason to try again."""
    with pytest.raises(Deferred, match=r"^away no$"):
        sent(Answering("a", Deferred("away")), Answering("b", Refused("no")))
    with pytest.raises(Refused, match=r"^never no$"):
        sent(Answering("a", Refused("never")), Answering("b", Refused("no")))


def test_the_shortest_wait_counts():
    """Whoever is ready first is asked first; who states no wait may be ready at once."""
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    with pytest.raises(Deferred) as caught:
        sent(Answering("a", Deferred("x", hour)), Answering("b", Deferred("y", minute)), Answering("c", Refused("z")))
    assert caught.value.retry_after == minute
    with pytest.raises(Deferred) as caught:
        sent(Answering("a", Deferred("x", hour)), Answering("b", Deferred("y")))
    assert caught.value.retry_after is None


def test_closing_a_route_closes_every_provider():
    """Nothing stays open behind a service that stops."""
    providers = [Answering("a", "1"), Answering("b", "2")]
    Route(providers).close()
    assert all(provider.closed for provider in providers)


def test_a_route_is_opened_from_the_mail_setting(tmp_path):
    """The order of the setting is the order of the attempts."""
    route = open_route(
        settings(
            "sendgrid:",
            "smtp://app%40x@mx.example",
            "smtps://mx.example:1465",
            f"folder:{tmp_path}",
            key="SG.x",
            smtp_password="p",
        )
    )

    assert [provider.name for provider in route.providers] == ["sendgrid", "smtp", "smtp", "folder"]
    starttls, tls = (provider for provider in route.providers if isinstance(provider, Smtp))
    assert (starttls.host, starttls.port, starttls.encryption) == ("mx.example", 587, "starttls")
    assert (tls.port, tls.encryption) == (1465, "tls")
    for spec in ("smtp+plain://localhost:1025", "smtp+plain://127.0.0.1:25", "smtp+plain://[::1]:25"):
        assert open_route(settings(spec)).providers[0].encryption == "none"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (settings(), "names no provider"),
        (settings("pigeon:"), "must be folder:PATH"),
        (settings("folder:"), "must be folder:PATH"),
        (settings("sendgrid:"), "SENDGRID_API_KEY is not set"),
        (settings("sendgrid:", key="SG.x", url="http://api.example"), "must begin with https://"),
        (settings("sendgrid:", key="SG.x", url="http://localhost.evil.example"), "must begin with https://"),
        (settings("smtp://mx.example:99999"), "must say smtp://user@host:port"),
        (settings("smtps:mx.example"), "must say smtps://user@host:port"),
        (settings("smtp+plain://mx.example:25"), "for this machine only"),
        (settings("smtp+plain://127.0.0.1.evil.example"), "for this machine only"),
        (settings("smtp://app@mx.example"), "BREACHFLOW_SMTP_PASSWORD is not set"),
    ],
)
def test_a_mail_setting_that_cannot_be_used_is_refused_at_the_start(where, said):
    """Not at night, when the first mail is owed."""
    with pytest.raises(BadRoute, match="BREACHFLOW_") as caught:
        open_route(where)
    assert said in str(caught.value)


def test_eight_tries_last_about_a_quarter_of_an_hour():
    """Long enough for a server that restarts, short enough for the next person to be told in time."""
    total = sum((backoff(attempt, NOTICE) for attempt in range(1, 8)), timedelta())
    assert timedelta(minutes=10) < total < timedelta(minutes=20)
    assert timedelta(seconds=7) < backoff(1, NOTICE) < timedelta(seconds=13)


@given(st.integers(0, 10_000), st.text(max_size=30))
def test_a_wait_is_bounded_and_always_the_same(attempt, notice):
    """Never nothing, never more than six and a quarter minutes; a replay waits exactly as long."""
    wait = backoff(attempt, notice)
    assert timedelta(seconds=7) < wait < timedelta(minutes=6, seconds=16)
    assert wait == backoff(attempt, notice)


def test_mails_that_failed_together_do_not_come_back_together():
    """A server that comes back must not be knocked over by everybody at once."""
    waits = {round(backoff(4, str(number)).total_seconds()) for number in range(200)}
    assert len(waits) > 25


def test_the_folder_is_what_the_settings_name(tmp_path):
    """From the setting to the file, through the whole route."""
    route = open_route(settings(f"folder:{tmp_path / 'out'}"))
    outcome = route.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)

    assert outcome == Sent("folder", f"{NOTICE}.eml")
    assert Path(tmp_path / "out" / outcome.reference).exists()
