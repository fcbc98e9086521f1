"""What every chapter of the store works with: an engine, a vault, and the case's own reader and writer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from breachflow.core.case import Case
from breachflow.store.engine import Engine, Row
from breachflow.store.vault import Vault

ALL = 2**62  # A limit that limits nothing, in both engines' integers.

_read_case = msgspec.json.Decoder(Case).decode


class Chapter:
    """One part of the store's work; they all share one connection."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault


def cases_in(rows: Iterable[Row]) -> list[Case]:
    """Return the cases whose documents stand in the last column of the rows."""
    return [_read_case(row[-1]) for row in rows]


PSEUDONYMS = "pseudonyms"
"""The name of the secret under which user names become pseudonyms; no case and no day is called so."""


def event_row(identity: bytes, content: bytes) -> bytes:
    """Name an event's raw bytes, for the vault."""
    return b"event:" + identity + content


def entry_row(case: str, seq: int) -> bytes:
    """Name a register entry's sealed part, for the vault."""
    return f"entry:{seq}:{case}".encode()


def message_row(notice: str) -> bytes:
    """Name a rendered mail, for the vault."""
    return f"mail:{notice}".encode()


def draft_row(case: str, sha256: str) -> bytes:
    """Name a kept draft, for the vault."""
    return f"draft:{sha256}:{case}".encode()


def dead_row(letter: str) -> bytes:
    """Name a dead letter's bytes, for the vault."""
    return f"dead:{letter}".encode()


def screened_on(received_at: str) -> str:
    """Name the key of the day under which events that opened no case are sealed."""
    return f"screened:{received_at[:10]}"


def dead_on(at: str) -> str:
    """Name the key of the day under which dead letters are sealed."""
    return f"dead:{at[:10]}"


def mailed_on(created_at: str) -> str:
    """Name the key of the day under which mails about no case are sealed."""
    return f"mail:{created_at[:10]}"
