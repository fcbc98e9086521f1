"""`breachflow register`: export the documentation of Art. 33(5), or verify its chain."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from breachflow.cli import assembly
from breachflow.cli.answers import print_json, say
from breachflow.core.overview import utc

COLUMNS = ("case", "seq", "at", "kind", "by", "reason", "body", "hash")

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that starts with one of these as a formula."""


@click.group("register")
def register_command() -> None:
    """The register of breaches: every entry of every case, in order, hash-chained."""


@register_command.command("export")
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--case", metavar="CASE", help="Only this case.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file; default: standard output.")
@click.pass_context
def export_command(ctx: click.Context, form: str, case: str | None, output: str | None) -> None:
    """Export the register without what is sealed: JSON lines, or CSV that no spreadsheet takes for formulas."""
    with assembly.store(assembly.settings(ctx)) as store:
        ids = [assembly.the_case(store, case)] if case else [found.id for found in store.every_case()]
        rows = [_row(row) for ident in ids for row in store.entries(ident)]
    content = _csv(rows) if form == "csv" else b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    path = Path(output)
    path.touch(mode=0o600)
    path.write_bytes(content)
    say(f"{len(rows)} entries written to {path}.")


@register_command.command("verify")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def verify_command(ctx: click.Context, as_json: bool) -> int:
    """Verify the hash chain of every case; name each entry that was changed, removed or added. Exit 1 if one was."""
    with assembly.store(assembly.settings(ctx)) as store:
        broken = store.verify_register()
        counts = store.counts()
    if as_json:
        print_json({"entries": counts.entries, "broken": msgspec.to_builtins(broken)})
    else:
        for fault in broken:
            say(f"{fault.case} entry {fault.seq}: {fault.why}")
        say(f"{counts.entries} entries of {counts.cases} cases: " + ("the chain holds." if not broken else "changed."))
    return 1 if broken else 0


def _row(row: Any) -> dict[str, Any]:
    return {
        "case": row.case,
        "seq": row.seq,
        "at": utc(row.at),
        "kind": row.kind,
        "by": row.by,
        "body": row.body,
        "sealed_digest": row.sealed_digest,
        "hash": row.hash,
    }


def _csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        cells = row | {"reason": row["body"].get("reason", ""), "body": msgspec.json.encode(row["body"]).decode()}
        writer.writerow([formula_safe(str(cells[name])) for name in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def formula_safe(cell: str) -> str:
    """Return the cell so that a spreadsheet shows it and does not run it."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
