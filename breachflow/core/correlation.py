"""Correlation: by which keys a later event finds the case that it belongs to."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from breachflow.core.case import Key
from breachflow.core.datamap import SHARED
from breachflow.core.event import SecurityEvent
from breachflow.core.facts import incident_types
from breachflow.core.organisation import Correlation

MOST_KEYS = 16  # An alert that names a thousand hosts must not write a thousand rows; its first assets find the case.


def lookup_keys(event: SecurityEvent) -> tuple[str, ...]:
    """Return the keys under which the event's case may be found, surest first.

    An event that names its case belongs to that one or to a new one: its assets are not asked then.
    """
    return (_case_key(event),) if event.case else _asset_keys(event)


def keys_of(case_id: str, event: SecurityEvent, policy: Correlation, now: datetime) -> tuple[Key, ...]:
    """Return the keys under which later events will find this case: the named case for ever, assets for the window."""
    keys = [Key(key=_case_key(event), case=case_id)] if event.case else []
    if policy.window_hours > 0:
        until = now + timedelta(hours=policy.window_hours)
        keys += [Key(key=key, case=case_id, until=until) for key in _asset_keys(event)]
    return tuple(keys)


def _case_key(event: SecurityEvent) -> str:
    # `wazuh/prod` and `wazuh/test` are one source group: the part before the stroke.
    return _digest("case", event.source.partition("/")[0], event.case or "")


def _asset_keys(event: SecurityEvent) -> tuple[str, ...]:
    # A tag or an account is shared by many machines: two alerts that have one in common are not one incident.
    names = [name for name in (asset.casefold() for asset in event.assets) if not name.startswith(SHARED)]
    if not names:
        return ()
    types = incident_types(event.facts) if event.facts is not None else ()
    keys = [_digest("asset", asset, kind) for asset in names for kind in types or ("unknown",)]
    return tuple(keys[:MOST_KEYS])


def _digest(*parts: str) -> str:
    """Names of assets may be names of people; the table of keys needs only to compare them."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
