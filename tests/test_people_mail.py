"""Mails to people: merged from one text, over real SMTP; a name is a name, whatever stands in it."""

from __future__ import annotations

import email
import email.policy
import html
import re
import socket
import socketserver
import threading
from datetime import UTC, datetime
from functools import cache
from typing import ClassVar

import pytest
from aiosmtpd.controller import Controller
from drafted import HOUSE, LEAK, START, answer_of, case_of
from hypothesis import given, settings
from hypothesis import strategies as st

from breachflow.core import people_file
from breachflow.core.concerned import Concerned, tag
from breachflow.core.drafting import worksheet
from breachflow.core.people_file import Fault
from breachflow.core.releasing import sheet_for
from breachflow.delivery.bulk import Envelope, FolderPost
from breachflow.delivery.folder import Folder
from breachflow.delivery.merge import Frame
from breachflow.delivery.smtp import Smtp
from breachflow.delivery.smtp_bulk import SmtpPost
from breachflow.rendering import Renderer, people
from breachflow.rendering.people import HERE, Printer

CASE = case_of(LEAK, aware=START)
SHEET = worksheet(CASE, CASE.parts[0], HOUSE, answer_of(CASE), START, audience="people")
HOSTILE = (
    "<script>alert(1)</script>", "Eve\r\nBcc: all@x.example", "=?utf-8?q?=0D=0ABcc:_x?=", '"; <evil@x.example>',
    "\u202egpj.exe", "#set page(width: 1cm)", "{{ 7*7 }}", "| row |", "> box", "\x00\x1b[31m", "Zoé 🦊 名前", "." * 90,
    "https://evil.example/login", "$x^2$ *bold* _it_ @ref <label> \\u{41}", "é" * 119, "\ue002", "--=_boundary",
)  # fmt: skip


@cache
def notice(lang="fr", data=("identity", "bank_account")):
    return Renderer().notice(sheet_for(SHEET, data), lang)[0]


@cache
def made(lang: str) -> Frame:
    return frame(notice(lang))


def frame(of) -> Frame:
    halves = people.halves(of)
    return Frame(subject=halves.subject, sender_name="Roulavie Assurances", sender="breachflow@roulavie.example",
                 reply_to="dpo@roulavie.example", lang=of.lang, text=halves.text, page=halves.page)  # fmt: skip


def merged(person: Concerned, lang="fr") -> email.message.EmailMessage:
    lines = people.opening(person, lang)
    raw = made(lang).mail(
        name=person.name, address=person.email, message_id="<x.breachflow@roulavie.example>",
        date="Tue, 24 Nov 2026 09:00:00 +0000", text=people.text_lines(lines), page=people.page_lines(lines),
    )  # fmt: skip
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    return email.message_from_bytes(raw, policy=email.policy.default)


def words_of(mail: email.message.EmailMessage, kind: str) -> str:
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


def test_a_mail_reads_as_one_that_was_made_whole():
    """Two parts, French accents, the greeting in its place, nothing of the draft's boxes left."""
    mail = merged(Concerned(name="Zoé Lefèvre", email="zoe@people.example"))
    assert mail.defects == []
    assert str(mail["To"]) == "Zoé Lefèvre <zoe@people.example>"
    assert str(mail["From"]) == "Roulavie Assurances <breachflow@roulavie.example>"
    assert str(mail["Reply-To"]) == "dpo@roulavie.example"
    assert str(mail["Subject"]) == "Violation de vos données personnelles"
    text, page = (words_of(mail, kind) for kind in ("plain", "html"))
    assert text.startswith("À l’attention de Zoé Lefèvre\n\nMadame, Monsieur,\n\nUn incident")
    assert "<p>À l’attention de Zoé Lefèvre</p>\n<p>Madame, Monsieur,</p>\n<p>Un incident" in page
    for words in (text, page):
        assert HERE not in words
        assert "Projet, non envoyé" not in words
        assert words.count("Madame, Monsieur,") == 1
        assert "coordonnées bancaires" in words
        assert "véhicule" not in words, "this person lost nothing of that kind"


def test_a_salutation_stands_where_it_is_stated():
    """As the file gives it, in either language."""
    assert people.opening(Concerned(salutation="Madame Martin"), "fr") == ("Madame Martin,",)
    assert people.opening(Concerned(name="A B", salutation="Mrs B"), "en") == (
        "For the attention of A B",
        "Dear Mrs B,",
    )
    assert people.opening(Concerned(), "en") == ("Dear Sir or Madam,",)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_inert_in_a_mail(name):
    """No header, no recipient, no markup, no link, no reordering of text."""
    cleaned = people_file.clean(name)
    plain = merged(Concerned(name="Ann" if cleaned else "", email="a@x.example"))
    mail = merged(Concerned(name=cleaned, email="a@x.example"))
    assert mail.keys() == plain.keys()
    assert [one.addr_spec for one in mail["To"].addresses] == ["a@x.example"]
    text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert len(list(mail.walk())) == 3
    assert "<script" not in page
    assert page.count("<p>") == plain.get_body(("html",)).get_content().count("<p>")
    assert not re.search(r"https?://evil", text + page)
    assert "\u202e" not in text + page


