"""How one installation reads: its own mappings ahead of the shipped formats, and the zones that it declares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from breachflow.formats import cloudevents, native
from breachflow.formats.format import Format
from breachflow.formats.limits import MAX_PAYLOAD
from breachflow.formats.payload import read
from breachflow.formats.reading import Reading
from breachflow.formats.registry import shipped

WITH_OFFSET = (native.NAME, cloudevents.NAME)
"""Breachflow's own events: they state their offset, and no zone is ever assumed for them."""


def names() -> tuple[str, ...]:
    """The names of all formats that breachflow ships, `native` and `cloudevents` first."""
    return (*WITH_OFFSET, *sorted(shipped()))


class Readers(Struct, frozen=True, kw_only=True):
    """What the organisation adds to the shipped formats; every door of one installation reads through the same.

    `own` are the formats of its mappings, tried first; `zones` maps a format's name to the IANA zone of its times
    without offset; `broken` are the names of mappings that cannot be used.
    """

    own: tuple[Format, ...] = ()
    zones: Mapping[str, str] = {}
    broken: frozenset[str] = frozenset()

    def read(
        self,
        payload: bytes,
        *,
        format: str | None = None,  # noqa: A002 - the vocabulary's word.
        received_at: datetime,
        headers: Mapping[str, bytes] = {},
    ) -> tuple[Reading, ...]:
        """The readings of one payload as `formats.read` gives them: at least one, never an exception."""
        if format is not None and format in self.broken:
            # Its sender cannot mend it: kept, and read again once somebody has.
            error = f"the mapping {format} cannot be used: `breachflow check` names what is wrong with it"
            return (Reading(raw=payload[:MAX_PAYLOAD], error=error),)
        return read(payload, format=format, received_at=received_at, zones=self.zones, headers=headers, extra=self.own)

    def names(self) -> tuple[str, ...]:
        """The names of all formats that can be asked for: the shipped ones, and the organisation's.

        Those of broken mappings are among them: what is handed in as such is quarantined, not turned away.
        """
        known = names()
        own = {*(one.name for one in self.own), *self.broken}
        return (*known, *sorted(own.difference(known)))
