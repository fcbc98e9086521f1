"""Encryption at rest: a data key for each case and each day, wrapped with the organisation's master key.

Raw events, the sealed parts of the register, rendered mails, kept drafts and dead letters are sealed with AES-256-GCM
under the key of their case, or of the day where there is no case; the name of the row is authenticated with them.
Destroying a key erases all of it at once: Art. 5(1)(e), 17. Backups and a server's write-ahead archive still hold the
wrapped key until they expire; where that is too late, change the master key too.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from breachflow.store import statements as sql
from breachflow.store.engine import Engine
from breachflow.store.errors import Damaged, WrongKey
from breachflow.store.instants import plain, written

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12  # The length for which GCM is defined without hashing the nonce.
GENERATION_BYTES = 2
CACHED_KEYS = 4096  # Bounds memory at about 2 MB; a batch of the intake uses 500.


class Sealer:
    """One data key, ready for use."""

    __slots__ = ("_aes", "_mark")

    def __init__(self, aes: AESGCM, generation: int) -> None:
        self._aes = aes
        self._mark = generation.to_bytes(GENERATION_BYTES, "big")

    def seal(self, value: bytes, row: bytes) -> bytes:
        """Return the value encrypted, bound to the name of its row."""
        nonce = os.urandom(NONCE_BYTES)
        return self._mark + nonce + self._aes.encrypt(nonce, value, row)


class Vault:
    """The master key and the data keys under it."""

    def __init__(self, engine: Engine, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise WrongKey(f"The master key has {len(master)} bytes where {KEY_BYTES} are needed.")
        self._engine = engine
        self._master = master
        self._wrapper: AESGCM | None = None
        self._opened: dict[tuple[str, int], AESGCM] = {}

    @property
    def fingerprint(self) -> str:
        """What the database remembers of its master key: enough to know it again, nothing to find it by."""
        return fingerprint(self._master)

    def sealers(self, names: Collection[str], new: Collection[str]) -> dict[str, Sealer]:
        """Return the keys to seal with, made where there is none yet; call it inside the transaction that uses them.

        `new` are names of cases that this transaction opens, which can have no key yet.
        """
        sealers: dict[str, Sealer] = {}
        missing = dict.fromkeys(new, 1)
        if names:
            latest = {name: (generation, wrapped) for name, generation, wrapped in self._latest(names)}
            for name in names:
                generation, wrapped = latest.get(name, (0, None))
                if wrapped is None:
                    missing[name] = generation + 1
                else:
                    sealers[name] = Sealer(self._unwrap(name, generation, wrapped), generation)
        if missing:
            sealers |= self._made(missing)
        return sealers

    def open(self, name: str, sealed: bytes, row: bytes) -> bytes | None:
        """Return the value of one sealed row, or `None` where its key was destroyed."""
        return self.open_all([(name, sealed, row)])[0]

    def open_all(self, items: Collection[tuple[str, bytes, bytes]]) -> list[bytes | None]:
        """Return the values of sealed rows (key name, sealed value, row), `None` where the key was destroyed."""
        names = sorted({name for name, _, _ in items})
        wrapped_keys = {(name, generation): wrapped for name, generation, wrapped in
                        self._engine.listed(sql.KEYS_OF, names)}  # fmt: skip
        return [self._open(wrapped_keys, name, sealed, row) for name, sealed, row in items]

    def destroy(self, name: str, by: str, reason: str, now: datetime) -> bool:
        """Destroy the living key of that name; call it inside a transaction. Says whether there was one."""
        done = self._engine.many(sql.DESTROY_KEY, [(written(now), plain(by), plain(reason), name)])
        self._opened = {key: aes for key, aes in self._opened.items() if key[0] != name}
        return done > 0

    def secret(self, name: str) -> bytes:
        """Return the 32 bytes of that name, made where there are none; they outlive a change of the master key."""
        with self._engine.transaction():
            if not self._latest([name]):
                self._made({name: 1})
            ((_, generation, wrapped),) = self._latest([name])
            if wrapped is None:
                raise Damaged(f"The secret {name} was destroyed in the database.")
            self._unwrap(name, generation, wrapped)
            return self._master_aes().decrypt(*_parts(wrapped, name, generation))

    def rewrap(self, master: bytes) -> int:
        """Wrap every living data key with another master key, all or none; return how many."""
        successor = Vault(self._engine, master)
        with self._engine.transaction():
            self._engine.alone_with_keys()
            self._check_master()
            rows = [
                (successor._wrap(name, generation, self._master_aes().decrypt(*_parts(wrapped, name, generation))),
                 name, generation)
                for name, generation, wrapped in self._engine.rows(sql.LIVE_KEYS)
            ]  # fmt: skip
            self._engine.many(sql.REWRAP_KEY, rows)
            self._engine.many(sql.SET_META, [("master", successor.fingerprint)])
        self._master, self._wrapper, self._opened = master, None, {}
        return len(rows)

    def _latest(self, names: Collection[str]) -> list[tuple[str, int, bytes | None]]:
        return [(name, generation, wrapped) for name, generation, wrapped in
                self._engine.listed(sql.LATEST_KEYS, sorted(names))]  # fmt: skip

    def _made(self, missing: dict[str, int]) -> dict[str, Sealer]:
        """Make keys; where another process made one at the same time, that one stands."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        sealers, rows = {}, []
        fresh = os.urandom(KEY_BYTES * len(missing))
        for place, (name, generation) in enumerate(missing.items()):
            key = fresh[place * KEY_BYTES : (place + 1) * KEY_BYTES]
            rows.append((name, generation, self._wrap(name, generation, key)))
            sealers[name] = Sealer(AESGCM(key), generation)
        added = self._engine.many(sql.ADD_KEY, rows)
        # Asked after the rows are in: whoever changes the master key waits for them, or has changed it before.
        self._check_master()
        if added == len(rows):
            return sealers
        return {
            name: Sealer(self._unwrap(name, generation, wrapped), generation)
            for name, generation, wrapped in self._latest(missing)
            if wrapped is not None
        }

    def _open(self, keys: dict[tuple[str, int], bytes | None], name: str, sealed: bytes, row: bytes) -> bytes | None:
        from cryptography.exceptions import InvalidTag

        generation = generation_of(sealed)
        wrapped = keys.get((name, generation))
        if wrapped is None:
            return None
        nonce = sealed[GENERATION_BYTES : GENERATION_BYTES + NONCE_BYTES]
        try:
            return self._unwrap(name, generation, wrapped).decrypt(nonce, sealed[GENERATION_BYTES + NONCE_BYTES :], row)
        except InvalidTag as error:
            raise Damaged(f"A value sealed under {name} was changed in the database after it was written.") from error

    def _wrap(self, name: str, generation: int, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._master_aes().encrypt(nonce, key, _key_row(name, generation))

    def _unwrap(self, name: str, generation: int, wrapped: bytes) -> AESGCM:
        if (known := self._opened.get((name, generation))) is not None:
            return known
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            key = self._master_aes().decrypt(*_parts(wrapped, name, generation))
        except InvalidTag as error:
            self._check_master()
            raise Damaged(f"The key of {name} was changed in the database after it was written.") from error
        return self._keep(name, generation, AESGCM(key))

    def _keep(self, name: str, generation: int, aes: AESGCM) -> AESGCM:
        if len(self._opened) >= CACHED_KEYS:
            self._opened.clear()
        self._opened[name, generation] = aes
        return aes

    def _master_aes(self) -> AESGCM:
        if self._wrapper is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._wrapper = AESGCM(self._master)
        return self._wrapper

    def _check_master(self) -> None:
        """Refuse to work with a master key that another process has replaced meanwhile."""
        if self._engine.rows(sql.META, ("master",)) != [(self.fingerprint,)]:
            raise WrongKey("The master key of this database was changed; start again with the new one.")


def generation_of(sealed: bytes) -> int:
    """Return which generation of its key a value is sealed under."""
    return int.from_bytes(sealed[:GENERATION_BYTES], "big")


def fingerprint(master: bytes) -> str:
    """Return what a database remembers of its master key."""
    return blake2b(b"breachflow master key", key=master, digest_size=16).hexdigest()


def _key_row(name: str, generation: int) -> bytes:
    return f"key:{generation}:{name}".encode()


def _parts(wrapped: bytes, name: str, generation: int) -> tuple[bytes, bytes, bytes]:
    return wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _key_row(name, generation)