@settings(deadline=None)
@given(st.text(max_size=120), st.text(max_size=80))
def test_no_name_or_salutation_changes_the_shape_of_a_mail(name, salutation):
    """Whatever is typed into a file."""
    mail = merged(
        Concerned(name=people_file.clean(name), salutation=people_file.clean(salutation), email="a@x.example")
    )
    assert len(list(mail.walk())) == 3
    assert mail.keys() == merged(Concerned(email="a@x.example")).keys()
    assert [one.addr_spec for one in mail["To"].addresses] == ["a@x.example"]
    page = mail.get_body(("html",)).get_content()
    opening = page.partition("<h1>")[2].partition("Un incident")[0]
    assert set(re.findall(r"</?\w+", opening)) <= {"</h1", "<p", "</p"}
    assert html.unescape(opening)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_inert_in_a_letter(name):
    """It is laid out as words; the file comes out, and is the same a second time."""
    pytest.importorskip("typst")
    printer = Printer([notice()], ("Roulavie",), datetime(2026, 11, 24, tzinfo=UTC))
    person = Concerned(reference=name, name=name, address=(name, "75001 Paris"))
    made = printer.letters([(0, person)])
    assert made.startswith(b"%PDF-")
    usual = printer.letters([(0, Concerned(name="Ann", address=("1 rue X", "75001 Paris")))])
    assert len(re.findall(rb"/Type\s*/Page\b", made)) == len(re.findall(rb"/Type\s*/Page\b", usual)) > 0
    again = Printer([notice()], ("Roulavie",), datetime(2026, 11, 24, tzinfo=UTC)).letters([(0, person)])
    assert made == again


def test_a_letter_says_what_the_mail_says(monkeypatch):
    """Title, greeting and every sentence, and no mark in place of a sign."""
    pytest.importorskip("typst")
    laid: list[tuple[str, dict]] = []
    compiled = Printer._compiled
    monkeypatch.setattr(
        Printer, "_compiled", lambda self, name, data: (laid.append((name, data)), compiled(self, name, data))[1]
    )
    of = notice()
    Printer([of], ("Roulavie",), datetime(2026, 11, 24, tzinfo=UTC)).letters(
        [(0, Concerned(name="Zoé", address=("1 rue X",)))]
    )
    (_, body), (_, letter) = laid
    assert [block["text"] for block in body["blocks"]] == [block.text for block in of.after]
    assert body["title"] == "Violation de vos données personnelles"
    assert letter["letters"] == [
        {
            "body": 0,
            "lines": ["Zoé", "1 rue X"],
            "opening": ["À l’attention de Zoé", "Madame, Monsieur,"],
            "reference": "",
        }
    ]


class Handler:
    """An SMTP server that answers some recipients as told."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, bytes]] = []
        self.recipients: dict[str, str] = {}
        self.sender = ""
        self.data = ""

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name.
        if self.sender:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name.
        if address in self.recipients:
            return self.recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name.
        if self.data:
            return self.data
        self.arrived.append((envelope.rcpt_tos[0], envelope.content))
        return "250 OK"


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def post(handler):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    made = SmtpPost(Smtp("127.0.0.1", port, encryption="none"))
    yield made
    made.close()
    controller.stop()


def batch(count: int, text: str = "Hello\r\n.\r\n..dots\r\n") -> list[Envelope]:
    return [Envelope(f"p{n}@x.example", f"Subject: {n}\r\n\r\n{text}".encode(), f"i{n}") for n in range(count)]


def test_a_batch_arrives_whole_over_several_connections(post, handler):
    """Each mail once, byte by byte, dots included."""
    mails = batch(230)
    assert post.send(mails, sender="b@x.example", case="BF") == ["accepted"] * 230
    assert sorted(handler.arrived) == sorted((mail.to, mail.message) for mail in mails)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("550 5.1.1 p1@x.example unknown", "refused"), ("550 no such user", "refused"), ("552 5.2.2 full", "refused"),
        ("450 4.2.1 later", "deferred"), ("554 5.7.1 relay access denied", "objected"),
    ],
)  # fmt: skip
def test_a_recipient_that_is_refused_costs_nobody_else_their_mail(post, handler, said, answer):
    """What is said about an address is told apart from what is said about us."""
    handler.recipients = {"p1@x.example": said}
    assert post.send(batch(3), sender="b@x.example", case="BF") == ["accepted", answer, "accepted"]
    assert [to for to, _ in handler.arrived] == ["p0@x.example", "p2@x.example"]
    assert "p1@" not in post.why


@pytest.mark.parametrize(("attribute", "said"), [("sender", "550 5.1.8 sender"), ("data", "554 5.7.1 looks like spam")])
def test_an_objection_to_the_sender_or_the_content_gives_nobody_up(post, handler, attribute, said):
    """It would have been 100,000 letters for a setting that is wrong."""
    setattr(handler, attribute, said)
    assert post.send(batch(3), sender="b@x.example", case="BF") == ["objected"] * 3
    assert post.why


def test_a_server_that_is_away_heard_of_nobody():
    """And says so in one sentence."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        post = SmtpPost(Smtp("127.0.0.1", probe.getsockname()[1], encryption="none"))
        assert post.send(batch(3), sender="b@x.example", case="BF") == ["unheard"] * 3
    assert "cannot be used" in post.why
    post.close()


