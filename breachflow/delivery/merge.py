"""One mail for many people: encoded once, and cut where the lines that differ are put in.

The result is what `compose` would make of it (RFC 5322, 2045, 2047): no name from outside can add a header, a part or a
mark, whatever stands in it.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import b2a_qp
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import blake2b

from breachflow.delivery import inert
from breachflow.delivery.message import NAME, SUBJECT

WORD = 42  # Bytes of a name in one encoded word: with its frame it stays under the 75 characters of RFC 2047.


class Frame:
    """The mail of one text; `mail` puts one person into it. Halves are what stands before and after their lines."""

    def __init__(
        self, *, subject: str, sender_name: str, sender: str, reply_to: str, lang: str, text: tuple[str, str],
        page: tuple[str, str],
    ) -> None:  # fmt: skip
        head = EmailMessage(policy=SMTP)
        head["From"] = Address(inert.line(sender_name, NAME), addr_spec=sender)
        if reply_to and reply_to != sender:
            head["Reply-To"] = Address(addr_spec=reply_to)
        head["Subject"] = inert.line(subject, SUBJECT) or "breachflow"
        head["Content-Language"] = lang
        # It is nobody's to answer by machine (RFC 3834); but a mail that cannot be delivered must come back to us.
        head["Auto-Submitted"] = "auto-generated"
        head["X-Auto-Response-Suppress"] = "OOF, AutoReply"
        head["MIME-Version"] = "1.0"
        # "=_" cannot stand in quoted-printable text, so no body can hold the boundary.
        boundary = f"=_{blake2b('|'.join((subject, *text, *page)).encode(), digest_size=16).hexdigest()}"
        head["Content-Type"] = f'multipart/alternative; boundary="{boundary}"'
        mark = f"--{boundary}".encode()
        kind = b'\r\nContent-Type: text/%b; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
        self._head = head.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n"
        self._text = b"\r\n" + mark + kind % b"plain" + quoted(text[0])
        self._between = quoted(text[1]) + b"\r\n" + mark + kind % b"html" + quoted(page[0])
        self._end = quoted(page[1]) + b"\r\n" + mark + b"--\r\n"
        self.sender = sender

    def mail(self, *, name: str, address: str, message_id: str, date: str, text: str, page: str) -> bytes:
        """Return the mail for one person; `text` and `page` are their own lines, each ended by a line break."""
        head = f"To: {phrase(name)}<{address}>\r\nDate: {date}\r\nMessage-ID: {message_id}\r\n".encode()
        return b"".join((head, self._head, self._text, quoted(text), self._between, quoted(page), self._end))


def quoted(text: str) -> bytes:
    """Return whole lines in quoted-printable, with the line breaks of mail."""
    return b2a_qp(inert.body(text).replace("\n", "\r\n").encode()) if text else b""


def phrase(name: str) -> str:
    """Return a name as it may stand before an address in a header; the address goes on the next line."""
    flat = inert.line(name, NAME)
    if not flat:
        return ""
    if flat.isascii():
        return '"' + flat.replace("\\", "\\\\").replace('"', '\\"') + '"\r\n '
    words, word = [], b""
    for character in flat:
        letter = character.encode("utf-8", "replace")
        if len(word) + len(letter) > WORD:
            words.append(word)
            word = b""
        word += letter
    return "".join(f"=?utf-8?b?{b64encode(part).decode()}?=\r\n " for part in (*words, word))
