"""The words that a template may use: labels, dates, numbers, and the fields and reasons of a worksheet, in a language.

A key that has no words yet never stops a mail: what it stands for is said in general terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from breachflow.core import (
    drafting_audiences,
    drafting_chronology,
    drafting_cnil,
    drafting_letters,
    drafting_people,
    drafting_sms,
)
from breachflow.core.drafting import Worksheet
from breachflow.core.drafting_form import Asked, Field
from breachflow.core.drafting_material import Said
from breachflow.core.facts import Measure
from breachflow.core.organisation import Lang
from breachflow.rendering import language
from breachflow.rendering.inert import free, inert

SECTIONS: Mapping[str, tuple[int, ...]] = {
    "1": (3, 4, 5, 6, 7, *range(10, 20)),
    "2": (*range(21, 27), *range(29, 32), *range(33, 37), *range(38, 42)),
    "3": (*range(44, 54), *range(55, 64), *range(65, 69), *range(70, 74), 75, 76),
    "4": (*range(79, 88), 89, 90, 92, 94, 95),
    "5": tuple(range(97, 107)),
    "6": (109, 110, 111, *range(113, 119), *range(120, 124)),
    "7": (125, 126),
}
"""The sections of the EDPB template and the fields in each."""

TELLING = frozenset({39, 40, 41, 79, 81, 83, 89, 97})
"""Fields of which an open one still says something: a part of the answer, or that the investigation goes on."""

INSTANTS, DAYS = frozenset({46, 47, 48}), frozenset({52, 98, 99})


class Wording:
    """One language in one time zone."""

    def __init__(self, lang: Lang, zone: str) -> None:
        self.lang = lang
        self.zone = zone
        self._labels = language.labels(lang)
        self._edpb = language.edpb(lang)

    def functions(self) -> dict[str, Any]:
        """Return what templates call, by name."""
        return {
            "label": self.label,
            "labels_of": self.labels_of,
            "own": self.own,
            "when": self.when,
            "day_of": self.day_of,
            "lasting": self.lasting,
            "number": self.number,
            "listed": self.listed,
            "reason": self.reason,
            "argued": self.argued,
            "source": self.source,
            "measure": self.measure,
            "measures": self.measures,
            "short": self.short,
            "stamp": self.stamp,
            "question": self.question,
            "asked": self.asked,
            "open": self.open,
            "field": self.field,
            "was": self.was,
            "title": self.title,
            "sections": lambda: [(self._edpb["section"][key], numbers) for key, numbers in SECTIONS.items()],
            "cnil_origins": drafting_cnil.origins,
            "cnil_cause": drafting_cnil.cause,
            "cnil_data": drafting_cnil.data,
            "cnil_sensitive": drafting_cnil.sensitive,
            "cnil_people": drafting_cnil.people,
            "cnil_informed": drafting_cnil.informed,
            "likely_consequences": drafting_people.likely_consequences,
            "likely_harms": drafting_people.likely_harms,
            "cnil_why_not": drafting_cnil.why_not_informed,
            "named": drafting_people.named,
            "risks": drafting_people.risks,
            "advice": drafting_people.advice,
            "untranslated": drafting_people.untranslated,
            "astray": drafting_audiences.ASTRAY,
            "from_processor": drafting_audiences.at_a_processor,
            "confirm_by": drafting_letters.confirm_by,
            "unclear_facts": drafting_letters.unclear_facts,
            "asked_of_processor": drafting_letters.asked_of_processor,
            "chronology": drafting_chronology.chronology,
            "evidence": drafting_chronology.evidence,
            "clock_of": drafting_chronology.clock_of,
            "dora_report": drafting_chronology.dora_report,
            "sms": self.sms,
        }

    def label(self, key: str, group: str) -> str:
        """Return the words for a key."""
        return self._labels[group].get(key) or self._labels["words"]["other"]

    def labels_of(self, keys: Iterable[str], group: str) -> str:
        """Return the words for several keys as a sentence lists them."""
        return self.listed(self.label(key, group) for key in keys)

    def own(self, words: Iterable[str], group: str) -> str:
        """Return labels for the words that are keys, and a person's own words as they are; a semicolon between them."""
        labels = self._labels[group]
        return f"{self._semi} ".join(labels.get(word, word) for word in words)

    def when(self, at: datetime) -> str:
        """Return an instant, in the organisation's zone."""
        return language.when(at, self.zone, self.lang)

    def stamp(self, at: datetime) -> str:
        """Return day and time of an instant, without weekday and zone: for an aside."""
        return language.stamp(at, self.zone, self.lang)

    def day_of(self, at: datetime) -> str:
        """Return the day of an instant, in the organisation's zone."""
        return language.day_of(at, self.zone, self.lang)

    def lasting(self, length: timedelta) -> str:
        """Return a length of time."""
        return language.lasting(length, self.lang)

    def number(self, value: float) -> str:
        """Return a number."""
        return language.number(value, self.lang)

    def listed(self, items: Iterable[str]) -> str:
        """Return items as a sentence lists them."""
        return language.listed(items, self.lang)

    def reason(self, said: Said) -> str:
        """Return a reason of the assessment as a sentence; one without words in this language cites its sources."""
        words = self._labels["rule"].get(said.rule) or f"{self.source(said)}."
        if not said.open:
            return words
        return f"{self.label('not_ruled_out', 'words')}{self._colon}{words[0].lower()}{words[1:]}"

    def argued(self, said: Said) -> str:
        """Return a reason with the article and the guidance behind it."""
        return f"{self.reason(said).removesuffix('.')} ({self.source(said)})."

    def source(self, said: Said) -> str:
        """Return the article and the guidance behind a reason."""
        names = self._labels["law"]
        cited = [name for name in (said.law, said.guidance) if name]
        return "; ".join(names.get(name) or language.cited(name, self.lang) for name in cited).replace(";", self._semi)

    def measure(self, taken: Measure) -> str:
        """Return a measure as it was written, with whether it is done or planned, and when."""
        words = self._labels["words"]
        what = taken.what.rstrip()
        aside = [words[taken.state]] if taken.state else []
        aside += [self.stamp(taken.at)] if taken.at else []
        if not aside:
            return what
        stop = "." if what.endswith(".") else ""
        return f"{what.removesuffix('.')} ({', '.join(aside)}){stop}"

    def measures(self, taken: Iterable[Measure]) -> str:
        """Return several measures as sentences one after the other."""
        told = (self.measure(one) for one in taken)
        return " ".join(words if words.endswith((".", "!", "?", "…")) else f"{words}." for words in told)

    def sms(self, start: str, kinds: Sequence[str], end: str, advice: Sequence[str]) -> drafting_sms.Sms:
        """Return the fullest short message: how it starts, which data, as much advice as fits, and where to ask."""
        start, end = free(inert(start)), free(inert(end))
        names = [self.label(kind, "sms_data") for kind in kinds]
        more = f" {self.label('and_more', 'words')}"
        # All kinds of data, else fewer; however it is cut, the message says that there are more.
        first = [
            f"{start} ({', '.join(names[:count])}{'' if count == len(names) else more})."
            for count in range(len(names), 0, -1)
        ] or [f"{start}."]
        told = [words for key in advice if (words := self._labels["sms"].get(key))]
        return drafting_sms.fitted(first, end, told)

    @staticmethod
    def short(text: str, most: int) -> str:
        """Return a text cut where a page has no more room."""
        return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"

    def question(self, fact: str) -> str:
        """Return the question that a missing fact asks."""
        return self._labels["fact"].get(fact) or self._labels["fact"]["any"]

    def asked(self, open_: Asked) -> str:
        """Return who is to be asked, and by when."""
        words = self._labels["words"]
        by = f" {words['by']} {language.soon(open_.by, self.zone, self.lang)}" if open_.by else words["at_once"]
        return f"{words['ask']} {self.label(open_.who, 'who')}{by}"

    def open(self, field: Field) -> str:
        """Return what stands where a field is open: to be determined, who is asked, and by when."""
        words = self.label("unknown", "words")
        return words if field.open is None else f"{words} ({self.asked(field.open)})"

    def title(self, number: int) -> str:
        """Return what the EDPB template's field asks."""
        return self._edpb["title"][str(number)]

    def field(self, sheet: Worksheet, number: int, sentences: Mapping[str, str]) -> str:
        """Return a field of the EDPB template as a person reads it: its value, that it is open, or why it is idle."""
        field = sheet.fields[number]
        if field.idle is not None:
            return f"{self.label('idle', 'words')}{self._colon}{self._edpb['why'][field.idle]}"
        value = sentences[field.sentence] if field.sentence is not None else self._value(field)
        if field.open is None:
            return value
        told = value and self._tells(sheet, field)
        return f"{value.removesuffix('.')} ({self.asked(field.open)})" if told else self.open(field)

    def was(self, sheet: Worksheet, number: int, sentences: Mapping[str, str]) -> str:
        """Return a field as it was filed: its value, or that it was open; whoever was asked then is no matter now."""
        field = sheet.fields[number]
        if field.open is None:
            return self.field(sheet, number, sentences)
        value = sentences[field.sentence] if field.sentence is not None else self._value(field)
        return value if value and self._tells(sheet, field) else self.label("unknown", "words")

    def _tells(self, sheet: Worksheet, field: Field) -> bool:
        """Whether an open field says something; elsewhere the form's letter only holds the place until the answer."""
        return field.sentence is not None or field.number in TELLING or (field.number == 55 and bool(sheet.natures))

    def _value(self, field: Field) -> str:
        value, number = field.value, field.number
        if value is None:
            return ""
        options = self._edpb["option"]
        if isinstance(value, list):
            return "; ".join(options.get(f"{number}.{one}", str(one)) for one in value).replace(";", self._semi)
        if isinstance(value, dict):
            return self.listed(f"{key} {self.number(count)}" for key, count in value.items())
        if isinstance(value, bool):
            return self.label("yes" if value else "no", "words")
        if isinstance(value, int):
            return self.number(value)
        if number in INSTANTS:
            return self.when(datetime.fromisoformat(value))
        if number in DAYS:
            return language.a_day(date.fromisoformat(value), self.lang)
        return options.get(f"{number}.{value}", str(value))

    @property
    def _colon(self) -> str:
        return f"{language.NBSP}: " if self.lang == "fr" else ": "

    @property
    def _semi(self) -> str:
        return f"{language.NARROW};" if self.lang == "fr" else ";"
