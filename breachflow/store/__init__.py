"""The database: cases, their register, the outbox, events and what could not be read.

`open_store` gives a `Store`; `commit` is the one way in which cases are written. Read on in `commit.py`, then in
`statements.py`, where every statement stands once for both engines.
"""

from breachflow.store.errors import (
    Collision,
    Damaged,
    NewerDatabase,
    NoDatabase,
    StoreError,
    Unavailable,
    UnknownCase,
    UnknownDeadLetter,
    WrongKey,
)
from breachflow.store.rows import (
    Counts,
    DeadLetter,
    DeadLetterRow,
    EntryRow,
    EventRow,
    Leased,
    NoticeRow,
    OutboxSummary,
    Position,
)
from breachflow.store.store import Store, open_store

__all__ = [
    "Collision",
    "Counts",
    "Damaged",
    "DeadLetter",
    "DeadLetterRow",
    "EntryRow",
    "EventRow",
    "Leased",
    "NewerDatabase",
    "NoDatabase",
    "NoticeRow",
    "OutboxSummary",
    "Position",
    "Store",
    "StoreError",
    "Unavailable",
    "UnknownCase",
    "UnknownDeadLetter",
    "WrongKey",
    "open_store",
]
