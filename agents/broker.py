"""How to reach the brokers: addresses, TLS and SASL, as Faust's app and aiokafka's clients take them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Any

from breachflow.settings.environment import Kafka

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

ANSWER_SECONDS = 4.0  # A broker that is there answers in milliseconds.

SCHEME = "breachflow"
"""The scheme of our transport in Faust's registry."""


def client(kafka: Kafka) -> dict[str, Any]:
    """Return the arguments with which every aiokafka client of ours connects."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(kafka.bootstrap),
        "client_id": "breachflow",
        "security_protocol": kafka.security_protocol,
        "ssl_context": _tls(kafka),
    }
    if kafka.sasl_mechanism is not None:
        arguments |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": None if kafka.password is None else str(kafka.password),
        }
    return arguments


def urls(kafka: Kafka, scheme: str) -> list[str]:
    """Return the brokers as Faust names them."""
    return [f"{scheme}://{server}" for server in kafka.bootstrap]


def credentials(kafka: Kafka) -> CredentialsT | None:
    """Return how Faust's own clients authenticate; `None` on a plain line."""
    import faust

    if kafka.sasl_mechanism is not None:
        return faust.SASLCredentials(
            username=kafka.username,
            password=None if kafka.password is None else str(kafka.password),
            mechanism=kafka.sasl_mechanism,
            ssl_context=_tls(kafka),
        )
    context = _tls(kafka)
    return None if context is None else faust.SSLCredentials(context)


def quieten() -> None:
    """Let a command say once what is wrong: the client's own lines say it again and again, and less clearly."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def sentence(kafka: Kafka, problem: BaseException) -> str:
    """Return why the brokers cannot be used and what to do, in one sentence: the client itself only says that it is so.

    `problem` is what the client raised; it names no secret, and is told by its kind where nothing better is known.
    """
    return (
        await why_not(kafka)
        or f"Kafka at {', '.join(kafka.bootstrap)} does not answer ({type(problem).__name__}); is it there?"
    )


async def why_not(kafka: Kafka) -> str | None:
    """Connect to the brokers one by one, as a client does; return why none lets us in, or `None` where one does."""
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaError

    try:
        arguments = client(kafka)
    except (ssl.SSLError, OSError):
        return f"BREACHFLOW_KAFKA_CA names {kafka.ca}, which holds no certificates: it must be a file in PEM."
    said = ""
    for server in arguments.pop("bootstrap_servers"):
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await create_conn(
                    host.strip("[]"), int(port), request_timeout_ms=int(ANSWER_SECONDS * 1000), **arguments
                )
        except (KafkaError, OSError, TimeoutError) as problem:
            said = said or _reason(kafka, server, problem)
        else:
            connection.close()
            return None
    return said


def _reason(kafka: Kafka, server: str, problem: BaseException) -> str:
    from aiokafka.errors import KafkaConnectionError

    cause = problem.__cause__ if isinstance(problem.__cause__, ssl.SSLError) else problem
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"Kafka's certificate at {server} is not trusted ({cause.verify_message}): "
            "BREACHFLOW_KAFKA_CA must name the CA that signed it."
        )
    kind = type(problem).__name__
    if "Authentication" in kind or "Sasl" in kind:
        return (
            f"Kafka at {server} does not take user and password by {kafka.sasl_mechanism}: "
            "look at BREACHFLOW_KAFKA_USERNAME, _PASSWORD and _SASL_MECHANISM."
        )
    hung_up = isinstance(problem, ConnectionResetError | BrokenPipeError | KafkaConnectionError)
    if isinstance(cause, ssl.SSLError) or (hung_up and not _refused(problem)):
        return (
            f"Kafka at {server} hung up on a {kafka.security_protocol} connection: "
            "look at BREACHFLOW_KAFKA_SECURITY_PROTOCOL and the port."
        )
    if isinstance(problem, TimeoutError):
        return f"Kafka at {server} did not answer in time; is it there, and is the port its own?"
    said = problem.strerror if isinstance(problem, OSError) and problem.strerror else kind
    return f"Kafka at {server} does not answer ({said}); is it there?"


def _refused(problem: BaseException) -> bool:
    """Whether nobody listens there at all."""
    return isinstance(problem.__cause__ or problem.__context__ or problem, ConnectionRefusedError)


def _tls(kafka: Kafka) -> ssl.SSLContext | None:
    """Return the context for an encrypted line; certificate and host name are always checked."""
    if "SSL" not in kafka.security_protocol:
        return None
    return ssl.create_default_context(cafile=None if kafka.ca is None else str(kafka.ca))
