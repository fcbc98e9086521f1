"""The communication to people concerned, Art. 34, told as stories: who is written to, by whose word, and how it ends."""

from __future__ import annotations

import email
import email.policy
import io
import itertools
import json
import re
from collections import Counter

import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from story import BREACH, START, Story, organisation

from breachflow.core.case import IllegalMove
from breachflow.core.concerned import totals
from breachflow.core.decision import Confirm, Dismiss, SetFacts
from breachflow.core.organisation import Controller
from breachflow.delivery import Deferred, Refused, Route, Sent
from breachflow.delivery.folder import Folder
from breachflow.delivery.sendgrid import SendGrid
from breachflow.sending import Answering, Dispatch, Intake, NotPossible, Printing, Releasing, Unusable
from breachflow.settings.organisation_file import OrganisationFile, Processor
from breachflow.store.errors import Unavailable

HEAD = "id,nom,courriel,adresse,code_postal,ville,telephone,langue,groupe,données,second canal\n"
MEASURES = {"measures_taken": [{"what": "The server was cut off.", "state": "done"}]}
numbers = itertools.count()


class Carrier:
    """A route that keeps what it was handed; what an address meets can be set, and it may fail at one call."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, email.message.EmailMessage]] = []
        self.answers: dict[str, Exception] = {}
        self.away: Exception | None = None

    def send(self, message: bytes, *, to: str, notice: str, case: str | None):
        if self.away is not None:
            raise self.away
        if to in self.answers:
            raise self.answers[to]
        self.mails.append((to, email.message_from_bytes(message, policy=email.policy.default)))
        return Sent(provider="carrier", reference=notice)

    def forget(self, notices) -> None:
        """What a carrier took is out of reach."""


class Sending:
    """One confirmed case of which everything that Art. 34(2) asks for is known."""

    def __init__(self, folder, house=None, url=None, facts=None) -> None:
        self.folder = folder
        self.story = Story(folder, house, url)
        self.story.event(BREACH | MEASURES if facts is None else facts)
        self.story.decide(Confirm(by="dpo", aware_at=START))
        self.case = self.story.case.id
        self.carrier = Carrier()
        self.workflow = self.story.workflow
        self.workflow.route = self.carrier
        self.waited: list[float] = []

    def file(self, rows: str, name: str = "people.csv", head: str = HEAD):
        path = self.folder / name
        path.write_text(head + rows, encoding="utf-8")
        return path

    def take_in(self, rows: str, **options):
        return Intake(self.workflow).take_in(self.case, self.file(rows, f"p{next(numbers)}.csv"), **options)

    def release(self, **options):
        values = {"by": "Claire Fontanel", "reason": "read and approved", "rate": 60_000} | options
        return Releasing(self.workflow).release(self.case, **values)

    def send(self, **options) -> int:
        return Dispatch(self.workflow).dispatch(wait=self.wait, **options)

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.story.advance(seconds=seconds)

    @property
    def answering(self) -> Answering:
        return Answering(self.workflow)

    def counts(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for row in self.answering.outcomes(self.case):
            assert sum(value for name, value in totals(row["groups"]).items() if name != "came_back") == row["count"]
            found.update({name: value for name, value in totals(row["groups"]).items() if value})
        return dict(found)

    def entries(self, kind: str) -> list[dict]:
        return [entry.body for entry in self.workflow.store.entries(self.case) if entry.kind == kind]


@pytest.fixture(params=["sqlite", "postgres"])
def sending(request, tmp_path):
    url = None
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.fresh(f"people_{next(numbers)}")
    made = Sending(tmp_path, url=url)
    yield made
    made.workflow.store.close()


@pytest.fixture
def small(tmp_path):
    return Sending(tmp_path)


def rows(count: int, start: int = 0) -> str:
    return "".join(
        f"C{n},Zoé Martin {n},p{n}@people.example,{n} rue X,75001,Paris,,{'fr' if n % 2 else 'en'},{'ab'[n % 2]},"
        f"{'identity;bank_account' if n % 3 else 'contact'},\n"
        for n in range(start, start + count)
    )


def test_everybody_is_written_to_once_and_the_register_has_the_proof(sending):
    """Import, release, send: exactly one mail each, with only the data that this person lost; counts, no names."""
    made = sending.take_in(rows(1203))
    assert made.of.count == 1203
    sending.release()
    assert sending.send() == 1203

    assert Counter(to for to, _ in sending.carrier.mails) == Counter(f"p{n}@people.example" for n in range(1203))
    assert sending.counts() == {"sent": 1203}
    for to, mail in sending.carrier.mails[:7]:
        number = int(to[1:].partition("@")[0])
        text = mail.get_body(("plain",)).get_content()
        assert f"Zoé Martin {number}" in text
        assert ("IBAN" in text) == bool(number % 3)
        assert ("Dear Sir or Madam," in text) == (number % 2 == 0)
    (proof,) = sending.entries("people_dispatched")
    assert proof["outcomes"] == {"a": {"sent": 602}, "b": {"sent": 601}}
    assert (proof["file"], proof["count"], len(proof["texts"])) == (made.of.sha256, 1203, 4)
    (released,) = sending.entries("people_released")
    assert sorted(proof["texts"]) == sorted({cut["text"] for cut in released["cuts"]})
    assert "breachflow informed" in proof["warnings"][0]
    assert "--count 1203" in proof["warnings"][0]
    register = json.dumps([entry.body for entry in sending.workflow.store.entries(sending.case)], default=str)
    assert "Zoé" not in register
    assert "people.example" not in register
    assert sending.story.case.parts[0].informed is None, "a person records that, nobody else"
    assert sending.workflow.store.verify_register() == []


def test_without_a_release_nothing_is_ever_sent(sending):
    """Neither by the command nor by the service."""
    sending.take_in(rows(3))
    assert sending.send() == 0
    with pytest.raises(NotPossible, match="no released list"):
        list(Printing(sending.workflow).letters(sending.case, sending.folder / "letters"))
    assert sending.carrier.mails == []
    assert sending.counts() == {"queued": 3}


def test_a_crash_between_handing_over_and_recording_sends_again_only_that_batch(sending, monkeypatch):
    """With the same Message-ID, so that whoever got it knows it again; everybody else is written to once."""
    sending.take_in(rows(350))
    sending.release()
    store, calls = sending.workflow.store, itertools.count(1)
    moved = store.move_people

    def dies(moves):
        if next(calls) == 2:
            raise Unavailable("the power went")
        return moved(moves)

    monkeypatch.setattr(store, "move_people", dies)
    with pytest.raises(Unavailable):
        sending.send()
    monkeypatch.undo()
    sending.story.advance(minutes=1)  # The lease of the process that died lapses.
    sending.send()

    ids: dict[str, list[str]] = {}
    for to, mail in sending.carrier.mails:
        ids.setdefault(to, []).append(mail["Message-ID"])
    assert len(ids) == 350
    assert Counter(map(len, ids.values())) == {1: 250, 2: 100}
    assert all(len(set(of)) == 1 for of in ids.values())
    assert sending.counts() == {"sent": 350}


def test_two_senders_do_not_send_the_same_list(sending):
    """While one process holds it the other finds nothing to do; once the lease lapsed it goes on."""
    sending.take_in(rows(10))
    sending.release(rate=60)
    first, second = Dispatch(sending.workflow), Dispatch(sending.workflow)
    assert first.dispatch(lambda: bool(sending.carrier.mails), wait=sending.wait) == 1
    assert second.dispatch(wait=sending.wait) == 0
    sending.story.advance(minutes=2)
    assert second.dispatch(wait=sending.wait) == 9


def test_the_rate_holds_over_a_restart(small):
    """120 a minute: two a second, whoever sends and however often it begins again."""
    small.take_in(rows(20))
    small.release(rate=120)
    began = small.workflow.now()
    while small.counts().get("queued"):
        sender = Dispatch(small.workflow)
        sender.dispatch(lambda: len(small.carrier.mails) % 4 == 2, wait=small.wait) or small.wait(0.5)
        sender.let_go()
        if len(small.carrier.mails) % 4 == 2:
            sender.dispatch(lambda: len(small.carrier.mails) % 4 != 2, wait=small.wait)
            sender.let_go()
    assert (small.workflow.now() - began).total_seconds() >= 9
    assert len(small.carrier.mails) == 20


def test_who_cannot_be_mailed_is_owed_a_letter_or_a_call(sending):
    """Refused now, come back later, without a mailbox: each is reached another way, and then there is the proof."""
    sending.take_in(
        "A,Ann A,a@x.example,1 rue X,75001,Paris,,fr,g,identity,\n"
        "B,Ben B,b@x.example,2 rue X,75001,Paris,+33 1 02 03 04 05,fr,g,identity,téléphone\n"
        "C,Cid C,,3 rue X,75001,Paris,,fr,g,identity,\n"
        "D,Dan D,d@x.example,,,,,fr,g,identity,\n"
        "E,Eva E,e@x.example,5 rue X,75001,Paris,,fr,h,identity,courrier\n"
    )
    sending.carrier.answers = {"b@x.example": Refused("550"), "e@x.example": Refused("550")}
    sending.release()
    assert sending.send() == 2
    assert sending.counts() == {"sent": 2, "bounced": 2, "unmailed": 1, "came_back": 2}
    assert sending.entries("people_dispatched") == []

    out = io.StringIO()
    assert sending.answering.export(sending.case, out, "phone") == 1
    assert "Ben B" in out.getvalue()
    ident = next(mail["Message-ID"] for to, mail in sending.carrier.mails if to == "a@x.example")
    sending.answering.bounce(sending.case, [ident], reason="5.1.1")
    assert sending.counts() == {"sent": 1, "bounced": 3, "unmailed": 1, "came_back": 3}

    (printed,) = Printing(sending.workflow).letters(sending.case, sending.folder / "letters")
    assert printed.letters == 3
    assert printed.path.read_bytes().startswith(b"%PDF-")
    assert list(Printing(sending.workflow).letters(sending.case, sending.folder / "letters")) == []
    assert sending.counts()["printed"] == 3, "printed is not posted"
    sending.answering.posted(sending.case, by="post room")
    assert sending.entries("people_dispatched") == []
    sending.answering.reached(sending.case, ["B"], "phone", by="service")

    assert sending.counts() == {"sent": 1, "posted": 3, "phoned": 1, "came_back": 3}
    (proof,) = sending.entries("people_dispatched")
    assert proof["outcomes"] == {
        "g": {"sent": 1, "posted": 2, "phoned": 1, "came_back": 2},
        "h": {"posted": 1, "came_back": 1},
    }
    assert "--means 'e-mail, letter, telephone' --count 5" in proof["warnings"][0]

    sending.answering.bounce(sending.case, ["d@x.example"])
    assert sending.counts()["bounced"] == 1, "a mail that comes back late opens the list again"
    sending.answering.exempt(sending.case, ["D"], by="dpo", reason="no address, no telephone")
    assert len(sending.entries("people_dispatched")) == 2


def test_an_exempt_person_is_not_written_to(sending):
    """With the reason and by whom in the register, and no name."""
    sending.take_in(rows(5))
    sending.answering.exempt(sending.case, ["C3"], by="dpo", reason="told in person at the desk")
    sending.release()
    sending.send()

    assert sending.counts() == {"sent": 4, "exempt": 1}
    assert "p3@people.example" not in {to for to, _ in sending.carrier.mails}
    (entry,) = sending.entries("people_exempted")
    assert (entry["count"], entry["reason"]) == (1, "told in person at the desk")
    with pytest.raises(NotPossible, match="2 of those named"):
        sending.answering.exempt(sending.case, ["C1", "C99"], by="dpo", reason="x")
    with pytest.raises(NotPossible, match="reached already"):
        sending.answering.exempt(sending.case, ["C1"], by="dpo", reason="x")


def test_a_mail_that_was_taken_over_counts_though_its_person_was_exempted_meanwhile(sending):
    """The provider has it: the record says what happened."""
    sending.take_in(rows(2))
    sending.release()
    send = sending.carrier.send

    def meanwhile(message, **where):
        sent = send(message, **where)
        if where["to"] == "p0@people.example":
            sending.answering.exempt(sending.case, ["C0"], by="dpo", reason="told by telephone")
        return sent

    sending.carrier.send = meanwhile
    assert sending.send() == 2
    assert sending.counts() == {"sent": 2}


def test_a_provider_that_is_away_gives_nobody_up(small):
    """The list waits and says why; nobody's tries are counted."""
    small.take_in(rows(30))
    small.release()
    small.carrier.away = Deferred("SMTP server mail:25 cannot be used: Connection refused.")
    for _ in range(20):
        small.send()
        small.story.advance(minutes=10)
    assert small.counts() == {"queued": 30}
    assert "Connection refused" in small.answering.outcomes(small.case)[0]["problem"]

    small.carrier.away = None
    assert small.send() == 30


