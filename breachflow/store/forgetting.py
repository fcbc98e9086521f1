"""What is erased together with a change: raw events alone, or a case's key and all that it sealed."""

from __future__ import annotations

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
    if what.assets:
        names = {plain(asset.casefold()) for asset in what.assets}
        engine.many(sql.FORGET_UNMAPPED, [(name,) for name in sorted(names)])


def forget_sealed(engine: Engine, case: str) -> None:
    """Remove what a case's destroyed key has made unreadable, but for the register, whose chain covers it."""
    for statement in (sql.FORGET_CASE_EVENTS, sql.FORGET_CASE_MAILS, sql.FORGET_CASE_DRAFTS):
        engine.many(statement, [(case,)])
