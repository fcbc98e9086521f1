"""The way a mail goes: the providers of the mail setting, tried in order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from breachflow.delivery.errors import BadRoute, Checked, Deferred, Refused, Sent
from breachflow.delivery.folder import Folder

SMTP_SCHEMES = {
    "smtp": ("starttls", 587),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp+plain": ("none", 25),
}


class Provider(Protocol):
    """Whoever takes mails over."""

    name: str

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> str:
        """Hand the mail over and return a reference; raise `Deferred` or `Refused`."""

    def check(self, seconds: float) -> Checked:
        """Do all that a mail would need, without a mail; raise `Deferred` or `Refused` as for one."""

    def close(self) -> None:
        """Give back what is held open."""


class MailSettings(Protocol):
    """What of the settings speaks of mail."""

    @property
    def mail(self) -> Iterable[str]:
        """The providers, in order of preference."""

    @property
    def smtp_password(self) -> str | None:
        """The password of the SMTP user."""

    @property
    def sendgrid_api_key(self) -> str | None:
        """SendGrid's key."""

    @property
    def sendgrid_url(self) -> str:
        """Where SendGrid is; a stand-in during tests."""


class Route:
    """Providers in order of preference. One thread uses it at a time."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = tuple(providers)

    def send(self, message: bytes, *, to: str, notice: str, case: str | None, without: Collection[str] = ()) -> Sent:
        """Hand the mail to the first provider that takes it; those named by `without` are not asked.

        Raises `Deferred` where one of them may take it later, with the shortest wait that they ask for; `Refused`
        where all have refused it for good, and where none may be asked.
        """
        deferred: list[Deferred] = []
        said: list[str] = []
        trusted = [provider for provider in self.providers if provider.name not in without]
        if not trusted:
            raise Refused("every mail provider of BREACHFLOW_MAIL is marked as compromised for this case.")
        for provider in trusted:
            try:
                return Sent(provider.name, provider.send(message, to=to, notice=notice, case=case))
            except Deferred as problem:
                deferred.append(problem)
                said.append(str(problem))
            except Refused as problem:
                said.append(str(problem))
        if deferred:
            raise Deferred(" ".join(said), _shortest(deferred))
        raise Refused(" ".join(said))

    def forget(self, notices: Sequence[str]) -> None:
        """Remove the mails of these notices from our own folders; what a server took is out of reach."""
        for provider in self.providers:
            if isinstance(provider, Folder):
                provider.forget(notices)

    def close(self) -> None:
        """Close the connections that are held open; the route can be used again."""
        for provider in self.providers:
            provider.close()


def open_route(settings: MailSettings, *, sandbox: bool = False) -> Route:
    """Return the route that the mail setting describes; nothing is connected yet.

    `sandbox`: SendGrid only checks, for exercises. Raises `BadRoute`, one sentence naming the variable.
    """
    providers = [_provider(spec, settings, sandbox=sandbox) for spec in settings.mail]
    if not providers:
        raise BadRoute("BREACHFLOW_MAIL names no provider; write folder:PATH, smtp://user@host:port or sendgrid:.")
    return Route(providers)


def _provider(spec: str, settings: MailSettings, *, sandbox: bool) -> Provider:
    scheme, colon, rest = spec.strip().partition(":")
    if scheme == "folder" and rest:
        return Folder(Path(rest))
    if scheme == "sendgrid" and colon and not rest.strip("/"):
        from breachflow.delivery.sendgrid import SendGrid

        if not settings.sendgrid_api_key:
            raise BadRoute("BREACHFLOW_MAIL names sendgrid:, and SENDGRID_API_KEY is not set.")
        url = settings.sendgrid_url
        if not url.startswith("https://") and not loopback(urlsplit(url).hostname or ""):
            raise BadRoute("BREACHFLOW_SENDGRID_URL must begin with https://; the key would travel in clear.")
        return SendGrid(settings.sendgrid_api_key, url, sandbox=sandbox)
    if scheme in SMTP_SCHEMES:
        return _smtp(scheme, rest, settings)
    raise BadRoute("BREACHFLOW_MAIL must be folder:PATH, smtp://user@host:port, smtps://… or sendgrid:, by commas.")


def _smtp(scheme: str, rest: str, settings: MailSettings) -> Provider:
    from breachflow.delivery.smtp import Encryption, Smtp

    encryption: Encryption
    encryption, port = SMTP_SCHEMES[scheme]  # type: ignore[assignment]  # The table above holds exactly these words.
    found = re.fullmatch(r"//(?:(.*)@)?(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::([0-9]{1,5}))?/?", rest)
    if found is None or int(found[3] or port) > 65_535:
        raise BadRoute(f"BREACHFLOW_MAIL must say {scheme}://user@host:port.")
    host = found[2].strip("[]")
    if encryption == "none" and not loopback(host):
        raise BadRoute(f"BREACHFLOW_MAIL: {scheme}:// sends in clear and is for this machine only; take smtp://.")
    user = unquote(found[1]) if found[1] else None
    if user is not None and not settings.smtp_password:
        raise BadRoute("BREACHFLOW_MAIL names an SMTP user, and BREACHFLOW_SMTP_PASSWORD is not set.")
    return Smtp(
        host, int(found[3] or port), encryption=encryption, user=user, password=settings.smtp_password if user else None
    )


def loopback(host: str) -> bool:
    """Whether this host is the machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shortest(deferred: Sequence[Deferred]) -> timedelta | None:
    waits = [problem.retry_after for problem in deferred]
    known = [wait for wait in waits if wait is not None]
    # Whoever states no wait may be back at any moment: then our own patience decides.
    return min(known) if len(known) == len(waits) else None
