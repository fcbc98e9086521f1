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
             for _, ident, _, message, _, case, created in rows if message is not None]
        ))  # fmt: skip
        return [
            Leased(
                notice=_read_notice(doc), message=None if message is None else next(messages), attempts=attempts
            )
            for _, _, doc, message, attempts, _, _ in rows
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
