"""`breachflow topics`: make the topics that the settings name."""

from __future__ import annotations

import asyncio

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, print_json, say


@click.group("topics")
def topics_command() -> None:
    """The Kafka topics that breachflow reads and writes."""


@topics_command.command("create")
@click.option("--partitions", default=4, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--replication", default=-1, type=click.IntRange(-1, 32_767), help="Copies; default: the broker's own.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def create_command(ctx: click.Context, partitions: int, replication: int, as_json: bool) -> None:
    """Make the topics that are missing; those that are there stay as they are. Nothing expires by size or by age."""
    from aiokafka.errors import KafkaError

    from breachflow.agents import broker
    from breachflow.agents.topics import Answer, create

    settings = assembly.settings(ctx)
    broker.quieten()
    if settings.kafka is None:
        raise Refused("BREACHFLOW_KAFKA names no broker; set it to HOST:PORT.")
    try:
        made, there = asyncio.run(create(settings, partitions=partitions, replication=replication or -1))
    except Answer as problem:
        raise Refused(str(problem)) from problem
    except (KafkaError, TimeoutError, OSError) as problem:
        raise Refused(asyncio.run(broker.sentence(settings.kafka, problem))) from problem
    if as_json:
        print_json({"made": made, "there": there})
        return
    for topic in made:
        say(f"{topic}: made, {partitions} partitions.")
    for topic in there:
        say(f"{topic}: there already, left as it is.")
