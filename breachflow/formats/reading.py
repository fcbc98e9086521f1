"""What comes out of a payload: for each record an event, or the sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from breachflow.core.event import SecurityEvent


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of a payload: exactly one of `event` and `error` is there.

    `raw` is the record's own bytes (personal data; it belongs in the encrypted store and nowhere else), `record`
    counts from 1 inside the payload, `error` says what is wrong in one sentence without any of the payload's content.
    `unknown` is true where the record is well-formed and no reader knows it: a mapping would mend that.
    """

    raw: bytes
    record: int = 1
    event: SecurityEvent | None = None
    error: str | None = None
    unknown: bool = False


class Context(Struct, frozen=True, kw_only=True):
    """What a reader may know besides the record: when it arrived, and which zone a format's naive times are in.

    `zones` maps a format's name to an IANA zone such as `Europe/Paris`, as the organisation declares it.
    """

    received_at: datetime
    zones: Mapping[str, str] = {}
