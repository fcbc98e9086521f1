"""The contracts with other systems: what a schema allows is read, what it refuses is refused, what is sent fits."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
import yaml
from click.testing import CliRunner
from jsonschema.validators import Draft7Validator, Draft202012Validator
from story import BREACH, Story, organisation

from breachflow import formats, regroup
from breachflow.agents import asyncapi, decisions
from breachflow.agents.announced import DATA
from breachflow.agents.outgoing import announced, announced_dead
from breachflow.agents.topics import wanted
from breachflow.cli import group
from breachflow.core import decision as decided
from breachflow.core.case import Report, Stage
from breachflow.core.event import SecurityEvent
from breachflow.core.facts import Facts, Scope
from breachflow.core.identity import event_identity
from breachflow.core.organisation import Asset, Policy, Retention
from breachflow.core.regrouping import Regroup
from breachflow.formats import native, native_schema
from breachflow.sending import Answering, Dispatch, Intake, Releasing
from breachflow.settings import environment

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIXTURES = Path(__file__).parent / "fixtures" / "formats"
STORIES = Path(__file__).parents[1] / "breachflow" / "cli" / "story"
EVENT: dict[str, Any] = {
    "id": "N-1", "source": "person/dpo", "detected_at": "2026-03-02T09:15:30+01:00", "title": "Letter sent astray",
}  # fmt: skip

CRM = Asset(id="crm", match=("crm-01",), data=("contact",), people=("customers",), people_count=9)

SCHEMA = native_schema.schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def is_read(event: Any) -> bool:
    (reading,) = formats.read(msgspec.json.encode(event), received_at=RECEIVED, format="native")
    return reading.event is not None


# --- The native event


def test_the_schemas_are_schemas():
    """Against the meta-schema of their dialect."""
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator.check_schema(decisions.schema())


def test_every_key_is_described_and_no_other():
    """A key without a sentence is a riddle; a sentence without a key is left over."""
    parts = SCHEMA["$defs"] | {"SecurityEvent": SCHEMA}
    assert {name: set(keys) for name, keys in native_schema.words().items()} == {
        name: set(part["properties"]) - {"schema"} for name, part in parts.items()
    }
    assert all(key["description"] for part in parts.values() for key in part["properties"].values())


def test_words_stand_in_the_vocabularys_order():
    """Mildest first, where there is an order; msgspec alone would sort them by letter."""
    severity = SCHEMA["properties"]["severity"]["anyOf"][0]["enum"]
    assert severity == ["informational", "low", "medium", "high", "critical", "fatal"]
    recipient = SCHEMA["$defs"]["Facts"]["properties"]["recipient"]["anyOf"][0]["enum"]
    assert (recipient[0], recipient[-1]) == ("nobody", "public")


def test_what_a_producer_does_not_write_is_no_key():
    """`format` and `users` are a reader's; `schema` may name the contract."""
    assert set(SCHEMA["properties"]) == {*native.KEYS, "schema"}
    assert set(SecurityEvent.__struct_fields__) - set(native.KEYS) == native.WRITTEN_BY_READERS


def samples() -> list[Any]:
    found = [(FIXTURES / "native.json").read_bytes(), *(path.read_bytes() for path in sorted(STORIES.glob("*.json")))]
    stories = [
        json.loads(raw)
        for raw in found
        if all(one.event and one.event.format == "native" for one in formats.read(raw, received_at=RECEIVED))
    ]
    return [story["data"] if "specversion" in story else story for story in stories]


def test_native_events_that_we_ship_fit():
    """The fixture, and the events of the demo."""
    assert len(samples()) >= 8
    for event in samples():
        VALIDATOR.validate(event)


