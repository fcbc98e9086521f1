"""Where each partition stands: the offset to read next, and whether a fetched batch continues it.

1. The ledger in the database says where a partition starts; Kafka's own offset is a hint.
2. A batch that begins at the offset to read next, or before it, is taken: idempotency by event id decides, and the
   account follows.
3. A batch that begins beyond it leaves records out. Where the fetch before it, or the seek, ended at the offset to read
   next, there are none any more between the two; otherwise something was lost on the way, and the partition is sought
   back.
4. A batch from before a seek that has been done meanwhile is dropped: what it holds is fetched again.

Batches and seeks are told apart by their stamps: a batch has the number of seeks there were before it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

Verdict = Literal["take", "stale", "settle", "seek", "gap"]
"""`take`: it continues the partition. `stale`: drop it. `settle`: the ledger has not been asked yet. `seek`: records
are left out, seek to the offset to read next. `gap`: there are none between; say so, and take it."""


class Place(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"topic {self.topic} partition {self.partition}"


class _Standing(Struct):
    """The account of one partition in this process; seeks are known by their stamps."""

    following: int
    settled: int
    sought: int | None = None


class Course:
    """The account of every partition that this process reads."""

    def __init__(self) -> None:
        self._standing: dict[Place, _Standing] = {}
        self._unsettled: set[Place] = set()
        self.assigned = False

    def assign(self, places: set[Place]) -> None:
        """These partitions are ours from now on, and no others; each starts where `settle` will say."""
        self._standing.clear()
        self._unsettled = set(places)
        self.assigned = True

    def settle(self, place: Place, following: int, stamp: int) -> None:
        """The partition was sought to the offset to read next, as the ledger has it."""
        self._unsettled.discard(place)
        self._standing[place] = _Standing(following, stamp)

    def judge(self, place: Place, first: int, after: int | None, stamp: int) -> Verdict:
        """Say what to do with a batch that begins at offset `first`.

        `after` is where the seek or the fetch before it left off, `None` where nobody knows.
        """
        standing = self._standing.get(place)
        if standing is None:
            return "settle" if place in self._unsettled else "stale"
        if stamp < standing.settled:
            return "stale"
        if first <= standing.following:
            return "take"
        if after is not None and after <= standing.following:
            return "gap"
        return "stale" if standing.sought is not None and stamp < standing.sought else "seek"

    def sought(self, place: Place, stamp: int) -> None:
        """The partition was sought back to the offset to read next."""
        if (standing := self._standing.get(place)) is not None:
            standing.sought = stamp

    def took(self, place: Place, following: int) -> None:
        """A batch was committed; the next record to read is `following`. Of no account where it was taken away."""
        if (standing := self._standing.get(place)) is not None:
            standing.following, standing.sought = following, None

    def following(self, place: Place) -> int | None:
        """The offset to read next; `None` where the partition is not ours or not settled."""
        standing = self._standing.get(place)
        return None if standing is None else standing.following

    def all(self) -> dict[Place, int]:
        """The offset to read next of every partition that is ours and settled."""
        return {place: standing.following for place, standing in self._standing.items()}
