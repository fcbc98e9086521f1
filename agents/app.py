"""The Faust app: its settings, each with its reason, and an agent for every topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor

from breachflow.agents import broker, transport
from breachflow.agents.course import Course
from breachflow.agents.intake import Intake
from breachflow.agents.ledger import Ledger
from breachflow.settings.environment import Kafka

SESSION_SECONDS = 10.0  # A worker that died is replaced within this.
HEARTBEAT_SECONDS = 3.0  # A third of it, as Kafka advises.
LONGEST_POLL_SECONDS = 86_400.0  # A database that is away holds up reading; leaving the group would not bring it back.
FETCH_BYTES = 2_097_152  # Of one partition in one fetch; a larger message still comes, alone.
RECORDS = 500  # One commit costs about as much for one record as for twenty; beyond 500 nothing more is gained.
BUFFER = 4  # Batches, not records, that wait before an agent: enough that fetching and committing overlap.


class App(faust.App):
    """Faust's app, with the account of what is read beside it."""

    course: Course
    ledger: Ledger

    def _create_directories(self) -> None:
        """Make none: nothing is kept beside the database."""


def app(kafka: Kafka, intakes: Mapping[str, Intake], course: Course, ledger: Ledger, *, singly: bool = False) -> App:
    """Put the app together: one agent for each topic of `intakes`. `singly` reads record by record, the fallback."""
    transport.register()
    made = App(
        ledger.group,
        broker=broker.urls(kafka, transport.SINGLY if singly else broker.SCHEME),
        broker_credentials=broker.credentials(kafka),
        # Otherwise variables of the environment override what stands here.
        env={},
        autodiscover=False,
        # The deployment makes the topics; a typing error must not make one.
        topic_allow_declare=False,
        topic_disable_leader=True,
        processing_guarantee="at_least_once",
        table_standby_replicas=0,
        # Its default serves data without asking who is there, on every interface.
        web_enabled=False,
        agent_supervisor=CrashingSupervisor,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        broker_max_poll_records=RECORDS,
        broker_max_poll_interval=LONGEST_POLL_SECONDS,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        stream_buffer_maxsize=RECORDS * BUFFER if singly else BUFFER,
        stream_wait_empty=False,
        key_serializer="raw",
        value_serializer="raw",
    )
    made.course, made.ledger = course, ledger
    for name, intake in intakes.items():
        topic = made.topic(name, key_type=bytes, value_type=bytes, acks=False, internal=False)
        made.agent(topic, name=f"breachflow.agents.{name}")(_agent(intake))
    return made


def _agent(intake: Intake) -> Any:
    async def consume(stream: Any) -> None:
        await intake.agent(stream)

    return consume
