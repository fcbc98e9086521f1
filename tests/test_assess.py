"""The engine's answers: the published cases, the published order of worse, and what may never happen."""

from __future__ import annotations

import os
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from breachflow.core.assess import assess, combined
from breachflow.core.assessment import DEFAULT_RISK_POLICY, RiskPolicy
from breachflow.core.backtest import shipped
from breachflow.core.facts import ASSESSED, DATA_KINDS, FINDINGS, INCIDENT_TYPES, PEOPLE_KINDS, Facts
from breachflow.core.facts import known as known_facts
from breachflow.core.reading import contradictions
from breachflow.core.worse import NUMBERS, ORDER, SETS

EXAMPLES = int(os.environ.get("BREACHFLOW_EXAMPLES", "300"))
often = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

RISKS = ("unlikely", "risk", "high")

values = {name: st.sampled_from(order) for name, order in ORDER.items()} | {
    "people_count": st.sampled_from([0, 1, 2, 15, 20, 21, 24, 50, 51, 300, 9_999, 10_000, 60_000]),
    "recipient_count": st.sampled_from([0, 1, 15, 20, 21, 1000]),
    "records_count": st.integers(0, 10**6),
    "unavailable_hours": st.sampled_from([0.0, 0.2, 6.0, 24.0, 25.0, 120.0]),
    "exposed_hours": st.sampled_from([0.0, 1.0, 700.0]),
    "people": st.lists(st.sampled_from(PEOPLE_KINDS), max_size=3, unique=True).map(tuple),
    "data": st.lists(st.sampled_from(DATA_KINDS), max_size=4, unique=True).map(tuple),
    "incident_type": st.sampled_from(INCIDENT_TYPES),
    "role": st.sampled_from(["controller", "joint_controller", "processor"]),
    "origin": st.sampled_from(["internal", "external"]),
    "individual_contact": st.sampled_from(["possible", "disproportionate"]),
    "countries": st.just(("FR",)),
}

ordinary = {
    "personal_data": True, "confidentiality": True, "integrity": False, "availability": False, "intent": "accidental",
    "exfiltration": "excluded", "protection": "none", "recipient": "trusted", "deletion_confirmed": True,
    "people_count": 15, "recipient_count": 2, "people": ("customers",), "data": ("identity", "contact"),
    "service_impact": "none", "permanent_loss": False, "backup": "full",
}  # fmt: skip


PUBLISHED = [dict(known_facts(case.facts)) for case in shipped()]


@st.composite
def facts(draw):
    """Any facts at all, published cases with a few facts changed, and often ones near the borders."""
    chosen = draw(st.fixed_dictionaries({}, optional=values))
    if draw(st.integers(0, 2)) == 0:
        published = draw(st.sampled_from(PUBLISHED))
        few = draw(st.lists(st.sampled_from(sorted(chosen)), max_size=4)) if chosen else []
        return Facts(**{**published, **{name: chosen[name] for name in few}})
    if draw(st.booleans()):
        kept = draw(st.lists(st.sampled_from(sorted(ordinary)), unique=True, min_size=8))
        chosen = chosen | {name: ordinary[name] for name in kept}
    return Facts(**chosen)


def gravity(answer):
    """How grave an answer is, in each of its parts."""
    return (
        RISKS.index(answer.risk),
        answer.notify_authority,
        answer.notify_controllers,
        answer.risk == "high" and answer.exemption not in ("a", "b"),
    )


NUMBERS_TRIED = {
    "people_count": [*range(60), 9_998, 9_999, 10_000, 10_001],
    "recipient_count": range(30),
    "unavailable_hours": [0.0, *map(float, range(1, 30))],
}


def gravity_of(then, answer):
    """How grave the answer is of which only the parts that change are told."""
    return gravity(SimpleNamespace(**{**{name: getattr(answer, name) for name in answer.__struct_fields__}, **then}))


def milder(one, other):
    """Whether `one` is milder than `other` in any part."""
    return any(a < b for a, b in zip(gravity(one), gravity(other), strict=True))


def quick(facts):
    return assess(facts, flips=False)


@often
@given(facts(), st.data())
def test_worse_facts_never_give_a_milder_answer(known, data):
    """Monotonicity, in the order that the vocabulary publishes."""
    name = data.draw(st.sampled_from([*ORDER, *NUMBERS, *SETS]))
    one = data.draw(values[name])
    if name in SETS:
        other = (
            *one,
            data.draw(st.sampled_from(DATA_KINDS if name == "data" else PEOPLE_KINDS if name == "people" else ("DE",))),
        )
    elif name in NUMBERS:
        other = one + data.draw(st.integers(1, 100_000))
    else:
        order = ORDER[name]
        other = data.draw(st.sampled_from(order[order.index(one) :]))
    before = quick(msgspec.structs.replace(known, **{name: one}))
    after = quick(msgspec.structs.replace(known, **{name: other}))
    assert not milder(after, before), (name, one, other)


