"""When the law's data was last held against its sources: what has not been looked at for too long."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from breachflow.law.profiles import PROFILES
from breachflow.law.regimes import REGIMES
from breachflow.law.thresholds import THRESHOLDS


class Verified(Struct, frozen=True):
    """One entry of the law's data and the day on which a person last held it against its source."""

    table: str
    id: str
    last_verified: date


def unverified(today: date, months: int) -> list[Verified]:
    """Return the entries last verified more than so many months before `today`, the oldest first."""
    entries = [Verified("profile", entry.id, entry.last_verified) for entry in PROFILES.values()]
    entries += [Verified("threshold", entry.id, entry.last_verified) for entry in THRESHOLDS.values()]
    entries += [Verified("regime", entry.id, entry.last_verified) for entry in REGIMES.values()]
    return sorted(
        (entry for entry in entries if _months_between(entry.last_verified, today) >= months),
        key=lambda entry: entry.last_verified,
    )


def _months_between(earlier: date, later: date) -> int:
    whole = (later.year - earlier.year) * 12 + later.month - earlier.month
    return whole if later.day > earlier.day else whole - 1
