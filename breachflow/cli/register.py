"""`breachflow register`: export the documentation of Art. 33(5), or verify its chain."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from breachflow.cli import assembly
from breachflow.cli.answers import one_line, print_json, say
from breachflow.core.exported import Head, Verified, closing_line, entry_line, verified
from breachflow.core.organisation import Lang
from breachflow.core.overview import utc
from breachflow.core.register import Line
from breachflow.core.retention import words

if TYPE_CHECKING:
    from breachflow.core.case import Case
    from breachflow.store.rows import EntryRow

    Register = list[tuple[Case, list[EntryRow]]]

COLUMNS = ("case", "seq", "at", "kind", "by", "reason", "body", "hash", "sealed")

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that starts with one of these as a formula."""


@click.group("register")
def register_command() -> None:
    """The register of breaches: every entry of every case, in order, hash-chained."""


@register_command.command("export")
@click.option("--format", "form", type=click.Choice(["json", "csv", "xlsx", "html"]), default="json", show_default=True)
@click.option("--lang", type=click.Choice(["fr", "en"]), help="Of xlsx and html; default: the organisation's first.")
@click.option("--case", metavar="CASE", help="Only this case.")
@click.option("--no-sealed", is_flag=True, help="Leave out what may name people: free texts, titles, users, assets.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file; default: standard output.")
@click.pass_context
def export_command(
    ctx: click.Context, form: str, lang: Lang | None, case: str | None, no_sealed: bool, output: str | None
) -> None:
    """Export the register, Art. 33(5): JSON lines that `register verify FILE` checks, CSV, a workbook, or a page."""
    with assembly.store(assembly.settings(ctx)) as store:
        cases = [store.get(assembly.the_case(store, case))] if case else list(store.every_case())
        register = [(found, store.entries(found.id)) for found in cases]
    if no_sealed:
        register = [
            (_untitled(found), [msgspec.structs.replace(row, sealed=None) for row in rows]) for found, rows in register
        ]
    make: Callable[[], bytes] = {
        "json": lambda: _json(register, ctx),
        "csv": lambda: _csv([_row(row) for _, rows in register for row in rows]),
        "xlsx": lambda: _book(register, ctx, lang, no_sealed=no_sealed),
        "html": lambda: _page(register, ctx, lang, no_sealed=no_sealed),
    }[form]
    content = make()
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    path = Path(output)
    path.touch(mode=0o600)
    path.write_bytes(content)
    say(f"{sum(len(rows) for _, rows in register)} entries of {len(register)} cases written to {path}.")
    if form == "json":
        say(f"Digest of the file, to be noted elsewhere: {verified(content).digest}")


@register_command.command("verify")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def verify_command(ctx: click.Context, file: Path | None, as_json: bool) -> int:
    """Verify the hash chain of every case, in the database or in an exported JSON FILE (no database, no key needed).

    Names each entry that was changed, removed or added; exit 1 if one was.
    """
    if file is not None:
        found = verified(file.read_bytes())
    else:
        with assembly.store(assembly.settings(ctx)) as store:
            broken, counts = tuple(store.verify_register()), store.counts()
        found = Verified(entries=counts.entries, cases=counts.cases, digest="", broken=broken)
    if as_json:
        answer: dict[str, Any] = {"entries": found.entries, "broken": msgspec.to_builtins(found.broken)}
        print_json(answer | ({"digest": found.digest} if file is not None else {}))
    else:
        for fault in found.broken:
            say(f"{one_line(fault.case)}{f' entry {fault.seq}' if fault.seq else ''}: {fault.why}")
        holds = "the chain holds." if not found.broken else "changed."
        say(f"{found.entries} entries of {found.cases} cases: {holds}")
        if file is not None and not found.broken:
            say(f"Digest of the file: {found.digest}")
    return 1 if found.broken else 0


def _json(register: Register, ctx: click.Context) -> bytes:
    lines = [
        entry_line(
            Line(case=row.case, seq=row.seq, at=row.at_text, kind=row.kind, by=row.by, body=row.body_text,
                 sealed=row.sealed_digest, hash=row.hash),
            row.at,
            _sealed(row),
        )
        for _, rows in register for row in rows
    ]  # fmt: skip
    heads = [Head(case.id, len(rows), rows[-1].hash if rows else "") for case, rows in register]
    return b"".join(lines) + closing_line(lines, heads, assembly.clock(assembly.settings(ctx))())


def _book(register: Register, ctx: click.Context, lang: Lang | None, *, no_sealed: bool) -> bytes:
    from breachflow.core.account import account
    from breachflow.rendering.workbook import workbook

    organisation = assembly.charter(assembly.settings(ctx)).organisation
    accounts = [account(case, rows, sealed=not no_sealed) for case, rows in register]
    return workbook(accounts, lang or organisation.languages[0], organisation.zone)


def _page(register: Register, ctx: click.Context, lang: Lang | None, *, no_sealed: bool) -> bytes:
    from breachflow.core.account import account
    from breachflow.rendering import Renderer

    settings = assembly.settings(ctx)
    organisation = assembly.charter(settings).organisation
    accounts = [account(case, rows, sealed=not no_sealed) for case, rows in register]
    rendered = Renderer(overrides=settings.home / "templates").register(
        accounts, organisation, assembly.clock(settings)(), lang=lang or organisation.languages[0], left_out=no_sealed
    )
    if rendered.fallback_reason:
        click.echo(f"breachflow: warning: {rendered.fallback_reason}.", err=True)
    return rendered.content


def _untitled(case: Case) -> Case:
    """Return the case without its title, which came in from outside and may name somebody."""
    return msgspec.structs.replace(case, title=case.id)


def _sealed(row: EntryRow) -> Any:
    return row.sealed if row.erased_at is None else words(row.erased_at)


def _row(row: EntryRow) -> dict[str, Any]:
    return {
        "case": row.case, "seq": row.seq, "at": utc(row.at), "kind": row.kind, "by": row.by, "body": row.body,
        "hash": row.hash, "sealed": _sealed(row),
    }  # fmt: skip


def _csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        sealed = row["sealed"]
        cells = row | {
            "reason": row["body"].get("reason", ""),
            "body": msgspec.json.encode(row["body"]).decode(),
            "sealed": sealed if isinstance(sealed, str) else msgspec.json.encode(sealed).decode() if sealed else "",
        }
        writer.writerow([formula_safe(str(cells[name])) for name in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def formula_safe(cell: str) -> str:
    """Return the cell so that a spreadsheet shows it and does not run it."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
