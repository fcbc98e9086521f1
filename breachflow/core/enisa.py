"""ENISA 2013 severity: SE = DPC x EI + CB, every element itemised. One recorded input, not the judge.

ENISA, Recommendations for a methodology of the assessment of severity of personal data breaches, v1.0, December 2013:
the scores are no "indication to any legal consequences". The items of DPC and of CB add up to DPC and CB.
"""

from __future__ import annotations

from typing import Literal

from breachflow.core.assessment import Band, CnilSeverity, Item, Severity
from breachflow.core.facts import SPECIAL_CATEGORIES
from breachflow.core.harmless import VULNERABLE
from breachflow.core.reading import Reading
from breachflow.law.thresholds import threshold

METHOD = "ENISA 2013"
MANY = threshold("enisa-many")

Category = Literal["simple", "behavioural", "financial", "sensitive"]
BASE: dict[Category, int] = {"simple": 1, "behavioural": 2, "financial": 3, "sensitive": 4}
"""Table 1: the basic score of the data processing context."""

KINDS: dict[str, tuple[Category, int, str]] = {
    **dict.fromkeys(
        ("identity", "birth_date", "contact", "pseudonym", "photo", "customer_id", "education", "family",
         "credentials_hashed"),
        ("simple", 0, ""),
    ),
    "vehicle": ("simple", 1, "vehicle and mileage allow assumptions on means and habits"),
    "contract": ("simple", 1, "a contract and its amounts allow assumptions on means"),
    "employment": ("simple", 1, "a working life allows a profile"),
    "other": ("simple", 1, "a kind without a name of its own is not taken for the mildest"),
    "official_id": ("simple", 2, "an official number opens the way to identity theft"),
    "official_document": ("simple", 2, "a copy of a document opens the way to identity theft"),
    "social_security": ("simple", 2, "a national number opens the way to identity theft"),
    "protected_address": ("simple", 3, "critical for the safety of the person"),
    "crime_victim": ("simple", 3, "critical for the safety and condition of the person"),
    "profile": ("behavioural", 0, ""),
    "connection": ("behavioural", 0, ""),
    "voice_recording": ("behavioural", 0, ""),
    "location": ("behavioural", 1, "a trace of places is a profile of everyday life"),
    "communications": ("behavioural", 1, "content and traffic are a profile of everyday life"),
    "bank_account": ("financial", -1, "an account number alone gives no significant insight"),
    "financial": ("financial", 0, ""),
    "payment_card": ("financial", 1, "full card data enables fraud"),
    "fraud_aml": ("financial", 1, "a file on fraud or money laundering is a detailed profile"),
    "employment_health": ("sensitive", 0, ""),
    **dict.fromkeys(SPECIAL_CATEGORIES, ("sensitive", 0, "")),
    "unknown": ("sensitive", 0, ""),
}  # fmt: skip
"""Each kind's category, its adjustment by the contextual factors of Table 1 in whole steps, and why."""

OPENS: dict[str, int] = {"low": 1, "ordinary": 2, "financial": 4, "sensitive": 4}
"""Credentials are no category of their own: they score as what they open."""

IDENTIFYING = frozenset(
    {
        "contact", "birth_date", "photo", "official_id", "official_document", "social_security", "bank_account",
        "payment_card", "employment", "financial", "contract", "vehicle",
    }
)  # fmt: skip
"""Kinds that lead to a person without a name."""

NO_FURTHER = frozenset({"identity", "pseudonym", "customer_id", "credentials_hashed"})
"""Kinds that, beside a name, do not tell namesakes apart; any other does."""

INDIRECT = frozenset({"pseudonym", "credentials_hashed", "customer_id", "connection", "profile", "vehicle"})
"""Kinds that point to nobody without another set of data; the register of plates is closed."""

THINGS = frozenset({"device_lost_or_stolen", "e_waste", "paper_lost_or_stolen", "paper_disposal"})
"""Lost things: exposed, and scored by the evidence that somebody looked at them."""

BANDS: tuple[tuple[float, Band, CnilSeverity], ...] = (
    (4.0, "very_high", "maximale"),
    (3.0, "high", "importante"),
    (2.0, "medium", "limitee"),
    (0.0, "low", "negligeable"),
)
"""Section 3.2: below 2 low, below 3 medium, below 4 high. The CNIL's scale has the same words."""


def severity(facts: Reading) -> Severity:
    """Return the score of a reading of the facts, with every element and why."""
    items: list[Item] = []
    dpc = _context(facts, items)
    ei = _identification(facts, items)
    cb = _circumstances(facts, items)
    if facts.people_count > MANY:
        items.append(_MANY)
    if facts.protection == "intact":
        items.append(_UNINTELLIGIBLE)
    se = round(dpc * ei + cb, 2)
    band, cnil = next((band, cnil) for floor, band, cnil in BANDS if se >= floor)
    return Severity(method=METHOD, dpc=dpc, ei=ei, cb=cb, se=se, band=band, cnil=cnil, items=tuple(items))


_MANY = Item(element="flag: more than 100 individuals", score=0.0, because="or an unknown number; the score stays")
_UNINTELLIGIBLE = Item(element="flag: unintelligible", score=0.0, because="strong protection, key safe")

_KIND_ITEMS: dict[str, tuple[Item, ...]] = {
    kind: (
        Item(
            element="DPC base",
            score=float(BASE[category]),
            because=f"{kind}: {category} data{', read at its worst' * (kind == 'unknown')}",
        ),
        *((Item(element="DPC adjustment", score=float(step), because=f"{kind}: {why}"),) if step else ()),
    )
    for kind, (category, step, why) in KINDS.items()
}
_KIND_SCORE = {kind: BASE[category] + step for kind, (category, step, _) in KINDS.items()}


