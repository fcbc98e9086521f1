"""A named person reads what each group will receive, and lets a list go out; or it stays."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from breachflow.core import releasing
from breachflow.core.case import Case, Change
from breachflow.core.concerned import Concerned, Cut, PeopleList, Progress, Release, totals
from breachflow.core.drafting import Worksheet
from breachflow.core.facts import DataKind
from breachflow.core.organisation import Lang
from breachflow.delivery.sendgrid import SendGrid
from breachflow.rendering import people
from breachflow.rendering.people import Notice
from breachflow.sending.lists import Lists, NotPossible
from breachflow.settings.organisation_file import OrganisationFile
from breachflow.store.people import ListRow, Moves

RATE = 1_000  # Mails a minute unless somebody says otherwise: what a relay of a company's own takes without a word.

write_texts = msgspec.json.Encoder().encode
read_texts = msgspec.json.Decoder(list[Notice | None]).decode


class Preview(Struct, frozen=True, kw_only=True):
    """One text of a list: who gets it, and how it reads; `text` is `None` where there is none and people are held."""

    list: str
    cut: Cut
    text: str | None
    missing: tuple[str, ...]


class Releasing(Lists):
    """What will be sent, and a person's word that it is."""

    def preview(self, case: str, *, list_id: str | None = None, group: str | None = None, lang: str | None = None,
                person: Concerned | None = None) -> list[Preview]:  # fmt: skip
        """Return each text of the case's lists as its group will receive it, with an example's name."""
        shown = []
        for row in self.of(case, list_id):
            notices, sheet = self._notices(self.store.get(case), row.of)
            for cut, found in zip(row.of.cuts, notices, strict=True):
                if group not in (None, cut.group) or lang not in (None, cut.lang):
                    continue
                text = None if found is None else people.whole(found, person or EXAMPLES[found.lang])
                missing = () if found is None else tuple(releasing.unsaid(releasing.sheet_for(sheet, cut.data)))
                shown.append(Preview(list=row.of.id, cut=cut, text=text, missing=missing))
        return shown

    def release(self, case: str, *, by: str, reason: str, list_id: str | None = None, rate: int = RATE,
                legal_review: str = "") -> list[Change]:  # fmt: skip
        """Let the waiting lists of a case go out, all of them or the one named; return the register's entries.

        Raises `NotPossible` with everything that stands against it, and then releases none.
        """
        rows = [row for row in self.of(case, list_id) if row.state == "waiting"]
        if not rows:
            raise NotPossible(f"{case} has no list that waits for its release.")
        for row in rows:
            self._allow(self.store.get(case), row.of, legal_review)
        return [self._release(row, by, reason, rate, legal_review) for row in rows]

    def _allow(self, case: Case, of: PeopleList, legal_review: str) -> Worksheet:
        part = self.part(case, of.controller)
        sheet = self.sheet(case, part)
        against = releasing.objections(
            of, case, part, sheet, legal_review=legal_review.strip(), unagreed=unagreed(self)
        )
        if against:
            raise NotPossible(f"{of.id} is not released: {'; '.join(against)}.")
        return sheet

    def _release(self, row: ListRow, by: str, reason: str, rate: int, legal_review: str) -> Change:
        def ask(case: Case, row: ListRow) -> tuple[Change | None, Moves]:
            if row.state != "waiting":
                raise NotPossible(f"{row.of.id} was released or erased meanwhile.")
            sheet = self._allow(case, row.of, legal_review)
            notices, _ = self._notices(case, row.of)
            now = self.now()
            texts = tuple("" if found is None else found.sha256 for found in notices)
            release = Release(by=by, reason=reason, at=now, rate=rate, texts=texts, legal_review=legal_review.strip())
            tally = totals(self.tally(row.of))
            of = msgspec.structs.replace(row.of, release=release)
            after = ListRow(of=of, version=row.version, state="released", progress=Progress(next_at=now))
            change = releasing.released(case, row.of, release, tally, releasing.doubts(sheet, tally))
            return (
                msgspec.structs.replace(change, warnings=tuple(releasing.doubts(sheet, tally))),
                # What was released is what is sent, whatever the case's facts become meanwhile.
                Moves(row=after, texts=write_texts(notices)),
            )

        change = self.step(row.of.id, ask)
        assert change is not None, "a release is an entry of the register"
        self.prove(row.of.id)
        return change

    def _notices(self, case: Case, of: PeopleList) -> tuple[Sequence[Notice | None], Worksheet]:
        """Write the text of each cut, once for the same language and data; `None` where there is none."""
        sheet = self.sheet(case, self.part(case, of.controller))
        made: dict[tuple[str, tuple[DataKind, ...]], Notice] = {}
        notices: list[Notice | None] = []
        for cut in of.cuts:
            if not releasing.writable(cut.lang, cut.data):
                notices.append(None)
                continue
            lang: Lang = "fr" if cut.lang == "fr" else "en"
            found = made.get((lang, cut.data))
            if found is None:
                found, _ = self.workflow.renderer.notice(releasing.sheet_for(sheet, cut.data), lang)
                made[lang, cut.data] = found
            notices.append(found)
        return notices, sheet


def unagreed(lists: Lists) -> str:
    """Return the processor that people's mails would go through without agreement and transfer basis, or nothing.

    "Processing by a processor shall be governed by a contract" -- GDPR Art. 28(3); and Chapter V where it is outside
    the Union.
    """
    providers = getattr(lists.workflow.route, "providers", ())
    if not providers or not isinstance(providers[0], SendGrid):
        return ""
    house = lists.charter.organisation
    agreed = house.processor("sendgrid") if isinstance(house, OrganisationFile) else None
    return "" if agreed is not None and agreed.transfer.strip() else "sendgrid"


EXAMPLES = {
    "fr": Concerned(name="Prénom Nom", email="personne@exemple.example"),
    "en": Concerned(name="First Last", email="person@example.example"),
}
"""Who a preview is addressed to: nobody."""