def test_people_whose_language_has_no_text_are_held_and_said_so(sending):
    """They stay owed: no proof before somebody has answered for them."""
    made = sending.take_in("A,Ann,a@x.example,,,,,fr,g,identity,\nB,Bo,b@x.example,,,,,de,g,identity,\n")
    assert made.held == 1
    (change,) = sending.release()
    assert "1 person is held" in change.warnings[0]
    sending.send()
    assert sending.counts() == {"sent": 1, "held": 1}
    assert sending.entries("people_dispatched") == []
    sending.answering.reached(sending.case, ["B"], "phone", by="service")
    assert len(sending.entries("people_dispatched")) == 1


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("measures_taken", None, "measures taken are unknown"),
        ("data", None, "kinds of data are unknown"),
        ("data", ["identity", "other"], "`other` says nothing"),
        ("data", ["identity", "fraud_aml"], "--legal-review"),
    ],
)
def test_a_text_that_does_not_say_what_art_34_2_asks_for_is_not_released(small, fact, value, said):
    """Everything that stands against it is named, and nothing goes out."""
    path = small.file("A,Ann,a@x.example\n", head="id,name,email\n")
    Intake(small.workflow).take_in(small.case, path)
    small.story.decide(SetFacts(by="dpo", values={fact: value}))
    with pytest.raises(NotPossible, match=re.escape(said)):
        small.release()
    assert small.send() == 0
    assert small.entries("people_released") == []


