"""User names as pseudonyms: keyed, the same throughout an installation, and nobody's without the key (GDPR Art. 4(5)).

What a payload says of users stays in its raw bytes, encrypted under the key of its case. All that is kept or shown
besides says `user:` and sixteen digits: enough to see that two alerts are about the same account.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from unicodedata import normalize

from msgspec.structs import replace

from breachflow.core.event import SecurityEvent

PREFIX = "user:"
BYTES = 8  # Among a million accounts two share a pseudonym with a chance of 1 in 36 million.
LONGEST_TITLE, LONGEST_DESCRIPTION = 500, 20_000  # The event's own limits: a pseudonym may be longer than a name.
SHORTEST = 4  # Characters of a part of a name (before the @, behind the \) that is looked for in texts by itself.


def pseudonym(name: str, key: bytes) -> str:
    """The pseudonym of a user name under the installation's key; case and spelling of letters make no difference."""
    spelt = name if name.isascii() else normalize("NFKC", name)
    return PREFIX + blake2b(spelt.casefold().encode("utf-8", "surrogatepass"), digest_size=BYTES, key=key).hexdigest()


def pseudonymised(event: SecurityEvent, key: bytes) -> SecurityEvent:
    """The event with its users as pseudonyms, also where title and description repeat their names.

    Assets stay as they are: a mailbox is an asset, and the data map knows it by its name.
    """
    if not event.users:
        return event
    known = {name: pseudonym(name, key) for name in event.users}
    users = tuple(dict.fromkeys(known.values()))
    for name, stands_for in list(known.items()):
        # How texts call a user for short: what stands behind the domain, and what stands before the @.
        for short in (name.rpartition("\\")[2], name.partition("@")[0]):
            if len(short) >= SHORTEST:
                known.setdefault(short, stands_for)
    description = None if event.description is None else _without(event.description, known)[:LONGEST_DESCRIPTION]
    return replace(event, users=users, title=_without(event.title, known)[:LONGEST_TITLE], description=description)


def _without(text: str, names: dict[str, str]) -> str:
    folded = text.casefold()
    said = [name for name in names if name.casefold() in folded]
    for name in sorted(said, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", names[name], text, flags=re.IGNORECASE)
    return text
