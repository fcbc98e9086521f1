"""`breachflow datamap`: which entry speaks for an asset, entries from a CMDB, what to map next, an entry undone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, one_line, print_json, say
from breachflow.settings.errors import SettingsError

CONTRIBUTES = (
    "processing", "controller", "role", "data", "people", "people_count", "people_count_basis", "records_count",
    "countries", "at_rest", "backup", "clients", "note",
)  # fmt: skip


MOST_READ = 20_000_001  # One byte more than is taken, so that a longer file is noticed.
SHOWN = 50  # As many as a person maps in a sitting.


@click.group("datamap")
def datamap_command() -> None:
    """The data map: what the organisation already knows about the personal data on its assets."""


@datamap_command.command("test")
@click.argument("asset")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each match.")
@click.pass_context
def test_command(ctx: click.Context, asset: str, as_json: bool) -> None:
    """Show which entries of the data map match ASSET, why, and what each contributes to a case."""
    from breachflow.core.datamap import has_personal_data, mapped_facts
    from breachflow.core.parts import mapped_scopes

    if not asset.strip():
        raise Refused("the asset is empty; write a host, database, bucket, address or mailbox.")
    charter = assembly.charter(assembly.settings(ctx))
    matches = charter.datamap.matches(asset)
    lines = [match.line for match in matches]
    origins = {origin for _, origin in mapped_facts(_in_order(charter, lines), ()).values()}
    speaking = {entry for origin in origins for entry in origin.split(",")}
    first = _wins(charter, lines)
    answers = [
        {
            "asset": asset,
            "entry": match.line.id,
            "matched": match.name,
            "how": match.how,
            "wins": match.line.id == first,
            "speaks": match.line.id in speaking,
            "personal_data": has_personal_data(match.line) or match.line.personal_data,
            "contributes": {name: value for name in CONTRIBUTES if (value := getattr(match.line, name))},
        }
        for match in matches
    ]
    if as_json:
        for answer in answers:
            print_json(answer)
        return
    if not answers:
        say(f"No entry of the data map matches {one_line(asset, 200)}: what is on it counts as unknown.")
        return
    for answer in answers:
        _tell(answer, alone=len(answers) == 1)
    if len(answers) > 1:
        several = mapped_scopes(_in_order(charter, lines), (), charter)
        whose = (
            "The entries name several controllers or roles: each gets a part of the case of its own."
            if several
            else f"`{first}` is the first with personal data: processing and controller are its own."
        )
        say(f"{whose} Kinds of data, people and countries add up; of counts the largest stands.")


@datamap_command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--columns", multiple=True, metavar="OURS=THEIRS", help="Which column of FILE is which; repeat it.")
@click.option("--write", is_flag=True, help="Append to the organisation file, instead of printing what to append.")
@click.pass_context
def import_command(ctx: click.Context, file: str, columns: tuple[str, ...], write: bool) -> int:
    """Turn an inventory (CSV, or a CMDB's export as JSON) into entries of the data map.

    Columns are found by their usual names: asset (name, fqdn, ip_address), kind (name, pattern, range, account, bucket,
    tag), processing, controller, data, people, people_count, records_count, countries, at_rest, backup, role, note.
    Where one cell is wrong, nothing is written.
    """
    from breachflow.settings.appended import append
    from breachflow.settings.inventory import rows
    from breachflow.settings.inventory_entries import as_toml, imported

    settings = assembly.settings(ctx)
    organisation = assembly.charter(settings).organisation
    name = "standard input" if file == "-" else file
    try:
        data = sys.stdin.buffer.read(MOST_READ) if file == "-" else _read(file)
        found = imported(rows(data), organisation, _chosen(columns))
    except SettingsError as problem:
        raise Refused(f"{name}: {problem}") from problem
    for sentence in found.known[:SHOWN]:
        click.echo(f"breachflow: {one_line(sentence, 300)}", err=True)
    if found.unused:
        click.echo(f"breachflow: not used: {one_line(', '.join(found.unused), 300)}.", err=True)
    if found.wrong:
        for sentence in found.wrong[:SHOWN]:
            click.echo(f"breachflow: {one_line(f'{name}: {sentence}', 400)}", err=True)
        left = len(found.wrong) - SHOWN
        click.echo(f"breachflow: {f'{left} more; ' if left > 0 else ''}nothing was imported.", err=True)
        return 2
    if not found.entries:
        say("Nothing to add: every asset of the file is in the data map already.")
        return 0
    text = as_toml(found.entries)
    if not write:
        say(text.rstrip("\n"))
        return 0
    findings = append(settings.organisation, text, mail=settings.mail)
    say(f"{len(found.entries)} entries appended to {settings.organisation}.")
    if findings:
        say(f"`breachflow check` has {len(findings)} warning(s) about the file now.")
    return 0


def _chosen(pairs: tuple[str, ...]) -> dict[str, str]:
    chosen = {}
    for pair in pairs:
        key, sign, column = (part.strip() for part in pair.partition("="))
        if not sign or not key or not column:
            raise Refused(f"`{one_line(pair, 60)}` is not OURS=THEIRS, like asset=u_server.")
        chosen[key] = column
    return chosen


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as source:
            return source.read(MOST_READ)
    except OSError as problem:
        raise Refused(f"{file}: {problem.strerror}.") from problem


@datamap_command.command("unmapped")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each asset, all of them.")
@click.pass_context
def unmapped_command(ctx: click.Context, as_json: bool) -> None:
    """List the assets that events name and no entry matches, the most frequent first: the next ones to map."""
    from breachflow.core.overview import utc

    settings = assembly.settings(ctx)
    charter = assembly.charter(settings)
    with assembly.store(settings) as store:
        rows = store.unmapped()
    still = charter.datamap.unmapped(row.asset for row in rows)
    rows = [row for row in rows if row.asset in still]
    if as_json:
        for row in rows:
            print_json(
                {
                    "asset": row.asset, "seen": row.seen, "first_seen": utc(row.first_at),
                    "last_seen": utc(row.last_at),
                }
            )  # fmt: skip
        return
    for row in rows[:SHOWN]:
        say(f"{row.seen:>8}  {utc(row.first_at)}  {utc(row.last_at)}  {one_line(row.asset, 120)}")
    if len(rows) > SHOWN:
        say(f"… and {len(rows) - SHOWN} more; --json prints all.")
    if not rows:
        say("Every asset that an event named is in the data map.")


@datamap_command.command("retract")
@click.argument("case")
@click.argument("entry")
@click.option("--by", required=True, metavar="WHO", help="Who decides; it is kept in the register.")
@click.option("--reason", required=True, help="What is wrong with the entry; it is kept in the register.")
@click.option("--json", "as_json", is_flag=True, help="Print the case as JSON.")
@click.pass_context
def retract_command(ctx: click.Context, case: str, entry: str, by: str, reason: str, as_json: bool) -> None:
    """Take back from CASE what ENTRY of the data map said of it; its facts fall back to what else is known.

    Later events leave ENTRY out of this case too. For the next cases, correct the organisation file.
    """
    from breachflow.cli.decide import record
    from breachflow.core.decision import Retract

    record(ctx, case, Retract(by=by, reason=reason, entry=entry), as_json=as_json)


def _in_order(charter: Any, lines: list[Any]) -> list[Any]:
    idents = {line.id for line in lines}
    return [line for line in charter.datamap.lines if line.id in idents]


def _wins(charter: Any, lines: list[Any]) -> str:
    """Return the id of the entry that says whose data it is: the first of the map with personal data."""
    from breachflow.core.datamap import has_personal_data

    ordered = _in_order(charter, lines)
    return next((line.id for line in ordered if has_personal_data(line)), ordered[0].id if ordered else "")


def _tell(answer: dict[str, Any], *, alone: bool) -> None:
    why = {
        "name": "by its exact name",
        "host name": "by its name without the domain",
        "bucket": "by its bucket",
        "account": "by its account",
        "tag": "by its tag",
        "pattern": "by the pattern",
        "range": "by the address range",
    }[answer["how"]]
    place = "" if alone else ", first" if answer["wins"] else ", further"
    say(f"{answer['entry']}: {why} `{one_line(answer['matched'], 120)}`{place}.")
    if answer["personal_data"] is False:
        say("  says that there is no personal data on it" + ("." if answer["speaks"] else "; another entry has some."))
    elif not answer["speaks"]:
        say("  adds nothing to what the others say.")
    for name, value in answer["contributes"].items():
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        say(f"  {name:<20} {one_line(text, 160)}")
    if "at_rest" in answer["contributes"]:
        say("  (protection at rest speaks for a lost or stolen device only, Art. 34(3)(a))")
