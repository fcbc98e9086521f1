"""Whether the worker gets anywhere: lag from the ledger and the high watermark.

A stuck consumer is invisible in Faust's own figures. First the partition is sought back to the ledger, which mends a
fetch that was lost; when nothing is fetched then, the process ends, and its supervisor starts a fresh one. A group that
sorts itself again and again reads nothing either: a partition that is taken away and given back goes on counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from breachflow.agents.course import Place

MEND_SECONDS = 20.0  # Longer than a commit that waits for a lock; shorter than a person's patience.
END_SECONDS = 60.0  # What a seek has not mended by now, a fresh process will.
AWAY_SECONDS = 15.0  # A partition that comes back within it was not another worker's: the group is only sorting itself.

Finding = Literal["well", "mend", "end"]


class _Seen(Struct):
    following: int
    since: float
    gone: float | None = None
    mended: bool = False


class Watchdog:
    """Looks at the same figures now and then; instants are of the monotonic clock."""

    def __init__(self) -> None:
        self.lag: dict[Place, int] = {}
        self._seen: dict[Place, _Seen] = {}

    def excuse(self, at: float) -> None:
        """Start counting anew: the database or the broker is away, which is nobody's standing still."""
        for seen in self._seen.values():
            seen.since, seen.mended = at, False

    def look(
        self, following: Mapping[Place, int], ends: Mapping[Place, tuple[int, int]], at: float
    ) -> dict[Place, Finding]:
        """Say of each partition what is to be done about it; `ends` are the offset fetched next, and the end."""
        self.lag = {place: max(0, ends[place][1] - read) for place, read in following.items() if place in ends}
        findings: dict[Place, Finding] = {}
        for place in self._seen.keys() - self.lag.keys():
            self._seen[place].gone = at if self._seen[place].gone is None else self._seen[place].gone
        for place, lag in self.lag.items():
            seen = self._seen.get(place)
            away = 0.0 if seen is None or seen.gone is None else at - seen.gone
            if seen is None or lag == 0 or following[place] != seen.following or away > AWAY_SECONDS:
                seen = _Seen(following[place], at)
            seen.gone = None
            self._seen[place] = seen
            stood = at - seen.since
            findings[place] = "well"
            fetched, end = ends[place]
            # Fetched to the end, and nothing came of it: what lies there are markers of transactions.
            if stood >= END_SECONDS and fetched < end:
                findings[place] = "end"
            elif stood >= MEND_SECONDS and not seen.mended:
                seen.mended = True
                findings[place] = "mend"
        return findings
