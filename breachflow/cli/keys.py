"""`breachflow keys`: change the master key, so that what was erased is out of reach in old backups too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, say

if TYPE_CHECKING:
    from breachflow.settings import Settings

ATTEMPTS = 5  # Two processes in each other's way on PostgreSQL: the one that gave way tries again.


@click.group("keys")
def keys_command() -> None:
    """The master key: it wraps the key of every case and day."""


@keys_command.command("rotate")
@click.option("--new-key", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where BREACHFLOW_KEY states the key: the file of the new one, made if missing.")  # fmt: skip
@click.option("--destroy-old", is_flag=True, help="Do not keep the old key file: old backups open no more.")
@click.pass_context
def rotate_command(ctx: click.Context, new_key: Path | None, destroy_old: bool) -> None:
    """Make a new master key and wrap every key of the database with it. Interrupted, it is called again."""
    from breachflow.settings import rotation

    settings = assembly.settings(ctx)
    if settings.key is not None:
        _stated(settings, new_key)
        return
    if new_key is not None:
        raise Refused("--new-key is for a key that BREACHFLOW_KEY states; the key file of the home is replaced here.")
    present = rotation.keys(settings)[0]
    following = rotation.lay_next(settings.home / rotation.NEXT_FILE)
    wrapped = _rewrapped(settings, present, following)
    aside = rotation.put_in_place(settings.home, keep_old=not destroy_old)
    say("The change was complete in the database already." if wrapped is None else f"{wrapped} keys wrapped anew.")
    say(f"The new master key is {settings.home / 'master.key'}; keep a copy where the backups are not.")
    if aside is not None:
        say(f"Backups made before now open with {aside}: destroy it once they have expired.")


def _stated(settings: Settings, new_key: Path | None) -> None:
    from breachflow.settings import rotation

    if new_key is None:
        raise Refused("the key is stated by BREACHFLOW_KEY; name the file of the new one with --new-key FILE.")
    wrapped = _rewrapped(settings, rotation.keys(settings)[0], rotation.lay_next(new_key))
    say("The change was complete in the database already." if wrapped is None else f"{wrapped} keys wrapped anew.")
    say(f"Now let BREACHFLOW_KEY state what {new_key} holds, and start every process again.")


def _rewrapped(settings: Settings, present: bytes, following: bytes) -> int | None:
    """Wrap the database's keys with the following key; `None` where an earlier call has done so."""
    from breachflow.store import Unavailable, WrongKey, open_store

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with open_store(settings.database, present) as store:
                return store.rewrap(following)
        except WrongKey:
            with open_store(settings.database, following):
                return None
        except Unavailable:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")