def _context(facts: Reading, items: list[Item]) -> float:
    """If data of several kinds is concerned, each is scored and the highest kept; then the factors of the whole set."""
    score, kind = 0, ""
    for one in facts.data or ("pseudonym",):
        value = _score(one, facts)
        # Among equals the first by name, so that the order of the facts does not matter.
        if value > score or (value == score and one < kind):
            score, kind = value, one
    items.extend(_explained(kind, score))
    if score < 4 and {"bank_account", "identity"} <= facts.data:
        score += 1
        items.append(Item(element="DPC adjustment", score=1.0, because="bank details with a name allow fraud"))
    if score < 4 and facts.people & VULNERABLE:
        score += 1
        items.append(Item(element="DPC adjustment", score=1.0, because="vulnerable people, or not known to be others"))
    if score < 4 and facts.revealing:
        step = min(2, 4 - score)
        score += step
        items.append(
            Item(element="DPC adjustment", score=float(step), because="being in this set says something sensitive")
        )
    if score > 1 and facts.public_before:
        score -= 1
        items.append(Item(element="DPC adjustment", score=-1.0, because="publicly available before"))
    return float(score)


def _score(kind: str, facts: Reading) -> int:
    category, _, _ = KINDS.get(kind, ("simple", 0, ""))
    if kind in ("credentials", "account_access") or (kind == "credentials_hashed" and facts.usable_hashes):
        return OPENS[facts.credential_opens]
    if category == "sensitive" and kind != "unknown" and not facts.substantive:
        return 1
    return _KIND_SCORE[kind]


def _explained(kind: str, score: int) -> tuple[Item, ...]:
    if _KIND_SCORE.get(kind) == score and kind not in ("credentials", "account_access"):
        return _KIND_ITEMS[kind]
    if kind in KINDS and KINDS[kind][0] == "sensitive":
        base = Item(element="DPC base", score=4.0, because=f"{kind}: sensitive data")
        return base, Item(element="DPC adjustment", score=float(score - 4), because=f"{kind}: a bare remark")
    return (Item(element="DPC base", score=float(score), because=f"{kind}: scored as what it opens"),)


def _identification(facts: Reading, items: list[Item]) -> float:
    if facts.protection == "intact" or facts.data <= INDIRECT:
        item = _EI_NOBODY
    elif "unknown" in facts.data or ("identity" in facts.data and not facts.data <= NO_FURTHER):
        item = _EI_CERTAIN
    else:
        item = _EI_LIKELY if facts.data & IDENTIFYING else _EI_NAMESAKES
    items.append(item)
    return item.score


_EI_NOBODY = Item(element="EI", score=0.25, because="nobody can be recognised without a key or another set of data")
_EI_NAMESAKES = Item(element="EI", score=0.5, because="a name alone, or data of somebody who is not named")
_EI_LIKELY = Item(element="EI", score=0.75, because="the data leads to a person without a name")
_EI_CERTAIN = Item(element="EI", score=1.0, because="a name with further data leaves no doubt, or is not ruled out")


def _circumstances(facts: Reading, items: list[Item]) -> float:
    found = [item for item in (_disclosure(facts), _alteration(facts), _unavailability(facts)) if item is not None]
    if facts.malicious:
        found.append(_MALICIOUS)
    items.extend(found)
    return sum(item.score for item in found)


_MALICIOUS = Item(element="CB malicious intent", score=0.5, because="an intentional act, or not known to be none")


def _disclosure(facts: Reading) -> Item | None:
    if not facts.confidentiality:
        return None
    unseen = facts.accessed == "excluded" or (facts.accessed == "possible" and facts.types and facts.types <= THINGS)
    if facts.recipient == "nobody" or unseen:
        return _CB_EXPOSED
    return _CB_KNOWN if facts.recipient in ("trusted", "identified") else _CB_UNKNOWN


_CB_EXPOSED = Item(element="CB confidentiality", score=0.0, because="exposed, without evidence that anybody read it")
_CB_KNOWN = Item(element="CB confidentiality", score=0.25, because="to a number of known recipients")
_CB_UNKNOWN = Item(element="CB confidentiality", score=0.5, because="to an unknown number, or it is not known to whom")


def _alteration(facts: Reading) -> Item | None:
    if not facts.integrity:
        return None
    restored = facts.protection == "intact" and facts.backup == "full" and not facts.permanent_loss
    return _CB_ALTERED["no_wrong_use" if restored else facts.alteration]


_CB_ALTERED = {
    "no_wrong_use": Item(element="CB integrity", score=0.0, because="altered, no wrong use, original recovered"),
    "reversible": Item(element="CB integrity", score=0.25, because="altered and possibly used wrongly, recoverable"),
    "irreversible": Item(element="CB integrity", score=0.5, because="altered, not known to be recoverable"),
}


def _unavailability(facts: Reading) -> Item | None:
    if not facts.availability:
        return None
    if facts.permanent_loss and facts.backup == "none":
        return _CB_LOST
    easily = facts.backup == "full" and facts.service_impact == "none" and not facts.permanent_loss
    return _CB_EASY if easily else _CB_TEMPORARY


_CB_EASY = Item(element="CB availability", score=0.0, because="recoverable without difficulty")
_CB_TEMPORARY = Item(element="CB availability", score=0.25, because="temporary: to be rebuilt with work")
_CB_LOST = Item(element="CB availability", score=0.5, because="cannot be recovered, or is not known to be")
