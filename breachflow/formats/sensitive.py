"""What a data classifier's finding says about kinds of data: its detector names as the vocabulary's kinds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from breachflow.core.facts import DATA_KINDS, DataKind

MAX_NAMED = 30
"""Detectors named in the text on data; a classifier has a few hundred, a finding a handful."""

# The first that matches counts, so the narrower word stands first. A detector that is none of these stays unknown.
_WORDS: tuple[tuple[str, DataKind], ...] = (
    (r"\b(credit|debit|payment) ?card|\bcard (number|holder)|\bcvv\b|\bpan\b|\bmagnetic stripe", "payment_card"),
    (r"\biban\b|\bbank|\baccount number\b|\bsort code|\brouting number|\bswift\b|\brib\b", "bank_account"),
    (r"\bsocial (security|insurance)|\bssn\b|\binsee\b|\bnir\b|\bnational insurance", "social_security"),
    (r"\bpassport|\bdriv(er|ing)|\bnational id|\bidentity card|\btax|\btin\b|\bvoter|\belectoral", "official_id"),
    (r"\bhealth|\bmedic|\bnhs\b|\bhipaa\b|\bphi\b|\bdiagnos|\bicd ?(9|10)|\bpatient|\bhcpcs\b", "health"),
    (r"\bgenetic|\bdna\b", "genetic"),
    (r"\bbiometric|\bfingerprint", "biometric"),
    (r"\bpassword|\bcredential|\bsecret|\bprivate key|\bapi key|\btoken\b|\baccess key", "credentials"),
    (r"\bvin\b|\bvehicle|\blicen[cs]e plate", "vehicle"),
    (r"\b(birth|dob)\b|\bdate of birth", "birth_date"),
    (r"\bgps\b|\blatitude|\bgeo ?location|\blocation data", "location"),
    (r"\bip ?address|\bipv?[46]\b|\bmac address|\bcookie", "connection"),
    (r"\be ?mail|\bphone|\baddress\b|\bpostal|\bzip code", "contact"),
    (r"\bsalary|\bincome|\bpayroll|\bpayslip", "financial"),
    (r"\bname\b|\bgender|\bage\b", "identity"),
)
_DETECTORS = tuple((re.compile(pattern), kind) for pattern, kind in _WORDS)


def kinds(detectors: Iterable[Any]) -> tuple[DataKind, ...]:
    """The kinds of data that these detector names stand for, in the vocabulary's order."""
    found: set[DataKind] = set()
    for detector in detectors:
        if not isinstance(detector, str):
            continue
        words = re.sub(r"[^a-z0-9]+", " ", re.sub(r"([a-z])([A-Z])", r"\1 \2", detector[:200]).lower())
        kind = next((kind for pattern, kind in _DETECTORS if pattern.search(words)), None)
        if kind is not None:
            found.add(kind)
    return tuple(kind for kind in DATA_KINDS if kind in found)


def counted(system: str, found: Iterable[tuple[Any, Any]]) -> str | None:
    """What a classifier counted, in words: matches of a detector are neither records nor people."""
    parts = [
        f"{count} of {name[:100]}"
        for name, count in found
        if isinstance(name, str) and name and isinstance(count, int) and not isinstance(count, bool)
    ]
    if not parts:
        return None
    more = f" and {len(parts) - MAX_NAMED} more" if len(parts) > MAX_NAMED else ""
    return f"Matches found by {system} (matches are neither records nor people): {', '.join(parts[:MAX_NAMED])}{more}"
