"""How French and English write dates, lengths of time, numbers and lists; and the labels of the vocabulary's keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from breachflow.core.organisation import Lang
from breachflow.law.cnil_form import LABELS

NBSP, NARROW = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"

DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS = {
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
           "décembre"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
}  # fmt: skip


@cache
def labels(lang: Lang) -> Mapping[str, Mapping[str, str]]:
    """Return the labels of a language, by group and key."""
    own = tomllib.loads(files("breachflow.templates").joinpath(lang, "labels.toml").read_text(encoding="utf-8"))
    # The CNIL's form has its words in French alone, and once: the open data is read by the same table.
    return {**own, **LABELS} if lang == "fr" else own


@cache
def edpb(lang: Lang) -> Mapping[str, Mapping[str, str]]:
    """Return the words of the EDPB template in a language: sections, fields, options, why a field does not apply."""
    source = files("breachflow.templates").joinpath(lang, "edpb.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


@cache
def register(lang: Lang) -> Mapping[str, Mapping[str, str]]:
    """Return the words of the exported register in a language: names of facts, values, entries, headings."""
    source = files("breachflow.templates").joinpath(lang, "register.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


def when(at: datetime, zone: str, lang: Lang) -> str:
    """Return an instant as people of that language write it, in the organisation's zone, with the zone's city."""
    local = at.astimezone(ZoneInfo(zone))
    city = zone.rpartition("/")[2].replace("_", " ")
    day = f"{DAYS[lang][local.weekday()]} {a_day(local.date(), lang)}"
    of_city = f"(heure de {city})" if lang == "fr" else f"({city} time)"
    return f"{day}{_at(local, lang)} {of_city}"


def soon(at: datetime, zone: str, lang: Lang) -> str:
    """Return an instant of the coming days, without year and zone: for an aside beside a full date."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{DAYS[lang][local.weekday()]} {a_day(local.date(), lang).rpartition(' ')[0]}{_at(local, lang)}"


def stamp(at: datetime, zone: str, lang: Lang) -> str:
    """Return day and time of an instant, without weekday and zone: for an aside beside a full date."""
    local = at.astimezone(ZoneInfo(zone))
    return a_day(local.date(), lang) + _at(local, lang)


def _at(local: datetime, lang: Lang) -> str:
    if lang == "fr":
        return f" à {local.hour}{NBSP}h{NBSP}{local.minute:02}"
    return f" at {local.hour:02}:{local.minute:02}"


def day_of(at: datetime, zone: str, lang: Lang) -> str:
    """Return only the day of an instant."""
    return a_day(at.astimezone(ZoneInfo(zone)).date(), lang)


def a_day(day: date, lang: Lang) -> str:
    """Return a day as people of that language write it."""
    first = "1er" if lang == "fr" and day.day == 1 else str(day.day)
    return f"{first} {MONTHS[lang][day.month - 1]} {day.year}"


def lasting(length: timedelta, lang: Lang) -> str:
    """Return a length of time: days, hours and minutes; its absolute value where it is negative."""
    words = labels(lang)["words"]
    minutes = abs(int(length.total_seconds())) // 60
    parts = [(minutes // 1440, "day"), (minutes % 1440 // 60, "hour"), (minutes % 60, "minute")]
    if minutes >= 1440:
        parts.pop()  # Minutes do not matter to a deadline that is days away.
    shown = [f"{count}{NBSP}{words[unit]}" for count, unit in parts if count]
    return " ".join(shown) or f"0{NBSP}{words['minute']}"


def number(value: float, lang: Lang) -> str:
    """Return a number with the language's thousands separator and decimal sign."""
    written = f"{value:,}" if isinstance(value, int) else f"{value:,g}"
    if lang != "fr":
        return written
    whole, point, rest = written.partition(".")
    return whole.replace(",", NARROW) + ("," + rest if point else "")


def cited(name: str, lang: Lang) -> str:
    """Return the name of a source; French writes the EDPB's case numbers its own way."""
    return name if lang != "fr" else re.sub(r"^EDPB (\S+) case (\d+)$", r"CEPD, lignes directrices \1, cas n° \2", name)


def listed(items: Iterable[str], lang: Lang) -> str:
    """Return items as a sentence lists them."""
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {'et' if lang == 'fr' else 'and'} {words[-1]}"


APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")
TELEPHONE = re.compile(r"\+?\d+(?: \d{1,3}){3,}")
HIGH, COLON = re.compile(r"[ \u00a0]([;!?])"), re.compile(r"[ \u00a0]:(?!\S)")
OPENING, CLOSING = re.compile(r"«[ \u00a0]?"), re.compile(r"[ \u00a0]?»")
SECTION, NUMBERED = re.compile(r" (?=§)"), re.compile(r"(\bn°|\bart\.|§) (?=\d)")


def typeset(text: str, lang: Lang) -> str:
    """Return the text with the language's spacing and apostrophes.

    French puts fixed spaces before high signs, inside guillemets, after "n°" and "art.", and around "§".
    """
    if "'" in text:
        text = APOSTROPHE.sub("’", text)
    # A telephone number stays on one line.
    text = TELEPHONE.sub(lambda number: number.group().replace(" ", NBSP), text)
    if lang != "fr":
        return text
    text = COLON.sub(NBSP + ":", HIGH.sub(NARROW + r"\1", text))
    if "«" in text or "»" in text:
        text = OPENING.sub("«" + NBSP, CLOSING.sub(NBSP + "»", text))
    return NUMBERED.sub(r"\1" + NBSP, SECTION.sub(NBSP, text))
