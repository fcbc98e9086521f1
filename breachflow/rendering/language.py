"""How French and English write dates, lengths of time, numbers and lists; and the labels of the vocabulary's keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from breachflow.core.organisation import Lang

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
    source = files("breachflow.templates").joinpath(lang, "labels.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


def label(lang: Lang, group: str, key: str) -> str:
    """Return the words for a key; a key without words is a fault that the tests find."""
    return labels(lang)[group][key]


def when(at: datetime, zone: str, lang: Lang) -> str:
    """Return an instant as people of that language write it, in the organisation's zone, with the zone's city."""
    local = at.astimezone(ZoneInfo(zone))
    day, month = DAYS[lang][local.weekday()], MONTHS[lang][local.month - 1]
    city = zone.rpartition("/")[2].replace("_", " ")
    if lang == "fr":
        first = "1er" if local.day == 1 else str(local.day)
        return f"{day} {first} {month} {local.year} à {local.hour}{NBSP}h{NBSP}{local.minute:02} (heure de {city})"
    return f"{day} {local.day} {month} {local.year} at {local.hour:02}:{local.minute:02} ({city} time)"


def day_of(at: datetime, zone: str, lang: Lang) -> str:
    """Return only the day of an instant."""
    local = at.astimezone(ZoneInfo(zone))
    first = "1er" if lang == "fr" and local.day == 1 else str(local.day)
    return f"{first} {MONTHS[lang][local.month - 1]} {local.year}"


def lasting(length: timedelta, lang: Lang) -> str:
    """Return a length of time: days, hours and minutes; its absolute value where it is negative."""
    words = labels(lang)["words"]
    seconds = abs(int(length.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    parts = []
    if days:
        parts.append(f"{days}{NBSP}{words['day']}")
    if hours or days:
        parts.append(f"{hours}{NBSP}{words['hour']}")
    if not days:
        parts.append(f"{minutes}{NBSP}{words['minute']}")
    return " ".join(parts)


def number(value: float, lang: Lang) -> str:
    """Return a number with the language's thousands separator."""
    return f"{value:,}".replace(",", NARROW if lang == "fr" else ",")


def listed(items: Iterable[str], lang: Lang) -> str:
    """Return items as a sentence lists them."""
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {'et' if lang == 'fr' else 'and'} {words[-1]}"


def typeset(text: str, lang: Lang) -> str:
    """Return the text as the language sets it: in French fixed spaces before high signs, and curly apostrophes."""
    if lang != "fr":
        return text
    text = re.sub(r"(?<=\w)'(?=\w)", "\N{RIGHT SINGLE QUOTATION MARK}", text)
    text = re.sub(r"[ \u00a0]([;!?])", NARROW + r"\1", text)
    text = re.sub(r"[ \u00a0]:", NBSP + ":", text)
    return re.sub(r"«[ \u00a0]?", "«" + NBSP, re.sub(r"[ \u00a0]?»", NBSP + "»", text))
