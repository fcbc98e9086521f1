"""What is erased together with a change: raw events alone, or a case's key and all that it sealed."""

from __future__ import annotations

from datetime import datetime

from breachflow.core.case import Forget
from breachflow.store import statements as sql
from breachflow.store.engine import Engine
from breachflow.store.instants import plain
from breachflow.store.vault import Vault


def forget(engine: Engine, vault: Vault, case: str, what: Forget) -> None:
    """Erase it; call it inside the transaction that writes the register entry about it."""
    if what.what == "raw":
        engine.many(sql.FORGET_CASE_EVENTS, [(case,)])
        return
    vault.destroy(case, what.by, what.reason, what.at)
    forget_sealed(engine, case)
    for list_id, *_ in engine.rows(sql.PEOPLE_LISTS_OF, (case,)):
        forget_people(engine, vault, list_id, what.by, what.reason, what.at)
        engine.many(sql.ERASE_PEOPLE_LIST, [(list_id,)])
    if what.assets:
        names = {plain(asset.casefold()) for asset in what.assets}
        engine.many(sql.FORGET_UNMAPPED, [(name,) for name in sorted(names)])


def forget_sealed(engine: Engine, case: str) -> None:
    """Remove what a case's destroyed key has made unreadable, but for the register, whose chain covers it."""
    for statement in (sql.FORGET_CASE_EVENTS, sql.FORGET_CASE_MAILS, sql.FORGET_CASE_DRAFTS):
        engine.many(statement, [(case,)])


def forget_people(engine: Engine, vault: Vault, list_id: str, by: str, reason: str, at: datetime) -> None:
    """Destroy the key of a list of people, and remove what it has made unreadable; counts and outcomes stay."""
    vault.destroy(f"people:{list_id}", by, reason, at)
    for statement in (sql.FORGET_PEOPLE, sql.FORGET_PEOPLE_TEXTS):
        engine.many(statement, [(list_id,)])