def test_a_legal_review_lets_a_case_with_fraud_data_go_and_never_names_them(small):
    """Who lost nothing else is held: their letter would have nothing to say."""
    small.story.decide(SetFacts(by="dpo", values={"data": ["identity", "fraud_aml"]}))
    small.take_in("A,Ann,a@x.example,,,,,en,g,identity;fraud_aml,\nB,Bo,b@x.example,,,,,en,g,fraud_aml,\n")
    (change,) = small.release(legal_review="Juridique")
    assert change.entries[0].body["legal_review"] == "Juridique"
    small.send()
    assert small.counts() == {"sent": 1, "held": 1}
    ((_, mail),) = small.carrier.mails
    assert not re.search("fraud|launder", mail.get_body(("plain",)).get_content().partition("What you risk")[0])


def test_a_list_that_names_data_the_case_does_not_state_is_not_released(small):
    """What people are told and what the authority is told are one breach."""
    small.take_in("A,Ann,a@x.example,,,,,en,g,identity;health,\n")
    with pytest.raises(NotPossible, match=r"does not state \(health\)"):
        small.release()


def test_sendgrid_takes_lists_only_under_an_agreement_with_a_transfer_basis(tmp_path):
    """Art. 28 and Chapter V: the organisation file states both, or the list stays."""
    house = organisation()
    values = {name: getattr(house, name) for name in house.__struct_fields__}

    def housed(**processor):
        agreed = (Processor(id="sendgrid", **processor),) if processor else ()
        return OrganisationFile(**values, processors=agreed)

    for number, (processor, goes) in enumerate(
        (({}, False), ({"agreement": "DPA 2026"}, False), ({"agreement": "DPA 2026", "transfer": "DPF"}, True))
    ):
        (tmp_path / str(number)).mkdir()
        made = Sending(tmp_path / str(number), housed(**processor))
        made.workflow.route = Route([SendGrid("key", "https://api.sendgrid.example")])
        made.take_in(rows(1))
        if goes:
            assert made.release()
        else:
            with pytest.raises(NotPossible, match="through sendgrid"):
                made.release()


