"""Letting a list go out, Art. 34: what stands against it, and what the register says of each step. Never a name.

"The communication to the data subject [...] shall describe in clear and plain language the nature of the personal data
breach and contain at least the information and measures referred to in points (b), (c) and (d) of Article 33(3)."
-- GDPR Art. 34(2)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from breachflow.core.case import Case, Change, Entry, Part, Stage, facts_of
from breachflow.core.concerned import HELD, LANGUAGES, OUTCOMES, PeopleList, Progress, Release, groups_of, nameable
from breachflow.core.drafting import Worksheet
from breachflow.core.drafting_people import NEVER_NAMED, risks
from breachflow.core.facts import DataKind, Facts, changed

BY_ITSELF = "breachflow"


def facts_for(facts: Facts, data: Sequence[DataKind]) -> Facts:
    """Return the facts as they concern people who lost these kinds; without kinds, all that the case states."""
    return changed(facts, data=nameable(data or facts.data or ()))


def sheet_for(sheet: Worksheet, data: Sequence[DataKind]) -> Worksheet:
    """Return the worksheet as it concerns people who lost these kinds of data, and only these."""
    return replace(sheet, facts=facts_for(sheet.facts, data))


def unsaid(sheet: Worksheet) -> list[str]:
    """Return what Art. 34(2) requires and this text does not say yet, each as the start of a sentence."""
    missing = []
    if sheet.aware_at is None:
        missing.append("no person has confirmed the breach (`breachflow confirm`)")
    if not sheet.natures and not sheet.types:
        missing.append("the nature of the breach is unknown (facts incident_type, confidentiality)")
    if not sheet.facts.data:
        missing.append("the kinds of data are unknown (fact data)")
    elif "other" in sheet.facts.data:
        missing.append("the kind of data `other` says nothing: name it, or put it into the template")
    elif not risks(sheet.facts):
        missing.append("the likely consequences are unknown, Art. 33(3)(c)")
    if not sheet.facts.measures_taken:
        missing.append("the measures taken are unknown, Art. 33(3)(d) (fact measures_taken)")
    if sheet.dpo is None and not sheet.controller.contact_address:
        missing.append("there is no contact point, Art. 33(3)(b) (organisation file: a DPO, or contact_address)")
    return missing


def objections(
    of: PeopleList, case: Case, part: Part, sheet: Worksheet, *, legal_review: str, unagreed: str
) -> list[str]:
    """Return why this list may not go out now; empty where nothing stands against it.

    `unagreed` names the processor that mails would go through without an agreement, empty where there is none such.
    """
    found = []
    if case.stage in (Stage.DISMISSED, Stage.CLOSED):
        found.append(f"the case is {case.stage.value}")
    facts = facts_of(case, part)
    stated = {kind for cut in of.cuts for kind in cut.data} | set(facts.data or ())
    if not stated.isdisjoint(NEVER_NAMED) and not legal_review:
        found.append(
            "data of a fraud or anti-money-laundering file is concerned: have it reviewed, and say who did with "
            "--legal-review (CMF L561-18)"
        )
    strange = sorted({kind for cut in of.cuts for kind in nameable(cut.data)} - set(facts.data or ()))
    if strange:
        found.append(f"the list names kinds of data that the case does not state ({', '.join(strange)}): correct one")
    for sentence in dict.fromkeys(
        sentence for cut in of.cuts if writable(cut.lang, cut.data) for sentence in unsaid(sheet_for(sheet, cut.data))
    ):
        found.append(sentence)  # noqa: PERF402 - beside the others above.
    if unagreed:
        found.append(
            f"mails would leave through {unagreed}, and the organisation file states no processor agreement with the "
            f'basis of the transfer for it ([[processors]] id = "{unagreed}", agreement, transfer)'
        )
    return found


def writable(lang: str, data: Sequence[DataKind]) -> bool:
    """Whether there is a text for people of this language and these kinds of data; others are held."""
    return lang in LANGUAGES and not (data and not nameable(data))


def doubts(sheet: Worksheet, tally: Mapping[str, int]) -> list[str]:
    """Return what the person who releases a list should know: nothing of it stops the list."""
    found = []
    if not sheet.proposed:
        found.append("informing people is not proposed for this case")
    elif sheet.answer.inform_how == "public":
        found.append("a public communication is proposed instead, Art. 34(3)(c)")
    if sheet.precaution:
        found.append("the assessment rests on facts that are not known yet")
    if held := tally[OUTCOMES[HELD]]:
        found.append(
            f"{held} {'person is' if held == 1 else 'people are'} held: no text in their language or for their data, "
            "or no way to reach them; answer for each with `breachflow people reached` or `people exempt`"
        )
    return found


def imported(case: Case, of: PeopleList, by: str, now: datetime) -> Change:
    """Record that a list was imported."""
    body = _of(of) | {"count": of.count, "groups": groups_of(of), "file": of.sha256}
    body |= {name: value for name in ("merged", "skipped", "known") if (value := getattr(of, name))}
    return noted(case, "people_imported", by, body, now)


def released(case: Case, of: PeopleList, release: Release, tally: Mapping[str, int], warnings: Sequence[str]) -> Change:
    """Record the release of a list: who, why, how many by group, the hashes of the list and of each text."""
    cuts = [
        {"group": cut.group, "lang": cut.lang, "data": cut.data, "count": cut.count, "text": sha256}
        for cut, sha256 in zip(of.cuts, release.texts, strict=True)
    ]
    body = _of(of) | {"file": of.sha256, "count": of.count, "groups": groups_of(of), "cuts": cuts, "rate": release.rate}
    body |= {"queued": tally["queued"], "held": tally["held"], "reason": release.reason}
    if release.legal_review:
        body["legal_review"] = release.legal_review
    if warnings:
        body["warnings"] = list(warnings)
    return noted(case, "people_released", release.by, body, release.at)


def proved(
    case: Case, of: PeopleList, progress: Progress, groups: Mapping[str, Mapping[str, int]], now: datetime
) -> Change:
    """Record the proof of dispatch: everybody on the list has an outcome. Counts and hashes, no names."""
    tally = {group: {name: count for name, count in counts.items() if count} for group, counts in groups.items()}
    body = _of(of) | {"file": of.sha256, "count": of.count, "outcomes": tally}
    if of.release is not None:
        body["texts"] = sorted({sha256 for sha256 in of.release.texts if sha256})
    if progress.first_at is not None:
        body |= {"first_at": progress.first_at, "last_at": progress.last_at}
    warning = f"record it where people were informed: `{informed_command(of, groups, progress, now)}`"
    return noted(case, "people_dispatched", BY_ITSELF, body | {"warnings": [warning]}, now, warning)


def informed_command(of: PeopleList, groups: Mapping[str, Mapping[str, int]], progress: Progress, now: datetime) -> str:
    """Return the command with which a person records that people were informed; nothing records it by itself."""
    ways = {"sent": "e-mail", "posted": "letter", "phoned": "telephone"}
    count = {name: sum(group[name] for group in groups.values()) for name in ways}
    means = ", ".join(word for name, word in ways.items() if count[name])
    at = (progress.last_at or now).isoformat(timespec="seconds")
    return (
        f"breachflow informed {of.case} --controller {of.controller} --means '{means}' --count {sum(count.values())} "
        f"--at {at} --by WHO"
    )


def moved(case: Case, of: PeopleList, kind: str, by: str, reason: str, people: Sequence[str], now: datetime,
          **more: Any) -> Change:  # fmt: skip
    """Record what a person decided about people of a list (`people` are their tags, not their names)."""
    body = _of(of) | {"count": len(people), "people": list(people[:1000])} | more
    return noted(case, kind, by, body | ({"reason": reason} if reason else {}), now)


def erased(
    case: Case, of: PeopleList, by: str, reason: str, groups: Mapping[str, Mapping[str, int]], now: datetime
) -> Change:
    """Record that the names of a list were erased; its counts and hashes stay."""
    tally = {group: {name: count for name, count in counts.items() if count} for group, counts in groups.items()}
    body = _of(of) | {"file": of.sha256, "count": of.count, "outcomes": tally, "reason": reason}
    return noted(case, "people_erased", by, body, now)


def noted(case: Case, kind: str, by: str, body: dict[str, Any], now: datetime, *warnings: str) -> Change:
    """Return a change that only adds an entry to the case's register."""
    return Change(
        case=replace(case, version=case.version + 1), was=case.version,
        entries=(Entry(at=now, kind=kind, by=by, body=body),), warnings=warnings,
    )  # fmt: skip


def _of(of: PeopleList) -> dict[str, Any]:
    return {"list": of.id, "controller": of.controller}
