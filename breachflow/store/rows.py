"""What the store keeps and returns besides the core's nouns: dead letters, positions, and rows as they were written."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from breachflow.core.case import Disposition, Notice
from breachflow.core.facts import Instant

NoticeState = Literal["queued", "sent", "failed", "dropped", "bounced"]
"""`queued`: owed, to be tried at `next_at`. `sent`: a provider took it. `failed`: given up, the next person is told
instead. `dropped`: no longer owed. `bounced`: the provider gave it back, the next person is told instead."""

DeadState = Literal["held", "retried", "dropped"]
"""`held`: waits for somebody to look. `retried`: read after all. `dropped`: a person decided that it is nothing."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """Bytes that could not be read, why, and where they came from: a file, HTTP, or topic, partition and offset."""

    at: Instant
    reason: str
    origin: str
    raw: bytes


class DeadLetterRow(Struct, frozen=True, kw_only=True):
    """A dead letter on record. `raw` is there where one is asked for by id, until its key is destroyed."""

    id: str
    at: datetime
    state: DeadState
    reason: str
    origin: str
    sha256: str
    size: int
    settled_at: datetime | None = None
    settled_by: str | None = None
    settled_because: str | None = None
    raw: bytes | None = None


class Position(Struct, frozen=True, kw_only=True):
    """How far one partition is on record: the offset to read next, and the last record's timestamp (ms) and hash.

    Timestamp and hash tell a topic that was created again from the one that was read.
    """

    group: str
    topic: str
    partition: int
    next_offset: int
    last_timestamp: int
    last_hash: bytes


class EntryRow(Struct, frozen=True, kw_only=True):
    """One register entry as it is on record.

    `sealed` is `None` where there was nothing to seal and where the key is destroyed; `sealed_digest` tells which, and
    is what is chained, and `erased_at` when. `at_text` and `body_text` are the texts that were chained.
    """

    case: str
    seq: int
    at: datetime
    kind: str
    by: str
    body: dict[str, Any]
    sealed: dict[str, Any] | None
    sealed_digest: str
    hash: str
    at_text: str
    body_text: str
    erased_at: datetime | None = None


class EventRow(Struct, frozen=True, kw_only=True):
    """One event as it is on record, without its raw bytes."""

    identity: bytes
    content: bytes
    case: str | None
    disposition: Disposition
    revision: bool
    received_at: datetime
    detected_at: datetime
    source: str
    format: str
    because: str


class UnmappedRow(Struct, frozen=True, kw_only=True):
    """An asset that events named and that no entry of the data map matched then: how often, first and last when."""

    asset: str
    seen: int
    first_at: datetime
    last_at: datetime


class Leased(Struct, frozen=True, kw_only=True):
    """A mail that is this process's to deliver for now.

    `message` is the mail as it was rendered for the first attempt, `None` before. `attempts` counts this one. `digest`
    is the digest that the mail was to be told by, if any.
    """

    notice: Notice
    message: bytes | None
    attempts: int
    digest: str = ""


class NoticeRow(Struct, frozen=True, kw_only=True):
    """A mail owed or delivered, as it is on record."""

    notice: Notice
    state: NoticeState
    next_at: datetime
    attempts: int
    settled_at: datetime | None
    reference: str
    error: str


class OutboxSummary(Struct, frozen=True, kw_only=True):
    """How many mails are in which state, and since when the oldest one waits."""

    queued: int = 0
    sent: int = 0
    failed: int = 0
    dropped: int = 0
    bounced: int = 0
    oldest: datetime | None = None


class Sealed(Struct, frozen=True, kw_only=True):
    """What of a case can still be read: how many events as they came in, and whether a key opens what it sealed."""

    raw_events: int
    readable: bool


class Counts(Struct, frozen=True, kw_only=True):
    """How much is on record."""

    cases: int
    open: int
    entries: int
    events: int
    screened: int
    notices: int
    queued: int
    dead_letters: int
    held: int
