"""Cases, changes and events as a store meets them; small, whole and different from each other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from breachflow.core.case import (
    Candidate,
    Case,
    Change,
    Clock,
    Entry,
    Key,
    Known,
    Notice,
    Part,
    Proposal,
    Received,
    Stage,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MASTER = bytes(range(32))


def digest(*parts: object) -> bytes:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()


def case_named(number: int, *, at: datetime = NOON, hours: int = 72) -> Case:
    """An open case as the first event leaves it: two clocks, a handful of facts, one part."""
    due = at + timedelta(hours=hours)
    source = "wazuh/prod"
    origin = f"event:{source}/{number}#/facts/"
    facts: dict[str, Any] = {
        "personal_data": True, "incident_type": "ransomware", "availability": False, "confidentiality": True,
        "people_count": 1200 + number, "data": ["identity", "contact", "bank_account"], "people": ["customers"],
        "backup": "partial", "protection": "none", "countries": ["FR", "BE"],
    }  # fmt: skip
    return Case(
        id=f"BF-260504-{number:08d}",
        version=1,
        stage=Stage.SUSPECTED,
        title=f"Files encrypted on srv-claims-{number}",
        source=source,
        opened_at=at,
        triage_from=at,
        profile="gdpr-2018",
        parts=(
            Part(
                controller="insurer", role="controller", processing="claims",
                proposal=Proposal(
                    risk="high", notify_authority=True, notify_controllers=False, inform_people=True,
                    inform_how="individual", basis="precautionary",
                ),
            ),
        ),
        facts={
            name: Known(value=value, origin=origin + name, at=at, confidence="extracted")
            for name, value in facts.items()
        },
        candidates=(Candidate(at=at, kind="detection", origin=origin, recorded_at=at),),
        clocks=tuple(
            Clock(
                id=f"{regime}:insurer", regime=regime, controller="insurer", started=at, act_by=due, provisional=True,
                because="The earliest credible candidate for awareness is the detection.", rung=1,
                next_rung_at=due - timedelta(hours=48), told_at=at,
            )
            for regime in ("gdpr-art33", "gdpr-art34")
        ),
        assets=(f"srv-claims-{number}",),
        events=1,
        material=1,
    )  # fmt: skip


def received(number: int, case: str | None, *, at: datetime = NOON, content: str = "first") -> Received:
    """An event as it is kept, with about 1.7 KB of raw JSON."""
    raw = json.dumps({"id": number, "title": f"Files encrypted {number} {content}", "log": "x" * 1600}).encode()
    return Received(
        identity=digest("event", number), content=digest(content, number), source="wazuh/prod", received_at=at,
        detected_at=at - timedelta(minutes=3), format="wazuh", disposition="opened" if case else "screened",
        because="It states facts of a breach." if case else "Severity low on an asset without personal data.",
        raw=raw, case=case,
    )  # fmt: skip


def notice(number: int, case: str, *, at: datetime = NOON) -> Notice:
    return Notice(
        id=digest("notice", number, at).hex()[:26], kind="opened", to="dpo", at=at, case=case,
        rungs=(("gdpr-art33:insurer", "T-72"),),
    )  # fmt: skip


def opening(number: int, *, at: datetime = NOON, hours: int = 72) -> Change:
    """The change by which one event opens a case."""
    case = case_named(number, at=at, hours=hours)
    return Change(
        case=case,
        entries=(
            Entry(
                at=at, kind="opened", by="engine", body={"event": digest("event", number).hex(), "rule": "facts"},
                sealed={"title": case.title, "description": "Found by the night shift, see M. Durand."},
            ),
            Entry(at=at, kind="assessed", by="engine", body={"risk": "high", "unknown": ["exfiltration"], "se": 3.25}),
            Entry(at=at, kind="clock", by="engine", body={"clock": "gdpr-art33:insurer", "act_by": "2026-05-07"}),
        ),
        notices=(notice(number, case.id, at=at),),
        received=(received(number, case.id, at=at),),
        keys=(
            Key(key=f"case:wazuh/prod:{number}", case=case.id),
            Key(key=f"asset:srv-claims-{number}:ransomware", case=case.id, until=at + timedelta(hours=24)),
        ),
    )  # fmt: skip


def screening(number: int, *, at: datetime = NOON) -> Change:
    """The change by which one event is kept and opens nothing."""
    return Change(received=(received(number, None, at=at),))


def noting(case: Case, text: str, *, at: datetime = NOON, **changes: Any) -> Change:
    """The change by which a person writes something down about a case."""
    moved = msgspec.structs.replace(case, version=case.version + 1, **changes)
    entry = Entry(at=at, kind="note", by="dpo", body={"words": len(text.split())}, sealed={"text": text})
    return Change(case=moved, was=case.version, entries=(entry,))
