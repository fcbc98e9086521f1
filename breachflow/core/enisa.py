"""ENISA 2013 severity: SE = DPC x EI + CB, every element itemised. One recorded input, not the judge.

ENISA, Recommendations for a methodology of the assessment of severity of personal data breaches, v1.0, December 2013:
the scores are no "indication to any legal consequences".
"""

from __future__ import annotations

from breachflow.core.assessment import Band, CnilSeverity, Item, Severity
from breachflow.core.facts import Facts
from breachflow.core.harmless import VULNERABLE
from breachflow.core.reading import SPECIAL, Reading

METHOD = "ENISA 2013"

CONTEXT: dict[str, int] = {
    "identity": 1, "birth_date": 1, "contact": 1, "pseudonym": 1, "photo": 1, "customer_id": 1, "education": 1,
    "family": 1, "credentials_hashed": 1,
    "profile": 2, "vehicle": 2, "contract": 2, "connection": 2, "location": 2, "voice_recording": 2, "employment": 2,
    "other": 2,
    "bank_account": 2, "communications": 3, "financial": 3, "official_id": 3, "official_document": 3,
    "social_security": 3,
    "payment_card": 4, "fraud_aml": 4, "employment_health": 4, "protected_address": 4, "crime_victim": 4, "unknown": 4,
}  # fmt: skip
"""Data processing context (Table 1), the resulting score of each kind by itself; special categories are 4."""

OPENS: dict[str, int] = {"low": 1, "ordinary": 2, "financial": 4, "sensitive": 4}
"""Credentials are no category of their own: they score as what they open."""

IDENTIFYING = frozenset(
    {
        "contact", "birth_date", "photo", "official_id", "official_document", "social_security", "bank_account",
        "payment_card", "employment", "financial", "contract", "vehicle", "unknown",
    }
)  # fmt: skip
"""Kinds that, beside a name, leave no doubt who it is."""

INDIRECT = frozenset({"pseudonym", "credentials_hashed", "customer_id", "connection", "profile", "vehicle"})
"""Kinds that point to nobody without another set of data."""

BANDS: tuple[tuple[float, Band, CnilSeverity], ...] = (
    (4.0, "very_high", "maximale"),
    (3.0, "high", "importante"),
    (2.0, "medium", "limitee"),
    (0.0, "low", "negligeable"),
)
"""Section 3.2: below 2 low, below 3 medium, below 4 high. The CNIL's scale has the same words."""

_FOUND = {
    kind: Item(element=f"DPC {kind}", score=score, because="score of this kind of data")
    for kind, score in CONTEXT.items()
}


def severity(facts: Reading, known: Facts) -> Severity:
    """Return the score of the worst reading of the facts, with every element and why."""
    items: list[Item] = []
    dpc = _context(facts, items)
    ei = _identification(facts, items)
    cb = _circumstances(facts, known, items)
    if facts.people_count > 100:
        items.append(Item(element="flag", score=0, because="more than 100 individuals, or an unknown number"))
    if facts.protection == "intact":
        items.append(Item(element="flag", score=0, because="data unintelligible"))
    se = round(dpc * ei + cb, 2)
    band, cnil = next((band, cnil) for floor, band, cnil in BANDS if se >= floor)
    return Severity(method=METHOD, dpc=dpc, ei=ei, cb=cb, se=se, band=band, cnil=cnil, items=tuple(items))


def _context(facts: Reading, items: list[Item]) -> float:
    score, worst = 1, _FOUND["identity"]
    for kind in facts.data:
        value = _of_kind(kind, facts)
        if value > score:
            score, worst = value, _FOUND.get(kind) or Item(element=f"DPC {kind}", score=value, because="sensitive data")
    if worst.score != score:
        worst = Item(element=worst.element, score=score, because="scored as what it opens")
    items.append(worst)
    # "+1: characteristics of the individuals", "+2: leads to assumptions on sensitive data", whole steps only.
    if score < 4 and facts.people & VULNERABLE:
        score += 1
        items.append(Item(element="DPC +1", score=1, because="vulnerable people are concerned, or it is not known"))
    if score < 4 and {"bank_account", "identity"} <= facts.data:
        score += 1
        items.append(Item(element="DPC +1", score=1, because="bank details with a name allow fraud"))
    if score < 4 and facts.revealing:
        items.append(Item(element="DPC +2", score=4 - score, because="being in the set says something sensitive"))
        score = 4
    if score > 1 and facts.public_before:
        score -= 1
        items.append(Item(element="DPC -1", score=-1, because="publicly available before"))
    return float(score)


def _of_kind(kind: str, facts: Reading) -> int:
    if kind in SPECIAL:
        return 4 if facts.substantive else 1
    if kind in ("credentials", "account_access"):
        return OPENS[facts.credential_opens]
    return CONTEXT[kind]


def _identification(facts: Reading, items: list[Item]) -> float:
    if facts.protection == "intact" or facts.data <= INDIRECT:
        ei, because = 0.25, "nobody can be recognised without a key or another set of data"
    elif "identity" in facts.data and facts.data & IDENTIFYING:
        ei, because = 1.0, "a name with further data leaves no doubt"
    elif facts.data & IDENTIFYING:
        ei, because = 0.75, "the data leads to a person without a name"
    else:
        ei, because = 0.5, "a name alone, with namesakes"
    items.append(Item(element="EI", score=ei, because=because))
    return ei


def _circumstances(facts: Reading, known: Facts, items: list[Item]) -> float:
    total = 0.0

    def add(element: str, score: float, because: str) -> None:
        nonlocal total
        total += score
        items.append(Item(element=element, score=score, because=because))

    if facts.confidentiality and facts.protection != "intact":
        if facts.recipient in ("trusted", "identified"):
            add("CB confidentiality", 0.25, "to a number of known recipients")
        elif facts.recipient != "nobody" and facts.accessed != "excluded":
            add("CB confidentiality", 0.5, "to an unknown number of recipients, or it is not known")
    if facts.integrity and known.alteration != "no_wrong_use":
        kept = known.alteration == "reversible" or facts.backup == "full"
        add(
            "CB integrity",
            0.25 if kept else 0.5,
            "altered, recoverable" if kept else "altered, perhaps not recoverable",
        )
    if facts.availability and not (facts.backup == "full" and facts.service_impact == "none"):
        lost = facts.permanent_loss and facts.backup == "none"
        add("CB availability", 0.5 if lost else 0.25, "lost" if lost else "temporarily unavailable")
    if facts.malicious:
        add("CB intent", 0.5, "an intentional act, or it is not known")
    return total
