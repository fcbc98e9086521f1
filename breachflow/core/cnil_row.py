"""Facts as a row of the CNIL's open data: the way back from our vocabulary to the form's."""

from __future__ import annotations

from breachflow.core.drafting_cnil import cause, data, origins, sensitive
from breachflow.core.facts import Facts, incident_types
from breachflow.law.cnil_form import key, words

SIDES = ("confidentiality", "integrity", "availability")


def cnil_row(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return the words of the form for these facts, by column; a column of which nothing is known is empty."""
    row: dict[str, tuple[str, ...]] = {}
    row["nature"] = tuple(words("nature")[side] for side in SIDES if getattr(facts, side) is True)
    row["people_count"] = (_band(facts.people_count),) if facts.people_count is not None else ()
    row["data"] = tuple(words("data")[name] for name in data(facts.data))
    is_sensitive = bool(sensitive(facts.data)) or facts.sensitivity is not None
    row["sensitive"] = (words("sensitive")["yes"],) if is_sensitive else ()
    row["origin"] = tuple(words("origin")[name] for name in origins(incident_types(facts)))
    why = cause(facts.origin, facts.intent)
    row["cause"] = (words("cause")[why or "other"],)
    row["informed"] = (words("informed")[_informed(facts)],)
    return row


def _band(count: int) -> str:
    bands = sorted((int(most), word) for most, word in words("people_count").items())
    return next((word for most, word in bands if count <= most), bands[-1][1])


def _informed(facts: Facts) -> str:
    if facts.informed_all is True or facts.informed_at is not None:
        return "yes"
    if facts.inform_planned_at is not None:
        return "planned"
    return key("informed", facts.not_informed_reason or "") or "undecided"
