"""Mails leave the house: composed once, then handed to a folder, an SMTP server or SendGrid, in order of preference.

Signals to other systems leave beside them, by webhooks.
"""

from __future__ import annotations

from breachflow.delivery.errors import BadRoute, Checked, Deferred, Refused, Sent
from breachflow.delivery.message import compose, message_id
from breachflow.delivery.patience import backoff
from breachflow.delivery.route import Route, open_route
from breachflow.delivery.webhook import Gone, Hook, open_hooks

__all__ = [
    "BadRoute",
    "Checked",
    "Deferred",
    "Gone",
    "Hook",
    "Refused",
    "Route",
    "Sent",
    "backoff",
    "compose",
    "message_id",
    "open_hooks",
    "open_route",
]
