"""Which events open a case: told for each rule, with the data map's part in it."""

from __future__ import annotations

import pytest
from story import START

from breachflow.core.datamap import DataMap, mapped_facts
from breachflow.core.event import SecurityEvent
from breachflow.core.facts import Facts
from breachflow.core.organisation import Asset, Screening
from breachflow.core.screening import screen

CRM = Asset(id="crm", match=("crm-*", "10.20.0.0/16", "CRM"), data=("identity", "bank_account"), people=("customers",), people_count=900, at_rest="intact", backup="full")  # fmt: skip
HR = Asset(id="hr", match=("crm-01",), data=("identity", "employment"), people=("employees",), people_count=50)
TEST = Asset(id="test", match=("test-*",), personal_data=False)
MAP = DataMap([CRM, HR, TEST])


def event(**values):
    return SecurityEvent(**{"id": "1", "source": "soc", "detected_at": START, "title": "t"} | values)


@pytest.mark.parametrize(
    ("values", "assets", "opens", "rule"),
    [
        ({"verdict": "false_positive", "severity": "fatal"}, ["crm-01"], False, "false-positive"),
        ({"verdict": "test", "severity": "fatal"}, ["crm-01"], False, "test"),
        ({"facts": Facts(personal_data=False)}, ["crm-01"], False, "no-personal-data"),
        ({"facts": Facts(people_count=3), "severity": "low"}, [], True, "states-facts"),
        ({"facts": Facts(personal_data=False, data=("health",))}, [], True, "states-facts"),
        ({"severity": "medium"}, ["crm-01"], True, "severity"),
        ({"severity": "low"}, ["crm-01"], False, "below-threshold"),
        ({"severity": "medium"}, ["unknown-host"], False, "below-threshold"),
        ({"severity": "high"}, ["unknown-host"], True, "severity"),
        ({"severity": "fatal"}, ["test-7"], False, "mapped-without-personal-data"),
        ({"severity": "low", "verdict": "confirmed"}, ["unknown-host"], True, "confirmed"),
        ({}, ["unknown-host"], True, "unrated"),
        ({"format": "o365-alert"}, ["unknown-host"], False, "unrated-record"),
    ],
)
def test_every_rule_of_the_screening(values, assets, opens, rule):
    """Unknown is not low, and only what is positively set aside is set aside; the reason is a sentence."""
    outcome = screen(event(**values), MAP.find(assets), Screening())
    assert (outcome.opens, outcome.rule) == (opens, rule)
    assert outcome.because


def test_assets_are_found_by_name_pattern_and_address_range():
    """With or without the domain, in any case; a name that matches nothing finds nothing."""
    assert [line.id for line in MAP.find(["CRM-01.corp.example"])] == ["crm", "hr"]
    assert [line.id for line in MAP.find(["10.20.3.4"])] == ["crm"]
    assert [line.id for line in MAP.find(["crm", "nothing", ""])] == ["crm"]
    assert MAP.find(["10.21.0.1", "2001:db8::1"]) == ()


def test_what_several_lines_say_adds_up_and_counts_do_not():
    """Kinds of data and people are united; the same people may be on both, so the larger count stands."""
    facts = {name: value for name, (value, _) in mapped_facts([CRM, HR], ["ransomware"]).items()}
    assert facts["data"] == ["identity", "bank_account", "employment"]
    assert (facts["people_count"], facts["people_count_basis"]) == (900, "approximate")
    assert "backup" not in facts, "that backups are made is no proof that this breach left one"
    assert facts["measures_before"] == ["backup", "encryption"]


def test_disk_encryption_speaks_for_a_lost_device_only():
    """On a running server whoever is there reads in clear."""
    assert mapped_facts([CRM], ["device_lost_or_stolen"])["protection"] == ("intact", "crm")
    for types in (["unauthorised_access"], ["device_lost_or_stolen", "malware"], []):
        assert "protection" not in mapped_facts([CRM], types)
