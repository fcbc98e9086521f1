"""`breachflow schema`: the contracts with other systems, printed from the types that read and write them."""

from __future__ import annotations

import click


@click.command("schema")
@click.argument("what", type=click.Choice(["event", "decision", "asyncapi"]), default="event")
def schema_command(what: str) -> None:
    """Print the JSON Schema of the native `event` (the default) or of a `decision`, or the `asyncapi` document."""
    click.echo(printed(what), nl=False)


def printed(what: str) -> str:
    """Return a contract as it is printed, and as it is kept in `docs/schema`."""
    from breachflow.core.contract import text

    if what == "event":
        from breachflow.formats import native_schema

        return text(native_schema.schema())
    if what == "decision":
        from breachflow.agents import decisions

        return text(decisions.schema())
    from breachflow.agents import asyncapi

    return asyncapi.yaml(asyncapi.document())
