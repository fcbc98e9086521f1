"""Every rule, threshold, regime and profile stands on a text: a citation that does not resolve is a rule without one."""

from __future__ import annotations

import pytest

from breachflow.core.assess import assess
from breachflow.core.assessment import DEFAULT_RISK_POLICY
from breachflow.core.backtest import shipped
from breachflow.core.rules import RULES, reason
from breachflow.law.citations import CITATIONS
from breachflow.law.profiles import PROFILES
from breachflow.law.regimes import REGIMES
from breachflow.law.thresholds import THRESHOLDS

LABELS = {citation.label for citation in CITATIONS.values()}
DATED = [*REGIMES.values(), *PROFILES.values(), *THRESHOLDS.values()]

# A policy is the organisation's own, a proposal is no law yet, and a practice has no date.
UNDATED = {"policy", "com-2025-837", "cnil-complement"}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_names_its_law(rule):
    """Law always, guidance where there is one; both resolve to an entry of law/."""
    said = RULES[rule]
    assert said.law in CITATIONS
    assert said.guidance is None or said.guidance in CITATIONS
    assert reason(rule).law == CITATIONS[said.law].label


@pytest.mark.parametrize("dated", DATED, ids=lambda dated: dated.id)
def test_every_regime_profile_and_threshold_names_its_sources(dated):
    """Sources resolve; the day of the last check is stated."""
    assert dated.sources
    assert set(dated.sources) <= set(CITATIONS)
    assert dated.last_verified


def test_what_an_answer_cites_resolves():
    """Not only what is shipped, but what is printed."""
    cited = {text for case in shipped() for one in assess(case.facts).reasons for text in (one.law, one.guidance)}
    assert cited - {None} <= LABELS


def test_every_text_says_since_when():
    """A guideline that is replaced shows by its date; only what has no date is without one."""
    assert {key for key, citation in CITATIONS.items() if citation.effective_from is None} == UNDATED
    assert all(c.effective_from is None or c.effective_from <= c.last_verified for c in CITATIONS.values())


def test_no_two_citations_print_the_same():
    """A label stands for one text."""
    assert len(LABELS) == len(CITATIONS)


def test_the_policy_starts_from_the_law_s_reading():
    """What the organisation file may set starts at the threshold that law/ documents."""
    assert DEFAULT_RISK_POLICY.large_set == THRESHOLDS["large-set"].value
    assert DEFAULT_RISK_POLICY.few_people == THRESHOLDS["few-people"].value
