"""Cases for drafts and mails, without a database: facts in, a case with clocks and proposals out; and what to check."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from breachflow.core import drafting_audiences
from breachflow.core.backtest import shipped
from breachflow.core.case import Awareness, Candidate, Case, Filing, Known, Notice, Part, Stage
from breachflow.core.charter import Charter
from breachflow.core.clock import derived
from breachflow.core.facts import DATA_KINDS, FACT_NAMES, INCIDENT_TYPES
from breachflow.core.organisation import Asset, Controller, Organisation, Person
from breachflow.core.parts import assessed, judged, parts_of
from breachflow.core.rules import RULES
from breachflow.law.profiles import DEFAULT
from breachflow.law.regimes import REGIMES
from breachflow.rendering import Renderer

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""A Tuesday, ten in the morning in Paris."""

HOUSE = Organisation(
    name="Groupe Roulavie",
    controllers=(
        Controller(
            id="assurances", name="Roulavie Assurances SA", siren="999001019", sector="Assurance", size="250-999",
            address="12 quai des Forges", postcode="69100", city="Villeurbanne", representative="Hélène Marchand",
            representative_function="Présidente", representative_email="direction@roulavie.example", dpo="dpo",
            contact_address="donnees-personnelles@roulavie.example", cyber_insured=True,
        ),
        Controller(id="services", name="Roulavie Services SAS"),
    ),
    people=(
        Person(id="dpo", rank="dpo", name="Claire Fontanel", email="dpo@roulavie.example", function="DPO",
               phone="+33 4 00 00 00 01", lang="fr"),
        Person(id="ciso", rank="ciso", name="Thomas Keller", email="ciso@roulavie.example", function="CISO",
               phone="+33 4 00 00 00 03", lang="en"),
        Person(id="legal", rank="legal", name="Juridique", email="juridique@roulavie.example"),
    ),
    datamap=(
        Asset(id="programme", match=("programme-*",), role="processor", controller="assurances",
              clients=("Constructeur SA", "Loueur SAS")),
    ),
)  # fmt: skip

LEAK = {
    "personal_data": True, "incident_type": "exfiltration", "intent": "malicious", "origin": "external",
    "confidentiality": True, "exfiltration": "confirmed", "protection": "none", "recipient": "unidentified",
    "people_count": 18250, "people_count_basis": "approximate", "people": ["customers"],
    "data": ["identity", "contact", "bank_account", "vehicle", "contract"], "reported_by": "controller",
    "occurred_from": "2026-11-23T21:05:00+01:00", "ongoing": False, "countries": ["FR"],
    "measures_taken": [
        {"what": "Le serveur a été isolé du réseau.", "state": "done", "at": "2026-11-24T09:30:00+01:00"},
        {"what": "La double vérification sera imposée à tous les comptes.", "state": "planned"},
    ],
}  # fmt: skip
"""A breach of which much is known: the base of contracts was copied."""

GOLD = {case.id: msgspec.to_builtins(case.facts) for case in shipped()}
AUDIENCES = drafting_audiences.AUDIENCES
RENDERER = Renderer()


def case_of(facts: dict, *, now: datetime = START, house: Organisation = HOUSE, aware: datetime | None = None,
            filed: Filing | None = None, part: Part | None = None, **changes) -> Case:  # fmt: skip
    """A case that was opened at `START`, as it stands at `now`."""
    charter = Charter(house)
    known = {
        name: Known(value=value, origin=f"event:soc/test/1#/facts/{name}", at=START, confidence="extracted")
        for name, value in facts.items()
    }
    parts = (part,) if part else parts_of(known, (), None, charter)
    if filed is not None:
        filed = replace(filed, stated=facts, aware_at=aware, assets=("contrats-01",))
        parts = tuple(replace(part, filings=(filed,)) for part in parts)
    values = {
        "id": "BF-261124-TEST", "version": 3, "title": "Something happened", "source": "soc/test", "opened_at": START,
        "stage": Stage.SUSPECTED if aware is None else Stage.CONFIRMED, "parts": parts, "profile": DEFAULT,
        "triage_from": START, "assets": ("contrats-01",),
        "facts": known,
        "candidates": (Candidate(at=START, kind="detection", origin="event:soc/test/1", recorded_at=START),),
        "aware": Awareness(at=aware, by="dpo", reason="confirmed by the logs", recorded_at=aware) if aware else None,
    }  # fmt: skip
    case = judged(Case(**(values | changes)), charter)
    return replace(case, clocks=derived(case, charter, now))


