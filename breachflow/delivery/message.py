"""One mail as bytes (RFC 5322): the same notice gives the same bytes, and no text from outside can add a header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from hashlib import blake2b

from breachflow.delivery import inert

SUBJECT = 200  # Characters: mail programs show far fewer, and a title may have 500.
NAME = 120
HEADER = 200

_registry = HeaderRegistry()
# Unknown headers may be folded as encoded words, which would break a long id: what they hold is ids.
for _header in ("in-reply-to", "references"):
    _registry.map_to_type(_header, MessageIDHeader)  # type: ignore[arg-type]  # The stubs ask for what is mixed in.
_POLICY: EmailPolicy[EmailMessage] = SMTP.clone(header_factory=_registry)


def compose(
    *,
    subject: str,
    text: str,
    html: str,
    sender: str,
    to_name: str,
    to_address: str,
    message_id: str,
    date: datetime,
    thread: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return a mail in text and HTML, ready to be handed over.

    `message_id` and `thread` (the id of the case's thread) come from `message_id()`; `headers` are added as they are,
    made harmless. The same input gives the same bytes.
    """
    mail = EmailMessage(policy=_POLICY.clone(utf8=not _ascii(to_address) or not _ascii(sender)))
    mail["From"] = _address("breachflow", sender)
    mail["To"] = _address(to_name, to_address)
    mail["Subject"] = inert.line(subject, SUBJECT) or "breachflow"
    mail["Date"] = format_datetime(date)
    mail["Message-ID"] = message_id
    if thread is not None:
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    # "Auto-generated" messages do not call for automatic answers (RFC 3834); Exchange needs its own header for that.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    for name, value in (headers or {}).items():
        mail[name] = inert.line(value, HEADER)
    mail.set_content(inert.body(text), cte="quoted-printable")
    mail.add_alternative(inert.body(html), subtype="html", cte="quoted-printable")
    # "=_" cannot stand in quoted-printable text, so no body can hold the boundary.
    mail.set_boundary(f"=_{blake2b(message_id.encode(), digest_size=16).hexdigest()}")
    return mail.as_bytes()


def message_id(ident: str, domain: str) -> str:
    """Return the Message-ID that belongs to a notice or a case: always the same, so that a resent mail is known."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", ident)[:100] or "-"
    return f"<{plain}.breachflow@{_domain(domain)}>"


def _address(name: str, address: str) -> Address:
    local, _, domain = inert.line(address, 254).rpartition("@")
    return Address(inert.line(name, NAME), username=local, domain=_domain(domain))


def _domain(domain: str) -> str:
    try:
        plain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    return re.sub(r"[^A-Za-z0-9.-]", "-", plain) or "localhost"


def _ascii(address: str) -> bool:
    return address.rpartition("@")[0].isascii()