@often
@given(facts(), st.data())
def test_unknown_is_never_milder_than_a_known_value(known, data):
    """Not knowing never helps; the two findings apart."""
    name = data.draw(st.sampled_from([n for n in values if n not in (*FINDINGS, "role", "individual_contact")]))
    stated = msgspec.structs.replace(known, **{name: data.draw(values[name])})
    # "Still plausible": a value that contradicts what is known is none that the unknown fact could take.
    assume(not contradictions(stated))
    assert not milder(quick(msgspec.structs.replace(known, **{name: None})), quick(stated)), name


@often
@given(facts())
def test_every_flip_is_true_when_applied_and_changes_something(known):
    """`would_change` says exactly what asking again gives, of the two duties always."""
    answer = assess(known)
    for flip in answer.would_change:
        again = quick(msgspec.structs.replace(known, **{flip.fact: flip.value}))
        assert all(getattr(again, part) == value for part, value in flip.then.items()), flip
        assert any(getattr(answer, part) != value for part, value in flip.then.items()), flip
        assert {"notify_authority", "inform_people"} <= flip.then.keys()
        assert flip.value is not None


@often
@given(facts())
def test_every_flip_is_the_smallest_of_its_kind(known):
    """No value between what the fact is and what the flip makes of it leads to the same answer."""
    answer = assess(known)
    for flip in answer.would_change:
        now = getattr(known, flip.fact)
        order = ORDER.get(flip.fact) or NUMBERS_TRIED.get(flip.fact)
        if now is None or order is None:
            continue
        if flip.fact in NUMBERS:
            between = [value for value in order if min(now, flip.value) < value < max(now, flip.value)]
        elif now in order:
            low, high = sorted((order.index(now), order.index(flip.value)))
            between = order[low + 1 : high]
        else:
            continue
        then = gravity_of(flip.then, answer)
        for value in between:
            other = msgspec.structs.replace(known, **{flip.fact: value})
            assert contradictions(other) or gravity(quick(other)) != then, (flip, value)


@often
@given(facts(), st.randoms())
def test_order_does_not_matter(known, random):
    """The order of facts, of kinds and of people changes nothing."""
    items = list(msgspec.to_builtins(known).items())
    random.shuffle(items)
    shuffled = {name: random.sample(value, len(value)) if isinstance(value, list) else value for name, value in items}
    assert quick(msgspec.convert(shuffled, Facts)) == quick(known)


@often
@given(facts())
def test_the_answer_holds_together(known):
    """Inform is part of notify; exemptions touch informing alone; unknown facts are named; severity is itemised."""
    answer = quick(known)
    assert not answer.inform_people or answer.notify_authority
    assert answer.notify_authority == (answer.risk != "unlikely" and known.role != "processor")
    assert (answer.inform_how == "none") == (not answer.inform_people)
    if answer.exemption == "c":
        assert answer.inform_how == "public"
    if known.role == "processor":
        assert not answer.notify_authority
        assert not answer.inform_people
    assert answer.reasons
    assert set(answer.unknown) <= set(ASSESSED) | {"role"}
    assert all(getattr(known, name) in (None, "undeterminable") for name in answer.unknown)
    assert answer.severity.se == round(answer.severity.dpc * answer.severity.ei + answer.severity.cb, 2)


def test_nothing_known_is_notified_and_precautionary():
    """Every fact unknown: the worst that is plausible, and said to be so."""
    answer = assess(Facts())
    assert (answer.risk, answer.notify_authority, answer.inform_people) == ("high", True, True)
    assert answer.basis == "precautionary"


@often
@given(facts())
def test_the_score_adds_up(known):
    """SE = DPC x EI + CB, and the items say how each came about."""
    score = quick(known).severity
    of = {
        part: sum(item.score for item in score.items if item.element.startswith(part)) for part in ("DPC", "EI", "CB")
    }
    assert (of["DPC"], of["EI"], of["CB"]) == (score.dpc, score.ei, score.cb)
    assert 1 <= score.dpc <= 4
    assert score.se == round(score.dpc * score.ei + score.cb, 2)
    assert all(item.because for item in score.items)