def learnt(case: Case, at: datetime, origin: str = "person:Claire Fontanel", reason: str = "", **facts) -> Case:
    """The case after somebody learnt more; `None` takes a fact back."""
    known = {
        name: Known(value=value, origin=origin, at=at, confidence="verified", reason=reason)
        for name, value in facts.items()
    }
    return replace(case, facts={name: one for name, one in (case.facts | known).items() if one.value is not None})


def answer_of(case: Case, house: Organisation = HOUSE):
    """The assessment of the case's first part."""
    return assessed(case, case.parts[0], Charter(house), flips=False)


def drawn(case: Case, audience: str = "cnil", lang: str = "fr", form: str = "text", *, now: datetime = START,
          house: Organisation = HOUSE, renderer: Renderer = RENDERER, **options) -> bytes:  # fmt: skip
    """A draft of the case's first part, as bytes."""
    return renderer.draft(
        audience, case, case.parts[0], house, answer_of(case, house), now, lang=lang, format=form, **options
    ).content


def words(case: Case, audience: str = "cnil", lang: str = "fr", **options) -> str:
    """A draft as plain text without its line breaks and boxes."""
    text = drawn(case, audience, lang, **options).decode()
    return flat(text)


def flat(text: str) -> str:
    """A text without its line breaks and boxes; fixed spaces stay."""
    return re.sub(r"[ \n]+", " ", text.replace("\n| ", "\n").replace("\n! ", "\n"))


def mailed(case: Case | None, kind: str, to: str = "dpo", *, now: datetime = START, house: Organisation = HOUSE,
           renderer: Renderer = RENDERER, **values):  # fmt: skip
    """The mail that a notice of this kind makes."""
    notice = Notice(id="n1", kind=kind, to=to, at=now, case=case.id if case else None, **values)
    answers = {part.controller: assessed(case, part, Charter(house)) for part in case.parts} if case else {}
    return renderer.mail(notice, case, house, house.person(to), answers, now)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def filing(at: datetime, kind: str = "initial", reference: str = "N-2026-0042") -> Filing:
    return Filing(at=at, kind=kind, reference=reference, authority="CNIL", by="dpo")


ENGLISH = re.compile(
    r"\b(the|and|of|with|was|were|people|breach|deadline|unknown|to be|asked?|by|not|yes|who|which)\b", re.IGNORECASE
)
FRENCH = re.compile(
    r"\b(le|la|les|des|une|est|données|personnes|violation|délai|inconnu|à déterminer|oui|non|sur|avec|pour|qui)\b",
    re.IGNORECASE,
)
NAMES = re.compile(
    r"cnil\.fr|confirmed\s+by\s+the\s+logs|quai des Forges|Loueur SAS|Constructeur SA|Le serveur.*?réseau|La double.*?comptes",
    re.DOTALL,
)
"""Names and people's own words that stay as they are in either language."""


def check(text, lang):
    """Nothing unfilled, no raw key, no line of the other language, French spacing."""
    assert text.strip()
    for sign in ("{{", "{%", "None", "Undefined", "[]", "()", "\ue000", "\ue001"):
        assert sign not in text, sign
    prose = re.sub(r"(?m)^ +breachflow .*$|<pre>.*?</pre>", "", text)
    keys = {key for key in (*DATA_KINDS, *INCIDENT_TYPES, *RULES, *FACT_NAMES, *REGIMES) if "_" in key or "-" in key}
    assert not {key for key in keys if re.search(rf"(?<![\w-]){key}(?![\w-])", prose)}
    foreign = (ENGLISH if lang == "fr" else FRENCH).findall(NAMES.sub("", prose))
    assert not foreign, set(foreign)
    if lang == "fr":
        # A short message keeps to the letters and spaces that telephones send.
        prose = re.sub(r"(?m)^ {6}\S.*$", "", prose)
        wrong = re.search(r"[^\s\u00a0\u202f][;!?»](?!\w)|«[^\u00a0]| [;:!?»]|\w'\w", prose)
        assert wrong is None, prose[wrong.start() - 20 : wrong.end() + 20]
