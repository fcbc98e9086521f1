"""`breachflow report`: what no SIEM sees, told by a person: a lost letter, a processor's mail, a stolen laptop."""

from __future__ import annotations

import hashlib
import io
import sys
from typing import Any

import click
import msgspec

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, print_json, say
from breachflow.core.facts import DATA_KINDS, INCIDENT_TYPES

QUESTIONS: dict[str, dict[str, str]] = {
    "en": {
        "title": "What happened, in one line?",
        "detected_at": "When was it noticed (with offset, 2026-11-24T10:17+01:00; empty: now)?",
        "type": "What kind of incident is it (empty: not known)?",
        "data": "Which kinds of data, with commas (empty: not known)?",
        "people_count": "How many people are concerned (empty: not known)?",
        "asset": "On which system, device or file (empty: not known)?",
        "processor": "Was it reported by a processor",
        "by": "Who are you (kept in the register)?",
        "again": "This is not understood: {}",
    },
    "fr": {
        "title": "Que s'est-il passé, en une ligne ?",
        "detected_at": "Quand l'a-t-on constaté (avec décalage, 2026-11-24T10:17+01:00 ; vide : maintenant) ?",
        "type": "De quel type d'incident s'agit-il (vide : inconnu) ?",
        "data": "Quelles catégories de données, séparées par des virgules (vide : inconnues) ?",
        "people_count": "Combien de personnes sont concernées (vide : inconnu) ?",
        "asset": "Sur quel système, appareil ou fichier (vide : inconnu) ?",
        "processor": "Est-ce un sous-traitant qui l'a signalé",
        "by": "Qui êtes-vous (conservé au registre) ?",
        "again": "Réponse non comprise : {}",
    },
}


