"""Mails to a real SMTP server: encryption, authentication, and every way in which a server says no."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_delivery import CASE, NOTICE, mail, settings

from breachflow.delivery import Deferred, Refused, Sent, open_route
from breachflow.delivery.smtp import MAILS, Smtp

PASSWORD = "hunter2-correct-horse"


class Handler:
    """Keeps what arrives; `answers` maps a verb to what is said to it instead."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, list[str], bytes]] = []
        self.sessions: set[object] = set()
        self.encrypted: list[bool] = []
        self.answers: dict[str, str] = {}
        self.once = False

    def said(self, verb: str) -> str | None:
        return self.answers.pop(verb, None) if self.once else self.answers.get(verb)

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd calls it by the verb.
        if (answer := self.said("MAIL")) is not None:
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd calls it by the verb.
        if (answer := self.said("RCPT")) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd calls it by the verb.
        if (answer := self.said("DATA")) is not None:
            return answer
        self.sessions.add(session)
        self.encrypted.append(session.ssl is not None)
        self.arrived.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return f"250 2.0.0 Ok: queued as Q{len(self.arrived)}"


def authenticator(_server, _session, _envelope, _mechanism, data) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"app@group", PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 and localhost, made for this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test server")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


@pytest.fixture
def trusted(certificate, monkeypatch):
    """This machine trusts the certificate, the way an administrator says so."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(handler: Handler, *, port: int | None = None, **options) -> Iterator[int]:
    port = port or free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def deliver(smtp: Smtp, *, to: str = "dpo@group.example", **changes) -> str:
    return smtp.send(mail(**changes), to=to, notice=NOTICE, case=CASE)


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def plain(handler):
    """A server on this machine that asks for nothing, and a provider that uses it."""
    with serving(handler) as port:
        smtp = Smtp("127.0.0.1", port, encryption="none")
        yield smtp
        smtp.close()


def test_a_mail_arrives_as_it_was_composed(plain, handler):
    """Byte by byte, under the server's own queue id."""
    assert deliver(plain, text="a line\n.\n..two\n") == "Q1"
    ((sender, recipients, content),) = handler.arrived

    assert (sender, recipients) == ("alerte@group.example", ["dpo@group.example"])
    assert content == mail(text="a line\n.\n..two\n")


@pytest.mark.usefixtures("trusted")
def test_with_starttls_and_a_password(handler, tls):
    """What `smtp://` means: no mail and no password before the line is encrypted."""
    with serving(
        handler, tls_context=tls, require_starttls=True, authenticator=authenticator, auth_required=True
    ) as port:
        route = open_route(settings(f"smtp://app%40group@127.0.0.1:{port}", smtp_password=PASSWORD))
        outcome = route.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE)
        route.close()

    assert outcome == Sent("smtp", "Q1")
    assert handler.encrypted == [True]


@pytest.mark.usefixtures("trusted")
def test_with_tls_from_the_start(handler, tls):
    """What `smtps://` means."""
    with serving(handler, ssl_context=tls) as port:
        route = open_route(settings(f"smtps://localhost:{port}"))
        assert route.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE) == Sent("smtp", "Q1")
        route.close()


def test_an_untrusted_certificate_takes_no_mail(handler, tls):
    """Somebody may stand in between."""
    with serving(handler, tls_context=tls) as port, pytest.raises(Deferred, match="certificate is not trusted"):
        deliver(Smtp("127.0.0.1", port, encryption="starttls"))
    assert handler.arrived == []


def test_a_server_without_starttls_takes_no_mail(handler):
    """Stripping STARTTLS is the oldest trick on this line."""
    with serving(handler) as port, pytest.raises(Deferred, match="no STARTTLS"):
        deliver(Smtp("127.0.0.1", port, encryption="starttls"))
    assert handler.arrived == []


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_defers_and_is_not_repeated(handler, tls):
    """Whoever set it can mend it, and the mail is still owed."""
    asking = serving(handler, tls_context=tls, authenticator=authenticator, auth_required=True)
    with asking as port, pytest.raises(Deferred, match="user and password") as caught:
        deliver(Smtp("127.0.0.1", port, encryption="starttls", user="app@group", password="wrong-one"))
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        ("450 4.2.1 dpo@group.example is busy", Deferred, "450 4.2.1"),
        ("452 Full", Deferred, "452"),
        ("550 5.1.1 dpo@group.example unknown", Refused, "550 5.1.1"),
        ("554 Rejected: Il reste 48 heures", Refused, "554"),
    ],
)
def test_a_servers_no_is_for_now_or_for_ever(plain, handler, verb, answer, outcome, said):
    """4xx and 5xx are told apart; the server's words, which repeat addresses, are not passed on."""
    handler.answers, handler.once = {verb: answer}, True
    with pytest.raises(outcome) as caught:
        deliver(plain)

    assert str(caught.value).endswith(f"{said}.")
    assert "dpo@" not in str(caught.value)
    assert "heures" not in str(caught.value)
    # The next mail goes over the same line as if nothing had been.
    assert deliver(plain) == "Q1"