def test_what_was_released_is_what_is_sent(small):
    """Facts that change between the release and the last mail change no text: somebody read the other one."""
    small.take_in(rows(300))
    small.release(rate=60)
    small.send(stopping=lambda: bool(small.carrier.mails))
    small.story.decide(SetFacts(by="dpo", values={"measures_taken": [{"what": "Something else.", "state": "done"}]}))
    small.story.advance(minutes=5)
    small.send()
    assert len(small.carrier.mails) > 1
    assert all("The server was cut off." in mail.get_body(("plain",)).get_content() for _, mail in small.carrier.mails)


def test_erasure_takes_the_names_and_leaves_counts_and_hashes(sending):
    """And what was queued is not sent any more."""
    made = sending.take_in(rows(600))
    sending.release(rate=60)
    sending.send(stopping=lambda: bool(sending.carrier.mails))
    sending.answering.erase(sending.case, by="dpo", reason="retention")
    sending.story.advance(minutes=5)
    assert sending.send() == 0

    store = sending.workflow.store
    assert [store.people_in(chunk) for chunk in store.chunks(made.of.id)] == [None, None]
    assert store.people_texts(made.of.id) is None
    assert sending.counts() == {"sent": 1, "queued": 599}
    (entry,) = sending.entries("people_erased")
    assert (entry["count"], entry["file"]) == (600, made.of.sha256)
    assert sending.workflow.store.verify_register() == []
    with pytest.raises(NotPossible, match="erased already"):
        sending.answering.erase(sending.case, by="dpo", reason="again")


