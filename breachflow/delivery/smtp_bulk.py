"""Batches of mails over SMTP: few connections, many mails on each, commands sent together where the server lets us.

A 5xx about the address is the person's; one about the sender, our rights or the content is ours, and nobody is given up
for it.
"""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from breachflow.core.concerned import Answer
from breachflow.delivery.bulk import Envelope
from breachflow.delivery.errors import Deferred, Refused
from breachflow.delivery.smtp import MAILS, Smtp, plain_domain, reason

CONNECTIONS = 4  # As many as common servers grant one client without a word.
EACH = 25  # Mails for which another connection is worth while.
TIMEOUT = 10.0  # Seconds for an answer.
WITHIN = 5.0  # Seconds after which a batch begins no further mail: with the time-outs it stays within the list's lease.

_THEIRS = re.compile(rb"\b5\.[12]\.\d{1,3}\b")
_OURS = re.compile(rb"\b5\.[3-7]\.\d{1,3}\b")


class SmtpPost:
    """One server, over several connections, each used by one thread at a time."""

    name = "smtp"

    def __init__(self, server: Smtp) -> None:
        self._lines = [
            _Line(server.another(timeout=TIMEOUT), f"SMTP server {server.host}:{server.port}")
            for _ in range(CONNECTIONS)
        ]
        self._pool: ThreadPoolExecutor | None = None
        self.why = ""
        self.wait: timedelta | None = None

    def send(self, batch: Sequence[Envelope], *, sender: str, case: str) -> list[Answer]:
        """Hand the mails over, those of one connection in order."""
        del case  # It stands nowhere in a mail to people.
        self._pool = self._pool or ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="smtp")
        count = min(CONNECTIONS, -(-len(batch) // EACH))
        lines = self._lines[:count]
        parts = [batch[place::count] for place in range(count)]
        answered = list(self._pool.map(lambda pair: pair[0].send(pair[1], sender), zip(lines, parts, strict=True)))
        self.why = next((line.why for line in lines if line.why), "")
        answers: list[Answer] = ["unheard"] * len(batch)
        for place, part in enumerate(answered):
            answers[place::count] = part
        return answers

    def close(self) -> None:
        """Take leave of the server."""
        for line in self._lines:
            line.close()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


class _Line:
    """One connection."""

    def __init__(self, server: Smtp, place: str) -> None:
        self._server, self._place = server, place
        self._open: smtplib.SMTP | None = None
        self._carried = 0
        self.why = ""

    def send(self, mails: Sequence[Envelope], sender: str) -> list[Answer]:
        self.why = ""
        until = time.monotonic() + WITHIN
        answers: list[Answer] = []
        try:
            for mail in mails:
                if time.monotonic() > until:
                    break
                answers.append(self._one(self._connection(), mail, sender))
                if self._open is None:
                    break
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            self.why = f"{self._place} cannot be used: {reason(error)}."
        except Deferred as problem:
            self._drop()
            self.why = str(problem)
        return answers + ["unheard"] * (len(mails) - len(answers))

    def close(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            try:
                connection.quit()
            except (OSError, smtplib.SMTPException):
                connection.close()

    def _connection(self) -> smtplib.SMTP:
        if self._open is not None and self._carried >= MAILS:
            self.close()
        if self._open is None:
            self._open, self._carried = self._server.connect(), 0
        return self._open

    def _one(self, server: smtplib.SMTP, mail: Envelope, sender: str) -> Answer:
        try:
            to = plain_domain(mail.to)
        except Refused:
            return "refused"
        options = ["BODY=8BITMIME"] if server.has_extn("8bitmime") else []
        if not (to.isascii() and sender.isascii()):
            if not server.has_extn("smtputf8"):
                return "refused"
            options.append("SMTPUTF8")
        commands = (" ".join((f"MAIL FROM:<{sender}>", *options)), f"RCPT TO:<{to}>", "DATA")
        replies = list(self._asked(server, [f"{command}\r\n".encode() for command in commands]))
        if len(replies) == len(commands) and replies[2][0] == 354:
            if replies[1][0] >= 300:
                server.send(b".\r\n")  # Pipelined DATA to nobody: the server refuses it, and that is all.
                server.getreply()
            else:
                server.send(_stuffed(mail.message))
                code, said = server.getreply()
                self._carried += 1
                return self._meaning(code, said, "the mail")
        place = next(n for n, (code, _) in enumerate(replies) if code >= 400 or n == len(replies) - 1)
        answer = self._meaning(*replies[place], ("the sender", "the recipient", "the mail")[place])
        if self._open is not None:
            server.rset()
        return answer if answer != "accepted" else "unheard"

    def _asked(self, server: smtplib.SMTP, commands: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
        """Send the commands and return the replies: all at once where the server offers it (RFC 2920)."""
        if server.has_extn("pipelining"):
            server.send(b"".join(commands))
            for _ in commands:
                yield server.getreply()
            return
        for command in commands:
            server.send(command)
            reply = server.getreply()
            yield reply
            if reply[0] >= 400:
                return

    def _meaning(self, code: int, said: bytes, what: str) -> Answer:
        if 200 <= code < 300:
            return "accepted"
        self.why = f"{self._place} answered {code} to {what}."
        if code == 421:
            self._drop()
            return "unheard"
        if what == "the sender":
            return "objected"
        if not 500 <= code < 600:
            return "deferred"
        theirs = _THEIRS.search(said) or (what == "the recipient" and not _OURS.search(said))
        return "refused" if theirs else "objected"

    def _drop(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()


def _stuffed(message: bytes) -> bytes:
    """Return the mail as DATA wants it: a line that begins with a dot has two (RFC 5321, 4.5.2)."""
    dotted = message.replace(b"\r\n.", b"\r\n..")
    return (dotted if dotted.endswith(b"\r\n") else dotted + b"\r\n") + b".\r\n"
