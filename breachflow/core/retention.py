"""How long personal data is kept: what a hold, an erasure and the passing of time leave of a case.

"Personal data shall be [...] kept in a form which permits identification of data subjects for no longer than is
necessary for the purposes for which the personal data are processed" -- GDPR Art. 5(1)(e)

The record that there was a breach, its effects, its remedies and the reasons of every decision stay: Art. 33(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.case import (
    Case,
    Change,
    Entry,
    Erased,
    Filing,
    Forget,
    IllegalMove,
    Known,
    content_from,
    is_erased,
    is_open,
    raw_from,
)
from breachflow.core.organisation import Policy, Retention
from breachflow.core.record import is_sealed

BY = "breachflow"
MARKED: Mapping[str, Any] = {
    "parties": lambda words: [{"name": words}],
    "measures_taken": lambda words: [{"what": words}],
    "complaint": lambda words: {"reference": words},
}
"""Where the words "erased on …" stand in a fact that is no text."""


class Kept(Struct, frozen=True, kw_only=True):
    """Until when the content of a case is kept: the events as they came in, and all the rest that may name people.

    `None` means that no end is set: the case is open or on hold, or the content is erased already.
    """

    raw_until: datetime | None
    content_until: datetime | None


def kept(case: Case, retention: Retention) -> Kept:
    """Return until when the content of this case is kept as things stand."""
    raw, content = raw_from(case), content_from(case)
    return Kept(
        raw_until=None if raw is None else raw + timedelta(days=retention.raw_days),
        content_until=None if content is None else years_later(content, retention.case_years),
    )


def refilled(case: Case) -> Case:
    """Return a case into which something has come: what is erased of it by now is not all it holds."""
    before = replace(case.erased, refilled=True) if case.erased is not None else None
    return replace(case, raw_erased_at=None, erased=before)


def reopened(case: Case) -> Case:
    """Return a case that is open again: its retention will count from its next closing, for all it holds then."""
    return replace(refilled(case), closed_at=None)


def expired(case: Case, policy: Policy, now: datetime) -> Change | None:
    """Return what time erases of this case by now, or `None` where nothing is due."""
    retention, until = policy.retention, kept(case, policy.retention)
    if until.content_until is not None and until.content_until <= now:
        reason = f"kept for {retention.case_years} years after the case was closed (policy.retention.case_years)"
        return _erased(case, BY, reason, now)
    if until.raw_until is not None and until.raw_until <= now:
        reason = f"kept for {retention.raw_days} days after the case was closed (policy.retention.raw_days)"
        after = replace(case, raw_erased_at=now, version=case.version + 1)
        return _change(case, after, "raw-erased", Forget(what="raw", by=BY, reason=reason, at=now))
    return None


def erased(case: Case, by: str, reason: str, now: datetime) -> Change:
    """Return the erasure that a person asks for; raise `IllegalMove` where the case is open, on hold or erased."""
    if not by.strip():
        raise IllegalMove(f"{case.id}: say who erases (--by); the register keeps it.")
    if not reason.strip():
        raise IllegalMove(f"{case.id}: say why it is erased (--reason); the register keeps it.")
    if is_open(case):
        raise IllegalMove(
            f"{case.id} is {case.stage.value}: only a closed or dismissed case is erased; close it first."
        )
    if case.hold is not None:
        raise IllegalMove(
            f"{case.id} is on hold since {_day(case.hold.at)} by {case.hold.by}; "
            "`breachflow retention release` lifts the hold."
        )
    if is_erased(case) and case.erased is not None:
        raise IllegalMove(f"{case.id} was {words(case.erased.at)} already.")
    return _erased(case, by, reason, now)


def marked(case: Case, said: str) -> Case:
    """Return the case with these words, "erased on …" in the reader's language, wherever content was erased."""
    if case.erased is None:
        return case
    gone = {
        name: Known(
            value=MARKED.get(name, lambda text: text)(said), origin="erasure", at=case.erased.at, confidence="verified"
        )
        for name in case.erased.facts
        if name not in case.facts
    }
    return replace(case, title=said, facts=case.facts | gone)


def words(at: datetime) -> str:
    """Return what stands in the place of erased content, in English; drafts say it in their own language."""
    return f"erased on {_day(at)}"


def latest_closing(policy: Policy, now: datetime) -> tuple[datetime, datetime]:
    """Return the latest closing of a case whose raw events, and of one whose content, may be due for erasure.

    A day later than exact, since years differ in length; `expired` decides about each.
    """
    raw = now - timedelta(days=policy.retention.raw_days)
    return raw, years_later(now, -policy.retention.case_years) + timedelta(days=1)


def expired_days(policy: Policy, now: datetime) -> dict[str, str]:
    """Return the day (YYYY-MM-DD, UTC) before which what belongs to no case has expired, by the kind of it."""
    # What came in late on a day is kept in full: a day's key goes once its last second is old enough.
    return {kind: f"{now - timedelta(days=days):%Y-%m-%d}" for kind, days in _days_kept(policy).items()}


def day_until(name: str, policy: Policy) -> datetime:
    """Return the instant at which the key of a day (`screened:2026-05-04`) has expired."""
    kind, _, day = name.partition(":")
    return datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(days=_days_kept(policy)[kind] + 1)


def years_later(at: datetime, years: int) -> datetime:
    """Return the same day so many years later; the 29th of February becomes the 28th."""
    try:
        return at.replace(year=at.year + years)
    except ValueError:
        return at.replace(year=at.year + years, day=28)


def _days_kept(policy: Policy) -> dict[str, int]:
    dead = policy.retention.dead_days
    return {"screened": policy.screening.keep_days, "dead": dead, "mail": dead}


def _erased(case: Case, by: str, reason: str, now: datetime) -> Change:
    gone = sorted({name for name in case.facts if is_sealed(name)} | set(case.erased.facts if case.erased else ()))
    after = replace(
        case,
        version=case.version + 1,
        title=words(now),
        facts={name: replace(known, reason="") for name, known in case.facts.items() if not is_sealed(name)},
        parts=tuple(replace(part, filings=tuple(map(_bared, part.filings))) for part in case.parts),
        assets=(),
        joined=tuple(replace(one, replaced={}) for one in case.joined),
        erased=Erased(at=now, by=by, facts=tuple(gone)),
        raw_erased_at=now,
    )
    return _change(case, after, "erased", Forget(what="content", by=by, reason=reason, at=now, assets=case.assets))


def _bared(filing: Filing) -> Filing:
    """Return a filing without the free texts that it stated."""
    stated = {name: value for name, value in (filing.stated or {}).items() if not is_sealed(name)}
    return replace(filing, stated=None if filing.stated is None else stated, assets=())


def _change(case: Case, after: Case, kind: str, forget: Forget) -> Change:
    body: dict[str, Any] = {"reason": forget.reason}
    if after.erased is not None and kind == "erased":
        body["facts_erased"] = list(after.erased.facts)
    entry = Entry(at=forget.at, kind=kind, by=forget.by, body=body)
    return Change(case=after, was=case.version, entries=(entry,), forget=forget)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