def test_the_erasure_of_a_case_takes_the_names_of_its_people_with_it(sending):
    """Not while somebody is still to be written to; then names, texts and mails that lie in our folder, not the counts."""
    made = sending.take_in(rows(3))
    folder = Folder(sending.folder / "outbox")
    sending.workflow.route = Route([folder])
    sending.release()
    story, store = sending.story, sending.workflow.store
    with pytest.raises(IllegalMove, match=f"people on {made.of.id} are still to be written to"):
        sending.workflow.erase(sending.case, "dpo", "retention")
    sending.send()
    assert sum(b"@people.example" in path.read_bytes() for path in folder.path.glob("*.eml")) == 3
    story.decide(Dismiss(by="dpo", reason="it was a drill after all"))
    sending.workflow.erase(sending.case, "dpo", "retention")

    assert [store.people_in(chunk) for chunk in store.chunks(made.of.id)] == [None]
    assert store.people_texts(made.of.id) is None
    assert store.people_list(made.of.id).state == "erased"
    assert sending.counts() == {"sent": 3}
    assert not any(b"@people.example" in path.read_bytes() for path in folder.path.glob("*.eml"))
    assert store.verify_register() == []


def test_no_name_lies_readable_in_the_database(small):
    """Neither while the list is used nor after it is erased."""
    small.take_in("A,Quetzalcoatl Ixtapalapa,axolotl@people.example,9 rue Tenochtitlan,75001,Paris,,fr,g,identity,\n")
    files = list(small.folder.glob("breachflow.db*"))
    assert files
    for path in files:
        for word in (b"Quetzalcoatl", b"axolotl", b"Tenochtitlan"):
            assert word not in path.read_bytes()


