"""Mails through an SMTP server: encrypted, with or without authentication."""

from __future__ import annotations

import re
import smtplib
import ssl
from email import message_from_bytes
from email.policy import compat32
from email.utils import parseaddr
from typing import Literal

from breachflow.delivery.errors import Checked, Deferred, Refused

Encryption = Literal["starttls", "tls", "none"]
TIMEOUT = 20.0  # Seconds for each answer; RFC 5321 allows minutes, but a rung of the ladder does not wait that long.
MAILS = 100  # On one connection; servers that count, count about there.

_QUEUED = re.compile(rb"queued (?:mail )?(?:for delivery )?as:? *<?([A-Za-z0-9._-]{1,64})", re.IGNORECASE)
_ENHANCED = re.compile(rb"\b([245]\.\d{1,3}\.\d{1,3})\b")


class Smtp:
    """One server. The connection is kept while mails follow each other and renewed when the server has closed it."""

    name = "smtp"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        encryption: Encryption,
        user: str | None = None,
        password: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.host, self.port, self.encryption = host, port, encryption
        self._user, self._password, self._timeout = user, password, timeout
        self._open: smtplib.SMTP | None = None
        self._carried = 0

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> str:
        """Hand the mail over and return the server's queue id, or its answer's code.

        Raises `Deferred` (away, busy, 4xx, authentication) or `Refused` (5xx about this mail).
        """
        del notice, case  # They stand in the mail's own headers.
        try:
            return self._hand_over(self._connection(), message, to)
        except smtplib.SMTPServerDisconnected as error:
            self._drop()
            raise Deferred(f"{self._place} closed the connection.") from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Deferred(f"{self._place} cannot be used: {reason(error)}.") from error

    def check(self, seconds: float) -> Checked:
        """Connect, greet, encrypt and log in, as for a mail, and take leave. Raises `Deferred`."""
        try:
            server = self.connect(seconds)
            try:
                server.quit()
            except (OSError, smtplib.SMTPException):
                server.close()
        except smtplib.SMTPServerDisconnected as error:
            raise Deferred(f"{self._place} closed the connection.") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Deferred(f"{self._place} cannot be used: {reason(error)}.") from error
        how = {"starttls": "by STARTTLS", "tls": "by TLS", "none": "in clear"}[self.encryption]
        return Checked(f"{self._place} greets us {how}{' and knows our user' if self._user is not None else ''}.")

    def close(self) -> None:
        """Take leave of the server."""
        connection, self._open = self._open, None
        if connection is None:
            return
        try:
            connection.quit()
        except (OSError, smtplib.SMTPException):
            connection.close()

    @property
    def _place(self) -> str:
        return f"SMTP server {self.host}:{self.port}"

    def _hand_over(self, server: smtplib.SMTP, message: bytes, to: str) -> str:
        sender = parseaddr(str(message_from_bytes(message.partition(b"\r\n\r\n")[0], policy=compat32)["From"]))[1]
        to = plain_domain(to)
        options = ["BODY=8BITMIME"] if server.has_extn("8bitmime") else []
        if not (to.isascii() and sender.isascii()):
            if not server.has_extn("smtputf8"):
                raise Refused(f"{self._place} does not take addresses with letters outside ASCII.")
            options.append("SMTPUTF8")
            server.command_encoding = "utf-8"
        self._accepted(*server.mail(sender, options), "the sender")
        self._accepted(*server.rcpt(to), "the recipient")
        try:
            code, answer = server.data(message)
        except smtplib.SMTPDataError as error:  # The server would not even hear the mail.
            code, answer = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        self._accepted(code, answer, "the mail")
        self._carried += 1
        queued = _QUEUED.search(answer)
        return queued[1].decode("ascii") if queued else str(code)

    def _accepted(self, code: int, answer: bytes, what: str) -> None:
        if 200 <= code < 300:
            return
        # The rest of the answer often repeats the address.
        enhanced = _ENHANCED.search(answer)
        said = f"{code} {enhanced[1].decode('ascii')}" if enhanced else str(code)
        if 500 <= code < 600:
            self._reset()
            raise Refused(f"{self._place} refused {what}: {said}.")
        self._drop() if code == 421 else self._reset()
        raise Deferred(f"{self._place} deferred {what}: {said}.")

    def _connection(self) -> smtplib.SMTP:
        if self._open is not None:
            if self._carried < MAILS and _alive(self._open):
                return self._open
            self.close()
        self._open, self._carried = self.connect(), 0
        return self._open

    def another(self, *, timeout: float) -> Smtp:
        """Return the same server under the same name, for a connection of its own."""
        return Smtp(
            self.host, self.port, encryption=self.encryption, user=self._user, password=self._password, timeout=timeout
        )

    def connect(self, seconds: float | None = None) -> smtplib.SMTP:
        """Open a connection, encrypted and authenticated as it was set up; raises what `smtplib` raises."""
        timeout = self._timeout if seconds is None else seconds
        if self.encryption == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=timeout, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=timeout)
        try:
            server.ehlo_or_helo_if_needed()
            if self.encryption == "starttls":
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if self._user is not None:
                server.login(self._user, self._password or "")
        except BaseException:
            server.close()
            raise
        return server

    def _reset(self) -> None:
        if self._open is not None:
            try:
                self._open.rset()
            except (OSError, smtplib.SMTPException):
                self._drop()

    def _drop(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()


def _alive(server: smtplib.SMTP) -> bool:
    try:
        return server.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def plain_domain(address: str) -> str:
    """Return the address with its domain as SMTP carries it; raise `Refused` where it is none."""
    local, _, domain = address.rpartition("@")
    if not local or re.search(r"[\s<>\x00-\x1f\x7f]", address):
        raise Refused("what stands as the address of this person is not an address.")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError as error:
        raise Refused("the address of this person has a domain that cannot exist.") from error


def reason(error: Exception) -> str:
    """Return what is wrong with a connection, without the server's words."""
    # What a server says may repeat an address, so only its code is passed on.
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it does not take the user and password (code {error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it offers no STARTTLS or no authentication that we know"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "the encrypted connection could not be set up"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