PROBES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, -0.5, 10**7 + 1, 10**12, 10**12 + 1, "", " ", "\t\n", "x", "x" * 200, "x" * 201,
    "x" * 500, "x" * 501, "x" * 5_001, "x" * 20_000, "x" * 20_001, [], [None], [1], [""], ["x"], [["x"]], ["x" * 501],
    {}, {"x": 1}, [{}], [{"x": 1}], [{"what": "w", "state": "done"}], [{"state": "done"}], [{"role": "processor"}],
    "FR", "fr", "FRA", ["FR", "DE"], ["fr"], {"FR": 3}, {"FR": -1}, {"France": 3}, "2026-03-02T09:15:30Z",
    "2026-03-02t09:15:30.123456789z", "2026-03-02 09:15:30+0100", "2026-03-02T09:15:30", "2026-03-02", "2026-03-02T09:15Z",
    "2026-03-02T24:00:00Z", "2026-03-02T09:15:30+24:00", "2026-13-02T09:15:30Z", "1989-06-01T00:00:00Z", 1772439330,
    "1899-06-01T00:00:00Z", "2100-06-01T00:00:00Z", "0001-01-01T00:00:00Z", "1989-12-31T23:30:00-01:00",
    "2100-01-01T00:30:00+01:00", "breachflow.security_event.v1", "breachflow.security_event.v2",
)  # fmt: skip
"""Values put in every place: each is right somewhere and wrong elsewhere."""


def words_of(schema: Any) -> set[str]:
    """Every word of every enumeration: right where it belongs, wrong in all other places."""
    if isinstance(schema, dict):
        own = set(schema["enum"]) if "enum" in schema else set()
        return own.union(*map(words_of, schema.values()))
    return set().union(*map(words_of, schema)) if isinstance(schema, list) else set()


def with_fact(name: str, value: Any) -> dict[str, Any]:
    return EVENT | {"facts": {name: value}}


def inside(value: Any) -> list[Any]:
    """A value in every key of every object that facts hold."""
    holders = {"Scope": ("scopes", {}), "Party": ("parties", {}), "Measure": ("measures_taken", {"what": "w"}),
               "OtherAuthority": ("other_authorities", {})}  # fmt: skip
    single = {"Complaint": "complaint", "AuthorityOrder": "authority_order"}
    found = [
        with_fact(fact, [base | {key: value}])
        for name, (fact, base) in holders.items()
        for key in (*SCHEMA["$defs"][name]["properties"], "other")
    ]
    return found + [
        with_fact(fact, {key: value})
        for name, fact in single.items()
        for key in (*SCHEMA["$defs"][name]["properties"], "other")
    ]


def test_schema_and_reader_agree_on_every_key_and_every_kind_of_value():
    """Whatever is put in whichever place: both take it, or both refuse it."""
    words = [[word] for word in sorted(words_of(SCHEMA))]
    disagree, taken, refused = [], 0, 0
    for value in (*PROBES, *words, *itertools.chain(*words)):
        events = [EVENT | {key: value} for key in (*SCHEMA["properties"], *sorted(native.WRITTEN_BY_READERS), "other")]
        events += [with_fact(name, value) for name in (*Facts.__struct_fields__, "other")]
        if not isinstance(value, str) or value not in words_of(SCHEMA):
            events += inside(value)
        for event in events:
            allowed, read = VALIDATOR.is_valid(event), is_read(event)
            taken, refused = taken + read, refused + (not read)
            if allowed is not read:
                disagree.append((event, allowed, read))
    assert disagree == []
    assert taken > 1_000
    assert refused > 10_000


@pytest.mark.parametrize("key", native.REQUIRED)
def test_a_required_key_is_required_by_both(key):
    """Absent or null: the same."""
    without = {name: value for name, value in EVENT.items() if name != key}
    for event in (without, EVENT | {key: None}):
        assert not VALIDATOR.is_valid(event)
        assert not is_read(event)


BEYOND = {
    "a day that is not in the calendar": EVENT | {"detected_at": "2026-02-30T09:15:30Z"},
    "an hour past a boundary": EVENT | {"detected_at": "2100-01-01T09:00:00Z"},
    "a count with a point": with_fact("people_count", 3.0),
    "a title of nothing that shows": EVENT | {"title": "\u200e\u2066"},
}


@pytest.mark.parametrize("event", BEYOND.values(), ids=BEYOND)
def test_where_the_reader_is_stricter_is_known(event):
    """JSON Schema cannot say it, or not in a way that every validator reads; the description names it."""
    assert VALIDATOR.is_valid(event)
    assert not is_read(event)


def test_patterns_are_such_as_every_validator_reads():
    """No look-ahead and no Unicode escapes: RE2 has neither."""
    patterns = [key["pattern"] for part in (SCHEMA, *SCHEMA["$defs"].values()) for key in part["properties"].values()
                if "pattern" in key]  # fmt: skip
    assert patterns
    assert not any("(?" in pattern or "\\u" in pattern for pattern in patterns)


# --- The AsyncAPI document

