"""The published cases: 18 of the EDPB, 10 of WP250; their outcomes are the engine's."""

from __future__ import annotations

import pytest

from breachflow.core.assess import assess
from breachflow.core.backtest import backtest, shipped

CASES = {case.id: case for case in shipped()}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_every_published_outcome_is_ours(case):
    """Where the case says yes or no, so does the engine; what it leaves open is left out."""
    answer = assess(case.facts)
    for asked, expected in case.expect.items():
        if expected is not None:
            assert getattr(answer, asked) == expected, [reason.because for reason in answer.reasons]


def test_backtest_counts_and_misses_nothing():
    """28 cases, no question on which a "yes" was missed."""
    result = backtest(shipped())
    assert (result.cases, result.wrong, result.missed) == (28, 0, 0)
    assert sum(result.matrix["notify_authority"].values()) >= 23


def test_a_missed_yes_is_counted_as_missed():
    """A case whose outcome is not ours is told with its reasons."""
    import msgspec

    turned = msgspec.structs.replace(CASES["EDPB-09"], expect={"notify_authority": True})
    result = backtest([turned])
    assert (result.wrong, result.missed) == (1, 1)
    assert result.disagreements[0].reasons