def test_a_bad_row_stops_the_import_and_is_told_without_its_content(sending):
    """One sentence with line and column; with `skip_bad` the others go in."""
    bad = "A,Ann,a@x.example,,,,,fr,g,identity,\nB,Bo,secret-at-nowhere,,,,,fr,g,identity,\nC,Cy,c@x.example,,,,,fr,g,shoes,\n"
    with pytest.raises(Unusable) as caught:
        sending.take_in(bad)
    assert [str(fault) for fault in caught.value.faults] == [
        "line 3, column email: is not an address.",
        "line 4, column data: names a kind of data that the vocabulary does not have; write keys such as identity;contact;bank_account.",
    ]
    assert "secret" not in str(caught.value)
    assert sending.workflow.store.people_lists(sending.case) == []

    made = sending.take_in(bad, skip_bad=True)
    assert (made.of.count, made.of.skipped, len(made.faults)) == (1, 2, 2)


def test_one_person_in_several_rows_gets_one_letter_with_all_of_their_data(sending):
    """By reference, or by mailbox and name; two names on one mailbox are two people; an earlier list is not repeated."""
    made = sending.take_in(
        "A,Ann A,ann@x.example,,,,,en,g,identity,\n"
        "A,,,1 rue X,75001,Paris,,en,g,bank_account,\n"
        "Z,ANN A,ANN@x.example,,,,,en,g,contact,\n"
        "B,Ben A,ann@x.example,,,,,en,g,contact,\n"
    )
    assert (made.of.count, made.of.merged, made.shared) == (2, 2, 1)
    again = sending.take_in("A,Ann A,ann@x.example,,,,,en,g,identity,\nN,New N,new@x.example,,,,,en,g,identity,\n")
    assert (again.of.count, again.of.known) == (1, 1)
    sending.release()
    assert sending.send() == 3
    ann = next(mail for _, mail in sending.carrier.mails if "Ann A" in str(mail["To"]))
    text = ann.get_body(("plain",)).get_content()
    assert all(word in text for word in ("your identity", "IBAN", "contact details"))


def test_the_same_file_twice_is_refused(sending):
    """Nobody gets two letters because somebody pressed a key twice."""
    path = sending.file(rows(2))
    Intake(sending.workflow).take_in(sending.case, path)
    with pytest.raises(NotPossible, match="this very file is list"):
        Intake(sending.workflow).take_in(sending.case, path)


def test_an_import_that_is_broken_off_leaves_nothing(sending, monkeypatch):
    """Neither rows nor a key; the next one begins afresh."""
    store = sending.workflow.store
    added = store.add_people
    calls = itertools.count()

    def breaks(*values):
        if next(calls):
            raise KeyboardInterrupt
        added(*values)

    monkeypatch.setattr(store, "add_people", breaks)
    with pytest.raises(KeyboardInterrupt):
        sending.take_in(rows(6000))
    monkeypatch.undo()
    assert store.people_lists(sending.case) == []
    sending.story.advance(minutes=11)
    assert sending.take_in(rows(6000)).of.count == 6000


def test_whose_people_has_to_be_said_where_there_are_several_controllers(tmp_path):
    """And a processor's people are told by their controller."""
    facts = (
        BREACH | MEASURES | {"scopes": [{"controller": "insurance"}, {"controller": "services", "role": "processor"}]}
    )
    house = organisation(
        controllers=(Controller(id="insurance", name="Insurance"), Controller(id="services", name="S"))
    )
    made = Sending(tmp_path, house, facts=facts)
    assert made.take_in(rows(1)).of.controller == "insurance"
    with pytest.raises(NotPossible, match="told by their controller"):
        made.take_in(rows(1), controller="services")
