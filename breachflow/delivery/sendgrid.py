"""Mails through SendGrid's v3 API."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from breachflow.delivery.errors import Checked, Deferred, Refused

TIMEOUT = 20.0  # Seconds; a mail whose fate is unknown after that is sent again under the same Message-ID.
LONGEST_WAIT = timedelta(hours=1)  # A provider may ask for more; the ladder asks again sooner.
ABOUT_THE_MAIL = frozenset({400, 413, 415, 422})
"""Answers that say that this very request is wrong. 401, 403, 404 and the like speak of the account or the address."""

CARRIED = ("Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress")


class SendGrid:
    """One account. `sandbox`: SendGrid checks the request and sends nothing, for exercises."""

    name = "sendgrid"

    def __init__(self, key: str, url: str, *, sandbox: bool = False, timeout: float = TIMEOUT) -> None:
        self._key, self._url, self._sandbox, self._timeout = key, url, sandbox, timeout
        self._client: Any = None

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> str:
        """Hand the mail over and return the id that SendGrid gives it.

        Raises `Deferred` (away, busy, account) with the wait that SendGrid asked for, or `Refused` (this mail).
        """
        from python_http_client.exceptions import HTTPError  # type: ignore[import-untyped]  # Ships no types.

        body = request(message, to=to, notice=notice, case=case, sandbox=self._sandbox)
        try:
            answer = self._api().mail.send.post(request_body=body, timeout=self._timeout)
        except HTTPError as error:
            raise _problem(int(error.status_code), error.body, error.headers) from error
        except (URLError, OSError, HTTPException) as error:
            raise Deferred(f"SendGrid cannot be reached: {_reason(error)}.") from error
        if answer.status_code not in (200, 202):
            raise Deferred(f"SendGrid answered {answer.status_code}, which does not say that it took the mail.")
        return re.sub(r"[^A-Za-z0-9._-]", "", str(answer.headers.get("X-Message-Id", "")))[:100] or "accepted"

    def check(self, seconds: float) -> Checked:
        """Ask what the key may do; send nothing. Raises `Deferred` (away, key) or `Refused` (may not send)."""
        from python_http_client.exceptions import HTTPError

        try:
            answer = self._api().scopes.get(timeout=seconds)
        except HTTPError as error:
            raise _problem(int(error.status_code), error.body, error.headers) from error
        except (URLError, OSError, HTTPException) as error:
            raise Deferred(f"SendGrid cannot be reached: {_reason(error)}.") from error
        try:
            scopes = set(json.loads(answer.body)["scopes"])
        except (ValueError, KeyError, TypeError):
            raise Deferred(
                "SendGrid's answer about the key cannot be read; is BREACHFLOW_SENDGRID_URL right?"
            ) from None
        if "mail.send" not in scopes:
            raise Refused("SendGrid's key may not send mails: give it the right `mail.send`.")
        try:
            date = parsedate_to_datetime(str(answer.headers["Date"]))
        except (ValueError, TypeError, KeyError):
            date = None
        return Checked("SendGrid takes the key, and the key may send.", date)

    def close(self) -> None:
        """Nothing is held open."""

    def _api(self) -> Any:
        if self._client is None:
            from sendgrid import SendGridAPIClient  # type: ignore[import-untyped]  # Ships no types.

            # It logs requests with key and content at the level of debugging.
            logging.getLogger("python_http_client").setLevel(logging.WARNING)
            self._client = SendGridAPIClient(api_key=self._key, host=self._url).client
        return self._client


def request(message: bytes, *, to: str, notice: str, case: str | None, sandbox: bool = False) -> dict[str, Any]:
    """Return the body of `POST /v3/mail/send` for a composed mail. Nothing is tracked: neither opening nor clicking."""
    mail = message_from_bytes(message, EmailMessage, policy=default)
    sender, recipient = mail["From"].addresses[0], mail["To"].addresses[0]
    headers = {name: str(mail[name]) for name in CARRIED if mail[name] is not None}
    headers |= {name: str(value) for name, value in mail.items() if name.startswith("X-Breachflow-")}
    body: dict[str, Any] = {
        "personalizations": [
            {
                "to": [_named(to, recipient.display_name)],
                "custom_args": {"notice": notice} | ({"case": case} if case is not None else {}),
            }
        ],
        "from": _named(sender.addr_spec, sender.display_name),
        "subject": str(mail["Subject"]),
        "content": _contents(mail),
        "headers": headers,
        "categories": ["breachflow"],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }
    if sandbox:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return body


def _contents(mail: EmailMessage) -> list[dict[str, str]]:
    contents = []
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        if part is not None:
            contents.append({"type": f"text/{kind}", "value": str(part.get_content()) or " "})
    return contents


def _named(address: str, name: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _problem(status: int, body: bytes, headers: Any) -> Deferred | Refused:
    if status in ABOUT_THE_MAIL:
        return Refused(f"SendGrid refused the mail ({status}){_fields(body)}.")
    if status in (401, 403):
        return Deferred(f"SendGrid does not take the key or the sender ({status}): look at SENDGRID_API_KEY.")
    if status == 429:
        return Deferred("SendGrid asks us to slow down (429).", _wait(headers))
    return Deferred(f"SendGrid answered {status}.", _wait(headers))


def _fields(body: bytes) -> str:
    """Return which fields SendGrid objects to; its sentences may repeat addresses and content."""
    try:
        errors = json.loads(body)["errors"]
        named = [str(error["field"]) for error in errors if error.get("field")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    fields = [field for field in named if re.fullmatch(r"[a-z0-9_.]{1,80}", field)]
    return f": it objects to {', '.join(fields[:5])}" if fields else ""


def _wait(headers: Any) -> timedelta | None:
    """Return how long SendGrid asks us to wait: `Retry-After`, or when the rate limit is reset by its own clock."""
    stated, reset = headers.get("Retry-After") or "", headers.get("X-RateLimit-Reset") or ""
    try:
        if re.fullmatch(r"\d{1,9}", stated):
            seconds = float(stated)
        elif stated:
            seconds = (parsedate_to_datetime(stated) - parsedate_to_datetime(headers["Date"])).total_seconds()
        else:
            seconds = float(reset) - parsedate_to_datetime(headers["Date"]).timestamp()
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    if not 0 <= seconds < float("inf"):
        return None
    return min(max(timedelta(seconds=1), timedelta(seconds=min(seconds, 1e6))), LONGEST_WAIT)


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return "the connection broke off"
