"""The demo: the whole way through the house, the same each time, in one folder that a user can look around in."""

from __future__ import annotations

import re
import stat

import pytest
from drafted import check

from breachflow.cli import main
from breachflow.core.drafting_audiences import AUDIENCES

OWN_WORDS = re.compile(
    r"Délégué à la\s+protection des données|Garantie constructeur pour le compte de\s+Vulcain Automobiles"
    r"|e-mail\s+and\s+letter|^(Prise de connaissance|Décision de ne pas notifier|Avis du DPO).*(\n    .*)*",
    re.MULTILINE,
)
"""Names of the demo's house, and what its people wrote: these stay in their language."""


@pytest.fixture
def play(capsys, monkeypatch):
    def call(home, *args):
        monkeypatch.setenv("BREACHFLOW_HOME", str(home))
        monkeypatch.delenv("BREACHFLOW_NOW", raising=False)
        with pytest.raises(SystemExit) as end:
            main([*args] if args else ["demo"])
        out, err = capsys.readouterr()
        assert end.value.code == 0, err
        return out

    return call


def test_a_second_run_says_the_same_but_for_the_folder(play, tmp_path):
    """Byte for byte, in another folder and in the same one made anew; so do drafts and mails."""
    first = play(tmp_path / "one")
    second = play(tmp_path / "another-name")
    assert first.replace(str(tmp_path / "one"), "HOME") == second.replace(str(tmp_path / "another-name"), "HOME")
    assert play(tmp_path / "one") == first
    for kind in ("outbox/*.eml", "drafts/*/*"):
        one = {path.name: path.read_bytes() for path in (tmp_path / "one").glob(kind)}
        two = {path.name: path.read_bytes() for path in (tmp_path / "another-name").glob(kind)}
        assert one
        assert one == two


def test_it_tells_which_cases_opened_who_was_mailed_and_what_was_set_aside(play, tmp_path):
    """Ransomware with and without backup, an envelope, an IBAN leak, a laptop, two processors, and what opens nothing."""
    out = play(tmp_path / "home")
    assert len(set(re.findall(r"BF-\d{6}-[0-9A-Z]{9}", out))) == 8
    for words in (
        "its source calls it a false positive", "its source calls it a test",
        "the data map has no personal data on its assets", "a duplicate: nothing changes", "quarantined:",
        "tell the controllers", "unlikely, established; notify: no", "risk, ", "high, ", "overdue",
        "8 cases, 3 events screened out, 1 dead letter(s)", "The register's chain verifies.", "Try next:",
    ):  # fmt: skip
        assert words in out, words
    assert re.search(r"MAIL \d+ to ciso, deputy, dpo, executive: overdue", out)


def test_every_draft_of_every_case_is_whole(play, tmp_path):
    """Eight cases, every audience, both languages: no gap, no raw key, no line of the other language, plain words."""
    ids = set(re.findall(r"BF-\d{6}-[0-9A-Z]{9}", play(tmp_path / "home")))
    for case in sorted(ids):
        for audience in AUDIENCES:
            for lang in ("fr", "en"):
                text = play(tmp_path / "home", "draft", case, "--for", audience, "--lang", lang, "--format", "text")
                check(OWN_WORDS.sub("…", text), lang)
                assert "Texte trop difficile" not in text
                assert "This text is too hard" not in text


def test_what_it_lays_down_is_what_each_case_needs(play, tmp_path):
    """A few drafts a case: letters and sheets only where their occasion is there."""
    play(tmp_path / "home")
    for folder in (tmp_path / "home" / "drafts").iterdir():
        laid = {path.name.split("-")[0].split(".")[0] for path in folder.iterdir()}
        assert {"board", "dpo", "register"}.isdisjoint(laid)
        assert "controller" not in laid or laid <= {"controller", "police", "cnil", "edpb", "people", "sms"}
        assert len(list(folder.iterdir())) <= 14


def test_what_it_leaves_is_the_owners_only(play, tmp_path):
    """Database, key, drafts and mails are readable by nobody else."""
    play(tmp_path / "home")
    for path in (tmp_path / "home").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_home_that_is_in_use_is_left_alone(play, tmp_path):
    """The demo makes a folder of its own beside somebody's real data."""
    play(tmp_path / "home", "init")
    before = (tmp_path / "home" / "organisation.toml").stat().st_mtime_ns
    out = play(tmp_path / "home")
    assert str(tmp_path / "home" / "demo") in out
    assert (tmp_path / "home" / "organisation.toml").stat().st_mtime_ns == before


def test_the_demo_has_a_story_for_every_file():
    """Nothing in the demo's folder is left untold."""
    from importlib.resources import files

    from breachflow.cli.demo import EVENTS

    names = {path.name for path in files("breachflow.cli").joinpath("story").iterdir()}
    assert names == {event.file for event in EVENTS}
