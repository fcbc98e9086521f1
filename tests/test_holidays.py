"""French public holidays: computed, and held against three lists made by others."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta

import pytest

from breachflow.law.holidays import ALSACE_MOSELLE, FIRST_YEAR, LAST_YEAR, METROPOLE, easter

EASTERS = {
    1609: "04-19", 1818: "03-22", 1900: "04-15", 1943: "04-25", 1954: "04-18", 1961: "04-02", 1981: "04-19",
    2000: "04-23", 2008: "03-23", 2011: "04-24", 2018: "04-01", 2019: "04-21", 2026: "04-05", 2027: "03-28", 2038: "04-25",
    2049: "04-18", 2076: "04-19", 2285: "03-22",
}  # fmt: skip
"""Known dates: the earliest possible, the latest possible, and the exceptions to the simpler algorithms."""


@pytest.mark.parametrize(("year", "day"), EASTERS.items())
def test_easter_in_known_years(year, day):
    """Early, late, and where naive algorithms fail."""
    assert easter(year) == date.fromisoformat(f"{year}-{day}")


def days(year: int, text: str) -> set[date]:
    return {date.fromisoformat(f"{year}-{day}") for day in text.split()}


def test_the_holidays_of_pinned_years():
    """Eleven in metropolitan France; ten dates where Ascension falls on the first of May."""
    assert METROPOLE.holidays(2026) == days(2026, "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25")
    assert METROPOLE.holidays(2027) == days(2027, "01-01 03-29 05-01 05-06 05-08 05-17 07-14 08-15 11-01 11-11 12-25")
    assert METROPOLE.holidays(2008) == days(2008, "01-01 03-24 05-01 05-08 05-12 07-14 08-15 11-01 11-11 12-25")


def test_alsace_and_moselle_have_two_more():
    """Good Friday and 26 December are holidays there, and nowhere else."""
    assert ALSACE_MOSELLE.holidays(2027) - METROPOLE.holidays(2027) == days(2027, "03-26 12-26")
    assert METROPOLE.is_working_day(date(2027, 3, 26))
    assert not ALSACE_MOSELLE.is_working_day(date(2027, 3, 26))


def test_the_next_working_day_steps_over_weekends_and_holidays():
    """From Maundy Thursday in Strasbourg, and over Christmas and New Year in Paris."""
    assert ALSACE_MOSELLE.next_working_day(date(2027, 3, 25)) == date(2027, 3, 30)
    assert METROPOLE.next_working_day(date(2026, 12, 24)) == date(2026, 12, 28)
    assert METROPOLE.next_working_day(date(2026, 12, 31)) == date(2027, 1, 4)
    assert METROPOLE.next_working_day(date(2026, 11, 24)) == date(2026, 11, 25)


def test_no_run_without_working_day_is_longer_than_five_days():
    """Christmas on a Friday before a weekend gives three; Easter in Strasbourg four; nothing in 400 years gives six."""
    longest = timedelta(0)
    for calendar in (METROPOLE, ALSACE_MOSELLE):
        day = date(FIRST_YEAR, 1, 2)
        while day.year < LAST_YEAR:
            following = calendar.next_working_day(day)
            longest = max(longest, following - day)
            day = following
    assert timedelta(days=4) <= longest <= timedelta(days=5)


@pytest.mark.parametrize("year", [FIRST_YEAR - 1, LAST_YEAR + 1, 1, 9999])
def test_years_outside_the_range_are_refused(year):
    """One sentence, no overflow."""
    with pytest.raises(ValueError, match="1900 to 2300"):
        METROPOLE.holidays(year)
    with pytest.raises(ValueError, match="1900 to 2300"):
        METROPOLE.next_working_day(date(year, 12, 31))


def computed(calendar, listed: set[date]) -> set[date]:
    return set().union(*(calendar.holidays(year) for year in range(min(listed).year, max(listed).year + 1)))


def dates_of(path) -> set[date]:
    if path.suffix == ".json":
        return {date.fromisoformat(day) for day in json.loads(path.read_text())}
    with path.open(encoding="utf-8", newline="") as lines:
        return {date.fromisoformat(row["date"]) for row in csv.DictReader(lines)}


LISTS = [
    ("jours_feries_metropole.csv", METROPOLE, 2006, 2031),
    ("metropole.json", METROPOLE, 2006, 2031),
    ("jours_feries_alsace-moselle.csv", ALSACE_MOSELLE, 2006, 2031),
    ("alsace-moselle.json", ALSACE_MOSELLE, 2006, 2031),
    ("datagouv-2020/jours_feries_seuls.csv", METROPOLE, 1950, 2050),
    ("datagouv-2020/jours_feries_seuls_alsace_moselle.csv", ALSACE_MOSELLE, 1950, 2050),
]  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(("file", "calendar", "first", "last"), LISTS, ids=[entry[0] for entry in LISTS])
def test_the_published_lists_agree_to_the_day(shared, file, calendar, first, last):
    """Every day of every year that the list covers, none missing, none too many."""
    listed = dates_of(shared / "jours-feries" / file)
    assert (min(listed).year, max(listed).year) == (first, last)
    assert computed(calendar, listed) == listed


@pytest.mark.shared
@pytest.mark.parametrize(("zone", "calendar"), [("Métropole", METROPOLE), ("Alsace-Moselle", ALSACE_MOSELLE)])
def test_the_list_of_all_zones_agrees(shared, zone, calendar):
    """The list that names the zones of each day."""
    with (shared / "jours-feries" / "jours_feries.csv").open(encoding="utf-8", newline="") as lines:
        listed = {date.fromisoformat(row["date"]) for row in csv.DictReader(lines) if zone in row["zones"].split("|")}
    assert computed(calendar, listed) == listed


@pytest.mark.shared
def test_the_published_calendar_file_agrees(shared):
    """The iCalendar file, for the years that it holds."""
    lines = (shared / "jours-feries" / "jours_feries_metropole.ics").read_text(encoding="utf-8").splitlines()
    listed = {date.fromisoformat(line.partition(":")[2]) for line in lines if line.startswith("DTSTART")}
    assert len({day.year for day in listed}) >= 5
    assert computed(METROPOLE, listed) == listed


@pytest.mark.shared
def test_every_overseas_list_holds_the_metropolitan_days(shared):
    """Overseas holidays come on top of these; none of ours is missing there."""
    paths = [path for path in (shared / "jours-feries").glob("jours_feries_*.csv") if "metropole" not in path.name]
    assert len(paths) >= 10
    for path in paths:
        listed = dates_of(path)
        assert computed(METROPOLE, listed) <= listed, path.name


# The eighth of May was no public holiday from 1950 to 1952 and from 1960 to 1981, and Whit Monday is left out of
# that list for the years in which it was the day of solidarity for everybody, though it stayed a public holiday.
HISTORY = {date(year, 5, 8) for year in (1950, 1951, 1952, *range(1960, 1982))} | {
    date(2005, 5, 16), date(2006, 6, 5), date(2007, 5, 28),
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(("file", "calendar"), [("FR_COMMON.json", METROPOLE), ("FR_GES.json", ALSACE_MOSELLE)])
def test_a_third_list_differs_only_by_known_history(shared, file, calendar):
    """The list in force today is given for every year; the days by which history differed are these and no others."""
    listed = dates_of(shared / "jours-feries" / "python-holidays-snapshots" / file)
    ours = computed(calendar, listed)
    assert listed <= ours
    # In 1975 Ascension fell on 8 May anyway.
    assert ours - listed == HISTORY - {date(1975, 5, 8)}
