"""The judgement of the soak: a leak is seen through noise, and noise is no leak."""

from __future__ import annotations

import random

import pytest
from programs.soak import MEMORY_GROWS, growth

LOOKS = 240  # Twenty minutes, one every five seconds.


def looked(leak: float, seed: int = 7) -> list[tuple[float, float]]:
    """Memory that grows by so much over the run, with two in a hundred of noise and a peak now and then."""
    dice = random.Random(seed)
    return [
        (5.0 * number, 100.0 * (1 + leak * number / LOOKS) * dice.gauss(1, 0.02) + (60 if dice.random() < 0.05 else 0))
        for number in range(LOOKS)
    ]


@pytest.mark.parametrize("leak", [0.0, 0.02, 0.1, 0.5])
def test_the_line_tells_how_much_grew(leak):
    """Within one in a hundred, whatever the noise: on the right side of what is allowed."""
    line = growth(looked(leak))
    grown = line.last / line.first - 1
    # The medians stand in the middle of their stretches: nine tenths of the run lie between the first and the last.
    assert grown == pytest.approx(0.9 * leak, abs=0.012)
    assert (grown < MEMORY_GROWS) == (leak < MEMORY_GROWS)


def test_one_more_descriptor_that_stays_is_seen_and_one_that_passes_is_not():
    """A connection that is made anew is open twice for a moment."""
    assert growth([(float(at), 20 + at // 30) for at in range(LOOKS)]).last > 26
    passing = growth([(float(at), 21.0 if at % 40 == 0 else 20.0) for at in range(LOOKS)])
    assert (passing.first, passing.last) == (20.0, 20.0)
