"""User names as pseudonyms: keyed, the same throughout an installation, and nobody's without the key (GDPR Art. 4(5)).

What a payload says of users stays in its raw bytes, encrypted under the key of its case. All that is kept or shown
besides says `user:` and sixteen digits: enough to see that two alerts are about the same account.
"""

from __future__ import annotations

import hmac
import re
from unicodedata import normalize

from msgspec.structs import replace

from breachflow.core.event import SecurityEvent

PREFIX = "user:"
DIGITS = 16  # 64 bits: among a million accounts two share a pseudonym with a chance of 1 in 36 million.
SHORTEST = 4  # Characters of a part of a name (before the @, behind the \) that is looked for in texts by itself.


def pseudonym(name: str, key: bytes) -> str:
    """The pseudonym of a user name under the installation's key; case and spelling of letters make no difference."""
    spelt = normalize("NFKC", name).casefold().encode("utf-8", "surrogatepass")
    return PREFIX + hmac.digest(key, spelt, "sha256").hex()[:DIGITS]


def pseudonymised(event: SecurityEvent, key: bytes) -> SecurityEvent:
    """The event with its users as pseudonyms, also where title and description repeat their names.

    Assets stay as they are: a mailbox is an asset, and the data map knows it by its name.
    """
    if not event.users:
        return event
    known = {name: pseudonym(name, key) for name in event.users}
    title, description = event.title, event.description
    for name in sorted(_spellings(known), key=len, reverse=True):
        title = _without(title, name, known[name])
        description = None if description is None else _without(description, name, known[name])
    return replace(event, users=tuple(dict.fromkeys(known.values())), title=title[:500], description=description)


def _spellings(known: dict[str, str]) -> dict[str, str]:
    """Add how texts call these users for short: what stands behind the domain, and what stands before the @."""
    for name, stands_for in list(known.items()):
        for short in (name.rpartition("\\")[2], name.partition("@")[0]):
            if len(short) >= SHORTEST:
                known.setdefault(short, stands_for)
    return known


def _without(text: str, name: str, stands_for: str) -> str:
    if name.casefold() not in text.casefold():
        return text
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", stands_for, text, flags=re.IGNORECASE)