DOCUMENT: dict[str, Any] = json.loads(json.dumps(asyncapi.document()))


def test_the_yaml_says_what_the_document_says():
    """Written by us, read by somebody else's reader."""
    assert yaml.safe_load(asyncapi.yaml(DOCUMENT)) == DOCUMENT
    odd = {"no": [[], {}, [[1, [2]]], {"a b": None, "- x": "# no: comment"}], "on": 1.5, "ü": "é\n\u2028: "}
    assert yaml.safe_load(asyncapi.yaml(odd)) == odd


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def pointed(reference: str) -> Any:
    node = DOCUMENT
    for key in reference.removeprefix("#/").split("/"):
        node = node[key]
    return node


def test_the_document_has_the_shape_of_asyncapi_3():
    """Root, channels, operations and messages have their own keys and no others; every reference leads somewhere."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) == {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for channel in DOCUMENT["channels"].values():
        assert set(channel) == {"address", "description", "messages"}
    for operation in DOCUMENT["operations"].values():
        assert set(operation) == {"action", "channel", "summary"}
        assert operation["action"] in ("send", "receive")
    for message in DOCUMENT["components"]["messages"].values():
        assert set(message) <= {"name", "title", "summary", "contentType", "payload"}
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert name.isalnum()
        Draft7Validator.check_schema(schema)
    assert all(pointed(reference) for reference in references(DOCUMENT))


def test_nothing_is_left_over():
    """Every message and every schema is used."""
    used = references(DOCUMENT)
    for kind in ("messages", "schemas"):
        assert {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]} <= used
    assert {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()} == {
        f"#/channels/{name}" for name in DOCUMENT["channels"]
    }


def test_its_topics_are_the_ones_that_are_made(tmp_path):
    """The addresses are the settings' defaults."""
    settings = environment.load({"BREACHFLOW_KAFKA": "localhost:9092"}, tmp_path)
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == set(wanted(settings))


@cache
def payload_of(message: str) -> Draft7Validator:
    """The payload of a message, as AsyncAPI reads it: the draft 7 of JSON Schema, references into the document."""
    payload = DOCUMENT["components"]["messages"][message]["payload"]
    return Draft7Validator(payload | {"components": DOCUMENT["components"]})


def test_events_and_decisions_fit_there_as_they_fit_their_own_schema():
    """One contract, two documents."""
    for event in samples():
        payload_of("nativeEvent").validate(event)
    assert not payload_of("nativeEvent").is_valid(EVENT | {"severity": "P1"})
    note = {"id": "1", "source": "s", "principal": "p", "case": "BF-1", "verb": "note", "reason": "r"}
    payload_of("decision").validate(note)
    assert not payload_of("decision").is_valid(note | {"verb": "facts"})
    payload_of("cloudEvent").validate(json.loads((FIXTURES / "cloudevents.json").read_text()))
    assert not payload_of("cloudEvent").is_valid({"specversion": "1.0", "id": "1", "source": "s", "type": "t"})


def _mail_came_back(story: Story, case: str) -> None:
    """The provider says what became of mails, and until nobody is left to be told."""
    story.decide(decided.Channel(by="DPO", reason="words", channel="mail", restored=False), case)
    for number in range(20):
        row = next((row for row in story.store.notices(case) if row.state == "sent"), None)
        if row is None:
            break
        report = Report(id=f"r{number}", notice=row.notice.id, event="bounce", at=story.watch(), status="5.1.1")
        story.workflow.report([report])
        story.advance(minutes=16)


def _regrouped(story: Story) -> None:
    """Cases are merged, split and bundled; an entry of the data map is taken back."""
    why = Regroup(by="DPO", reason="words")
    alike = {"personal_data": True, "confidentiality": True, "incident_type": "sent_to_wrong_recipient", "people_count": 3,
             "data": ["identity"], "recipient": "identified"}  # fmt: skip
    story.advance(minutes=1)
    for name in ("m1", "m2", "m3"):
        story.event(alike | {"people_count": len(name) + int(name[1])}, id=name, case=name, controller="insurance")
        story.advance(minutes=1)
    story.event(alike | {"people_count": 70}, id="m4", case="m3", controller="insurance")
    one, two, three = (case.id for case in story.cases[-3:])
    regroup.merge(story.workflow, one, two, why)
    regroup.unmerge(story.workflow, one, two, why)
    regroup.part(story.workflow, three, "soc/test", "m4", why)
    for case in (one, two):
        story.decide(decided.Confirm(by="DPO", aware_at=story.watch()), case)
    regroup.bundle(story.workflow, [one, two], why)
    regroup.unbundle(story.workflow, one, why)
    story.event({}, id="low", title="Nothing much", severity="low", controller="insurance")
    story.workflow.open_screened(event_identity("soc/test", "low").hex(), "DPO", "words")
    story.advance(minutes=1)
    story.event(title="On the map", assets=["crm-01"], severity="high", case="map")
    story.decide(decided.Retract(by="DPO", reason="words", entry="crm"), story.cases[-1].id)


