"""What would change the answer: for each fact the nearest known values that would, one fact at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from breachflow.core.assessment import Flip, RiskPolicy
from breachflow.core.facts import Facts
from breachflow.core.harmless import BRIEF_HOURS, VERY_FEW
from breachflow.core.worse import ORDER

if TYPE_CHECKING:
    from breachflow.core.assess import Answer

DECIDED = ("risk", "notify_authority", "notify_controllers", "inform_people")
ALWAYS = ("notify_authority", "inform_people")
"""What `then` always states; the other parts of the answer only where they change."""

DATA = (("identity", "contact"), ("health",))
PEOPLE = (("customers",), ("vulnerable",))
"""Where nothing is known of data or people: the answer for ordinary ones, and for sensitive ones."""


def flips(facts: Facts, answer: Answer, ask: Callable[[Facts], Answer], policy: RiskPolicy) -> list[Flip]:
    """Return the single-fact changes after which the answer is another one; each asked again, so each is true."""
    found: list[Flip] = []
    for name, values in _candidates(facts, policy):
        seen: set[tuple[Any, ...]] = set()
        for value in values:
            then = ask(replace(facts, **{name: value}))
            key = tuple(getattr(then, part) for part in DECIDED)
            if key == tuple(getattr(answer, part) for part in DECIDED) or key in seen:
                continue
            seen.add(key)
            found.append(Flip(fact=name, value=value, then=_then(answer, then)))
    # Facts that nobody knows yet come first: those are the questions to ask.
    return sorted(found, key=lambda flip: getattr(facts, flip.fact) is not None)


def _then(before: Answer, after: Answer) -> dict[str, Any]:
    parts = [name for name in after._fields if name in ALWAYS or getattr(after, name) != getattr(before, name)]
    return {name: getattr(after, name) for name in parts}


def _candidates(facts: Facts, policy: RiskPolicy) -> Iterator[tuple[str, list[Any]]]:
    for name, order in ORDER.items():
        known = getattr(facts, name)
        if known is None or known not in order:
            yield name, list(order)
        else:
            place = order.index(known)
            yield (
                name,
                sorted((v for v in order if v != known), key=lambda v: (abs(order.index(v) - place), order.index(v))),
            )
    yield "people_count", _nearest(facts.people_count, (1, VERY_FEW, policy.few_people, policy.large_set))
    yield "recipient_count", _nearest(facts.recipient_count, (1, VERY_FEW, VERY_FEW + 1))
    yield "unavailable_hours", _nearest(facts.unavailable_hours, (float(BRIEF_HOURS), float(BRIEF_HOURS + 1)))
    if facts.role is None:
        yield "role", ["processor"]
    if facts.data is None:
        yield "data", list(DATA)
    if facts.people is None:
        yield "people", list(PEOPLE)
    if facts.individual_contact is None:
        yield "individual_contact", ["disproportionate"]


def _nearest(known: float | None, steps: tuple[float, ...]) -> list[Any]:
    values = {*steps, *(step + 1 for step in steps)}
    if known is None:
        return sorted(values)
    return sorted(values - {known}, key=lambda value: abs(value - known))
