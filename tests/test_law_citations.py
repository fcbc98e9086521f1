"""Every rule, regime and profile stands on a text: a citation that does not resolve is a rule without a source."""

from __future__ import annotations

import pytest

from breachflow.core.rules import RULES, reason
from breachflow.law.citations import CITATIONS
from breachflow.law.profiles import PROFILES
from breachflow.law.regimes import REGIMES


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_names_its_law(rule):
    """Law always, guidance where there is one; both resolve to an entry of law/."""
    said = RULES[rule]
    assert said.law in CITATIONS
    assert said.guidance is None or said.guidance in CITATIONS
    assert reason(rule).law == CITATIONS[said.law].label


@pytest.mark.parametrize("dated", [*REGIMES.values(), *PROFILES.values()], ids=lambda dated: dated.id)
def test_every_regime_and_profile_names_its_sources(dated):
    """Sources resolve; the day of the last check is stated."""
    assert set(dated.sources) <= set(CITATIONS)
    assert dated.last_verified


def test_no_two_citations_print_the_same():
    """A label stands for one text."""
    labels = [citation.label for citation in CITATIONS.values()]
    assert len(set(labels)) == len(labels)
