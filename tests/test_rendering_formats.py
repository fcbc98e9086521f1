"""Text, HTML, PDF and DOCX: the same words in each, hostile ones inert, broken templates of one's own no hindrance."""

from __future__ import annotations

import json
import re
import sys
from html import unescape
from io import BytesIO

import pytest
from drafted import (
    AUDIENCES,
    HOUSE,
    LEAK,
    START,
    answer_of,
    case_of,
    drawn,
    flat,
    mailed,
)
from msgspec.structs import replace

from breachflow.rendering import MissingExtra, Renderer
from breachflow.rendering.blocks import parsed
from breachflow.rendering.inert import inert
from breachflow.rendering.templates import Templates

HOSTILE = (
    "Subject: x\r\nBcc: a@b.example\n# <script>alert(1)</script> {{ 7*7 }} {% raise %} \u202egnp.exe =1+1 | row | #let x"
    " $ rm \\u{0} <img src=http://x.example> \u2066 漢字 🙂"
)


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_format_opens_and_holds_the_same_words(audience, lang):
    """PDF says that it is PDF/UA-1 and PDF/A-2a; DOCX and HTML hold every line of the text."""
    from docx import Document

    case = case_of(LEAK)
    text = " ".join(re.sub(r"(?m)^(  - |[|!] |[=-]{3,}$)", "", drawn(case, audience, lang).decode()).split())
    pdf = drawn(case, audience, lang, "pdf")
    assert pdf.startswith(b"%PDF-")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in pdf
    document = Document(BytesIO(drawn(case, audience, lang, "docx")))
    told = [paragraph.text for paragraph in document.paragraphs]
    told += [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    html = drawn(case, audience, lang, "html").decode()
    assert html.startswith("<!doctype html>")
    assert f'<html lang="{lang}">' in html
    assert "http" not in html, "nothing is loaded from outside"
    plain = " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
    for line in filter(None, told):
        one = " ".join(line.split())
        assert one in text or one.rstrip(":") in text, one
        assert one in plain


def test_hostile_texts_come_out_inert():
    """Header injection, HTML, template syntax, overrides, formulas, emoji and 20,000 characters do nothing, anywhere."""
    from docx import Document

    long = (HOSTILE + " ") * 150
    facts = LEAK | {
        "text_nature": long[:19_990], "measures_taken": [{"what": HOSTILE, "state": "done"}, {"what": "x" * 20_000}],
        "parties": [{"name": HOSTILE, "role": "processor", "contact": HOSTILE}], "harms": [HOSTILE],
        "late_reason": HOSTILE, "informed_means": HOSTILE,
    }  # fmt: skip
    house = replace(HOUSE, controllers=(replace(HOUSE.controllers[0], name=HOSTILE),))
    case = case_of(facts, house=house, title=HOSTILE, assets=(HOSTILE,))
    for audience in AUDIENCES:
        text = drawn(case, audience, house=house).decode()
        assert not re.search(r"[\r\u202e\ue000\ue001]|(?m:^(Bcc|# <))", text)
        html = drawn(case, audience, "fr", "html", house=house).decode()
        assert not re.search(r"<script|<img|\u202e", html)
        assert drawn(case, audience, "fr", "pdf", house=house).startswith(b"%PDF-")
        document = Document(BytesIO(drawn(case, audience, "fr", "docx", house=house)))
        told = [paragraph.text for paragraph in document.paragraphs]
        told += [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        # A short message has no room for all of a name like this one.
        sign = "Bcc: a@b.example" if audience == "sms" else "{{ 7*7 }}"
        assert any(sign in words_ for words_ in told), audience
    mail = mailed(case, "opened", house=house)
    assert not re.search(r"[\r\n\u202e]", mail.subject)
    assert len(mail.subject) <= 180
    assert "<script" not in mail.html
    assert json.loads(drawn(case, "edpb", "fr", "json", house=house))["field_12"]


@pytest.mark.parametrize("sign", ["# ", "## ", "- ", "> ", "! ", "$ ", "| a | b |"])
def test_a_value_begins_no_block(sign):
    """Even alone on a template's line a value is a paragraph."""
    (block,) = parsed(inert(f"{sign}value"))
    assert (block.kind, block.text) == ("paragraph", f"{sign}value")


def test_a_value_is_one_line_and_divides_no_row():
    """A bar stays a bar, and nothing but the template makes rows."""
    (block,) = parsed(f"| term | {inert('a | b' + chr(10) + 'c')} |")
    assert (block.kind, block.term, block.text) == ("row", "term", "a | b c")
    assert len(inert("x" * 30_000)) == 20_000
    assert inert(7) == 7


@pytest.mark.parametrize(("form", "module", "extra"), [("pdf", "typst", "pdf"), ("docx", "docx", "docx")])
def test_a_missing_extra_is_named_with_its_install_line(monkeypatch, form, module, extra):
    """One sentence says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'breachflow\[{extra}\]'"):
        drawn(case_of(LEAK), "cnil", "fr", form)


# --- Templates of one's own


@pytest.fixture
def own(tmp_path):
    (tmp_path / "fr").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "broken",
    ["{{ nothing.at.all }}", "{% if %}", "{{ ''.__class__.__mro__ }}", "{{ 1/0 }}", "", "{% include 'fr/none.md' %}",
     "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ sheet.__init__.__globals__ }}"],
)  # fmt: skip
def test_a_broken_override_delays_nothing(own, broken):
    """The shipped template is used, and both the result and the text say so."""
    case = case_of(LEAK)
    renderer = Renderer(overrides=own)
    for name in ("dpo", "mail", "sentences"):
        (own / "fr" / f"{name}.md.j2").write_text(broken)
    draft = renderer.draft("dpo", case, case.parts[0], HOUSE, answer_of(case), START, lang="fr", format="text")
    assert draft.fallback_reason
    title, said, other, rest = draft.content.decode().split("\n\n", 3)
    assert f"{title}\n\n{rest}" == drawn(case, "dpo").decode()
    assert "fr/sentences.md.j2" in said.replace("\n| ", " ")
    assert "fr/dpo.md.j2" in other.replace("\n| ", " ")
    assert said.startswith("! Un modèle de l’organisation n’a pas pu être utilisé")
    mail = mailed(case, "opened", renderer=renderer)
    assert mail.fallback_reason
    assert mail.text.startswith(mailed(case, "opened").text.rstrip())
    assert "fr/mail.md.j2" in mail.text.replace("\n| ", " ").rsplit("\n\n", 1)[1]


def test_an_override_that_is_no_text_delays_nothing(own):
    """Bytes that are no UTF-8."""
    (own / "fr" / "dpo.md.j2").write_bytes(b"\xff\xfe\x00")
    made = drawn(case_of(LEAK), "dpo", renderer=Renderer(overrides=own)).decode()
    assert "fr/dpo.md.j2" in made
    assert made.endswith(drawn(case_of(LEAK), "dpo").decode().split("\n\n", 2)[2])


def test_what_several_templates_share_is_overridden_once(own):
    """The letter and the public notice tell the same things: one file of the organisation's changes both."""
    (own / "fr" / "told.md.j2").write_text("## Nos mots à nous\n{{ c.name }}\n")
    for audience in ("people", "public"):
        assert "Nos mots à nous" in drawn(case_of(LEAK), audience, renderer=Renderer(overrides=own)).decode()


def test_templates_of_ones_own_are_compiled_before_they_are_needed(own):
    """File and line of what is broken; a name that is never read; and silence where all is well."""
    (own / "fr" / "people.md.j2").write_text("# Bonjour\n\n{% if %}\n")
    (own / "fr" / "sms.md.j2").write_bytes(b"\xff\xfe")
    (own / "fr" / "peopel.md.j2").write_text("# Bonjour\n")
    (own / "fr" / "dpo.md.j2").write_text("# Fiche\n{{ sheet.case.id }}\n")
    found = {fault.path.name: fault for fault in Templates(own).broken()}
    assert set(found) == {"people.md.j2", "sms.md.j2", "peopel.md.j2"}
    assert found["people.md.j2"].line == 3
    assert found["people.md.j2"].path == own / "fr" / "people.md.j2"
    assert "UTF-8" in found["sms.md.j2"].why
    assert not found["peopel.md.j2"].fatal
    assert Templates(own / "none").broken() == Templates().broken() == []


@pytest.mark.parametrize("audience", sorted(set(AUDIENCES) - {"cnil", "edpb"}))
def test_json_of_a_letter_is_the_letter(audience):
    """Its blocks in order, which another program can set in its own layout; the EDPB template is for the authority."""
    told = json.loads(drawn(case_of(LEAK), audience, "en", "json"))
    assert (told["audience"], told["lang"], told["case"]) == (audience, "en", "BF-261124-TEST")
    text = flat(re.sub(r"(?m)^(  - | +)", "", drawn(case_of(LEAK), audience, "en").decode()))
    assert told["blocks"][0]["kind"] == "title"
    for block in told["blocks"]:
        assert " ".join(re.sub(r"[ \n]+", " ", block["text"]).split(" ")) in text, block


def test_a_good_override_is_used_at_once_and_may_use_the_shipped_words(own):
    """It is read anew each time; labels, dates and fields are there for it."""
    renderer, case = Renderer(overrides=own), case_of(LEAK)
    for words_ in ("Notre fiche", "Notre autre fiche"):
        (own / "fr" / "dpo.md.j2").write_text(f"# {words_} {{{{ sheet.case.id }}}}\n{{{{ when(sheet.now) }}}}\n")
        made = drawn(case, "dpo", renderer=renderer).decode()
        assert made.startswith(f"{words_} BF-261124-TEST\n")
        assert "mardi 24 novembre 2026" in made
    assert drawn(case, "cnil", renderer=renderer) == drawn(case, "cnil")
