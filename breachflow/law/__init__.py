"""Dated law as data: citations, regimes, profiles, holidays; each entry with source and date of last check."""
