"""Decode and normalise: records a second on one core, for each format and for the mix of published payloads.

    python benchmarks/bench_formats.py            our own samples
    python benchmarks/bench_formats.py ../shared  and the third-party mix beside the checkout

Processor time, best of five rounds, after a first round that compiles the mappings.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from breachflow import formats

RECEIVED = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROUNDS = 5
TARGET = 25_000
SAMPLES = Path(__file__).parents[1] / "tests" / "fixtures" / "formats"


def rate(payloads: list[bytes], repeat: int) -> float:
    """Records a second."""
    best = float("inf")
    records = sum(len(formats.read(payload, received_at=RECEIVED)) for payload in payloads)
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(repeat):
            for payload in payloads:
                formats.read(payload, received_at=RECEIVED)
        best = min(best, time.process_time() - started)
    return records * repeat / best


def show(name: str, payloads: list[bytes], repeat: int) -> float:
    speed = rate(payloads, repeat)
    print(f"{name:32} {speed:10,.0f} records/s {sum(map(len, payloads)) // len(payloads):8,} bytes")
    return speed


def main() -> int:
    samples = sorted(path for path in SAMPLES.iterdir() if path.suffix != ".toml")
    for path in samples:
        show(path.stem, [path.read_bytes()], 300)
    show("all samples", [path.read_bytes() for path in samples], 20)
    if len(sys.argv) < 2:
        return 0
    data = Path(sys.argv[1]) / "data"
    by_format: dict[str, list[bytes]] = defaultdict(list)
    with (data / "siem" / "INDEX.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["kind"] in ("native", "ecs"):
                by_format[row["format"]].append((data / row["file"]).read_bytes())
    for name, payloads in sorted(by_format.items()):
        show(f"published {name}", payloads, 10)
    mix = show("published mix", [payload for payloads in by_format.values() for payload in payloads], 3)
    print(f"target for the mix: {TARGET:,} records/s, {'met' if mix >= TARGET else 'missed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
