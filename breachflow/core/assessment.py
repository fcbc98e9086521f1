"""The answer to "does this breach have to be notified?": two thresholds, a score, reasons, and what would change it."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Risk = Literal["unlikely", "risk", "high"]
InformHow = Literal["individual", "public", "none"]
Exemption = Literal["a", "b", "c"]
AnswerBasis = Literal["established", "precautionary"]
Band = Literal["low", "medium", "high", "very_high"]
CnilSeverity = Literal["negligeable", "limitee", "importante", "maximale"]


class Item(Struct, frozen=True, kw_only=True):
    """One line of the itemised ENISA score: which element, how much, and why."""

    element: str
    score: float
    because: str


class Severity(Struct, frozen=True, kw_only=True):
    """ENISA 2013 severity, SE = DPC x EI + CB, with every element that went into it."""

    method: str
    dpc: float
    ei: float
    cb: float
    se: float
    band: Band
    cnil: CnilSeverity
    items: tuple[Item, ...] = ()


class Reason(Struct, frozen=True, kw_only=True):
    """Why: the rule that spoke, the facts it read, one sentence, the article and the guidance behind it."""

    rule: str
    facts: tuple[str, ...]
    because: str
    law: str
    guidance: str | None = None


class Flip(Struct, frozen=True, kw_only=True):
    """A single fact which, known to have this value, changes the answer to `then`."""

    fact: str
    value: Any
    then: dict[str, Any]


class Assessment(Struct, frozen=True, kw_only=True):
    """The engine's proposal for one set of facts; a person decides.

    `notify_authority` is Art. 33(1), `inform_people` Art. 34(1), `notify_controllers` Art. 33(2).
    """

    risk: Risk
    register: bool
    notify_authority: bool
    notify_controllers: bool
    inform_people: bool
    inform_how: InformHow
    exemption: Exemption | None
    basis: AnswerBasis
    severity: Severity
    reasons: tuple[Reason, ...]
    unknown: tuple[str, ...]
    would_change: tuple[Flip, ...] = ()


class RiskPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the organisation may decide about risk: it can raise the law's treatment, never lower it.

    `large_set`: people from which an unprotected set is a high risk by its size alone. `few_people`: up to this many
    people may count as "very few" in the patterns for not notifying. `inform_for`: kinds of data for which people are
    always informed when confidentiality is lost unprotected. `notify_for`: likewise, the authority.
    """

    large_set: int = 10_000
    few_people: int = 50
    inform_for: tuple[str, ...] = ()
    notify_for: tuple[str, ...] = ()
    processor_notice_hours: int = 24


DEFAULT_RISK_POLICY = RiskPolicy()
