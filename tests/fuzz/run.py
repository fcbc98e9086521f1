"""Fuzz the readers, guided by the branches that payloads reach: `python tests/fuzz/run.py [READER…]`.

`BREACHFLOW_FUZZ_SECONDS` is the time for each reader that is code (600); a mapping, which has no code of its own, gets a
tenth. `BREACHFLOW_SEED` repeats a run, to the letter where `BREACHFLOW_FUZZ_PAYLOADS` says after how many payloads a
reader is done. What breaks a promise is kept in `.cache/fuzz` and ends the run with exit 1.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import secrets
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from mutations import mutated
from promise import kept, slow
from reached import Reached

from breachflow import formats
from breachflow.formats.registry import coded

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "fixtures" / "formats"
KEPT = ROOT / ".cache" / "fuzz"
HANGS = 10.0
"""Seconds after which a payload is called off: tracing alone makes it some thirty times slower."""

LOOKED_AT = 1.0
"""Seconds under tracing from which a payload is read again without, to see how long it really takes."""

GROWTH = 300_000_000
"""Bytes by which the process may grow over a run; the corpus itself is some megabytes."""


class Hang(BaseException):
    """Called off. Not an `Exception`: readers answer those, and this one must not be answered."""


class Found(NamedTuple):
    """A payload that broke a promise."""

    reader: str
    payload: bytes
    why: str


class Told(NamedTuple):
    """What a run over one reader came to."""

    reader: str
    payloads: int
    edges: int
    corpus: int
    found: list[Found]


def seeds(name: str) -> list[bytes]:
    """Our own samples of this format, and for the open data its table."""
    found = [path.read_bytes() for path in SAMPLES.glob(f"{name}.*")]
    if name == "cnil":
        import json

        row = json.loads(found[0])
        line = ";".join(f'"{cell}"' for cell in row.values())
        found.append("\n".join([";".join(row), line, line]).encode())
        found.append("\r\n".join(["Extraction générée le 1/1", ";".join(row), line, line]).encode("cp1252"))
    return found


def fuzz(name: str, seconds: float, seed: int, most: int = 10**9) -> Told:
    """Mutate the samples of this format for so long, or so often; what reaches a new branch is mutated further."""
    rng = random.Random(f"{seed}/{name}")
    corpus = seeds(name)
    others = [path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.suffix != ".toml"]
    reached = Reached()
    found: dict[str, Found] = {}
    count = 0
    until = time.monotonic() + seconds
    signal.signal(signal.SIGVTALRM, _called_off)
    waiting = list(corpus)
    while time.monotonic() < until and count < most and len(found) < 20:
        payload = waiting.pop() if waiting else mutated(_chosen(corpus, rng), others, rng)
        count += 1
        started = time.thread_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, HANGS)
        try:
            _, new = reached.during(lambda payload=payload: kept(payload, name))
            if new:
                corpus.append(payload)
        except Hang:
            found.setdefault("hang", Found(name, payload, f"no end after {HANGS:.0f} s"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for.
            step = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(step.filename).name}:{step.lineno}: {str(error)[:200]}"
            found.setdefault(where.split(": ", 1)[0] + str(error)[:40], Found(name, payload, where))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if time.thread_time() - started > LOOKED_AT and (took := slow(payload, name)):
            found.setdefault("slow", Found(name, payload, f"{1000 * took:.0f} ms of processor time"))
    return Told(name, count, len(reached.edges), len(corpus), list(found.values()))


def _chosen(corpus: list[bytes], rng: random.Random) -> bytes:
    """Half of the time one of the latest: they are at the edge of what is known."""
    return rng.choice(corpus[-20:] if rng.random() < 0.5 else corpus)


def _called_off(_signal: int, _frame: FrameType | None) -> None:
    raise Hang


def readers() -> tuple[list[str], list[str]]:
    """The readers that are code, and those that are mappings."""
    code = ["native", "cloudevents", *(known.name for known in coded())]
    return code, [name for name in formats.names() if name not in code]


def main(asked: list[str]) -> int:
    seconds = float(os.environ.get("BREACHFLOW_FUZZ_SECONDS", "600"))
    seed = int(os.environ.get("BREACHFLOW_SEED", secrets.randbelow(10**9)))
    most = int(os.environ.get("BREACHFLOW_FUZZ_PAYLOADS", "1000000000"))
    code, mappings = readers()
    print(f"BREACHFLOW_SEED={seed} BREACHFLOW_FUZZ_SECONDS={seconds:g}: {len(code)} readers, {len(mappings)} mappings")
    failed = False
    for name in asked or [*code, *mappings]:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        told = fuzz(name, seconds if name in code else seconds / 10, seed, most)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        print(f"{name}: {told.payloads} payloads, {told.edges} branches, {told.corpus} kept, {len(told.found)} found",
              flush=True)  # fmt: skip
        if grown > GROWTH:
            print(f"{name}: the process grew by {grown // 1_000_000} MB")
            failed = True
        for one in told.found:
            failed = True
            KEPT.mkdir(parents=True, exist_ok=True)
            path = KEPT / f"{name}-{hashlib.sha256(one.payload).hexdigest()[:12]}"
            path.write_bytes(one.payload)
            print(f"  {one.why}\n  kept as {path.relative_to(ROOT)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
