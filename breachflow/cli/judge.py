"""What can be asked without a home: assess facts, compute a deadline, run the engine over the shipped cases."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from breachflow.cli.answers import Refused, one_line, print_json, say


@click.command("assess")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one answer a line as JSON.")
@click.option("--set", "sets", multiple=True, metavar="FACT=VALUE", help="What if: replace a fact (`null`: unknown).")
@click.option("--profile", metavar="ID", help="Also answer under this law profile, side by side.")
@click.option("--no-flips", is_flag=True, help="Leave out what would change the answer (faster).")
def assess_command(file: str, as_json: bool, sets: tuple[str, ...], profile: str | None, no_flips: bool) -> int:
    """Assess facts or native events in FILE (JSON, JSON array or JSON lines; `-`: standard input). Writes nothing."""
    from breachflow.cli.decide import parsed
    from breachflow.core.event import Unreadable

    replaced = parsed(sets)
    failed = False
    try:
        records = list(_records(file))
    except Refused as problem:
        if as_json:  # Who reads JSON reads standard output.
            print_json({"error": str(problem)})
        raise
    for number, record in enumerate(records, 1):
        try:
            answer = _answer(record, replaced, profile, flips=not no_flips)
        except Unreadable as problem:
            failed = True
            if as_json:
                print_json({"error": str(problem)})
            else:
                click.echo(f"breachflow: record {number}: {problem}", err=True)
            continue
        if as_json:
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        else:
            _tell(answer)
    sys.stdout.flush()
    return 2 if failed else 0


@click.command("deadline")
@click.option("--aware", required=True, metavar="INSTANT", help="Awareness, or the regime's own start, with offset.")
@click.option("--regime", default="gdpr-art33", show_default=True)
@click.option("--hours", type=float, help="Another length in hours, where a contract says so.")
@click.option("--classified", metavar="INSTANT", help="When the incident was classified as major (dora-initial).")
@click.option("--zone", default="Europe/Paris", show_default=True, help="The zone for the local reading.")
@click.option("--contested", is_flag=True, help="Also show the contested Art. 3(5) reading, which nothing runs on.")
@click.option("--json", "as_json", is_flag=True)
def deadline_command(
    aware: str, regime: str, hours: float | None, classified: str | None, zone: str, contested: bool, as_json: bool
) -> None:  # fmt: skip
    """Compute a regime's deadline from one instant. Writes nothing, needs no home."""
    from breachflow.cli.deadlines import answer

    line = answer(aware, regime, hours=hours, zone=zone, classified=classified, contested=contested)
    if as_json:
        print_json(line)
        return
    say(f"{line['regime']}: act by {line['act_by_local']} ({line['act_by']}).")
    if line["legal_latest"] is not None:
        say(f"Reg. 1182/71 would allow until {line['legal_latest']}; shown only, nothing runs on it.")
    for reading, instant in line.get("contested", {}).items():
        say(f"Art. 3(5), {reading}: {instant}. Contested, rejected by BayLfD and LDI NRW; never plan on it.")


@click.command("backtest")
@click.argument("cases", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True)
def backtest_command(cases: str | None, as_json: bool) -> int:
    """Run the engine over the shipped cases of EDPB 01/2021 and WP250, or over CASES in the same form.

    Exit 1 where the true answer is "notify" or "inform" and ours is not.
    """
    from breachflow.cli.backtest import run

    return run(cases, as_json=as_json)


def _records(file: str) -> Iterator[bytes]:
    """Yield the JSON records of a file: one value, the elements of an array, or one a line."""
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not data:
        raise Refused(f"{file}: it is empty; give one event, one object of facts, an array or JSON lines.")
    if data.startswith(b"["):
        try:
            found = msgspec.json.decode(data, type=list[msgspec.Raw])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Refused(f"{file}: the array is not valid JSON ({_where(error)}).") from error
        if not found:
            raise Refused(f"{file}: the array is empty; put events or objects of facts into it.")
        yield from (bytes(raw) for raw in found)
        return
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        yield from (line for line in data.splitlines() if line.strip())
    else:
        yield data


def _answer(record: bytes, replaced: dict[str, Any], profile: str | None, *, flips: bool) -> dict[str, Any]:
    from breachflow.cli.facts_in import facts_in
    from breachflow.core.assess import combined
    from breachflow.core.assessment import DEFAULT_RISK_POLICY

    facts = facts_in(record, replaced)
    answer: dict[str, Any] = msgspec.to_builtins(combined(facts, DEFAULT_RISK_POLICY, flips=flips))
    if profile is not None:
        from breachflow.law.profiles import PROFILES

        if profile not in PROFILES:
            raise Refused(f"no law profile is called `{profile}`; there are: {', '.join(PROFILES)}.")
        other = combined(facts, DEFAULT_RISK_POLICY, profile, flips=flips)
        answer["compared"] = {"profile": profile} | msgspec.to_builtins(other)
    return answer


def _where(error: Exception) -> str:
    return one_line(str(error), 120) or type(error).__name__


def _tell(answer: dict[str, Any]) -> None:
    severity = answer["severity"]
    say(f"Risk: {answer['risk']} ({answer['basis']}); severity {severity['se']:g}, {severity['band']} (ENISA 2013).")
    say(f"Notify the authority: {_yes(answer['notify_authority'])}. Inform people: {_yes(answer['inform_people'])}.")
    if answer["notify_controllers"]:
        say("Tell the controllers without undue delay, Art. 33(2).")
    for reason in answer["reasons"]:
        say(f"  - {reason['because']} [{reason['law']}{'; ' + reason['guidance'] if reason['guidance'] else ''}]")
    if answer["unknown"]:
        say(f"To find out, first what matters most: {', '.join(answer['unknown'])}.")
    for flip in answer["would_change"]:
        then = ", ".join(f"{key}: {_yes(value)}" for key, value in flip["then"].items())
        say(f"  If {flip['fact']} were {msgspec.json.encode(flip['value']).decode()}: {then}.")
    if "compared" in answer:
        say(f"Under {answer['compared']['profile']}:")
        _tell(answer["compared"])


def _yes(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
