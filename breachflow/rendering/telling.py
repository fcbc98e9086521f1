"""How an account of Art. 33(5) reads: facts with all their versions, assessments, decisions and entries, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from breachflow.core.account import Account, Line, Stated, latest_assessments
from breachflow.core.drafting_material import Said
from breachflow.core.instants import BadInstant, parse_instant
from breachflow.core.organisation import Lang
from breachflow.rendering import language
from breachflow.rendering.wording import Wording

GROUPS: Mapping[str, str] = {
    "incident_type": "incident_type", "data": "data", "people": "people", "recipient": "recipient",
    "exfiltration": "exfiltration", "protection": "protection", "reported_by": "discovered",
    "measures_before": "measure", "measures_prevent": "measure", "consequences_confidentiality": "consequence",
    "consequences_integrity": "consequence", "consequences_availability": "consequence", "harms": "harm",
    "stage": "stage", "kind": "form_kind",
}  # fmt: skip
"""Groups of labels for the values of a fact; every other fact's keys are in the group `value`."""

TOLD_APART = frozenset({"facts", "assessed", "clocks", "reasons"})
"""Parts of an entry that are told in sentences of their own."""


class Telling(Wording):
    """The words of an exported register, in one language and one time zone."""

    def __init__(self, lang: Lang, zone: str) -> None:
        super().__init__(lang, zone)
        self._register = language.register(lang)

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return what the templates of register and complement call, besides what every template may."""
        return super().functions() | {
            "head": self.head,
            "called": self.called,
            "summary": self.summary,
            "stated": self.stated,
            "assessed": self.assessed,
            "decided": self.decided,
            "entered": self.entered,
            "fact_name": self.name,
            "fact_value": self.said,
        }

    def head(self, key: str) -> str:
        """Return a heading."""
        return self._register["head"][key]

    def name(self, fact: str) -> str:
        """Return what a fact is called."""
        return self._register["name"].get(fact, fact)

    def called(self, one: Account) -> str:
        """Return the title of a case, or when it was erased."""
        return one.case.title if one.case.erased is None else self._erased(one.case.erased.at)

    def summary(self, one: Account) -> list[tuple[str, str]]:
        """Return what a reader looks for first: stage, dates, controllers, risk, and whether it was notified."""
        case = one.case
        rows = [
            ("stage", self.label(case.stage.value, "stage")),
            ("opened", self.when(case.opened_at)),
            ("aware", f"{self.when(case.aware.at)} ({case.aware.by})" if case.aware else self.head("not_yet")),
            ("controllers", self.listed(dict.fromkeys(part.controller for part in case.parts))),
            ("risk", self._risks(one)),
            ("notified", self._notified(one)),
            ("people_told", self._people_told(one)),
        ]
        if case.closed_at is not None:
            rows.append(("closed", self.when(case.closed_at)))
        if case.hold is not None:
            rows.append(("hold", f"{self.when(case.hold.at)} ({case.hold.by}){self._colon}{case.hold.reason}"))
        if case.erased is not None:
            rows.append(("erased", f"{self._erased(case.erased.at)} ({case.erased.by})"))
        return [(self.head(key), value) for key, value in rows]

    def stated(self, one: Account, name: str) -> list[tuple[str, str]]:
        """Return the facts, effects or remedies: each with its value and every value that it had before."""
        facts: tuple[Stated, ...] = getattr(one, name)
        erased = one.case.erased
        rows = []
        for fact in facts:
            gone = erased is not None and fact.fact in erased.facts and fact.value is None
            now = self._erased(erased.at) if gone and erased is not None else self.said(fact.fact, fact.value)
            rows.append((self.name(fact.fact), f"{now}{self._versions(fact)}"))
        shown = {fact.fact for fact in facts}
        if erased is not None and name == "facts":
            everywhere = shown | {fact.fact for fact in (*one.effects, *one.remedies)}
            rows += [(self.name(fact), self._erased(erased.at)) for fact in erased.facts if fact not in everywhere]
        return rows

    def assessed(self, one: Account) -> list[str]:
        """Return the last assessment for each controller, reason by reason."""
        told = (sentence for answer in latest_assessments(one.entries) for sentence in self._assessment(answer))
        return list(dict.fromkeys(told))

    def decided(self, one: Account) -> list[tuple[str, str]]:
        """Return every decision: when, by whom, what, and why."""
        return [self._row(line) for line in one.decisions]

    def entered(self, one: Account) -> list[tuple[str, str]]:
        """Return every entry of the register, whole."""
        return [(f"{self.head('entry_no')} {line.seq}, {term}", told) for line in one.entries
                for term, told in [self._row(line)]]  # fmt: skip

    def row(self, term: str, value: str) -> str:
        """Return a row of a table as a line of text."""
        return f"{term}{self._colon}{value}"

    def kind(self, line: Line) -> str:
        """Return what kind of entry it is."""
        return self._register["entry"].get(line.kind) or self._register["entry"]["other"]

    def told(self, line: Line) -> str:
        """Return the open part of an entry but for its reason: changed facts, assessment, clocks, the rest."""
        said = [self._change(change, line) for change in line.body.get("facts", ())]
        for answer in line.body.get("assessed", ()):
            said += dict.fromkeys(self._assessment(answer))
        said += [self._clock(clock) for clock in line.body.get("clocks", ())]
        said += [
            f"{self._detail(key)}{self._colon}{self.said(key, value)}"
            for key, value in line.body.items()
            if key not in TOLD_APART and value not in (None, "", [], {})
        ]
        return f"{self._semi} ".join(said)

    def free(self, line: Line) -> str:
        """Return the sealed part of an entry: free texts, or when they were erased."""
        if line.erased_at is not None:
            return self._erased(line.erased_at)
        return f"{self._semi} ".join(
            f"{self._detail(key)}{self._colon}{self.said(key, value)}"
            for key, value in line.sealed.items()
            if key != "facts"
        )

    def said(self, fact: str, value: Any) -> str:
        """Return a value in words: keys as labels, instants as dates, and what a person wrote as it is."""
        if value is None:
            return self.head("unknown")
        if isinstance(value, bool):
            return self.label("yes" if value else "no", "words")
        if isinstance(value, int | float):
            return self.number(value)
        if isinstance(value, Mapping):
            return ", ".join(f"{self._part(key)} {self.said(key, inner)}" for key, inner in value.items())
        if isinstance(value, list | tuple):
            joint = f"{self._semi} " if any(isinstance(item, Mapping | list | tuple) for item in value) else ", "
            return joint.join(self.said(fact, item) for item in value)
        return self._word(fact, str(value))

    def _word(self, fact: str, word: str) -> str:
        if fact.startswith("text_") or len(word) > 100:
            return word
        labels = self._labels[GROUPS[fact]] if fact in GROUPS else {}
        if fact == "severity":
            labels = self._register["severity"]
        if fact == "kind":
            labels = {**self._labels["kind"], **labels}
        if (label := labels.get(word) or self._register["value"].get(word)) is not None:
            return label
        if len(word) >= len("2026-05-04T12:00Z") and word[:4].isdigit() and word[4] == "-":
            try:
                return self.when(parse_instant(word))
            except BadInstant:
                return word
        return word

    def _versions(self, fact: Stated) -> str:
        past = [version for version in fact.versions if version.value != fact.value]
        if not past:
            return ""
        told = f"{self._semi} ".join(
            f"{self.said(fact.fact, version.value)} ({self.stamp(version.at)}, {version.origin})" for version in past
        )
        return f" [{self.head('before')}{self._colon}{told}]"

    def _change(self, change: Mapping[str, Any], line: Line) -> str:
        name = change["fact"]
        before, after = change.get("before"), change.get("after")
        if "after" not in change:
            if name not in line.sealed.get("facts", {}):
                return self.name(name) + (f"{self._colon}{self._erased(line.erased_at)}" if line.erased_at else "")
            before, after = line.sealed["facts"][name]
        if "kept" in change:
            return f"{self.name(name)}{self._colon}{self.said(name, before)} ≠ {self.said(name, after)}"
        if before is None:
            return f"{self.name(name)}{self._colon}{self.said(name, after)}"
        return f"{self.name(name)}{self._colon}{self.said(name, before)} → {self.said(name, after)}"

    def _assessment(self, answer: Mapping[str, Any]) -> Iterable[str]:
        risk = f"{self.label(answer['risk'], 'risk')}, {self.label(answer['basis'], 'basis')}"
        yield f"{answer['controller']}{self._colon}{risk}"
        for reason in answer["reasons"]:
            yield self.argued(Said(rule=reason["rule"], open=False, law=reason["law"], guidance=None)).removesuffix(".")

    def _clock(self, clock: Mapping[str, Any]) -> str:
        regime, _, controller = clock["clock"].partition(":")
        of = f" {controller}" if controller else ""
        stop = f", {self.said('stop', clock['stop'])}" if clock.get("stop") else ""
        return f"{self.label(regime, 'regime')}{of}{self._colon}{self.stamp(parse_instant(clock['act_by']))}{stop}"

    def _row(self, line: Line) -> tuple[str, str]:
        parts = filter(None, (line.reason, self.told(line), self.free(line)))
        told = ". ".join(part.rstrip(".") for part in parts)
        return f"{self.kind(line)}, {self.stamp(line.at)}, {line.by}", f"{told}." if told else "–"

    def _risks(self, one: Account) -> str:
        told = [
            (part.controller, f"{self.label(part.proposal.risk, 'risk')}, {self.label(part.proposal.basis, 'basis')}")
            for part in one.case.parts if part.proposal is not None
        ]  # fmt: skip
        if len(told) == 1:
            return told[0][1]
        return f"{self._semi} ".join(f"{who}{self._colon}{what}" for who, what in told) or self.head("unknown")

    def _notified(self, one: Account) -> str:
        told = []
        for part in one.case.parts:
            told += [
                f"{part.controller}{self._colon}{self.said('kind', filing.kind)}, {self.when(filing.at)}, "
                f"{filing.authority} {filing.reference}".rstrip()
                for filing in part.filings
            ]
            if part.exempted is not None:
                told.append(f"{part.controller}{self._colon}{self.head('not_notified')}, {part.exempted.reason} "
                            f"({part.exempted.by}, {self.stamp(part.exempted.at)})")  # fmt: skip
        return f"{self._semi} ".join(told) or self.head("not_notified")

    def _people_told(self, one: Account) -> str:
        told = []
        for part in one.case.parts:
            if (informed := part.informed) is None:
                continue
            why = [informed.means, informed.reason, self.said("exemption", informed.exemption or "")]
            head = self.head("not_told") if informed.exemption else self.when(informed.at)
            told.append(f"{part.controller}{self._colon}{', '.join(filter(None, (head, *why)))}")
        return f"{self._semi} ".join(told) or self.head("not_told")

    def _erased(self, at: datetime) -> str:
        return f"{self.label('erased', 'words')} {self.day_of(at)}"

    def _detail(self, key: str) -> str:
        return self._register["detail"].get(key, key)

    def _part(self, key: str) -> str:
        return self._register["part"].get(key, key)
