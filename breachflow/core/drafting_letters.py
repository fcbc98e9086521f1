"""Letters that ask for an answer: of a wrong recipient, and of a processor; what is asked, and by when."""

from __future__ import annotations

from datetime import datetime, timedelta

from breachflow.core.drafting_material import Material

DAYS_TO_CONFIRM = timedelta(hours=48)  # Where no deadline of ours gives a date: time to look into a mailbox.

OF_THE_INCIDENT = frozenset({
    "personal_data", "protection", "recipient", "data", "people_count", "exfiltration", "accessed", "confidentiality",
    "availability", "integrity", "deletion_confirmed", "service_impact", "backup", "people", "recipient_count",
    "intent", "misuse", "permanent_loss", "unavailable_hours", "alteration", "credential_opens",
})  # fmt: skip
"""Facts that whoever runs the systems can establish; whether they weigh is for the controller to say."""

ALSO_ASKED = (
    "incident_type", "occurred_from", "ongoing", "origin", "records_count", "countries", "measures_taken",
    "text_systems", "measures_before",
)  # fmt: skip
"""What the notification states besides (GDPR Art. 33(3)), in the form's order of weight."""


def confirm_by(made: Material) -> datetime:
    """Return until when a wrong recipient is asked to confirm: in time for the authority's deadline."""
    return made.answer_by or made.now + DAYS_TO_CONFIRM


def unclear_facts(made: Material) -> tuple[str, ...]:
    """Return what nobody has established about the incident itself, what tells most first.

    Of a recipient whom nobody knows there is no use in asking for a confirmation.
    """
    nobody_to_ask = made.facts.recipient in ("nobody", "unidentified", "hostile", "public")
    asked = OF_THE_INCIDENT - {"deletion_confirmed", "recipient_count"} if nobody_to_ask else OF_THE_INCIDENT
    unknown = (question.fact for question in made.questions)
    return tuple(fact for fact in unknown if fact in asked and getattr(made.facts, fact) is None)


def asked_of_processor(made: Material) -> tuple[str, ...]:
    """Return the facts that a processor is asked for, those first that tell most about the risk.

    "the processor [...] assists the controller in ensuring compliance with the obligations pursuant to Articles 32 to
    36 taking into account [...] the information available to the processor" -- GDPR Art. 28(3)(f)
    """
    return (*unclear_facts(made), *(fact for fact in ALSO_ASKED if getattr(made.facts, fact) is None))
