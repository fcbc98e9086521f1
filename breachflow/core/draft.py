"""A draft as it left the house: for whom, in which form, of which version of the case, with its hash."""

from __future__ import annotations

from msgspec import Struct

from breachflow.core.facts import Instant


class Draft(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rendered draft that is kept.

    `version` is the version of the case it states, `sha256` the hex digest of its bytes. It lies at `path`, or in
    `body`, which is kept encrypted; `body` is `None` once the case's key is destroyed.
    """

    case: str
    controller: str
    audience: str
    lang: str
    format: str
    version: int
    sha256: str
    at: Instant
    path: str = ""
    body: bytes | None = None
