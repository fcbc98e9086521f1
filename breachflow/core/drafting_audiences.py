"""For whom drafts are written: every audience, whether its duty is proposed, and what is laid down by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from breachflow.core.case import Part
from breachflow.core.clock import attacked
from breachflow.core.drafting_material import Material
from breachflow.core.organisation import Lang

Audience = Literal[
    "cnil", "edpb", "people", "public", "sms", "recipient", "controller", "processor", "police", "acpr", "board",
    "dpo", "register",
]  # fmt: skip
AUDIENCES: tuple[Audience, ...] = get_args(Audience)

AUTHORITY = frozenset({"cnil", "edpb"})
"""Drafts of the notification itself: they come as initial notification, complement or withdrawal."""

ASTRAY = frozenset({
    "sent_to_wrong_recipient", "shown_to_wrong_recipient", "mail_lost_or_opened", "open_mailing", "wrong_person_shown",
    "verbal_disclosure",
})  # fmt: skip
"""Incidents that have a wrong recipient."""

WRITABLE = frozenset({"trusted", "identified"})
"""Recipients to whom somebody can write; an unknown one is asked for only while nobody has said who it was."""


def proposed(audience: str, made: Material) -> bool:
    """Whether the duty behind this draft is proposed, or its occasion is there."""
    answer, facts = made.answer, made.facts
    if audience in AUTHORITY:
        return answer.notify_authority
    if audience in ("people", "sms"):
        return answer.inform_people
    if audience == "public":
        # "there shall instead be a public communication or similar measure" -- GDPR Art. 34(3)(c)
        return answer.inform_people and answer.inform_how == "public"
    if audience == "controller":
        return answer.notify_controllers
    if audience == "recipient":
        return went_astray(made)
    if audience == "processor":
        return at_a_processor(made)
    if audience == "police":
        return attacked(facts) and (facts.complaint is None or facts.complaint.lodged_at is None)
    if audience == "acpr":
        return made.controller.dora and any(clock.regime == "dora-initial" for clock in made.clocks)
    # The register has every breach, also those that are not notified, Art. 33(5).
    return answer.register if audience == "register" else True


def wanted(made: Material, languages: Sequence[Lang]) -> list[tuple[Audience, Lang, str]]:
    """Return the drafts that are laid down by themselves: audience, language and format.

    What the law asks of the organisation comes in each of its languages; letters and sheets that only some cases need
    come where their occasion is there, in the first language. Everything else is there for the asking.
    """
    if made.processor:
        # Whose data it is does not matter to the police: the systems are the organisation's own.
        letters: list[tuple[Audience, Lang, str]] = [
            ("controller", lang, form) for lang in languages for form in ("html", "text")
        ]
        return [*letters, ("police", languages[0], "html")] if proposed("police", made) else letters
    duties: list[Audience] = ["cnil"]
    if made.answer.inform_people:
        duties.append("people")
    drafts: list[tuple[Audience, Lang, str]] = [
        (audience, lang, form) for audience in duties for lang in languages for form in ("html", "text")
    ]
    if made.answer.inform_people:
        drafts += [("sms", lang, "text") for lang in languages]
    occasional: tuple[Audience, ...] = ("public", "recipient", "processor", "police", "acpr")
    drafts += [(audience, languages[0], "html") for audience in occasional if proposed(audience, made)]
    return [*drafts, ("edpb", languages[0], "json")]


def draft_name(audience: str, part: Part, parts: Sequence[Part]) -> str:
    """Return the name of a part's draft: no other part of the case has the same one for that audience.

    One controller can have a part for each of several processings, and for each client of a processor.
    """
    same = [other for other in parts if other.controller == part.controller]
    processing = part.processing if len(same) > 1 else None
    scope = part.scope if sum(other.processing == part.processing for other in same) > 1 else None
    return "-".join(filter(None, (audience, part.controller, processing, scope)))


def went_astray(made: Material) -> bool:
    """Whether data reached somebody to whom one can write, and who has not confirmed yet that it is gone."""
    facts = made.facts
    if ASTRAY.isdisjoint(made.types) or facts.deletion_confirmed is True or facts.confidentiality is False:
        return False
    return facts.recipient is None or facts.recipient in WRITABLE


def at_a_processor(made: Material) -> bool:
    """Whether a processor of the organisation is involved: it is named, or the news of the breach came from it."""
    if any(party.role == "processor" for party in made.facts.parties or ()):
        return True
    if made.processor:
        return False
    told = any(candidate.kind == "processor_notice" for candidate in made.case.candidates)
    return told or made.facts.reported_by == "processor"