def test_mails_that_follow_each_other_share_a_connection(plain, handler):
    """A batch does not shake hands a hundred times."""
    for _ in range(5):
        deliver(plain)
    assert len(handler.arrived) == 5
    assert len(handler.sessions) == 1


def test_a_connection_is_renewed_before_servers_lose_patience(plain, handler):
    """Many close after a hundred mails."""
    for _ in range(MAILS + 1):
        deliver(plain, text="x", html="x")
    assert len(handler.sessions) == 2


def test_a_server_that_closes_with_421_is_called_again(plain, handler):
    """421: the service is closing its side."""
    handler.answers, handler.once = {"RCPT": "421 4.3.2 shutting down"}, True
    with pytest.raises(Deferred, match="421"):
        deliver(plain)
    assert deliver(plain) == "Q1"


def test_a_server_that_was_restarted_is_found_again(handler):
    """The old connection is dead; the next mail notices and opens another."""
    port = free_port()
    smtp = Smtp("127.0.0.1", port, encryption="none")
    with serving(handler, port=port):
        assert deliver(smtp) == "Q1"
    with pytest.raises(Deferred):
        deliver(smtp)
    with serving(handler, port=port):
        assert deliver(smtp) == "Q2"
    smtp.close()


def test_a_server_that_is_not_there_defers():
    """Nothing listens: it will again."""
    with pytest.raises(Deferred, match="cannot be used: Connection refused"):
        deliver(Smtp("127.0.0.1", free_port(), encryption="none"))
    with pytest.raises(Deferred):
        deliver(Smtp("nowhere.invalid", 25, encryption="none"))


@pytest.mark.parametrize("greeting", [None, b"", b"220 ready\r\n", b"554 go away\r\n", b"\xff\xfe rubbish\r\n"])
def test_a_server_that_behaves_badly_defers(greeting):
    """Silent, hung up, silent after the greeting, unwilling, or something else altogether."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                if greeting is None or greeting.startswith(b"220"):
                    connection.sendall(greeting or b"")
                    done.wait(5)
                elif greeting:
                    connection.sendall(greeting)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(Deferred, match="SMTP server"):
                deliver(Smtp("127.0.0.1", listening.getsockname()[1], encryption="none", timeout=0.3))
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    "to", ["x@y.example\r\nRCPT TO:<thief@evil.example>", "a b@c.example", "<a>@b.example", "nobody", ""]
)
def test_an_address_that_is_none_is_refused_before_it_is_spoken(plain, handler, to):
    """Addresses of people concerned come from files that others wrote."""
    with pytest.raises(Refused):
        deliver(plain, to=to)
    assert deliver(plain) == "Q1"
    assert handler.arrived[0][1] == ["dpo@group.example"]


def test_addresses_in_other_letters(handler):
    """A domain is translated; a name before the @ needs a server that knows such names."""
    with serving(handler, enable_SMTPUTF8=True) as port:
        smtp = Smtp("127.0.0.1", port, encryption="none")
        deliver(smtp, to="dpo@exemplé.fr", to_address="dpo@exemplé.fr")
        deliver(smtp, to="dé@group.example", to_address="dé@group.example")
        smtp.close()
    assert [recipients for _, recipients, _ in handler.arrived] == [["dpo@xn--exempl-gva.fr"], ["dé@group.example"]]

    with serving(Handler(), enable_SMTPUTF8=False) as port:
        smtp = Smtp("127.0.0.1", port, encryption="none")
        with pytest.raises(Refused, match="outside ASCII"):
            deliver(smtp, to="dé@group.example", to_address="dé@group.example")
        smtp.close()


def test_where_the_server_is_away_the_next_in_line_takes_the_mail(tmp_path):
    """No escalation is silent."""
    route = open_route(settings(f"smtp+plain://127.0.0.1:{free_port()}", f"folder:{tmp_path}"))
    assert route.send(mail(), to="dpo@group.example", notice=NOTICE, case=CASE) == Sent("folder", f"{NOTICE}.eml")
