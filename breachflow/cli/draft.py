"""`breachflow draft`: print a draft of a case, always, saying on top where the duty is not proposed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, say
from breachflow.core.drafting_audiences import AUDIENCES
from breachflow.core.drafting_material import Kind
from breachflow.core.organisation import Lang

KINDS = ("initial", "complement", "withdrawal")
FORMATS = ("text", "html", "pdf", "docx", "json")


@click.command("draft")
@click.argument("case")
@click.option(
    "--for", "audience", type=click.Choice(AUDIENCES), help="For whom; default: the authority, or controllers."
)
@click.option(
    "--kind", type=click.Choice(KINDS), help="Which notification to the authority; default: what the filings imply."
)
@click.option("--lang", type=click.Choice(["fr", "en"]), help="Default: the organisation's first language.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: text; json for edpb.")
@click.option("--controller", metavar="ID", help="For which controller, where the case has several.")
@click.option("--processing", metavar="NAME", help="For which processing, where a controller has several.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file; default: standard output.")
@click.pass_context
def draft_command(
    ctx: click.Context, case: str, audience: str | None, kind: Kind | None, lang: Lang | None, form: str | None,
    controller: str | None, processing: str | None, output: str | None,
) -> None:  # fmt: skip
    """Print the draft of CASE for an audience. Nothing is filed or sent: a person does that."""
    from breachflow.core.case import facts_of
    from breachflow.core.parts import assessed
    from breachflow.rendering import Renderer

    settings = assembly.settings(ctx)
    charter = assembly.charter(settings)
    with assembly.store(settings) as store:
        found = store.get(assembly.the_case(store, case))
    mine = [
        part
        for part in found.parts
        if controller in (None, part.controller) and processing in (None, part.processing, part.scope)
    ]
    # One controller may act as processor for one processing only: the part whose duty the draft is for comes first.
    mine.sort(key=lambda part: ((facts_of(found, part).role or part.role) == "processor") != (audience == "controller"))
    part = mine[0] if mine else None
    if part is None:
        names = ", ".join(dict.fromkeys(part.controller for part in found.parts))
        raise Refused(f"{found.id}: {controller} is no controller of this case; its controllers: {names}.")
    processor = (facts_of(found, part).role or part.role) == "processor"
    audience = audience or ("controller" if processor else "cnil")
    renderer = Renderer(overrides=settings.home / "templates")
    draft = renderer.draft(
        audience, found, part, charter.organisation, assessed(found, part, charter, flips=True),
        assembly.clock(settings)(), lang=lang or charter.organisation.languages[0],
        format=form or ("json" if audience == "edpb" else "text"), kind=kind,
    )  # fmt: skip
    if draft.fallback_reason:
        click.echo(f"breachflow: warning: {draft.fallback_reason}; `breachflow check` names its line.", err=True)
    if output is None:
        sys.stdout.buffer.write(draft.content)
        sys.stdout.flush()
        return
    path = Path(output)
    path.touch(mode=0o600)
    path.write_bytes(draft.content)
    say(f"{path} written ({len(draft.content)} bytes). A person reads, corrects and files or sends it.")
