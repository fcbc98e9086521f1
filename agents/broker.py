"""How to reach the brokers: addresses, TLS and SASL, as Faust's app and aiokafka's clients take them."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from breachflow.settings.environment import Kafka

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

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


def _tls(kafka: Kafka) -> ssl.SSLContext | None:
    """Return the context for an encrypted line; certificate and host name are always checked."""
    if "SSL" not in kafka.security_protocol:
        return None
    return ssl.create_default_context(cafile=None if kafka.ca is None else str(kafka.ca))
