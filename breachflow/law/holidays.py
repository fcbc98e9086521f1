"""French public holidays: computed for any year, and the working days they leave."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct

FIRST_YEAR, LAST_YEAR = 1900, 2300
"""Years that are answered; no instant that breachflow accepts lies outside, and no sum of days overflows inside."""

# "Les fetes legales ci-apres designees sont des jours feries" -- Code du travail L3133-1.
FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
AFTER_EASTER = (1, 39, 50)
"""Easter Monday, Ascension, Whit Monday: days after Easter Sunday."""

SATURDAY = 5
DAY = timedelta(days=1)


class Calendar(Struct, frozen=True, kw_only=True):
    """Public holidays as the law has listed them since 1982, of metropolitan France or of Alsace and Moselle.

    An earlier year gets today's list: until 1981 the eighth of May was not one in every year.
    """

    alsace_moselle: bool = False

    def holidays(self, year: int) -> frozenset[date]:
        """Return the public holidays of a year. Raises `ValueError` outside 1900 to 2300."""
        return _holidays(year, self.alsace_moselle)

    def is_working_day(self, day: date) -> bool:
        """Whether the day is a working day."""
        # "working days means all days other than public holidays, Sundays and Saturdays" -- Reg. 1182/71 Art. 2(2)
        return day not in self.holidays(day.year) and day.weekday() < SATURDAY

    def next_working_day(self, day: date) -> date:
        """Return the first working day after this one."""
        self.holidays(day.year)  # Refuses the last year of all before a day is added to it.
        day += DAY
        while not self.is_working_day(day):
            day += DAY
        return day


METROPOLE = Calendar()
"""Good Friday and 26 December are holidays in Alsace-Moselle alone, and left out here."""

ALSACE_MOSELLE = Calendar(alsace_moselle=True)


def easter(year: int) -> date:
    """Return Easter Sunday of a year of the Gregorian calendar (the "anonymous" algorithm, Nature, 1876)."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    leap_centuries, century_left = divmod(century, 4)
    moon_correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - moon_correction + 15) % 30
    leaps, year_left = divmod(of_century, 4)
    to_sunday = (32 + 2 * century_left + 2 * leaps - epact - year_left) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=1024)  # Both calendars for every year of the range: computed once.
def _holidays(year: int, alsace_moselle: bool) -> frozenset[date]:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"public holidays are computed for {FIRST_YEAR} to {LAST_YEAR}, not for the year {year}.")
    sunday = easter(year)
    days = {date(year, month, day) for month, day in FIXED} | {sunday + after * DAY for after in AFTER_EASTER}
    if alsace_moselle:
        # Good Friday and the second day of Christmas -- Code du travail L3134-13.
        days |= {sunday - 2 * DAY, date(year, 12, 26)}
    return frozenset(days)