class Pipelining(socketserver.StreamRequestHandler):
    """A server that offers PIPELINING, hears a whole batch of commands before it answers, and refuses one address."""

    arrived: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        good = False
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-here\r\n250 PIPELINING\r\n")
            elif verb == b"RCPT":
                good = b"p1@" not in line
                self.wfile.write(b"250 ok\r\n" if good else b"550 5.1.1 unknown\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    body += part
                if good:
                    self.arrived.append(body)
                self.wfile.write(b"250 ok\r\n" if good else b"554 no valid recipients\r\n")
            elif verb == b"QUIT":
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def test_commands_go_together_where_the_server_offers_it():
    """A refused recipient within a pipeline takes no other mail with it (RFC 2920)."""
    Pipelining.arrived.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pipelining) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        post = SmtpPost(Smtp("127.0.0.1", server.server_address[1], encryption="none"))
        assert post.send(batch(4, "x\r\n"), sender="b@x.example", case="BF") == [
            "accepted", "refused", "accepted", "accepted",
        ]  # fmt: skip
        post.close()
        server.shutdown()
    assert [body.partition(b"\r\n")[0] for body in Pipelining.arrived] == [b"Subject: 0", b"Subject: 2", b"Subject: 3"]


def test_a_folder_has_each_mail_once_for_its_owner_only(tmp_path):
    """The same name a second time changes nothing; a folder that cannot be written heard of nobody."""
    post = FolderPost(Folder(tmp_path / "mails"))
    assert post.send(batch(5), sender="b@x.example", case="BF") == ["accepted"] * 5
    assert post.send([Envelope("x@x.example", b"other", "i0")], sender="b@x.example", case="BF") == ["accepted"]
    found = sorted((tmp_path / "mails").iterdir())
    assert [path.name for path in found] == [f"i{n}.eml" for n in range(5)]
    assert found[0].read_bytes() == batch(1)[0].message
    assert all(path.stat().st_mode & 0o077 == 0 for path in found)
    post.close()

    (tmp_path / "file").write_text("")
    blocked = FolderPost(Folder(tmp_path / "file"))
    assert blocked.send(batch(2), sender="b@x.example", case="BF") == ["unheard"] * 2
    assert "cannot be written" in blocked.why
    blocked.close()


HEADER = people_file.header(
    ["Identifiant", "Nom", "Prénom", "E-mail", "Adresse 1", "Adresse 2", "CP", "Ville", "Données"]
)


def read(*cells: str):
    return people_file.person(cells, 2, HEADER, "fr")


def test_a_row_is_read_in_french_headers():
    """Names put together, lines of an address in order, words for kinds of data."""
    assert read("7", "Martin", "Zoé", "Zoe@Exemple.FR", "Bât. B", "1 rue X", "75001", "Paris", "IBAN, nom") == Concerned(
        reference="7", name="Zoé Martin", email="Zoe@exemple.fr", address=("Bât. B", "1 rue X", "75001 Paris"),
        lang="fr", data=("identity", "bank_account"),
    )  # fmt: skip


@pytest.mark.parametrize("address", ["a@b", "a b@x.example", "a@x..example", "a@@x.example", "<a@x.example>", "a@x.example,b@x.example",
                                     ".a@x.example", "a..b@x.example", "a@-x.example", "a@x.example\u2028Bcc: b@x.example"])  # fmt: skip
def test_what_is_no_address_is_a_fault_and_not_repeated(address):
    """One sentence, with the line and the column."""
    fault = read("7", "A", "B", address, "", "", "", "", "contact")
    assert isinstance(fault, Fault)
    assert str(fault) == "line 2, column email: is not an address."


def test_a_file_without_a_header_is_refused_without_its_content():
    """The first person must not be printed as the name of a column."""
    fault = people_file.header(["Zoé Martin", "zoe@people.example"])
    assert isinstance(fault, Fault)
    assert "zoe" not in str(fault).lower()


def test_tags_name_nobody_and_are_always_the_same():
    """Of list and number: a resent message has the Message-ID of the first."""
    assert tag("L-1", 5) == tag("L-1", 5) != tag("L-1", 6)
    assert len({tag("L-1", n) for n in range(10_000)}) == 10_000
