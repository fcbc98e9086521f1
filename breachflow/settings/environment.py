"""Where things are: the settings of one process, from options, environment and `.env`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from breachflow.settings import dotenv
from breachflow.settings.errors import SettingsError
from breachflow.settings.secret import Secret
from breachflow.settings.stated import Stated, absolute

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
EVENT_TOPIC, DECISION_TOPIC = "breachflow.security-events", "breachflow.decisions"
CASE_TOPIC, DEAD_LETTER_TOPIC = "breachflow.case-events", "breachflow.dead-letters"
SENDGRID_URL = "https://api.sendgrid.com"

VARIABLES = (
    "BREACHFLOW_HOME", "BREACHFLOW_DATABASE", "BREACHFLOW_ORGANISATION", "BREACHFLOW_KAFKA",
    "BREACHFLOW_KAFKA_SECURITY_PROTOCOL", "BREACHFLOW_KAFKA_SASL_MECHANISM", "BREACHFLOW_KAFKA_USERNAME",
    "BREACHFLOW_KAFKA_PASSWORD", "BREACHFLOW_KAFKA_CA", "BREACHFLOW_KAFKA_GROUP", "BREACHFLOW_EVENT_TOPICS",
    "BREACHFLOW_DECISION_TOPIC", "BREACHFLOW_CASE_TOPIC", "BREACHFLOW_DEAD_LETTER_TOPIC", "BREACHFLOW_MAIL",
    "SENDGRID_API_KEY", "BREACHFLOW_SENDGRID_URL", "BREACHFLOW_SMTP_PASSWORD", "BREACHFLOW_HTTP",
    "BREACHFLOW_HTTP_TOKEN", "BREACHFLOW_METRICS", "BREACHFLOW_WEBHOOKS", "BREACHFLOW_WEBHOOK_SECRET",
    "BREACHFLOW_SENDGRID_WEBHOOK_KEY", "BREACHFLOW_KEY", "BREACHFLOW_NOW",
)  # fmt: skip
"""Every variable that is read; each also with `_FILE` behind it, naming a file that holds the value."""

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class Address(Struct, frozen=True):
    """Where a service listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        from ipaddress import ip_address

        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Kafka(Struct, frozen=True, kw_only=True):
    """How to reach the brokers. `ca` is the path of a PEM file."""

    bootstrap: tuple[str, ...]
    security_protocol: str
    sasl_mechanism: str | None = None
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None


