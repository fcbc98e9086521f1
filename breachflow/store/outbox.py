"""The outbox: mails that are owed, who is delivering them, what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from breachflow.core.case import Notice
from breachflow.store import statements as sql
from breachflow.store.chapter import Chapter, mailed_on, message_row
from breachflow.store.engine import Row
from breachflow.store.instants import plain, read, written
from breachflow.store.rows import Leased, NoticeRow, OutboxSummary

_read_notice = msgspec.json.Decoder(Notice).decode
_encode = msgspec.json.Encoder().encode


class Outbox(Chapter):
    """Mails are put in and settled by `commit`; here they are taken out."""

    def lease(self, now: datetime, limit: int, until: datetime) -> list[Leased]:
        """Claim mails that are due and that nobody else is delivering, until `until`; the longest owed first.

        A claim that is not settled by then lapses, and the mail is somebody else's to deliver: the same one.
        """
        at = written(now)
        rows = self._engine.rows(sql.LEASE, (written(until), at, at, limit))
        rows.sort(key=lambda row: row[0])
        messages = iter(self._vault.open_all(
            [(case or mailed_on(created), message, message_row(ident))
             for _, ident, _, message, _, case, created, _ in rows if message is not None]
        ))  # fmt: skip
        return [
            Leased(
                notice=_read_notice(doc), message=None if message is None else next(messages), attempts=attempts,
                digest=digest,
            )
            for _, _, doc, message, attempts, _, _, digest in rows
        ]  # fmt: skip

    def save_message(self, notice_id: str, message: bytes) -> bytes:
        """Freeze the mail as rendered, and return the one to send: the first that was saved, whoever saved it."""
        with self._engine.transaction():
            ((stored, case, created),) = self._engine.rows(sql.MESSAGE, (notice_id,))
            name = case or mailed_on(created)
            if stored is not None:
                opened = self._vault.open(name, stored, message_row(notice_id))
                return message if opened is None else opened
            sealed = self._vault.sealers({name}, ())[name].seal(message, message_row(notice_id))
            if self._engine.many(sql.SAVE_MESSAGE, [(sealed, notice_id)]):
                return message
        return self.save_message(notice_id, message)

    def left_since(self, person: str, since: datetime) -> int:
        """Return how many mails have left for this person, one by one, since then."""
        return int(self._engine.rows(sql.LEFT_SINCE, (person, written(since)))[0][0])

    def gather(self, notice_id: str, digest: Notice, next_at: datetime) -> None:
        """Let a mail wait for this digest, which is owed from now on; at `next_at` the mail has its own turn again."""
        at = written(digest.at)
        with self._engine.transaction():
            self._engine.many(
                sql.ADD_NOTICE, [(digest.id, digest.case, digest.kind, digest.to, at, at, _encode(digest).decode())]
            )
            self._engine.many(sql.GATHER, [(digest.id, written(next_at), notice_id)])

    def gathered(self, digest_id: str, limit: int) -> list[NoticeRow]:
        """Return the mails that wait for this digest, the longest owed first."""
        return _notices(self._engine.rows(sql.GATHERED, (digest_id, limit)))

    def save_digest(self, digest: Notice, message: bytes) -> tuple[Notice, bytes]:
        """Freeze a digest as rendered, with the list of what it tells, and return the one to send: the first saved."""
        with self._engine.transaction():
            ((stored, doc, created),) = self._engine.rows(sql.DIGEST, (digest.id,))
            name = mailed_on(created)
            if stored is not None:
                opened = self._vault.open(name, stored, message_row(digest.id))
                return (digest, message) if opened is None else (_read_notice(doc), opened)
            sealed = self._vault.sealers({name}, ())[name].seal(message, message_row(digest.id))
            if self._engine.many(sql.SAVE_DIGEST, [(sealed, _encode(digest).decode(), digest.id)]):
                return digest, message
        return self.save_digest(digest, message)

    def notices(self, case_id: str) -> list[NoticeRow]:
        """Return every mail about a case, in the order in which they were owed."""
        return _notices(self._engine.rows(sql.NOTICES_OF, (case_id,)))

    def notice(self, notice_id: str) -> NoticeRow | None:
        """Return the mail of that id, or `None`."""
        return next(iter(_notices(self._engine.rows(sql.NOTICE, (plain(notice_id),)))), None)

    def report_known(self, report_id: str) -> bool:
        """Whether this report of a provider is on record."""
        return bool(self._engine.rows(sql.REPORT_KNOWN, (plain(report_id),)))

    def outbox_summary(self) -> OutboxSummary:
        """Return how many mails are in which state, and since when the oldest queued one waits."""
        rows = self._engine.rows(sql.OUTBOX_SUMMARY)
        oldest = [read(first) for state, _, first in rows if state == "queued"]
        return OutboxSummary(**{state: count for state, count, _ in rows}, oldest=oldest[0] if oldest else None)


def _notices(rows: Iterable[Row]) -> list[NoticeRow]:
    return [
        NoticeRow(
            notice=_read_notice(doc), state=state, next_at=read(next_at), attempts=attempts,
            settled_at=None if settled_at is None else read(settled_at), reference=reference, error=error,
        )
        for doc, state, next_at, attempts, settled_at, reference, error, _ in rows
    ]  # fmt: skip
