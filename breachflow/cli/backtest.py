"""`breachflow backtest`: the engine held against cases whose outcome is known."""

from __future__ import annotations

from pathlib import Path

import msgspec

from breachflow.cli.answers import Refused, print_json, say
from breachflow.core.backtest import Known, backtest, shipped


def run(path: str | None, *, as_json: bool) -> int:
    """Print the confusion matrix and every disagreement with its reasons; 1 where a "yes" was missed."""
    result = backtest(shipped() if path is None else _read(path))
    if as_json:
        print_json(msgspec.to_builtins(result))
        return int(result.missed > 0)
    say(f"{result.cases} cases: {result.right} answers right, {result.wrong} wrong, {result.missed} missed.")
    say(f"{'true/answered':<20}{'yes/yes':>9}{'yes/no':>9}{'no/yes':>9}{'no/no':>9}")
    for asked, cells in result.matrix.items():
        say(f"{asked:<20}" + "".join(f"{cells.get(cell, 0):>9}" for cell in ("yes/yes", "yes/no", "no/yes", "no/no")))
    for one in result.disagreements:
        say(f"{one.id} {one.title}: {one.asked} should be {_yes(one.expected)}, the engine says {_yes(one.answered)}")
        for reason in one.reasons:
            say(f"    {reason.because} [{reason.law}]")
    return int(result.missed > 0)


def _read(path: str) -> tuple[Known, ...]:
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=tuple[Known, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: not a list of cases with id, facts and expect ({error}).") from error


def _yes(value: bool) -> str:
    return "yes" if value else "no"