def _kept_and_erased(story: Story, dismissed: str) -> None:
    story.decide(decided.Hold(by="DPO", reason="words"), dismissed)
    story.decide(decided.Release(by="DPO", reason="words"), dismissed)
    story.advance(days=1)
    story.workflow.forget()
    story.workflow.erase(dismissed, "DPO", "words")


def _told_to_people(story: Story, folder: Path) -> None:
    """A list of people concerned: taken in, released, sent; one comes back, one is exempt, the names are erased."""
    measures = {"measures_taken": [{"what": "The server was cut off.", "state": "done"}]}
    story.advance(minutes=1)
    story.event(BREACH | measures, id="p1", case="people", controller="services")
    case = story.cases[-1].id
    story.decide(decided.Confirm(by="DPO", aware_at=story.watch()), case)
    file = folder / "people.csv"
    head = "id,nom,courriel,adresse,code_postal,ville,telephone,langue,groupe,données,second canal\n"
    rows = "".join(
        f"p{number},Name {number},p{number}@people.example,1 rue A,75001,Paris,,fr,g,identity,post\n"
        for number in range(4)
    )
    file.write_text(head + rows + "p1,Name 1,p1@people.example,,,,,fr,g,identity,\nbroken\n", encoding="utf-8")
    Intake(story.workflow).take_in(case, file, by="DPO", skip_bad=True)
    again = folder / "again.csv"
    again.write_text(head + rows + rows.replace("p0", "p9"), encoding="utf-8")
    Intake(story.workflow).take_in(case, again, by="DPO")
    Releasing(story.workflow).release(case, by="DPO", reason="words", rate=60_000, legal_review="Counsel")
    Dispatch(story.workflow).dispatch(wait=lambda seconds: story.advance(seconds=seconds))
    answering = Answering(story.workflow)
    answering.bounce(case, ["p0", "p1"], by="DPO", reason="words")
    answering.reached(case, ["p0"], "phone", by="DPO", reason="words")
    answering.exempt(case, ["p1"], by="DPO", reason="words")
    Dispatch(story.workflow).dispatch(wait=lambda seconds: story.advance(seconds=seconds))
    answering.erase(case, by="DPO", reason="words")


@pytest.fixture(scope="module")
def sent(tmp_path_factory) -> list[dict[str, Any]]:
    """All messages of cases that went through everything that there is."""
    story = Story(
        tmp_path_factory.mktemp("announced"), organisation(Policy(retention=Retention(raw_days=1)), datamap=(CRM,))
    )
    story.raw(b'{"no": "event"')
    story.event(title="Mailbox opened", severity="high", controller="insurance", case="A")
    story.event({"people_count": 900, "text_data": "words"}, severity="low", controller="nobody", case="A")
    story.event(id="e2", title="again", controller="nobody", case="A")
    case = story.case.id
    by, later = "DPO", story.watch
    story.decide(decided.Note(by=by, reason="words"), case)
    story.decide(decided.Ack(by=by), case)
    story.decide(decided.SetFacts(by=by, values={"people_count": 1200, "text_data": "other", "intent": None,
                 "malicious_access": True, "attack_known_at": later().isoformat()}), case)  # fmt: skip
    story.outtray.broken.update(("dpo@group.example", "deputy@group.example"))
    story.advance(hours=30)
    story.outtray.broken.update(("ciso@group.example", "boss@group.example"))
    story.advance(hours=30)
    story.outtray.broken.clear()
    story.decide(decided.Confirm(by=by, aware_at=later(), reason="words", evidence="words"), case)
    story.decide(decided.Confirm(by=by, aware_at=later(), reason="words"), case)
    story.decide(decided.Exempt(by="Boss", reason="words", advised_by=by, advice="words", controller="insurance"), case)
    story.decide(decided.Filed(by=by, at=later(), controller="insurance", reference="CNIL-1"), case)
    story.decide(decided.Filed(by=by, at=later(), controller="insurance", kind="complement"), case)
    for how in ({"count": 900, "means": "letter"}, {"exemption": "a", "reason": "words"}):
        story.decide(decided.Informed(by=by, at=later(), controller="insurance", **how), case)
    story.decide(decided.Close(by=by, reason="words"), case)
    story.decide(decided.Reopen(by=by, reason="words"), case)
    story.event(title="Another", case="B")
    other = next(one.id for one in story.cases if one.id != case)
    story.decide(decided.Dismiss(by=by, reason="words"), other)
    assert next(one.stage for one in story.cases if one.id == other) is Stage.DISMISSED
    story.event({"role": "processor", "personal_data": True}, title="A client's data", case="C")
    client = next(one.id for one in story.cases if one.id not in (case, other))
    story.decide(decided.Confirm(by=by, aware_at=later()), client)
    story.decide(decided.Done(by=by, clock="gdpr-art33-2", at=later(), reference="mail to the client"), client)
    _mail_came_back(story, case)
    _regrouped(story)
    _kept_and_erased(story, other)
    _told_to_people(story, tmp_path_factory.mktemp("lists"))
    messages = [announced(entry, "cases") for entry in story.store.unpublished(10_000)]
    messages += [announced_dead(letter, "dead") for letter in story.store.unpublished_dead(100)]
    story.store.close()
    return [json.loads(value) for _, _, value in messages]


