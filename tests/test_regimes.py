"""Regimes as data: each dated, sourced, and consistent with how it is counted."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from breachflow.law.regimes import REGIMES, Regime

VOCABULARY = (
    "triage", "gdpr-art33", "gdpr-art33-2", "gdpr-art34", "cnil-complement", "dora-initial", "dora-intermediate",
    "dora-final", "nis2-early", "nis2-notification", "nis2-final", "lopmi-complaint",
)  # fmt: skip

LENGTHS = {
    "triage": (24, "hours"), "gdpr-art33": (72, "hours"), "gdpr-art33-2": (24, "hours"), "gdpr-art34": (72, "hours"),
    "cnil-complement": (72, "hours"), "dora-initial": (24, "hours"), "dora-intermediate": (72, "hours"),
    "dora-final": (1, "months"), "nis2-early": (24, "hours"), "nis2-notification": (72, "hours"),
    "nis2-final": (1, "months"), "lopmi-complaint": (72, "hours"), "art34-order": (None, "none"),
}  # fmt: skip


def test_the_regimes_of_the_vocabulary_and_the_authoritys_order():
    """In the vocabulary's order, so that a list of them reads the same everywhere."""
    assert tuple(REGIMES) == (*VOCABULARY, "art34-order")


def test_every_length_is_the_laws():
    """Pinned: a changed figure is a changed law, and gets a new entry."""
    assert {key: (r.duration.amount, r.duration.unit) for key, r in REGIMES.items()} == LENGTHS
    second = REGIMES["dora-initial"].second
    assert second is not None
    assert (second.trigger, second.hours) == ("dora_classified", 4)
    assert [key for key, regime in REGIMES.items() if regime.second is not None] == ["dora-initial"]


@pytest.mark.parametrize("regime", REGIMES.values(), ids=list(REGIMES))
def test_every_regime_is_sourced_and_dated(regime):
    """A rule without a source, or with dates that cannot be, does not ship."""
    assert regime.sources
    assert len(set(regime.sources)) == len(regime.sources)
    assert date(2018, 5, 25) <= regime.effective_from <= regime.last_verified
    assert regime.effective_to is None or regime.effective_from < regime.effective_to
    assert regime.applies.endswith(".")


@pytest.mark.parametrize("regime", REGIMES.values(), ids=list(REGIMES))
def test_rounding_fits_the_unit_and_the_source(regime):
    """Months are clamped, hours are not; Reg. 1182/71 is shown exactly where it is cited, and only for law."""
    assert ("month-clamp" in regime.rounding) == (regime.duration.unit == "months")
    assert ("reg-1182-71-display" in regime.rounding) == ("reg-1182-71-art3" in regime.sources)
    assert "reg-1182-71-display" not in regime.rounding or regime.set_by == "law"
    assert not regime.noon_except or "next-working-day-noon" in regime.rounding


def test_only_dora_moves_an_end_to_noon():
    """No other law here does, and Art. 33 above all does not; only the first two reports have excepted entities."""
    rolled = [key for key, regime in REGIMES.items() if "next-working-day-noon" in regime.rounding]
    assert rolled == ["dora-initial", "dora-intermediate", "dora-final"]
    assert [key for key, regime in REGIMES.items() if regime.noon_except] == ["dora-initial", "dora-intermediate"]


def test_soft_regimes_are_recommendations():
    """What breaks no duty when missed: the triage target and the CNIL's wish for the complement."""
    assert [key for key, regime in REGIMES.items() if regime.kind == "soft"] == ["triage", "cnil-complement"]
    assert all(regime.set_by == "guidance" for regime in REGIMES.values() if regime.kind == "soft")


def test_every_chain_starts_where_the_one_before_stops():
    """Reports that follow a report run from its submission, by the same key."""
    for before, after in (
        ("gdpr-art33", "cnil-complement"), ("dora-initial", "dora-intermediate"),
        ("dora-intermediate", "dora-final"), ("nis2-notification", "nis2-final"),
    ):  # fmt: skip
        follows = REGIMES[after].trigger
        assert follows in (REGIMES[before].stop, f"initial_{REGIMES[before].stop}"), after


def test_regimes_cannot_be_changed_at_run_time():
    """Law is data that ships; nothing edits it in a running process."""
    with pytest.raises(TypeError):
        REGIMES["gdpr-art33"] = REGIMES["triage"]
    with pytest.raises(AttributeError):
        REGIMES["gdpr-art33"].kind = "soft"


@pytest.mark.parametrize(
    "wrong",
    [
        {"durations": {}}, {"duration": {"unit": "days", "amount": 3}}, {"sources": []}, {"kind": "medium"},
        {"rounding": ["next-working-day"]}, {"trigger": "Becoming aware"}, {"duration": {"unit": "hours", "amount": 0}},
    ],
)  # fmt: skip
def test_a_slip_in_the_file_is_refused(wrong):
    """A misspelt key or an unknown rule stops the start, instead of being skipped."""
    entry = msgspec.to_builtins(REGIMES["gdpr-art33"])
    assert msgspec.convert(entry, Regime) == REGIMES["gdpr-art33"]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(entry | wrong, Regime)