@pytest.mark.parametrize(
    ("point", "facts_of_it"),
    [("b", {"neutralised": True}), ("c", {"individual_contact": "disproportionate"})],
)
def test_exemptions_release_from_informing_only(point, facts_of_it):
    """Art. 34(3) lowers neither the risk nor the duty to notify; (c) makes the communication public."""
    answer = assess(Facts(**{**ordinary, "recipient": "public", "data": ("health",), **facts_of_it}))
    assert (answer.risk, answer.notify_authority, answer.exemption) == ("high", True, point)
    assert answer.inform_people == (point == "c")


def test_encryption_releases_from_what_a_disclosure_asks_never_from_what_a_loss_does():
    """Art. 34(3)(a): who has lost the only copy is told so even if nobody can read it, where that harms people."""
    encrypted = {**ordinary, "recipient": "unidentified", "protection": "intact", "data": ("identity", "official_id"),
                 "availability": True, "backup": "none", "permanent_loss": True, "service_impact": "minor"}  # fmt: skip
    lost = assess(Facts(**encrypted))
    assert (lost.risk, lost.notify_authority, lost.inform_people, lost.exemption) == ("high", True, False, "a")
    felt = assess(Facts(**{**encrypted, "service_impact": "major"}))
    assert (felt.inform_people, felt.exemption) == (True, None)


def test_what_would_change_a_breach_of_two_scopes_is_asked_of_both():
    """A flip of the whole is true of the whole, and not of one scope alone."""
    scopes = [{"controller": "a", "data": ["identity"]}, {"controller": "b", "data": ["health"]}]
    known = msgspec.convert({**msgspec.to_builtins(ordinary), "scopes": scopes, "recipient": "public"}, Facts)
    whole = combined(known)
    assert whole.would_change
    for flip in whole.would_change:
        again = combined(msgspec.structs.replace(known, **{flip.fact: flip.value}), flips=False)
        assert all(getattr(again, part) == value for part, value in flip.then.items()), flip


def test_a_known_answer_is_told_from_a_precautionary_one():
    """The known facts carry the one; the other rests on what nobody has found out yet."""
    assert quick(Facts(**ordinary)).basis == "established"
    assert quick(Facts(**{**ordinary, "deletion_confirmed": None})).basis == "precautionary"
    assert quick(Facts(**{**ordinary, "data": ("health",), "recipient": "public"})).basis == "established"


def test_a_contradiction_is_read_the_worse_way_and_said():
    """Well-typed facts that contradict each other are no error; the answer names them."""
    answer = quick(Facts(**{**ordinary, "confidentiality": False, "exfiltration": "confirmed", "recipient": "public"}))
    assert answer.notify_authority
    assert [one.facts for one in answer.reasons if one.rule == "not-shown-harmless"] == [
        ("confidentiality", "exfiltration")
    ]


def test_scopes_are_assessed_one_by_one():
    """Controller for one processing, processor for another: each has its answer, the whole has the worst."""
    scopes = [
        {"controller": "a", "role": "processor"},
        {"controller": "b", "role": "controller", "data": ["health"]},
    ]
    whole = combined(msgspec.convert({**msgspec.to_builtins(ordinary), "scopes": scopes}, Facts))
    assert (whole.notify_controllers, whole.notify_authority) == (True, True)
    assert [(s["controller"], s["notify_authority"]) for s in whole.scopes] == [("a", False), ("b", True)]


def test_policy_raises_and_never_lowers():
    """Special vigilance for banking data: people are informed where the law alone would not ask it."""
    known = Facts(**{**ordinary, "data": ("identity", "bank_account")})
    assert not quick(known).inform_people
    assert assess(known, RiskPolicy(inform_for=("bank_account",)), flips=False).inform_people
    assert not milder(assess(known, RiskPolicy(notify_for=("contact",)), flips=False), quick(known))


def test_the_proposal_is_compared_and_never_in_force():
    """The Omnibus: only a high risk would be notified; no date of awareness chooses it."""
    from datetime import UTC, datetime

    from breachflow.law.profiles import PROFILES, profile_for

    known = Facts(**{**ordinary, "recipient": "identified", "deletion_confirmed": False, "people_count": 300})
    assert quick(known).notify_authority
    assert not assess(known, DEFAULT_RISK_POLICY, "omnibus-2025-proposal", flips=False).notify_authority
    assert {profile_for(datetime(year, 1, 1, tzinfo=UTC)) for year in (1999, 2018, 2026, 2150)} == {"gdpr-fr"}
    assert PROFILES["omnibus-2025-proposal"].status == "proposal"
