"""How worse is ordered: the public order of every fact's values, and the worst that is still plausible."""

from __future__ import annotations

from typing import Any

ORDER: dict[str, tuple[Any, ...]] = {
    "personal_data": (False, True),
    "intent": ("accidental", "malicious"),
    "confidentiality": (False, True),
    "integrity": (False, True),
    "availability": (False, True),
    "exfiltration": ("excluded", "likely", "confirmed"),
    "accessed": ("excluded", "possible", "confirmed"),
    "protection": ("intact", "weak", "none"),
    "recipient": ("nobody", "trusted", "identified", "unidentified", "hostile", "public"),
    "deletion_confirmed": (True, False),
    "backup": ("full", "partial", "none"),
    "permanent_loss": (False, True),
    "alteration": ("no_wrong_use", "reversible", "irreversible"),
    "service_impact": ("none", "minor", "major"),
    "revealing_context": (False, True),
    "sensitivity": ("incidental", "substantive"),
    "credential_opens": ("low", "ordinary", "financial", "sensitive"),
    "already_public": (True, False),
    "misuse": ("none", "attempted", "observed"),
    "neutralised": (True, False),
    "ongoing": (False, True),
}
"""Values from mildest to worst, of every fact that has an order among named values."""

NUMBERS = ("exposed_hours", "recipient_count", "unavailable_hours", "people_count", "records_count")
"""Facts of which more is worse."""

SETS = ("people", "data", "countries")
"""Facts of which a further element is worse."""


def worse_value(fact: str, one: Any, other: Any) -> Any:
    """Return the worse of two known values of a fact, in JSON types; the second where there is no order between them.

    "It can never be known" is read as unknown, and so is worse than any value.
    """
    if "undeterminable" in (one, other):
        return "undeterminable"
    if fact in SETS or fact == "incident_type":
        return _together(one, other)
    if fact in NUMBERS:
        return max(one, other)
    order = ORDER.get(fact)
    if order is None or one not in order or other not in order:
        return other
    return order[max(order.index(one), order.index(other))]


def _together(one: Any, other: Any) -> list[Any]:
    first = list(one) if isinstance(one, list | tuple) else [one]
    second = list(other) if isinstance(other, list | tuple) else [other]
    return [*first, *(item for item in second if item not in first)]
