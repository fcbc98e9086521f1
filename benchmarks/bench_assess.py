"""How many fact sets a second one core assesses, with and without what would change, beside decoding the same JSON.

python benchmarks/bench_assess.py [--sets 5000]
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence

import msgspec

from breachflow.core.assess import assess
from breachflow.core.facts import DATA_KINDS, INCIDENT_TYPES, PEOPLE_KINDS, Facts
from breachflow.core.worse import ORDER

ROUNDS = 5


def random_facts(chance: random.Random) -> Facts:
    """Each fact known in half of the sets."""
    values: dict[str, object] = {n: chance.choice(order) for n, order in ORDER.items() if chance.random() < 0.5}
    values["data"] = tuple(chance.sample(DATA_KINDS, chance.randint(1, 5)))
    values["people"] = tuple(chance.sample(PEOPLE_KINDS, chance.randint(1, 2)))
    values["people_count"] = chance.choice([None, 1, 20, 300, 20_000])
    values["incident_type"] = chance.choice(INCIDENT_TYPES)
    return msgspec.convert(values, Facts)


def rate(work: Callable[[Facts], object], sets: Sequence[Facts]) -> float:
    """Median sets a second of processor time, so that a busy neighbour does not count."""
    rates = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for facts in sets:
            work(facts)
        rates.append(len(sets) / (time.process_time() - began))
    return statistics.median(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=5000)
    chance = random.Random(7)
    sets = [random_facts(chance) for _ in range(parser.parse_args().sets)]
    encoded = {id(facts): msgspec.json.encode(facts) for facts in sets}
    decode = msgspec.json.Decoder(Facts).decode
    baseline = rate(lambda facts: decode(encoded[id(facts)]), sets)
    plain = rate(lambda facts: assess(facts, flips=False), sets)
    flipped = rate(assess, sets[: len(sets) // 20])
    print(f"decode only: {baseline:,.0f}/s")
    print(f"assess: {plain:,.0f}/s, {plain / baseline:.3f} of decoding")
    print(f"assess with flips: {flipped:,.0f}/s, {flipped / baseline:.4f} of decoding")


if __name__ == "__main__":
    main()
