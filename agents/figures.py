"""What a worker counts about itself, for metrics and for the log."""

from __future__ import annotations

from msgspec import Struct


class Figures(Struct):
    """Counters of one process since its start.

    `gaps` and `missing`: how often, and how many offsets, were gone for good where the ledger went on. `skipped` are
    offsets that never held a record (compaction, markers of transactions). `stale` are batches dropped because they
    were asked for before a seek; their records are read again.
    """

    batches: int = 0
    records: int = 0
    decisions: int = 0
    refused: int = 0
    tombstones: int = 0
    stale: int = 0
    seeks: int = 0
    gaps: int = 0
    missing: int = 0
    skipped: int = 0
    published: int = 0
