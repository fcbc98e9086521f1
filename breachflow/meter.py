"""What this process has done since it started: counted where it happens, read by whoever shows metrics.

Nothing here knows a case or a person: labels are outcomes, formats, states and providers, and there is a bounded number
of each.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from time import monotonic

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of a batch's seconds: a commit takes milliseconds, and waits for locks for at most ten seconds."""

FORMATS = 200  # As many as are shipped, and some of one's own; what comes beyond is counted as `other`.
OTHER = "other"


class Meter:
    """Counters of one process, for any number of threads. Instants are of the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.events: Counter[tuple[str, str]] = Counter()
        self.mails: Counter[tuple[str, str]] = Counter()
        self.decisions: Counter[str] = Counter()
        self.drafts = 0
        self.batch_buckets = [0] * (len(BOUNDS) + 1)
        self.batch_seconds = 0.0
        self._formats: set[str] = set()
        self._ticked_at: float | None = None
        self._beat_at = monotonic()

    def batch(self, seconds: float, taken: Iterable[tuple[str, str]]) -> None:
        """A batch was committed; `taken` is the outcome and the format of each of its records."""
        place = next((place for place, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        with self._lock:
            self.batch_buckets[place] += 1
            self.batch_seconds += seconds
            for outcome, form in taken:
                self.events[outcome, self._known(form)] += 1

    def mail(self, state: str, provider: str) -> None:
        """One attempt at a mail ended so; `provider` is empty where none took it."""
        with self._lock:
            self.mails[state, provider or "none"] += 1

    def decided(self, verb: str) -> None:
        """Somebody decided."""
        with self._lock:
            self.decisions[verb] += 1

    def drafted(self, count: int) -> None:
        """So many drafts were laid down."""
        with self._lock:
            self.drafts += count

    def ticked(self) -> None:
        """The clocks were looked at."""
        self._ticked_at = monotonic()

    def beat(self) -> None:
        """The process's own loop turns."""
        self._beat_at = monotonic()

    def since_tick(self) -> float | None:
        """Seconds since the clocks were last looked at by this process; `None` where it never did."""
        return None if self._ticked_at is None else monotonic() - self._ticked_at

    def since_beat(self) -> float:
        """Seconds since the process's own loop last turned."""
        return monotonic() - self._beat_at

    def snapshot(self) -> Snapshot:
        """Return the counters as they are at one instant."""
        with self._lock:
            return Snapshot(self)

    def _known(self, form: str) -> str:
        if form not in self._formats:
            if len(self._formats) >= FORMATS:
                return OTHER
            self._formats.add(form)
        return form


class Snapshot:
    """The counters at one instant."""

    def __init__(self, meter: Meter) -> None:
        self.events = dict(meter.events)
        self.mails = dict(meter.mails)
        self.decisions = dict(meter.decisions)
        self.drafts = meter.drafts
        self.batch_buckets = list(meter.batch_buckets)
        self.batch_seconds = meter.batch_seconds