def test_every_type_that_goes_out_was_told_in_a_story(sent):
    """A type that nothing sends, or that the document does not know, is one too many."""
    told = {message["type"] for message in sent}
    assert not set(DATA) - told, "promised, and told in no story"
    assert not told - set(DATA), "told, and promised nowhere"
    names = {message.get("name") for message in DOCUMENT["components"]["messages"].values()} - {None}
    assert names == set(DATA)
    decisions_there = {f"breachflow.case.{one.__struct_config__.tag}" for one in get_args(decided.Decision)}
    assert decisions_there <= set(DATA)


def test_what_goes_out_is_what_the_document_says(sent):
    """Every message of the story, key by key: no key too many, none missing, each of its type."""
    by_type = {message.get("name"): name for name, message in DOCUMENT["components"]["messages"].items()}
    for message in sent:
        payload_of(by_type[message["type"]]).validate(message)
        msgspec.convert(message["data"], DATA[message["type"]])


def test_every_key_of_the_document_goes_out_in_the_story(sent):
    """Nothing is promised that is never sent."""
    said: dict[str, set[str]] = {}
    for message in sent:
        said.setdefault(message["type"], set()).update(message["data"])
    optional = {
        "stage",
        "assessed",
        "profile",
        "clocks",
        "facts",
        "revision",
        "controller_unknown",
        "joined",
        "screened_at",
    }
    for kind, data in DATA.items():
        assert set(data.__struct_fields__) - said[kind] <= optional, kind
    assert {key for keys in said.values() for key in keys} >= optional


def test_what_does_not_fit_is_seen(sent):
    """The document can refuse."""
    opened = next(message for message in sent if message["type"] == "breachflow.case.opened")
    check = payload_of("caseOpened")
    for spoiled in (
        opened | {"specversion": "2.0"},
        opened | {"type": "breachflow.case.closed"},
        opened | {"data": opened["data"] | {"verdict": "perhaps"}},
        opened | {"data": {key: value for key, value in opened["data"].items() if key != "entry"}},
    ):
        assert not check.is_valid(spoiled)
    check.validate(opened | {"data": opened["data"] | {"said_by_a_later_version": 1}})


# --- The command


@pytest.mark.parametrize("what", ["event", "decision", "asyncapi"])
def test_the_command_prints_without_a_home(what, tmp_path, monkeypatch):
    """Nothing is read, nothing is made."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(group, ["schema", what])
    assert done.exit_code == 0
    assert list(tmp_path.iterdir()) == []
    printed = yaml.safe_load(done.output)
    assert (
        printed.get("asyncapi") == "3.0.0" or printed["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    )


def test_scopes_have_the_keys_of_the_vocabulary():
    """The parts are described as their types are."""
    assert set(SCHEMA["$defs"]["Scope"]["properties"]) == set(Scope.__struct_fields__)
