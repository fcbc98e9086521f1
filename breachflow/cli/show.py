"""`breachflow show`: one case, whole: facts with their origin, reasons, clocks, drafts, mails, register."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from breachflow.cli import assembly
from breachflow.cli.answers import BASES, lasting, local, one_line, print_json, say
from breachflow.core.case import Case, Filing
from breachflow.core.overview import at_a_glance, utc


@click.command("show")
@click.argument("case")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def show_command(ctx: click.Context, case: str, as_json: bool) -> None:
    """Show CASE: what is known and from where, the assessment and its reasons, clocks, drafts, mails, timeline."""
    settings = assembly.settings(ctx)
    now = assembly.clock(settings)()
    with assembly.store(settings) as store:
        found = store.get(assembly.the_case(store, case))
        answer = whole(found, store, assembly.charter(settings), now)
    if as_json:
        print_json(answer)
    else:
        _tell(answer, found, assembly.charter(settings).organisation.zone, now)


def whole(case: Case, store: Any, charter: Any, now: datetime) -> dict[str, Any]:
    """Return everything on record about a case, as `show --json` prints it."""
    from breachflow.core.parts import assessed
    from breachflow.core.retention import marked, words

    if case.erased is not None:
        case = marked(case, words(case.erased.at))
    parts = [
        {
            "controller": part.controller,
            "processing": part.processing,
            "role": part.role,
            "assessment": msgspec.to_builtins(assessed(case, part, charter, flips=True)),
            "filings": [_short(filing) for filing in part.filings],
            "exempted": msgspec.to_builtins(part.exempted),
            "informed": msgspec.to_builtins(part.informed),
        }
        for part in case.parts
    ]
    return at_a_glance(case, now) | {
        "opened_at": utc(case.opened_at),
        "source": case.source,
        "profile": case.profile,
        "events": case.events,
        "assets": case.assets,
        "aware": msgspec.to_builtins(case.aware),
        "candidates": msgspec.to_builtins(case.candidates),
        "flagged": case.flagged,
        "retracted": case.retracted,
        "facts": {
            name: {"value": known.value, "origin": known.origin, "at": utc(known.at), "confidence": known.confidence}
            for name, known in case.facts.items()
        },
        "assessment": parts[0]["assessment"],
        "parts": parts,
        "drafts": [
            {name: value for name, value in msgspec.to_builtins(draft).items() if name not in ("case", "body")}
            | ({"path": words(case.erased.at)} if case.erased and draft.at <= case.erased.at else {})
            for draft in store.drafts(case.id)
        ],
        "messages": [
            {
                "id": row.notice.id, "kind": row.notice.kind, "to": row.notice.to, "at": utc(row.notice.at),
                "rungs": row.notice.rungs, "state": row.state, "attempts": row.attempts,
                "settled_at": utc(row.settled_at), "reference": row.reference, "error": row.error,
            }
            for row in store.notices(case.id)
        ],
        "register": [
            {
                "seq": row.seq, "at": utc(row.at), "kind": row.kind, "by": row.by, "body": row.body,
                "sealed": row.sealed if row.erased_at is None else words(row.erased_at), "hash": row.hash,
            }
            for row in store.entries(case.id)
        ],
    }  # fmt: skip


def _short(filing: Filing) -> dict[str, Any]:
    """A filing without what it stated: `draft --kind complement` shows it beside today's values."""
    short: dict[str, Any] = msgspec.to_builtins(replace(filing, stated=None, later=(), aware_at=None, assets=()))
    return short


def _tell(answer: dict[str, Any], case: Case, zone: str, now: datetime) -> None:
    say(f"{answer['id']}  {one_line(answer['title'], 100)}")
    say(f"{answer['stage']}, risk {answer['risk']}, controllers {', '.join(answer['controllers'])}")
    say(f"opened {local(case.opened_at, zone)} from {one_line(answer['source'])}, {answer['events']} event(s)")
    for basis in dict.fromkeys(candidate.basis for candidate in case.candidates if candidate.basis in BASES):
        say(f"of an event that it is drawn from: {BASES[basis]}")
    aware = (
        f"aware since {local(case.aware.at, zone)} (set by {case.aware.by})" if case.aware else "awareness not yet set"
    )
    say(aware)
    say(f"\nNext: {answer['next_step']}")
    say("\nClocks")
    for clock, line in zip(case.clocks, answer["clocks"], strict=True):
        left = f", {lasting(clock.act_by - now)}" if clock.stop is None else ""
        say(f"  {clock.id:<28} {line['state']:<12} act by {local(clock.act_by, zone)}{left}")
        say(f"  {'':<28} {clock.because}")
        for moved in clock.earlier:
            say(f"  {'':<28} earlier deadline {local(moved.act_by, zone)}, changed {local(moved.moved_at, zone)}")
    say("\nFacts")
    for name, known in answer["facts"].items():
        value = one_line(msgspec.json.encode(known["value"]).decode(), 70)
        say(f"  {name:<24} {value:<40} {known['confidence']}, {one_line(known['origin'])}")
    for entry in case.retracted:
        say(f"  the data map's entry {one_line(entry, 64)} was taken back: it says nothing of this case")
    for part in answer["parts"]:
        _tell_assessment(part)
    say("\nDrafts")
    for draft in answer["drafts"] or [{}]:
        say(
            f"  {draft['audience']} {draft['lang']} {draft['format']}: {draft.get('path', '')}"
            if draft
            else "  none yet"
        )
    say("\nMails")
    for message in answer["messages"] or [{}]:
        say(_message(message) if message else "  none")
    say("\nRegister (Art. 33(5))")
    for entry in answer["register"]:
        reason = entry["body"].get("reason") or entry["body"].get("because") or ""
        who = one_line(entry["by"], 24)
        say(f"  {entry['seq']:>3}  {entry['at']}  {entry['kind']:<10} {who:<24} {one_line(reason, 80)}")


def _tell_assessment(part: dict[str, Any]) -> None:
    assessment = part["assessment"]
    severity = assessment["severity"]
    say(f"\nAssessment for {part['controller']}: {assessment['risk']} ({assessment['basis']}), "
        f"ENISA {severity['se']:g} {severity['band']}")  # fmt: skip
    duties = [f"notify the authority: {_yes(assessment['notify_authority'])}"]
    duties.append(f"inform people: {_yes(assessment['inform_people'])}")
    if assessment["notify_controllers"]:
        duties.append("tell the controllers")
    say("  " + "; ".join(duties))
    for reason in assessment["reasons"]:
        say(f"  - {reason['because']} [{reason['law']}]")
    if assessment["unknown"]:
        say(f"  to find out: {', '.join(assessment['unknown'])}")


def _message(message: dict[str, Any]) -> str:
    rungs = " ".join(f"{clock} {rung}" for clock, rung in message["rungs"])
    state = message["state"] + (f" ({one_line(message['error'], 60)})" if message["error"] else "")
    return f"  {message['at']}  {message['kind']:<8} to {message['to']:<14} {state:<8} {rungs}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
