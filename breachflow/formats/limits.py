"""How much of a payload is read: every bound has its reason."""

from __future__ import annotations

from datetime import UTC, datetime

MAX_PAYLOAD = 5_000_000
"""Bytes. Kafka's default is 1 MB and the largest vendor incident seen is far below 2 MB; 5 MB decodes in some 30 ms,
so one hostile message cannot hold up its neighbours."""

MAX_DEPTH = 100
"""Levels of nesting. Real alerts stay below 20; beyond this somebody is looking for a stack overflow."""

MAX_RECORDS = 10_000
"""Records in one payload. The largest batch a vendor's exporter documents is 5,000."""

MAX_ENVELOPES = 4
"""Wrappings around a record: topic envelope, notification service, event bus, list."""

MAX_NAMES = 100
"""Assets, and users, of one event. An incident that names more keeps them in its raw record."""

MAX_TITLE = 500
MAX_IDENTITY = 200
MAX_DESCRIPTION = 20_000
MAX_ASSET = 500

EARLIEST_OCCURRENCE = datetime(1900, 1, 1, tzinfo=UTC)
"""What happened, as against its detection, may be older: a register of past breaches begins long before computers."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""Instants outside are placeholders (year 0001, 9999, epoch zero) or faults; inside, no sum of days overflows."""
