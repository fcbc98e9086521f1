"""The account of a breach as Art. 33(5) wants it: facts, effects, remedies, and the reasons of every decision.

"The controller shall document any personal data breaches, comprising the facts relating to the personal data breach,
its effects and the remedial action taken." -- GDPR Art. 33(5)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, get_args

from msgspec import Struct

from breachflow.core.case import Case
from breachflow.core.decision import Decision
from breachflow.core.facts import Facts
from breachflow.core.moves import verb
from breachflow.core.record import is_sealed

EFFECTS = frozenset({
    "permanent_loss", "alteration", "service_impact", "unavailable_hours", "misuse", "consequences_confidentiality",
    "consequences_integrity", "consequences_availability", "harms", "text_consequences", "text_harms",
    "text_assessment",
})  # fmt: skip
REMEDIES = frozenset({
    "backup", "neutralised", "deletion_confirmed", "measures_before", "measures_taken", "measures_prevent",
    "text_measures_before", "text_measures_prevent", "informed_at", "inform_planned_at", "informed_all",
    "informed_means", "not_informed_reason", "complaint", "other_authorities",
})  # fmt: skip
"""What was done before, against and after the breach; every other fact is one of the breach itself."""

DECISIONS = frozenset(verb(kind) for kind in get_args(Decision)) | {"erased", "raw-erased"}
"""Kinds of entries by which somebody, or the retention, decided something."""


class Entered(Protocol):
    """A register entry as the store returns it."""

    @property
    def seq(self) -> int:
        """Its number in the case."""

    @property
    def at(self) -> datetime:
        """When it was written."""

    @property
    def kind(self) -> str:
        """What happened."""

    @property
    def by(self) -> str:
        """Who did it."""

    @property
    def body(self) -> dict[str, Any]:
        """Its open part."""

    @property
    def sealed(self) -> dict[str, Any] | None:
        """Its sealed part in the clear."""

    @property
    def erased_at(self) -> datetime | None:
        """When the sealed part was erased."""

    @property
    def hash(self) -> str:
        """Its link in the chain."""


class Version(Struct, frozen=True):
    """One value that a fact had: since when, stated by whom."""

    at: datetime
    origin: str
    value: Any


class Stated(Struct, frozen=True):
    """One fact: its value now (`None` where it is unknown again) and every value it had, oldest first."""

    fact: str
    value: Any
    versions: tuple[Version, ...]


class Line(Struct, frozen=True, kw_only=True):
    """One register entry with its changed facts in the clear, and when its sealed part was erased."""

    seq: int
    at: datetime
    kind: str
    by: str
    reason: str
    body: dict[str, Any]
    sealed: dict[str, Any]
    erased_at: datetime | None
    hash: str


class Account(Struct, frozen=True, kw_only=True):
    """One case as the register gives account of it."""

    case: Case
    facts: tuple[Stated, ...]
    effects: tuple[Stated, ...]
    remedies: tuple[Stated, ...]
    decisions: tuple[Line, ...]
    entries: tuple[Line, ...]


def account(case: Case, entries: Sequence[Entered], *, sealed: bool = True) -> Account:
    """Return the account of a case from what it is and what its register says; without `sealed` no free texts."""
    lines = tuple(_line(entry, sealed=sealed) for entry in entries)
    past = _versions(lines)
    stated = [
        Stated(name, case.facts[name].value if name in case.facts else None, tuple(past.get(name, ())))
        for name in Facts.__struct_fields__
        if (name in case.facts or name in past) and (sealed or not is_sealed(name))
    ]
    return Account(
        case=case,
        facts=tuple(one for one in stated if one.fact not in EFFECTS | REMEDIES),
        effects=tuple(one for one in stated if one.fact in EFFECTS),
        remedies=tuple(one for one in stated if one.fact in REMEDIES),
        decisions=tuple(line for line in lines if line.kind in DECISIONS),
        entries=lines,
    )


def latest_assessments(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return what the register says last about the risk for each controller, with its reasons."""
    latest: dict[str, dict[str, Any]] = {}
    for line in lines:
        for assessment in line.body.get("assessed", ()):
            latest[assessment["controller"]] = assessment
    return list(latest.values())


def _line(entry: Entered, *, sealed: bool) -> Line:
    body = dict(entry.body)
    return Line(
        seq=entry.seq, at=entry.at, kind=entry.kind, by=entry.by, reason=str(body.pop("reason", "")), body=body,
        sealed=dict(entry.sealed or {}) if sealed else {}, erased_at=entry.erased_at, hash=entry.hash,
    )  # fmt: skip


def _versions(lines: Sequence[Line]) -> Mapping[str, list[Version]]:
    past: dict[str, list[Version]] = {}
    for line in lines:
        hidden = line.sealed.get("facts", {})
        for change in line.body.get("facts", ()):
            name = change["fact"]
            if "kept" in change or ("after" not in change and name not in hidden):
                continue
            after = change["after"] if "after" in change else hidden[name][1]
            past.setdefault(name, []).append(Version(line.at, change["origin"], after))
    return past
