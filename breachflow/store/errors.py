"""What can go wrong with the store: whose fault it is, and what to do next."""

from __future__ import annotations


class StoreError(Exception):
    """Something about the database that the caller can answer; the message is one sentence for a person."""


class Unavailable(StoreError):  # noqa: N818 - named for what happened, as the field says it.
    """The database is away, locked or full: nothing was written, or nothing is known to be; read again and retry."""


class Collision(StoreError):  # noqa: N818 - as above.
    """A new case carries an id that another case has; nothing was written: read again, or derive another id."""


class UnknownCase(StoreError):  # noqa: N818 - as above.
    """There is no case of that id."""


class UnknownDeadLetter(StoreError):  # noqa: N818 - as above.
    """There is no dead letter of that id."""


class NoDatabase(StoreError):  # noqa: N818 - as above.
    """There is no breachflow database at that address."""


class NewerDatabase(StoreError):  # noqa: N818 - as above.
    """The database was written by a newer breachflow."""


class WrongKey(StoreError):  # noqa: N818 - as above.
    """The master key is not the one that this database was made with."""


class Damaged(StoreError):  # noqa: N818 - as above.
    """The file is not a database, or no longer one, or a sealed value was changed."""