@click.command("report")
@click.option("--title", help="What happened, in one line.")
@click.option("--description", help="More words; treated as personal data.")
@click.option("--detected-at", "--when", "detected_at", metavar="INSTANT", help="When it was noticed; default: now.")
@click.option("--type", "kind", metavar="TYPE", help="Kind of incident, as the vocabulary names it.")
@click.option("--data", metavar="KIND,…", help="Kinds of data, as the vocabulary names them.")
@click.option("--people-count", type=click.IntRange(min=0))
@click.option("--asset", "assets", multiple=True, help="System, device or file; may be given several times.")
@click.option("--controller", metavar="ID")
@click.option("--processor", is_flag=True, help="A processor reported it; its notice counts from its arrival.")
@click.option("--reported-at", metavar="INSTANT", help="When the report reached the organisation.")
@click.option("--case", "case_key", metavar="KEY", help="Correlation key of an incident known elsewhere.")
@click.option("--fact", "facts", multiple=True, metavar="FACT=VALUE", help="Any other fact of the vocabulary.")
@click.option("--by", metavar="WHO", help="Who reports.")
@click.option("--id", "ident", metavar="ID", help="Identity; the same one again is a duplicate or a revision.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default="en", help="Language of the questions.")
@click.option("--print", "only_print", is_flag=True, help="Print the event; take nothing in.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def report_command(
    ctx: click.Context, title: str | None, description: str | None, detected_at: str | None, kind: str | None,
    data: str | None, people_count: int | None, assets: tuple[str, ...], controller: str | None, processor: bool,
    reported_at: str | None, case_key: str | None, facts: tuple[str, ...], by: str | None, ident: str | None, lang: str,
    only_print: bool, as_json: bool,
) -> None:  # fmt: skip
    """Report a breach: a few questions on a terminal, or all by options. A native event comes out and is taken in."""
    from breachflow.cli.decide import parsed

    answers: dict[str, Any] = {
        "title": title, "detected_at": detected_at, "type": kind, "data": data, "people_count": people_count,
        "asset": list(assets), "processor": processor, "by": by,
    }  # fmt: skip
    if title is None:
        if not sys.stdin.isatty():
            raise Refused("no terminal to ask on: give at least --title and --by.")
        answers |= _asked(answers, QUESTIONS[lang])
    if not answers["by"]:
        raise Refused("say who reports (--by); the register keeps it.")
    now = assembly.clock(assembly.settings(ctx))()
    stated = parsed(facts)
    if answers["type"]:
        stated["incident_type"] = answers["type"]
    if answers["data"]:
        stated["data"] = [word.strip() for word in answers["data"].split(",") if word.strip()]
    if answers["people_count"] is not None:
        stated["people_count"] = answers["people_count"]
    if reported_at is not None:
        stated["reported_at"] = reported_at
    event: dict[str, Any] = {
        "source": f"person/{answers['by']}"[:200],
        "detected_at": answers["detected_at"] or now.isoformat(),
        "title": answers["title"],
    }
    if description:
        event["description"] = description
    if answers["processor"]:
        event["reported_by"] = "processor"
    more = {"assets": answers["asset"], "controller": controller, "case": case_key, "facts": stated}
    event |= {name: value for name, value in more.items() if value}
    event["id"] = ident or "report-" + hashlib.sha256(msgspec.json.encode(event, order="sorted")).hexdigest()[:16]
    raw = msgspec.json.encode(event)
    if only_print:
        sys.stdout.buffer.write(raw + b"\n")
        return
    _take_in(ctx, raw, as_json=as_json)


def _take_in(ctx: click.Context, raw: bytes, *, as_json: bool) -> None:
    from breachflow.formats import read
    from breachflow.ingest import ingest

    with assembly.workflow(ctx) as workflow:
        reading = read(raw, format="native", received_at=workflow.now())[0]
        if reading.event is None:
            raise Refused(reading.error)
        tally = ingest(workflow, io.BytesIO(raw), "report", format="native", progress=None)
    if as_json:
        counts = {name: getattr(tally, name) for name in ("opened", "attached", "screened", "duplicates")}
        print_json({"id": reading.event.id, "source": reading.event.source} | counts)
        return
    what = "no case was opened"
    if tally.opened or tally.attached:
        what = "a case was opened" if tally.opened else "it was attached to a case"
    say(f"Reported as {reading.event.id}: {what}. `breachflow status` shows the open cases.")


def _asked(answers: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    """Ask what is missing; unknown is an answer."""
    asked: dict[str, Any] = {"title": click.prompt(words["title"], prompt_suffix=" ", err=True)}
    if answers["detected_at"] is None:
        asked["detected_at"] = _until(words, words["detected_at"], _instant) or None
    if answers["type"] is None:
        click.echo("  " + ", ".join(INCIDENT_TYPES), err=True)
        asked["type"] = _until(words, words["type"], lambda text: _words(text, INCIDENT_TYPES)) or None
    if answers["data"] is None:
        click.echo("  " + ", ".join(DATA_KINDS), err=True)
        asked["data"] = _until(words, words["data"], lambda text: _words(text, DATA_KINDS)) or None
    if answers["people_count"] is None:
        count = _until(words, words["people_count"], _count)
        asked["people_count"] = int(count) if count else None
    if not answers["asset"]:
        asset = click.prompt(words["asset"], default="", show_default=False, prompt_suffix=" ", err=True)
        asked["asset"] = [asset] if asset else []
    if not answers["processor"]:
        asked["processor"] = click.confirm(words["processor"] + " ?", prompt_suffix=" ", err=True)
    if answers["by"] is None:
        asked["by"] = click.prompt(words["by"], prompt_suffix=" ", err=True)
    return asked


def _until(words: dict[str, str], question: str, check: Any) -> str:
    while True:
        text: str = click.prompt(question, default="", show_default=False, prompt_suffix=" ", err=True).strip()
        fault = check(text) if text else None
        if fault is None:
            return text
        click.echo(words["again"].format(fault), err=True)


def _words(text: str, allowed: tuple[str, ...]) -> str | None:
    wrong = [word.strip() for word in text.split(",") if word.strip() not in allowed]
    return wrong[0] if wrong else None


def _count(text: str) -> str | None:
    return None if text.isdecimal() else text


def _instant(text: str) -> str | None:
    from breachflow.core.instants import BadInstant, parse_instant

    try:
        parse_instant(text)
    except BadInstant as problem:
        return str(problem)
    return None
