"""PDF that lasts and that everybody can read: every audience, judged by the reference validator, not by its own label."""

from __future__ import annotations

import re
import subprocess

import pytest
from drafted import AUDIENCES, GOLD, LEAK, START, case_of, drawn, filing, hours
from test_rendering_formats import HOSTILE
from verapdf import MISSING, faults

from breachflow.cli import main


@pytest.fixture
def judged(request):
    """Judge a folder of PDFs; fails with what to install where the validator cannot be brought up."""
    if "pdf" in (request.config.getoption("--without", default=[]) or []):
        pytest.skip("left out by --without pdf")

    def judge(folder):
        try:
            return faults(folder)
        except (LookupError, OSError, subprocess.SubprocessError) as error:
            return pytest.fail(f"No veraPDF could be brought up ({error}). {MISSING}", pytrace=False)

    return judge


def test_every_pdf_is_archivable_and_accessible(judged, tmp_path, monkeypatch, capsysbinary):
    """PDF/A-2a and PDF/UA-1: all audiences in both languages, published cases, hostile words, and the demo's cases."""
    folder = tmp_path / "pdf"
    folder.mkdir()
    filed = case_of(LEAK, aware=START, filed=filing(START + hours(2)))
    for lang in ("fr", "en"):
        for audience in AUDIENCES:
            (folder / f"{audience}.{lang}.pdf").write_bytes(drawn(filed, audience, lang, "pdf", now=START + hours(6)))
        for gold in list(GOLD)[:3]:
            (folder / f"{gold}.{lang}.pdf").write_bytes(drawn(case_of(GOLD[gold]), "cnil", lang, "pdf"))
    hostile = case_of(LEAK | {"text_nature": (HOSTILE + " ") * 20, "measures_taken": [{"what": HOSTILE}]})
    (folder / "hostile.pdf").write_bytes(drawn(hostile, "register", "fr", "pdf"))

    home = str(tmp_path / "home")
    monkeypatch.setenv("BREACHFLOW_HOME", home)
    for args in (["demo"], ["status", "--json"]):
        with pytest.raises(SystemExit):
            main(args)
        said = capsysbinary.readouterr().out.decode()
    cases = sorted(set(re.findall(r"BF-\d{6}-[0-9A-Z]{9}", said)))
    assert cases
    for case in cases:
        with pytest.raises(SystemExit) as end:
            main(["draft", case, "--for", "dpo", "--format", "pdf", "-o", str(folder / f"{case}.pdf")])
        assert end.value.code == 0

    count, found = judged(folder)
    assert count == len(list(folder.iterdir())) >= 2 * len(AUDIENCES) + 7
    assert found == []


def test_the_validator_can_say_no(judged, tmp_path):
    """A judge that never finds a fault would prove nothing: a PDF whose metadata were taken out fails."""
    good = drawn(case_of(LEAK), "dpo", "fr", "pdf")
    (tmp_path / "broken.pdf").write_bytes(good.replace(b"<pdfuaid:part>1<", b"<pdfuaid:part>x<"))
    assert judged(tmp_path)[1]