class EventTopic(Struct, frozen=True):
    """A topic with security events; `format` is `None` where each message says what it is."""

    topic: str
    format: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of one process. Paths are absolute; `now` is in UTC; `mail` keeps its order of preference."""

    home: Path
    database: Secret
    organisation: Path
    kafka: Kafka | None
    kafka_group: str
    event_topics: tuple[EventTopic, ...]
    decision_topic: str
    case_topic: str
    dead_letter_topic: str
    mail: tuple[str, ...]
    sendgrid_api_key: Secret | None
    sendgrid_url: str
    smtp_password: Secret | None
    http: Address
    http_token: Secret | None
    metrics: Address | None
    webhooks: tuple[Secret, ...]
    webhook_secret: Secret | None
    sendgrid_webhook_key: str | None
    key: Secret | None
    now: datetime | None


def load(environ: Mapping[str, str], cwd: Path, overrides: Mapping[str, str] | None = None) -> Settings:
    """Read the settings: `overrides` (options, keyed by variable) before `environ` before `.env` in `cwd`.

    An empty variable counts as not set. Raises `SettingsError`, one sentence naming the variable, never its value
    where that may be a secret.
    """
    stated = Stated(cwd, (overrides or {}, environ, dotenv.read(cwd / ".env")))
    home = stated.path("BREACHFLOW_HOME") or absolute(cwd, "breachflow-data", "BREACHFLOW_HOME")
    return Settings(
        home=home,
        database=_database(stated, home),
        organisation=stated.path("BREACHFLOW_ORGANISATION") or home / "organisation.toml",
        kafka=_kafka(stated),
        kafka_group=stated.text("BREACHFLOW_KAFKA_GROUP") or "breachflow",
        event_topics=_event_topics(stated),
        decision_topic=_topic(stated, "BREACHFLOW_DECISION_TOPIC", DECISION_TOPIC),
        case_topic=_topic(stated, "BREACHFLOW_CASE_TOPIC", CASE_TOPIC),
        dead_letter_topic=_topic(stated, "BREACHFLOW_DEAD_LETTER_TOPIC", DEAD_LETTER_TOPIC),
        mail=_mail(stated, home),
        sendgrid_api_key=stated.secret("SENDGRID_API_KEY"),
        sendgrid_url=_web("BREACHFLOW_SENDGRID_URL", stated.text("BREACHFLOW_SENDGRID_URL") or SENDGRID_URL),
        smtp_password=stated.secret("BREACHFLOW_SMTP_PASSWORD"),
        http=_address(stated, "BREACHFLOW_HTTP") or Address("127.0.0.1", 8750),
        http_token=stated.secret("BREACHFLOW_HTTP_TOKEN"),
        metrics=_address(stated, "BREACHFLOW_METRICS"),
        webhooks=tuple(Secret(_web("BREACHFLOW_WEBHOOKS", url)) for url in stated.list("BREACHFLOW_WEBHOOKS")),
        webhook_secret=stated.secret("BREACHFLOW_WEBHOOK_SECRET"),
        sendgrid_webhook_key=stated.text("BREACHFLOW_SENDGRID_WEBHOOK_KEY"),
        key=stated.secret("BREACHFLOW_KEY"),
        now=_now(stated),
    )


def strangers(environ: Mapping[str, str], cwd: Path) -> list[str]:
    """Return a sentence for each variable that looks like one of ours and is not: probably a slip of the pen."""
    from difflib import get_close_matches

    known = {name + suffix for name in VARIABLES for suffix in ("", "_FILE")}
    sentences = []
    for name in sorted({*environ, *dotenv.read(cwd / ".env")}):
        if name.startswith("BREACHFLOW_") and name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"; did you mean {near[0]}?" if near else "."
            sentences.append(f"{name} is not a variable of breachflow and is not read{hint}")
    return sentences


def _database(stated: Stated, home: Path) -> Secret:
    url = stated.text("BREACHFLOW_DATABASE")
    if url is None:
        return Secret(f"sqlite:///{home / 'breachflow.db'}")
    if url.startswith("sqlite:///") and url != "sqlite:///":
        return Secret(f"sqlite:///{absolute(stated.cwd, url.removeprefix('sqlite:///'), 'BREACHFLOW_DATABASE')}")
    if url.startswith(("postgresql://", "postgres://")):
        return Secret("postgresql://" + url.partition("://")[2])
    raise SettingsError("BREACHFLOW_DATABASE must be sqlite:///PATH or postgresql://USER@HOST/DATABASE.")


def _kafka(stated: Stated) -> Kafka | None:
    bootstrap = stated.list("BREACHFLOW_KAFKA")
    if not bootstrap:
        return None
    for server in bootstrap:
        _host_port(server, "BREACHFLOW_KAFKA")
    username, password = stated.text("BREACHFLOW_KAFKA_USERNAME"), stated.secret("BREACHFLOW_KAFKA_PASSWORD")
    ca = stated.path("BREACHFLOW_KAFKA_CA")
    # A password never goes over an unencrypted line unless somebody has written that it may.
    likely = "SASL_SSL" if username else "SSL" if ca else "PLAINTEXT"
    protocol = _one_of(stated, "BREACHFLOW_KAFKA_SECURITY_PROTOCOL", SECURITY_PROTOCOLS) or likely
    mechanism = _one_of(stated, "BREACHFLOW_KAFKA_SASL_MECHANISM", SASL_MECHANISMS)
    if protocol.startswith("SASL") and not (username and password):
        raise SettingsError(
            f"with {protocol}, BREACHFLOW_KAFKA_USERNAME and BREACHFLOW_KAFKA_PASSWORD must both be set."
        )
    if not protocol.startswith("SASL") and (username or password):
        raise SettingsError(f"BREACHFLOW_KAFKA_USERNAME is set, but {protocol} sends no user; take SASL_SSL.")
    if ca is not None and not ca.is_file():
        raise SettingsError(f"BREACHFLOW_KAFKA_CA names {ca}, where there is no file.")
    return Kafka(
        bootstrap=bootstrap,
        security_protocol=protocol,
        sasl_mechanism=(mechanism or "SCRAM-SHA-512") if protocol.startswith("SASL") else None,
        username=username,
        password=password,
        ca=ca,
    )


def _event_topics(stated: Stated) -> tuple[EventTopic, ...]:
    topics = []
    for part in stated.list("BREACHFLOW_EVENT_TOPICS") or (EVENT_TOPIC,):
        name, equals, form = (piece.strip() for piece in part.partition("="))
        if not _TOPIC.fullmatch(name) or (equals and not form):
            raise SettingsError("BREACHFLOW_EVENT_TOPICS must be `topic` or `topic=format`, separated by commas.")
        topics.append(EventTopic(name, form or None))
    if len({topic.topic for topic in topics}) < len(topics):
        raise SettingsError("BREACHFLOW_EVENT_TOPICS names a topic twice.")
    return tuple(topics)


def _topic(stated: Stated, name: str, default: str) -> str:
    topic = stated.text(name) or default
    if not _TOPIC.fullmatch(topic):
        raise SettingsError(f"{name} is not a topic name: letters, digits, dot, hyphen and underscore, at most 249.")
    return topic


def _mail(stated: Stated, home: Path) -> tuple[str, ...]:
    specs = []
    for spec in stated.list("BREACHFLOW_MAIL") or (f"folder:{home / 'outbox'}",):
        scheme, _, rest = spec.partition(":")
        if scheme == "folder":
            specs.append(f"folder:{absolute(stated.cwd, rest, 'BREACHFLOW_MAIL') if rest else home / 'outbox'}")
            continue
        if ":" in rest.rpartition("@")[0].removeprefix("//"):
            raise SettingsError("BREACHFLOW_MAIL holds a password; put it in BREACHFLOW_SMTP_PASSWORD instead.")
        specs.append(spec)
    return tuple(specs)


def _web(name: str, url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", url):
        raise SettingsError(f"{name} must be a web address that begins with https://.")
    return url.rstrip("/")


def _address(stated: Stated, name: str) -> Address | None:
    text = stated.text(name)
    if text is None or text.lower() == "off":
        return None
    return Address(*_host_port(text, name))


def _host_port(text: str, name: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@\[\]]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65_535:
        raise SettingsError(f"{name} must be HOST:PORT, for example 127.0.0.1:8750.")
    return found[1] or found[2], int(found[3])


def _one_of(stated: Stated, name: str, choices: tuple[str, ...]) -> str | None:
    value = (stated.text(name) or "").upper().replace("_", "-" if name.endswith("MECHANISM") else "_")
    if value and value not in choices:
        raise SettingsError(f"{name} must be one of {', '.join(choices)}.")
    return value or None


def _now(stated: Stated) -> datetime | None:
    text = stated.text("BREACHFLOW_NOW")
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError("BREACHFLOW_NOW must be an instant like 2026-03-01T09:00:00+01:00.") from error
    if instant.tzinfo is None:
        raise SettingsError("BREACHFLOW_NOW has no offset; write 2026-03-01T09:00:00+01:00, or Z for UTC.")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise SettingsError("BREACHFLOW_NOW is outside the years that can be counted.") from error
