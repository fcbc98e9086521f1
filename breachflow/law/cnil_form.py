"""The vocabulary of the CNIL's form: its boxes and their words, read and written from one dated table."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1)]

LISTS = ("nature", "origin", "cause", "data", "sensitive", "people", "informed")
"""The form's lists of boxes, by the name under which drafts ask for their labels (`cnil_origin`)."""

LONGEST = 300
"""Characters; the form has no longer word, and nothing longer is worth remembering."""

_SEVERAL = re.compile(r",(?=\S)")
_LOOSE = re.compile(r"['’`´]+|\s+|\.{3}|…")


class Box(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One box: its `label` on the form, how the open data spells it, and the words of our vocabulary that tick it."""

    label: Text
    published: Text | None = None
    means: tuple[Text, ...] = ()

    @property
    def said(self) -> str:
        """How the open data spells it."""
        return self.published or self.label


class Band(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One range of numbers of people, both ends included; the last has no end."""

    label: Text
    least: int
    most: int | None = None


class Form(Struct, frozen=True, kw_only=True):
    """The whole table. `lists` maps a list and a key to a box, `columns` our names to the open data's columns."""

    effective_from: date
    last_verified: date
    sources: tuple[Text, ...]
    columns: Mapping[str, str]
    lists: Mapping[str, Mapping[str, Box]]
    bands: tuple[Band, ...]
    sectors: tuple[str, ...]
    unknown_sector: str


def _load() -> Form:
    told = tomllib.loads(files("breachflow.law").joinpath("cnil_form.toml").read_text(encoding="utf-8"))
    return Form(
        **told["form"] | {"sources": tuple(told["form"]["sources"])},
        columns=MappingProxyType(told["column"]),
        lists=MappingProxyType({name: _boxes(told[name]) for name in LISTS}),
        bands=msgspec.convert(told["band"], tuple[Band, ...]),
        sectors=(*told["sectors"]["known"], told["sectors"]["unknown"]),
        unknown_sector=told["sectors"]["unknown"],
    )


def _boxes(told: Mapping[str, Any]) -> Mapping[str, Box]:
    return MappingProxyType({key: msgspec.convert(box, Box) for key, box in told.items()})


def folded(word: str) -> str:
    """A word without what spelling varies in: accents, case, apostrophes (one, two or curly), spaces, dots."""
    return _folded(word) if len(word) <= LONGEST else word


@lru_cache(maxsize=2_048)
def _folded(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    return _LOOSE.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


FORM = _load()
"""The form as it is."""

LABELS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {f"cnil_{name}": {key: box.label for key, box in boxes.items()} for name, boxes in FORM.lists.items()}
)
"""The form's French labels, as drafts ask for them."""

_BOX_OF = {
    name: {folded(word): key for key, box in boxes.items() for word in (box.label, box.said)}
    for name, boxes in FORM.lists.items()
}
_SECTOR_OF = {folded(sector): sector for sector in FORM.sectors}
_BAND_OF = {folded(band.label): band for band in FORM.bands}
_COLUMN_OF = {folded(column): name for name, column in FORM.columns.items()} | {
    # Other extracts put these in the plural, or in the singular.
    folded("Typologies des données impactées"): "data",
    folded("Origines de l'incident"): "origin",
    folded("Nature de la violation"): "nature",
    folded("Cause de l'incident"): "cause",
}


def ticked_by(name: str) -> Mapping[str, str]:
    """Return for a list of the form which box each word of our vocabulary ticks."""
    return MappingProxyType({word: key for key, box in FORM.lists[name].items() for word in box.means})


def boxes_of(name: str, cell: str) -> tuple[str, ...]:
    """Return the boxes that a cell of the open data names, in its order. Raises `KeyError` for one that is none.

    Several stand with a comma and no space between them; a comma inside a label has one behind it.
    """
    return tuple(_BOX_OF[name][folded(word)] for word in _SEVERAL.split(cell.strip()) if word.strip())


def cell_of(name: str, boxes: Iterable[str]) -> str:
    """Return the cell of the open data that names these boxes."""
    return ",".join(FORM.lists[name][key].said for key in boxes)


def column_of(header: str) -> str | None:
    """Return our name for a column of the open data, however it is spelt; `None` where it is none of them."""
    return _COLUMN_OF.get(folded(header))


def sector_of(cell: str) -> str:
    """Return the sector as the form writes it. Raises `KeyError`."""
    return _SECTOR_OF[folded(cell)]


def band_of(cell: str) -> Band:
    """Return the range of numbers of people that a cell names. Raises `KeyError`."""
    return _BAND_OF[folded(cell)]


def band_with(people: int) -> Band:
    """Return the range that a number of people lies in."""
    return next(band for band in FORM.bands if band.most is None or people <= band.most)
