"""How hard a text for people concerned is to read: "in clear and plain language", Art. 34(2) GDPR.

The score is Flesch's reading ease: 100 is very easy, 0 very hard. French has the constants of Kandel and Moles (1958),
English those of Flesch (1948). Plain texts begin at 60; a reader at level B1 of the European framework follows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from breachflow.core.organisation import Lang
from breachflow.rendering import language
from breachflow.rendering.blocks import Block
from breachflow.rendering.language import typeset

PLAIN = 60  # "Standard" in both scales: what eight readers in ten follow without effort.
LONGEST = 30  # Words in a sentence: whoever reads a second language loses the thread beyond it.

CONSTANTS = {"fr": (207.0, 1.015, 73.6), "en": (206.835, 1.015, 84.6)}
"""Of each language: the scale's top, the weight of words a sentence, that of syllables a word."""

ADDRESS = re.compile(r"\S+@\S+|\b\S+\.(?:fr|com|eu|org|example|gouv)\b\S*|\+?\d[\d\s\u00a0\u202f]*")
"""Where to write, call or look, and numbers: they are looked up, not read."""

# A list is read item by item, and so is what a colon or a bracket announces.
END = re.compile(r"[.?!:;…]+(?=\s|$)|[()«»]|\n")
WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)*")
SILENT = {"fr": re.compile(r"(?<=[^aeiouyéèêà])(?:e|es|ent)$"), "en": re.compile(r"(?<=[^aeiouyl])(?:e|es|ed)$")}
VOWELS = re.compile(r"[aeiouyàâéèêëîïôöûùüœ]+")

PROSE = frozenset({"paragraph", "item", "command"})
"""Blocks that people read as sentences; a short message is the block that is there to be copied."""


class Readability(Struct, frozen=True):
    """The reading ease of a text, and the words of its longest sentence."""

    ease: float
    longest: int

    @property
    def plain(self) -> bool:
        """Whether a reader at level B1 follows it."""
        return self.ease >= PLAIN and self.longest <= LONGEST


def readability(blocks: Iterable[Block], lang: Lang) -> Readability:
    """Measure what people read of a notice: not its headings, and not what stands on a draft for its reader alone."""
    return measured("\n".join(block.text for block in blocks if block.kind in PROSE), lang)


def read_by(found: Readability, lang: Lang) -> Block:
    """Return the line of a draft that says how hard its text is; a text that is too hard is said to be so."""
    words = language.labels(lang)["words"]
    said = words["reads"].format(ease=language.number(round(found.ease), lang), longest=found.longest)
    return (
        Block("box", typeset(said, lang))
        if found.plain
        else Block("urgent", typeset(f"{words['too_hard']} {said}", lang))
    )


def measured(text: str, lang: Lang) -> Readability:
    """Measure a text; one without a word is as easy as can be."""
    told = [words for sentence in END.split(ADDRESS.sub(" ", text)) if (words := WORD.findall(sentence.lower()))]
    words = [word for sentence in told for word in sentence]
    top, by_sentence, by_word = CONSTANTS[lang]
    if not words:
        return Readability(ease=top, longest=0)
    spoken = sum(_syllables(word, lang) for word in words)
    ease = top - by_sentence * len(words) / len(told) - by_word * spoken / len(words)
    return Readability(ease=round(ease, 1), longest=max(map(len, told)))


def _syllables(word: str, lang: Lang) -> int:
    """Groups of vowels in the word's parts, without a silent ending."""
    return sum(_spoken(part, lang) for part in re.split(r"[’']", word)) or 1


def _spoken(part: str, lang: Lang) -> int:
    if len(part) == 1 or (lang == "fr" and part == "qu"):
        return int(part in "aàyoiôu" and lang == "fr") or int(part in "aio" and lang == "en")
    stem = SILENT[lang].sub("", part) or part
    return max(1, len(VOWELS.findall(stem)))
