"""Signals to other systems by HTTP, signed as Standard Webhooks asks: chat rooms, on-call services, ticket bridges.

`webhook-id` is the signal's, the same at every try; `webhook-signature` is `v1,` and the HMAC-SHA256 of id, timestamp
and body under the shared secret, so that a receiver knows both who speaks and that it has heard it before.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import socket
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import blake2b
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from breachflow.delivery.errors import BadRoute, Deferred
from breachflow.delivery.route import loopback

TIMEOUT = 10.0  # Seconds for connecting, and again for the whole answer.
LONGEST_WAIT = timedelta(hours=1)  # A receiver may ask for more; what it would then hear is no news.
SECRET_BYTES = (24, 64)  # What the specification asks of a secret.


class HookSettings(Protocol):
    """What of the settings speaks of webhooks."""

    @property
    def webhooks(self) -> Iterable[str]:
        """The addresses."""

    @property
    def webhook_secret(self) -> str | None:
        """The secret that all of them share with us."""


class Gone(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """The receiver wants to hear no more (410)."""


class Hook:
    """One address. `name` stands for it wherever the address, which may hold a token, must not be shown."""

    def __init__(self, url: str, secret: bytes, *, timeout: float = TIMEOUT) -> None:
        self._parts: SplitResult = urlsplit(url)
        self._secret, self._timeout = secret, timeout
        self.name = blake2b(url.encode(), digest_size=8).hexdigest()
        self.gone = False

    @property
    def place(self) -> str:
        """The address without path and query, where tokens are."""
        return f"{self._parts.scheme}://{self._parts.netloc}"

    def send(self, body: bytes, *, ident: str, now: datetime) -> str:
        """Hand the signal over; return the answer's code. A redirect is no answer: what is signed is for this address.

        Raises `Deferred` (away, busy, anything but a 2xx), with the wait asked for, and `Gone`, after which the hook is
        not to be used again.
        """
        status, wait = self._asked(body, signed(body, ident, now, self._secret))
        if 200 <= status < 300:
            return str(status)
        if status == 410:
            self.gone = True
            raise Gone(f"{self.place} wants to hear no more (410).")
        said = "a redirect, which is not followed" if 300 <= status < 400 else "no success"
        raise Deferred(f"{self.place} answered {status}: {said}.", wait)

    def _asked(self, body: bytes, headers: dict[str, str]) -> tuple[int, timedelta | None]:
        connection = self._connection()
        # The time-out of a socket begins anew with every byte: a receiver that trickles would hold us for ever.
        fuse = Timer(2 * self._timeout, _cut, [connection])
        fuse.daemon = True
        fuse.start()
        path = self._parts.path or "/"
        try:
            connection.request("POST", f"{path}?{self._parts.query}" if self._parts.query else path, body, headers)
            answer = connection.getresponse()
            return answer.status, _wait(answer.getheader("Retry-After"))
        except (OSError, HTTPException, ValueError) as error:
            raise Deferred(f"{self.place} cannot be reached: {_reason(error)}.") from error
        finally:
            fuse.cancel()
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=self._timeout, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=self._timeout)


def signed(body: bytes, ident: str, now: datetime, secret: bytes) -> dict[str, str]:
    """Return the headers of one try: the id is the signal's, the timestamp the try's."""
    stamp = str(int(now.timestamp()))
    digest = hmac.digest(secret, b".".join((ident.encode(), stamp.encode(), body)), "sha256")
    return {
        "Content-Type": "application/json",
        "User-Agent": "breachflow",
        "webhook-id": ident,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def open_hooks(settings: HookSettings) -> tuple[Hook, ...]:
    """Return the hooks that the settings describe; nothing is connected yet.

    Raises `BadRoute`, one sentence naming the variable and never the address, whose path may be a token.
    """
    urls: Sequence[str] = tuple(dict.fromkeys(settings.webhooks))
    if not urls:
        return ()
    for number, url in enumerate(urls, 1):
        _fit(url, f"BREACHFLOW_WEBHOOKS, address {number}")
    secret = _secret(settings.webhook_secret)
    return tuple(Hook(url, secret) for url in urls)


def _fit(url: str, named: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadRoute(f"{named}: this is not a web address; write https://HOST/PATH.") from error
    if not host or not url.isascii() or re.search(r"[\s\x00-\x1f]", url):
        raise BadRoute(f"{named}: this is not a web address; write https://HOST/PATH.")
    if parts.username is not None or parts.password is not None:
        raise BadRoute(f"{named}: it holds a user or a password; the signature says who we are, leave them out.")
    if parts.scheme != "https" and not loopback(host):
        raise BadRoute(f"{named}: only https:// leaves this machine; http:// is for 127.0.0.1.")


def _secret(stated: str | None) -> bytes:
    if not stated:
        raise BadRoute("BREACHFLOW_WEBHOOKS is set, and BREACHFLOW_WEBHOOK_SECRET is not; write whsec_… there.")
    least, most = SECRET_BYTES
    wrong = BadRoute(
        f"BREACHFLOW_WEBHOOK_SECRET must be whsec_ and {least} to {most} bytes in base64; "
        "`echo whsec_$(openssl rand -base64 32)` makes one."
    )
    if not stated.startswith("whsec_"):
        raise wrong
    try:
        secret = base64.b64decode(stated.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong from error
    if not least <= len(secret) <= most:
        raise wrong
    return secret


def _wait(stated: str | None) -> timedelta | None:
    if stated is None or not re.fullmatch(r"[0-9]{1,9}", stated):
        return None
    return min(max(timedelta(seconds=int(stated)), timedelta(seconds=1)), LONGEST_WAIT)


def _cut(connection: HTTPConnection) -> None:
    open_ = connection.sock
    if open_ is not None:
        with suppress(OSError):
            open_.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the connection broke off"
