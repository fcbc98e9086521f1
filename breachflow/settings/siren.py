"""SIREN and French VAT numbers: whether they can be what they claim to be."""

from __future__ import annotations


def valid(siren: str) -> bool:
    """Whether the nine digits satisfy the check of INSEE (Luhn): every second digit from the right counts double."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(siren)))
    return len(siren) == 9 and sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def vat_number(siren: str) -> str:
    """Return the French VAT number that belongs to a SIREN."""
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
