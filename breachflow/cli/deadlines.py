"""One regime's deadline from one instant, as `breachflow deadline` prints it."""

from __future__ import annotations

from typing import Any

from breachflow.core.instants import art_3_5_latest, deadline, iso_z, parse_instant


def answer(
    aware: str, regime: str, *, hours: float | None, zone: str, classified: str | None, contested: bool
) -> dict[str, Any]:
    """Return the instants in UTC with `Z`, and `act_by_local` in the zone; raise `BadInstant`, saying what is wrong."""
    at = parse_instant(aware)
    classified_at = parse_instant(classified) if classified is not None else None
    limit = deadline(regime, at, zone=zone, hours=hours, classified_at=classified_at)
    line: dict[str, Any] = {
        "regime": limit.regime,
        "aware_at": iso_z(limit.aware_at),
        "act_by": iso_z(limit.act_by),
        "legal_latest": iso_z(limit.legal_latest) if limit.legal_latest is not None else None,
        "act_by_local": limit.act_by_local.isoformat(),
    }
    if contested and regime == "gdpr-art33":
        readings = art_3_5_latest(at, zone=zone, hours=hours if hours is not None else 72)
        line["contested"] = {
            "any part of a working day": iso_z(readings.any_part),
            "two whole working days": iso_z(readings.whole_days),
        }
    return line
