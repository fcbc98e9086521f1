"""Law profiles: threshold, period, channel and template, each in force from and to a date."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1)]


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One state of the law. `notify_threshold` is the risk from which the authority is notified; `hours` the period.

    A `proposal` has no dates: it is never chosen for a case, only compared with.
    """

    id: Text
    name: Text
    status: Literal["in force", "proposal"]
    notify_threshold: Literal["risk", "high"]
    hours: Annotated[int, Meta(ge=1)]
    channel: Text
    template: Text
    authority: Text
    calendar: Text
    sources: Annotated[tuple[Text, ...], Meta(min_length=1)]
    last_verified: date
    effective_from: date | None = None
    effective_to: date | None = None


def _load() -> Mapping[str, Profile]:
    tables = tomllib.loads(files("breachflow.law").joinpath("profiles.toml").read_text(encoding="utf-8"))
    return MappingProxyType({key: msgspec.convert(table | {"id": key}, Profile) for key, table in tables.items()})


PROFILES: Mapping[str, Profile] = _load()
"""Every profile by its id."""

DEFAULT = "gdpr-fr"


def profile_for(aware_at: datetime) -> str:
    """Return the id of the profile in force on the day of awareness (UTC); never a proposal.

    Before the GDPR applied there was no such duty: such a date is read under its first state, on the safe side.
    """
    day = aware_at.astimezone(UTC).date()
    for profile in PROFILES.values():
        started = profile.effective_from is not None and profile.effective_from <= day
        if profile.status == "in force" and started and (profile.effective_to is None or day <= profile.effective_to):
            return profile.id
    return DEFAULT
