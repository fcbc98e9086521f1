"""What SendGrid reports afterwards about the mails that it took: its signed event webhook.

The signature (ECDSA over timestamp and body) says that SendGrid speaks; the timestamp, that it speaks now. Of an event
only the ids, the instant and the code of the answer are taken: the rest repeats addresses.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

from breachflow.core.case import Report, Reported
from breachflow.delivery.errors import BadRoute

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
TOLERANCE = timedelta(minutes=10)  # A batch is posted within seconds; clocks differ by minutes at most.
MOST_EVENTS = 10_000  # SendGrid posts far fewer at once; a body that holds more was not written by it.

REPORTED = frozenset(get_args(Reported))
_NOTICE = re.compile(r"[0-9a-f]{26}")


class Seal:
    """SendGrid's public key, as its mail settings show it: base64 of an elliptic-curve key."""

    def __init__(self, key: str) -> None:
        """Raises `BadRoute`, naming the variable."""
        self._key = _opened(key)

    def refused(self, body: bytes, signature: str, timestamp: str, now: datetime) -> str | None:
        """Return why this is not SendGrid speaking now, in one sentence, or `None`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            return "The signature is missing or wrong: look at BREACHFLOW_SENDGRID_WEBHOOK_KEY."
        # Signed, and still only digits are a timestamp.
        if not re.fullmatch(r"[0-9]{1,11}", timestamp):
            return "The timestamp is none."
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
            return "The timestamp is too far from our clock: this was sent before."
        return None


def reports(body: bytes) -> tuple[Report, ...]:
    """Return what of the events speaks of our mails; others (opened, clicked, other senders) are passed over.

    Raises `ValueError`, one sentence, where the body is not a list of events.
    """
    try:
        events = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("The body is not JSON.") from error
    if not isinstance(events, list) or len(events) > MOST_EVENTS:
        raise ValueError(f"The body is not a list of at most {MOST_EVENTS} events.")
    return tuple(report for event in events if isinstance(event, dict) and (report := _report(event)) is not None)


def _report(event: dict[str, Any]) -> Report | None:
    what, ident, notice, stamp = (event.get(name) for name in ("event", "sg_event_id", "notice", "timestamp"))
    if not isinstance(what, str) or what not in REPORTED or not isinstance(ident, str) or not 1 <= len(ident) <= 200:
        return None
    if not isinstance(notice, str) or not _NOTICE.fullmatch(notice):
        return None
    if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not 0 <= stamp < 7_258_118_400:
        return None
    status = event.get("status")
    return Report(
        id=ident,
        notice=notice,
        event=what,  # type: ignore[arg-type]  # One of the words above.
        at=datetime.fromtimestamp(int(stamp), UTC),
        status=status if isinstance(status, str) and re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status) else "",
    )


def _opened(key: str) -> EllipticCurvePublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        opened = load_der_public_key(base64.b64decode("".join(key.split()), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise BadRoute(
            "BREACHFLOW_SENDGRID_WEBHOOK_KEY is not the verification key that SendGrid shows (Mail Settings, "
            "Event Webhook): base64 that begins with MFkw."
        ) from error
    if not isinstance(opened, EllipticCurvePublicKey):
        raise BadRoute("BREACHFLOW_SENDGRID_WEBHOOK_KEY is a key of another kind; SendGrid's is an elliptic-curve key.")
    return opened
