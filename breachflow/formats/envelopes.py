"""What products and transports wrap around a record: lists, topics, search answers, notification services, buses."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from breachflow.core.event import Unreadable
from breachflow.formats.document import decode

LISTS = (
    "Records", "records", "value", "Findings", "findings", "alerts", "Alerts", "events", "Events", "incidents",
    "issues", "detections", "offenses", "results", "items", "hits", "data", "resources", "Items", "malops", "notables",
    "messages", "messagesBlocked", "messagesDelivered", "clicksBlocked", "clicksPermitted", "nodes", "threats",
    "activities", "reply", "response", "objects", "content", "rows",
)  # fmt: skip
"""Keys under which containers keep a list of records."""

WRAPPERS = (
    "_source", "detail", "result", "event", "alert", "incident", "data", "message", "Message", "body", "payload",
    "record", "log", "original", "hits", "reply", "response", "json", "raw", "_raw", "finding", "object",
)  # fmt: skip
"""Keys under which envelopes keep one record, as an object or as JSON in a string."""


def opened(document: Any) -> list[Any] | None:
    """The records inside this envelope, `None` where it is no envelope that we know; an empty list where it is empty.

    A key of `LISTS` counts where its value is a list of objects, one of `WRAPPERS` where its value is an object or a
    string holding JSON.
    """
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    found: list[Any] = []
    empty = False
    for key in LISTS:
        if isinstance(inner := document.get(key), list):
            if inner and all(isinstance(item, dict) for item in inner):
                found.extend(inner)
            elif not inner:
                empty = True
    if found:
        return found
    for key in WRAPPERS:
        inner = document.get(key)
        if isinstance(inner, dict) and inner:
            return [inner]
        if isinstance(inner, str) and (held := _held(inner, document)) is not None:
            return [held]
    return [] if empty and len(document) <= 6 else None


def _held(content: str, document: dict[str, Any]) -> Any:
    """The JSON inside a string: plain, or base64 as Pub/Sub sends it."""
    start = content.lstrip()[:1]
    try:
        if start in ("{", "["):
            return decode(content.encode("utf-8", "replace"))
        if "messageId" in document or "message_id" in document:
            return decode(base64.b64decode(content, validate=True))
    except (Unreadable, binascii.Error, ValueError):
        return None
    return None
