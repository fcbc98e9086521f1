"""Joint controllers notify as their arrangement says, Art. 26; separate ones each on their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from breachflow.core.organisation import Asset, Processing
from tests.story import BREACH, Story, organisation

FACTS = {name: value for name, value in BREACH.items() if name not in ("data", "people_count")}
LINE = Asset(id="crm", match=("crm-01",), controller="services", processing="CRM", role="joint_controller",
             data=("contact",), people=("customers",), people_count=50)  # fmt: skip
BOTH = ("insurance", "services")


@pytest.fixture
def told(tmp_path):
    stories = []

    def tell(**processing):
        house = organisation(datamap=(LINE,), processings=(Processing(id="CRM", joint_controllers=BOTH, **processing),))
        stories.append(Story(tmp_path, house))
        return stories[-1]

    yield tell
    for story in stories:
        story.store.close()


def clocks(story) -> set[str]:
    return {clock.id for clock in story.case.clocks if clock.regime == "gdpr-art33"}


def test_the_one_that_the_arrangement_names_notifies_for_all(told):
    story = told(notifying_controller="insurance", partners=("Garage Partner SA",))
    story.event(FACTS, assets=["crm-01"])
    assert clocks(story) == {"gdpr-art33:insurance"}
    (sheet, *_) = (d for d in story.store.drafts(story.case.id) if d.audience == "cnil" and d.lang == "fr")
    text = Path(sheet.path).read_text(encoding="utf-8")
    assert "Services SAS" in text
    assert "Garage Partner SA" in text


def test_without_an_arrangement_each_of_them_notifies(told):
    story = told()
    story.event(FACTS, assets=["crm-01"])
    assert clocks(story) == {"gdpr-art33:insurance", "gdpr-art33:services"}


def test_two_scopes_of_one_joint_processing_make_one_notification(told):
    story = told(notifying_controller="insurance")
    scopes = [{"controller": one, "processing": "CRM", "people_count": 50} for one in BOTH]
    story.event(FACTS | {"scopes": scopes}, assets=["crm-01"])
    assert [part.controller for part in story.case.parts] == ["insurance"]


def test_what_one_of_them_knows_besides_is_not_lost_where_another_notifies(told):
    story = told(notifying_controller="insurance")
    scopes = [
        {"controller": one, "processing": "CRM", "people_count": n} for one, n in (("insurance", 5), ("services", 900))
    ]
    story.event(FACTS | {"scopes": scopes}, assets=["crm-01"])
    assert {part.controller for part in story.case.parts} == {"insurance"}
    assert len(story.case.parts) == 2
    assert clocks(story) == {"gdpr-art33:insurance"}


def test_the_event_names_a_joint_controller_and_the_arrangement_still_holds(told):
    story = told(notifying_controller="insurance")
    story.event(FACTS, assets=["crm-01"], controller="services")
    assert clocks(story) == {"gdpr-art33:insurance"}
