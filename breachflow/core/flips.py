"""What would change the answer: for each fact the nearest known values that would, one fact at a time.

Values are tried outwards from what the fact is, or is read as, now; of those that lead to the same other answer only
the first is kept, so that no flip is larger than it has to be. Each is asked again, so each is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from breachflow.core.assessment import Flip, RiskPolicy
from breachflow.core.facts import Facts
from breachflow.core.harmless import BRIEF_HOURS, VERY_FEW
from breachflow.core.questions import ASKED
from breachflow.core.reading import contradictions
from breachflow.core.verdict import Answer
from breachflow.core.worse import ORDER

DECIDED = ("risk", "notify_authority", "notify_controllers", "inform_people")
"""A flip changes at least one of these."""

ALWAYS = ("notify_authority", "inform_people")
"""What `then` always states; the other parts of the answer only where they change."""

DATA = (("identity", "contact"), ("health",))
PEOPLE = (("customers",), ("vulnerable",))
"""Where nothing is known of data or people: the answer for ordinary ones, and for sensitive ones."""

PLACE = {name: place for place, name in enumerate(ASKED)}


def flips(facts: Facts, answer: Answer, ask: Callable[[Facts], Answer], policy: RiskPolicy) -> tuple[Flip, ...]:
    """Return the single-fact changes after which the answer is another one; of unknown facts first."""
    found: list[Flip] = []
    contradicted = bool(contradictions(facts))
    for name, values in _candidates(policy):
        known = getattr(facts, name)
        if name in _ONLY_UNKNOWN and known is not None:
            continue
        tried = []
        for value in values:
            other = replace(facts, **{name: value})
            # A value that what is known rules out is none that anybody could find out.
            if value != known and (contradicted or not contradictions(other)):
                tried.append((value, ask(other)))
        found += _nearest(name, known, values, tried, answer)
    # Facts that nobody knows yet come first: those are the questions to ask.
    return tuple(sorted(found, key=lambda flip: (getattr(facts, flip.fact) is not None, PLACE.get(flip.fact, 99))))


def _nearest(
    name: str, known: Any, values: Sequence[Any], tried: list[tuple[Any, Answer]], answer: Answer
) -> Iterable[Flip]:
    before = _decided(answer)
    if known in values or isinstance(known, int | float):
        tried.sort(key=lambda one: _distance(one[0], known, values))
    elif tried and _decided(tried[-1][1]) == before:
        # An unknown fact that is read at its worst: the nearest value is the worst one that changes something.
        tried.reverse()
    seen = {before}
    for value, then in tried:
        if _decided(then) not in seen:
            seen.add(_decided(then))
            yield Flip(fact=name, value=value, then=_then(answer, then))


def _distance(value: Any, known: Any, values: Sequence[Any]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return abs(values.index(value) - values.index(known))
    return abs(float(value) - float(known))


def _decided(answer: Answer) -> tuple[Any, ...]:
    return answer.risk, answer.notify_authority, answer.notify_controllers, answer.inform_people


def _then(before: Answer, after: Answer) -> dict[str, Any]:
    parts = [name for name in after._fields if name in ALWAYS or getattr(after, name) != getattr(before, name)]
    return {name: getattr(after, name) for name in parts}


def _candidates(policy: RiskPolicy) -> Iterable[tuple[str, Sequence[Any]]]:
    """Yield each fact with its values from mildest to worst; of numbers those on both sides of every threshold."""
    yield from _WORDS
    people = {VERY_FEW, VERY_FEW + 1, policy.few_people, policy.few_people + 1, policy.large_set - 1, policy.large_set}
    yield "people_count", sorted(people)


_ONLY_UNKNOWN = frozenset({"role", "data", "people"})
"""Facts that are asked for where they are unknown, and of which no one value is next to another."""

# What no rule reads changes no answer.
_WORDS: tuple[tuple[str, Sequence[Any]], ...] = (
    *((name, order) for name, order in ORDER.items() if name in PLACE),
    ("recipient_count", (VERY_FEW, VERY_FEW + 1)),
    ("unavailable_hours", (0.0, 1.0, float(BRIEF_HOURS), float(BRIEF_HOURS + 1))),
    ("role", ("processor",)),
    ("data", DATA),
    ("people", PEOPLE),
)
