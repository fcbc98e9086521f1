"""CloudEvents 1.0: the envelope around an event, structured JSON or Kafka's binary mode with `ce_*` headers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from breachflow.core.event import Unreadable
from breachflow.formats.document import decode, encode

NAME = "cloudevents"
HEADER = "ce_"
JSON_TYPES = ("application/json", "text/json", "application/cloudevents+json")


def recognise(document: dict[str, Any]) -> bool:
    """Whether this object is a structured CloudEvent: its four required attributes are there."""
    return "specversion" in document and all(
        isinstance(document.get(key), str) for key in ("specversion", "type", "source", "id")
    )


def of_another_domain(error: Unreadable) -> Unreadable:
    """The same refusal, which says that a CloudEvent was around what nobody knows: most CloudEvents are no alerts."""
    return type(error)(f"the CloudEvent carries no security event: {error}")


def is_binary(headers: Mapping[str, bytes]) -> bool:
    """Whether these Kafka headers say that the value is the data of a CloudEvent."""
    return f"{HEADER}specversion" in headers


def data(document: dict[str, Any]) -> tuple[Any, bytes]:
    """The data of a structured CloudEvent, and its bytes.

    Raises `Unreadable` for another version, another content type than JSON, or no data at all.
    """
    if not document["specversion"].startswith("1."):
        raise Unreadable("`specversion` of the CloudEvent is not 1.x: send version 1.0")
    content_type = document.get("datacontenttype")
    if isinstance(content_type, str) and not _is_json(content_type):
        raise Unreadable("the CloudEvent's content type is not JSON: it is of another domain")
    if document.get("data") is not None:
        content = document["data"]
        if isinstance(content, str):
            return decode(content.encode()), content.encode()
        return content, encode(content)
    encoded = document.get("data_base64")
    if isinstance(encoded, str):
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable("`data_base64` of the CloudEvent is not base64") from None
        return decode(raw), raw
    raise Unreadable("the CloudEvent carries no data: an event belongs in its `data`")


def check_binary(headers: Mapping[str, bytes]) -> None:
    """Refuse a binary CloudEvent of another version or content type; its value is then no event of ours."""
    if not headers[f"{HEADER}specversion"].startswith(b"1."):
        raise Unreadable("`ce_specversion` is not 1.x: send CloudEvents 1.0")
    content_type = headers.get("content-type", headers.get("Content-Type", b"application/json"))
    if not _is_json(content_type.decode("ascii", "replace")):
        raise Unreadable("the CloudEvent's content type is not JSON: it is of another domain")


def _is_json(content_type: str) -> bool:
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    return kind in JSON_TYPES or kind.endswith("+json")
