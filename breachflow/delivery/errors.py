"""How a delivery ends: sent, deferred or refused."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct


class Sent(Struct, frozen=True):
    """A provider has taken the mail over; `reference` is under what name it knows it."""

    provider: str
    reference: str


class Checked(Struct, frozen=True):
    """A provider would take a mail now: a sentence about it, and the time by its own clock if it said so."""

    sentence: str
    date: datetime | None = None


class Deferred(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """Not now: the provider is away, busy or set up wrongly; the same mail may well go later.

    `retry_after` is how long the provider asked us to wait, or `None`. The message holds no address and no content.
    """

    def __init__(self, sentence: str, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Refused(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """Never: the provider will not take this mail, however often it is asked. Tell the next person."""


class BadRoute(Exception):  # noqa: N818 - what it is about says more than "error".
    """The mail setting cannot be used; one sentence naming the variable and what to write instead."""
