"""A form as numbered fields: each one a value, or open (whom we ask, by when), or not applicable (why)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from breachflow.core.organisation import Rank


class Asked(Struct, frozen=True, kw_only=True):
    """An open field: who is asked, and by when; `None` means at once."""

    who: Rank
    by: datetime | None


class Field(Struct, frozen=True, kw_only=True):
    """One field of the form.

    `value` is what the form wants: a letter or letters of its own lists, a number, an instant, a person's text. Where
    it wants a text and nobody wrote one, `sentence` names the one that the draft's language makes of the facts. `open`
    stands beside a value where the form has its own "to be determined". `idle` says why the field does not apply.
    """

    number: int
    value: Any = None
    sentence: str | None = None
    open: Asked | None = None
    idle: str | None = None

    @property
    def stated(self) -> bool:
        """Whether the field is answered."""
        return self.open is None and self.idle is None


class Form:
    """Fields as they are filled; `ask` is who answers for each number, everything else is asked of the DPO."""

    def __init__(self, who: Mapping[int, Rank], by: datetime | None) -> None:
        self.fields: dict[int, Field] = {}
        self._who = who
        self._by = by

    def value(self, number: int) -> Any:
        """What the form has in this field so far."""
        return self.fields[number].value

    def say(self, number: int, value: Any, *, known: bool = True) -> None:
        """State a value; one that is missing, or is the form's own "to be determined", leaves the field open."""
        missing = value in (None, "", [], {})
        self.fields[number] = Field(
            number=number, value=None if missing else value, open=None if known and not missing else self._ask(number)
        )

    def write(self, number: int, text: str | None, sentence: str, *, known: bool) -> None:
        """Put a person's text, else the sentence that the facts make; `known` says whether they make one."""
        open_ = None if text or known else self._ask(number)
        self.fields[number] = Field(number=number, value=text or None, sentence=None if text else sentence, open=open_)

    def skip(self, numbers: Iterable[int], why: str) -> None:
        """Mark fields as not applicable."""
        for number in numbers:
            self.fields[number] = Field(number=number, idle=why)

    def _ask(self, number: int) -> Asked:
        return Asked(who=self._who.get(number, "dpo"), by=self._by)
