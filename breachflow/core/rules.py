"""The rules of risk, each with the sentence it says, the article it applies and the guidance behind it.

A rule's id is stable: templates translate it, registers keep it. The conditions stand in `harmless.py` (when nothing
has to be notified) and `high_risk.py` (when people have to be told); the words and sources stand here, one hop away.
"""

from __future__ import annotations

from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.assessment import Reason
from breachflow.law.citations import label


class Rule(Struct, frozen=True):
    """What a rule says and where that comes from: ids of `law/citations.toml`."""

    because: str
    law: str
    guidance: str | None = None


RULES: dict[str, Rule] = {
    # --- No breach of personal data
    "no-personal-data": Rule(
        "No personal data is concerned, so this is a security incident only.", "gdpr-art4-12", "gdpr-recital-14"
    ),
    "not-affected": Rule("Neither confidentiality nor integrity nor availability was affected.", "gdpr-art4-12"),
    # --- Positively shown to be harmless
    "unintelligible": Rule(
        "The data was unintelligible to whoever could reach it, and the key is safe.",
        "gdpr-art33-1",
        "edpb-01-2021-case-1",
    ),
    "hashed-only": Rule(
        "Only strongly hashed secrets without contact data were reached.", "gdpr-art33-1", "edpb-01-2021-case-6"
    ),
    "not-seen": Rule(
        "Evidence shows that nobody unauthorised saw or took the data.", "gdpr-art33-1", "edpb-9-2022-risk"
    ),
    "public-before": Rule("The same data was lawfully public before.", "gdpr-art33-1", "edpb-9-2022-risk"),
    "trusted-recipient": Rule(
        "Ordinary data of few people went to a recipient bound to secrecy who confirmed deletion.",
        "gdpr-art33-1",
        "edpb-01-2021-case-9",
    ),
    "few-and-minor": Rule(
        "Ordinary data of very few people reached very few known recipients.", "gdpr-art33-1", "edpb-01-2021-case-13"
    ),
    "brief-unavailability": Rule(
        "The data was available again with no effect on people.", "gdpr-art33-1", "wp250-annex-b"
    ),
    "confidentiality-kept": Rule("Confidentiality was not affected.", "gdpr-art33-1", "edpb-9-2022-risk"),
    # --- Risk
    "not-shown-harmless": Rule(
        "Nothing shows that a risk to people is unlikely, and that is for the controller to show.",
        "gdpr-art33-1",
        "gdpr-recital-85",
    ),
    "disclosed": Rule(
        "Data that people can be recognised by was open to somebody who had no right to it.",
        "gdpr-art33-1",
        "edpb-9-2022-risk",
    ),
    "unavailable": Rule(
        "The data could not be used, or is lost, and an effect on people is not excluded.",
        "gdpr-art33-1",
        "edpb-01-2021-case-2",
    ),
    "altered": Rule(
        "The data may have been altered, and wrong use is not excluded.", "gdpr-art33-1", "edpb-9-2022-risk"
    ),
    "plate-and-birth-date": Rule(
        "A vehicle's plate together with a birth date allows misuse even for one person.",
        "gdpr-art33-1",
        "edpb-01-2021-case-16",
    ),
    "attempted-misuse": Rule(
        "Somebody has tried to use the data against the people concerned.", "gdpr-art34-1", "edpb-01-2021-case-18"
    ),
    # --- High risk
    "misuse-observed": Rule(
        "Fraud, identity theft or account takeover has been observed; one person is enough.",
        "gdpr-art34-1",
        "edpb-01-2021-case-17",
    ),
    "special-category": Rule(
        "Data on health, belief, sexual life, offences or the like is disclosed.",
        "gdpr-art34-1",
        "edpb-01-2021-case-12",
    ),
    "protected-person": Rule(
        "The data can endanger the people: a secret address, a victim, a fraud file.",
        "gdpr-art34-1",
        "edpb-9-2022-risk",
    ),
    "official-identity": Rule(
        "Official or national identification numbers or documents allow identity theft.",
        "gdpr-art34-1",
        "edpb-01-2021-case-14",
    ),
    "payment-card": Rule("Payment card data allows fraud.", "gdpr-art34-1", "edpb-01-2021-case-4"),
    "bank-data": Rule(
        "Bank or financial data is open to people who are not few and known.", "gdpr-art34-1", "edpb-01-2021-case-4"
    ),
    "credentials": Rule(
        "Usable credentials, or an account opened by somebody else, allow takeover.",
        "gdpr-art34-1",
        "edpb-01-2021-case-7",
    ),
    "private-life": Rule(
        "Location or communications are open to people who are not few and known.", "gdpr-art34-1", "edpb-9-2022-risk"
    ),
    "attacker-beyond-contact": Rule(
        "An attacker took more about people than basic contact data.", "gdpr-art34-1", "edpb-01-2021-case-5"
    ),
    "published": Rule("The data can be read by anybody.", "gdpr-art34-1", "wp250-annex-b"),
    "hostile-recipient": Rule(
        "The recipient has a reason to harm the person or to exploit the data.", "gdpr-art34-1", "edpb-9-2022-risk"
    ),
    "vulnerable-people": Rule(
        "Minors, patients or other vulnerable people are concerned.", "gdpr-art34-1", "edpb-9-2022-risk"
    ),
    "large-set": Rule("A large number of people is concerned, unprotected.", "gdpr-art34-1", "edpb-01-2021-case-11"),
    "revealing-context": Rule(
        "Being in this set of data says something sensitive about a person.", "gdpr-art34-1", "enisa-2013"
    ),
    "major-effect": Rule(
        "Care, safety or an essential service is seriously affected.", "gdpr-art34-1", "edpb-01-2021-case-3"
    ),
    "policy-inform": Rule("The organisation informs people whenever data of this kind is disclosed.", "policy"),
    "policy-notify": Rule("The organisation notifies whenever data of this kind is disclosed.", "policy"),
    # --- Who has to be told
    "processor": Rule(
        "As processor the organisation tells the controllers, who assess the risk and notify.",
        "gdpr-art33-2",
        "wp250-annex-b",
    ),
    "protected-34-3-a": Rule(
        "The data was unintelligible before the breach: people need not be informed.", "gdpr-art34-3a"
    ),
    "neutralised-34-3-b": Rule(
        "Later measures make the high risk no longer likely: people need not be informed.", "gdpr-art34-3b"
    ),
    "public-34-3-c": Rule(
        "Telling each person is disproportionate: a public communication of equal effect instead.", "gdpr-art34-3c"
    ),
    "proposal-threshold": Rule("Under the proposed threshold only a high risk is notified.", "com-2025-837"),
}


NOT_RULED_OUT = "Not ruled out: "
"""How a reason begins that rests on the worst value of an unknown fact; drafts look for it."""


# The rules name few combinations of facts; building each reason once keeps assessing cheap.
@cache
def reason(rule: str, *facts: str) -> Reason:
    """Return what a rule says, with the facts it read."""
    said = RULES[rule]
    return Reason(
        rule=rule,
        facts=facts,
        because=said.because,
        law=label(said.law),
        guidance=label(said.guidance) if said.guidance is not None else None,
    )


@cache
def contradiction(*facts: str) -> Reason:
    """Return that nothing is shown by facts of which one contradicts the other: they are read the worse way."""
    said = reason("not-shown-harmless", *facts)
    return replace(said, because=f"{', '.join(facts)}: what contradicts itself is read the worse way. {said.because}")


@cache
def open_reason(rule: str, *facts: str) -> Reason:
    """Return what a rule would say of facts that may be so and are not known to be."""
    said = reason(rule, *facts)
    return replace(said, because=f"{NOT_RULED_OUT}{said.because[0].lower()}{said.because[1:]}")
