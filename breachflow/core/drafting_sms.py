"""A short message that networks carry whole: which alphabet it needs, how many segments, and what fits into three."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from msgspec import Struct

MOST_SEGMENTS = 3  # Longer ones are paid for, cut or taken for spam.

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic alphabet, 3GPP TS 23.038; a sign of the extension counts twice. A small "ç" or "ê" is in neither."""

EXTENSION = frozenset("^{}\\[~]|€")

PLAIN = {
    "’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "...", "œ": "oe", "Œ": "OE",
    "\u00a0": " ", "\u202f": " ", "\u2011": "-",
}  # fmt: skip


class Sms(Struct, frozen=True, kw_only=True):
    """One short message: its text, the alphabet it needs, its length in that alphabet's units, and its segments."""

    text: str
    alphabet: str
    units: int
    segments: int


def counted(text: str) -> Sms:
    """Count a text: 160 units of GSM-7 or 70 of UCS-2 in one segment; 153 or 67 in each of several."""
    if GSM.union(EXTENSION).issuperset(text):
        alphabet, units, one, each = "GSM-7", sum(2 if sign in EXTENSION else 1 for sign in text), 160, 153
    else:
        alphabet, units, one, each = "UCS-2", len(text.encode("utf-16-be", "replace")) // 2, 70, 67
    return Sms(text=text, alphabet=alphabet, units=units, segments=1 if units <= one else -(-units // each))


def plain(text: str) -> str:
    """Return a text in letters of the basic alphabet where there are any: an accent would halve what fits."""
    return "".join(_plain(sign) for sign in text)


def fitted(first: Sequence[str], last: str, between: Sequence[str]) -> Sms:
    """Return the fullest message that fits: the first beginning possible, what fits between, and always the end.

    `first` are ways to begin, the fullest first; `between` are sentences, the most useful first. Where nothing fits,
    the shortest message comes back as it is, and its count says so.
    """
    made = counted(plain(" ".join((first[-1], last))))
    for beginning in first:
        for count in range(len(between), -1, -1):
            tried = counted(plain(" ".join((beginning, *between[:count], last))))
            if tried.segments <= MOST_SEGMENTS:
                return tried
    return made


def _plain(sign: str) -> str:
    if sign in GSM or sign in EXTENSION:
        return sign
    if sign in PLAIN:
        return PLAIN[sign]
    base = unicodedata.normalize("NFD", sign)[0]
    return base if base in GSM else sign
