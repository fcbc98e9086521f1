"""The organisation file: what is wrong is named by line and key, and the example that ships is right."""

from __future__ import annotations

import re
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from breachflow.core.organisation import Organisation, Policy
from breachflow.settings import SettingsError, siren
from breachflow.settings.home import example
from breachflow.settings.organisation_file import Finding, check, load
from breachflow.settings.toml_lines import lines

SMALL = """\
name = "Group"
sender = "alert@group.example"

[[controllers]]
id = "insurance"
name = "Insurance SA"
siren = "999001019"
representative = "A person"

[[people]]
id = "dpo"
rank = "dpo"
name = "DPO"
email = "dpo@group.example"

[[people]]
id = "deputy"
rank = "deputy"
name = "Deputy"
email = "deputy@group.example"

[[people]]
id = "ciso"
rank = "ciso"
name = "CISO"
email = "ciso@group.example"

[[people]]
id = "boss"
rank = "executive"
name = "Boss"
email = "boss@group.example"
"""
CRM = """
[[datamap]]
id = "crm"
match = ["crm-01"]
data = ["contact"]
people = ["customers"]
people_count = 10
"""


@pytest.fixture
def written(tmp_path):
    """Writes a text as the organisation file."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "organisation.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def only(path: Path) -> Finding:
    findings = check(path)
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


def test_a_small_file_that_is_right_has_no_findings(written):
    """Four people and a controller are enough; the rest is unknown or default."""
    path = written(SMALL)

    assert check(path) == []
    assert isinstance(load(path), Organisation)
    assert load(path).policy == Policy()


def test_the_example_writes_the_defaults_out_as_they_are(written):
    """Uncommenting every line of the policy changes nothing: what the comments say is what is in force."""
    shipped = example().decode()
    uncommented = re.sub(r"(?m)^# (?=\[policy|\[formats|\w+ = |    \{|\]$|\[\[proc)", "", shipped)
    raw = tomllib.loads(uncommented)

    organisation = load(written(uncommented))
    assert organisation.policy == Policy()
    assert {"risk", "screening", "correlation", "ladder"} <= set(raw["policy"])
    for table in ("screening", "correlation", "ladder"):
        # What is off by default has no value to write out; the comments name it.
        stated = {key for key, value in structs.asdict(getattr(Policy(), table)).items() if value is not None}
        assert set(raw["policy"][table]) == stated
        assert all(f"`{key}`" in shipped for key in structs.asdict(getattr(Policy(), table)).keys() - stated)
    assert set(raw["policy"]) == set(Policy.__struct_fields__)
    assert organisation.processor("sendgrid") is not None
    assert organisation.formats["varonis-cef"].zone == "Europe/Paris"


def test_the_example_is_in_the_image_of_a_group():
    """Three controllers, a ladder with everybody on it, a dozen assets, one as processor, one without personal data."""
    raw = tomllib.loads(example().decode())

    assert len(raw["controllers"]) == 3
    assert {person["rank"] for person in raw["people"]} == {"dpo", "deputy", "ciso", "executive", "legal", "security"}
    assert len(raw["datamap"]) >= 12
    assert [asset["clients"] for asset in raw["datamap"] if asset.get("role") == "processor"]
    assert [asset["id"] for asset in raw["datamap"] if asset.get("personal_data") is False]
    # Nobody real is ever written to by an example.
    assert set(re.findall(r"@([\w.-]+)", example().decode())) <= {"roulavie.example", "vulcain.example"}


def test_the_example_is_read_fast(written):
    """Every command reads it; ten milliseconds is a fifth of a bare start."""
    path = written(example())
    load(path)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        load(path)
        taken.append(time.perf_counter() - start)

    assert min(taken) < 0.010


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('name = "Insurance SA"', 'nam = "Insurance SA"', "controllers[0].nam", "did you mean `name`"),
        ('sender = "alert@group.example"', 'sendr = "alert@group.example"', "sendr", "did you mean `sender`"),
        ('rank = "ciso"', 'rank = "cisco"', "people[2].rank", "did you mean `ciso`"),
        ('rank = "deputy"', 'rank = "xyz"', "people[1].rank", "choose from dpo, deputy"),
        ('siren = "999001019"', "siren = 999001019", "controllers[0].siren", "text in quotation marks; this is a whole"),
        ('siren = "999001019"', 'siren = "999 001 019"', "controllers[0].siren", "nine digits"),
        ('siren = "999001019"', 'siren = "999001018"', "controllers[0].siren", "check digit"),
        ('email = "dpo@group.example"', 'email = "dpo"', "people[0].email", "e-mail address"),
        ('email = "dpo@group.example"', 'email = "a@b\\r\\nBcc: c@d"', "people[0].email", "e-mail address"),
        ('id = "insurance"', 'id = "Insurance SA"', "controllers[0].id", "an id: small letters"),
        ('id = "deputy"', 'id = "dpo"', "people[1].id", "taken already"),
        ('sender = "alert@group.example"', 'zone = "Europe/Pari"', "zone", "no such time zone"),
        ('sender = "alert@group.example"', 'zone = "../etc/passwd"', "zone", "no such time zone"),
        ('sender = "alert@group.example"', "languages = []", "languages", "is empty"),
        ('sender = "alert@group.example"', 'languages = ["fr", "de"]', "languages[1]", "choose from fr, en"),
        ('sender = "alert@group.example"', 'default_controller = "insurence"', "default_controller", "`insurance`?"),
        ('representative = "A person"', 'dpo = "nobody"', "controllers[0].dpo", "no person has the id"),
        ('representative = "A person"', 'country = "France"', "controllers[0].country", "country code"),
        ('representative = "A person"', "dora = 1", "controllers[0].dora", "true or false; this is a whole number"),
    ],
)  # fmt: skip
def test_a_slip_is_an_error_with_line_and_key(written, old, new, key, said):
    """The person who edits finds the place without searching, and reads what would be right."""
    text = SMALL.replace(old, new, 1)
    path = written(text)
    errors = [finding for finding in check(path) if finding.level == "error"]

    assert [(finding.line, finding.key) for finding in errors] == [(line_of(SMALL, old), key)]
    assert said in errors[0].sentence
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert f"line {errors[0].line}, {key}" in str(caught.value)


def test_every_slip_is_listed_at_once_in_the_files_order(written):
    """Nobody wants to run the check once for each."""
    text = SMALL.replace('rank = "ciso"', 'rank = "x"').replace('name = "Insurance SA"', "name = 4") + "\nextra = 1\n"

    findings = check(written(text))
    assert [finding.key for finding in findings] == ["controllers[0].name", "people[2].rank", "people[3].extra"]
    assert [finding.line for finding in findings] == sorted(finding.line or 0 for finding in findings)
    with pytest.raises(SettingsError, match="2 more"):
        load(written(text))


def test_a_missing_key_is_named_where_the_entry_begins(written):
    """There is no line of what is not there; the entry's own line is the nearest."""
    text = SMALL.replace('rank = "ciso"\n', "")
    found = only(written(text))

    assert (found.level, found.key, found.line) == ("error", "people[2]", line_of(text, '[[people]]\nid = "ciso"'))
    assert "`rank` is missing" in found.sentence


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('name = "x\n', 1, "not TOML"),
        (SMALL + "= 3\n", SMALL.count("\n") + 1, "not TOML"),
        ('name = "x"\n\nname = "again"\n', 3, "not TOML"),
        ('name = "x"\nlist = [1,\n', 3, "not TOML"),
        (b'name = "x"\n\xff\xfe = 1\n', None, "line 2: this is not UTF-8"),
        ("a = " + "[" * 20_000, None, "nested too deeply"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_toml_says_where(written, text, line, said):
    """The line is that of the slip, or the file's end where something was left open."""
    found = only(written(text))

    assert (found.level, found.line) == ("error", line)
    assert said in found.sentence
    with pytest.raises(SettingsError):
        load(written(text))


def test_a_file_that_is_not_there_names_the_command_that_makes_one(tmp_path):
    """The next step stands in the sentence."""
    assert "breachflow init" in check(tmp_path / "none.toml")[0].sentence
    with pytest.raises(SettingsError, match="breachflow init"):
        load(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)


def test_a_file_from_windows_is_read(written):
    """A mark at the start and carriage returns are what Notepad writes."""
    path = written(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").replace('rank = "ciso"', 'rank = "cisco"').encode())

    assert only(path).line == line_of(SMALL, 'rank = "ciso"')


def test_without_a_dpo_the_file_is_refused(written):
    """The first alert of every case would go to nobody."""
    text = SMALL.replace('rank = "dpo"', 'rank = "legal"')

    errors = [finding for finding in check(written(text)) if finding.level == "error"]
    assert [finding.key for finding in errors] == ["people"]
    with pytest.raises(SettingsError, match="nobody has the rank `dpo`"):
        load(written(text))


def test_a_rank_on_the_ladder_that_nobody_has_is_a_warning(written):
    """The next on the climb is told; somebody should know that this is so."""
    text = SMALL.replace('rank = "executive"', 'rank = "legal"')
    found = only(written(text))

    assert found.level == "warning"
    assert "`executive`" in found.sentence
    assert load(written(text)).ranked("executive") == ()


def test_two_controllers_of_one_siren_are_a_warning_and_the_file_is_used(written):
    """It happens in real groups; whoever reads the warning knows which legal person notifies."""
    text = SMALL.replace(
        "[[people]]",
        '[[controllers]]\nid = "services"\nname = "Services SAS"\nsiren = "999001019"\nrepresentative = "B"\n\n[[people]]',
        1,
    ).replace("sender", 'default_controller = "insurance"\nsender', 1)
    found = only(written(text))

    assert (found.level, found.key) == ("warning", "controllers[1].siren")
    assert found.line == line_of(text, 'siren = "999001019"\nrepresentative = "B"')
    assert len(load(written(text)).controllers) == 2


def test_a_vat_number_of_another_company_is_pointed_out(written):
    """It is derived from the SIREN, so one of the two is wrong."""
    found = only(written(SMALL.replace("representative =", 'vat = "FR00999001019"\nrepresentative =')))

    assert (found.level, found.key) == ("warning", "controllers[0].vat")
    assert "FR83999001019" in found.sentence


@pytest.mark.parametrize(
    ("policy", "level", "key", "said"),
    [
        ("[policy.risk]\nfew_people = 20000", "error", "policy.risk.few_people", "not fewer than `large_set`"),
        ("[policy.risk]\nfew_people = -1", "error", "policy.risk.few_people", "number of people"),
        ("[policy.risk]\nlarge_set = 0\nfew_people = 0", "error", "policy.risk.large_set", "number of people"),
        ('[policy.risk]\ninform_for = ["iban"]', "error", "policy.risk.inform_for[0]", "no kind of data"),
        ('[policy.risk]\nnotify_for = ["bank_acount"]', "error", "policy.risk.notify_for[0]", "`bank_account`?"),
        ("[policy.risk]\nlarge_set = 50000", "warning", "policy.risk.large_set", "laxer"),
        ("[policy.ladder]\nrungs = []", "error", "policy.ladder.rungs", "nobody would be told"),
        (
            '[policy.ladder]\nrungs = [\n  { before_hours = 0, tell = ["dpo"] },\n  { before_hours = 24, tell = [] },\n]',
            "error", "policy.ladder.rungs[1].tell", "is empty",
        ),
        ('[policy.ladder]\nrungs = [{ before_hours = 24, tell = ["dpo"] }]', "warning", "policy.ladder.rungs", "no rung at 0"),
        ("[policy.ladder]\nclimb = []", "warning", "policy.ladder.climb", "climb to nobody"),
        ("[policy.ladder]\nack_hours = 100", "error", "policy.ladder.ack_hours", "at most 24"),
        ("[policy.ladder]\nack_hours = nan", "error", "policy.ladder.ack_hours", ""),
        ('[policy.screening]\nmapped_from = "hihg"', "error", "policy.screening.mapped_from", "did you mean `high`"),
    ],
)  # fmt: skip
def test_a_policy_that_would_not_do_is_found(written, policy, level, key, said):
    """A ladder that tells nobody, or a threshold that swallows all, is found before the first breach."""
    found = only(written(f"{SMALL}\n{policy}\n"))

    assert (found.level, found.key) == (level, key)
    assert said in found.sentence


@pytest.mark.parametrize(
    ("changed", "key", "said"),
    [
        ("data = []\npersonal_data = false\npeople_count = 10", "datamap[0].personal_data", "`people_count` is stated"),
        ('data = ["contact"]\npeople = ["customers"]', "datamap[0]", "no `people_count`"),
        ('people = ["customers"]\npeople_count = 1', "datamap[0]", "no `data`"),
        ('data=["contact"]\npeople=["users"]\npeople_count=1\nrole="processor"', "datamap[0]", "no `clients`"),
        ('data=["contact"]\npeople=["users"]\npeople_count=1\nclients=["Maker"]', "datamap[0].clients", "only read where"),
        ('data=["contact","unknown"]\npeople=["users"]\npeople_count=1', "datamap[0].data", "beside known kinds"),
    ],
)  # fmt: skip
def test_a_line_of_the_data_map_that_contradicts_itself_is_a_warning(written, changed, key, said):
    """What is known of an asset decides a case at night; a slip there is worth a sentence by day."""
    text = f'{SMALL}\n[[datamap]]\nid = "crm"\nmatch = ["crm-01"]\n{changed}\n'
    found = only(written(text))

    assert (found.level, found.key) == ("warning", key)
    assert said in found.sentence


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("crm-01", "CRM-01"),
        ("crm-*", "crm-01"),
        ("crm-01", "crm-*"),
        ("crm-*", "*-01"),
        ("crm-?1", "crm-0*"),
        ("10.0.0.0/8", "10.1.0.0/16"),
        ("10.1.0.0/16", "10.0.0.0/8"),
        ("10.0.0.0/8", "10.20.30.40"),
        ("2001:db8::/32", "2001:db8:1::/48"),
        ("crm.group.example", "crm"),
    ],
)
def test_a_name_that_two_lines_claim_is_a_warning(written, first, second):
    """Kinds of data of both lines would add up; that may be meant, or be a copy that was not finished."""
    text = SMALL + CRM.replace("crm-01", first) + CRM.replace('"crm"', '"other"').replace("crm-01", second)
    found = only(written(text))

    assert found.level == "warning"
    assert re.fullmatch(r"datamap\[[01]\]\.match\[0\]", found.key)


@pytest.mark.parametrize(
    ("first", "second"), [("crm-*", "web-*"), ("10.1.0.0/16", "10.2.0.0/16"), ("crm-1", "crm-11"), ("a?", "a")]
)
def test_names_that_do_not_meet_are_no_warning(written, first, second):
    """A check that cries wolf is switched off."""
    assert (
        check(written(SMALL + CRM.replace("crm-01", first) + CRM.replace('"crm"', '"b"').replace("crm-01", second)))
        == []
    )


@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab*?", max_size=6))
def test_patterns_meet_exactly_where_some_name_matches_both(one, other):
    """Against every short name; patterns of six characters that meet do so in one of at most twelve."""
    from fnmatch import fnmatchcase
    from itertools import product

    from breachflow.settings.mapping import _meet

    short = len(one.replace("*", "")) + len(other.replace("*", ""))
    names = ("".join(name) for size in range(min(short, 8) + 1) for name in product("ab", repeat=size))
    witness = any(fnmatchcase(name, one) and fnmatchcase(name, other) for name in names)
    if witness or short <= 8:
        assert _meet(one, other) is witness


def test_a_reference_of_the_data_map_to_no_controller_is_an_error(written):
    """Whose data it is decides who notifies."""
    text = SMALL + CRM + 'controller = "insurrance"\n'
    found = only(written(text))

    assert (found.level, found.key, found.line) == ("error", "datamap[0].controller", line_of(text, "controller = "))
    assert "did you mean `insurance`" in found.sentence


def test_sendgrid_asks_for_a_processor_agreement(written):
    """Art. 28 and Chapter V: the provider reads what it carries, in a third country."""
    assert check(written(SMALL), mail=["folder:x"]) == []
    (found,) = check(written(SMALL), mail=["sendgrid:", "folder:x"])
    assert found.level == "warning"
    assert "Art. 28" in found.sentence

    agreed = SMALL + '\n[[processors]]\nid = "sendgrid"\nagreement = "DPA of 2026-01-15"\n'
    (found,) = check(written(agreed), mail=["sendgrid:"])
    assert "Chapter V" in found.sentence
    assert check(written(agreed + 'transfer = "SCC"\n'), mail=["sendgrid:"]) == []
    assert load(written(agreed)).processor("sendgrid") is not None
    assert load(written(SMALL)).processor("sendgrid") is None


def test_a_large_data_map_is_checked_in_seconds(written):
    """Two thousand lines, three hundred of them patterns, is a large company."""
    entries = [
        CRM.replace('"crm"', f'"a{n}"').replace("crm-01", f"h{n}-*" if n % 7 == 0 else f"host-{n}") for n in range(2000)
    ]
    path = written(SMALL + "".join(entries))
    start = time.perf_counter()

    assert check(path) == []
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("number", ["732829320", "552100554", "356000000", "999001019"])
def test_the_check_digit_of_a_siren(number):
    """INSEE's check finds every single wrong digit."""
    assert siren.valid(number)
    for place in range(9):
        for digit in "0123456789":
            if digit != number[place]:
                assert not siren.valid(number[:place] + digit + number[place + 1 :])


def test_the_vat_number_of_a_siren():
    """The example that the tax administration gives."""
    assert siren.vat_number("404833048") == "FR83404833048"


AWKWARD = '''\
a = 1
"b c".'d.e' = 2 # x = [
"\\u00e9" = "é"
s = """
[not]
x = 1
"""
[ t . u ]
k = [ 1, # ]
  [2, {x = "]", y = [3]}],
  "#", ]
when = 1979-05-27 07:32:00
[[arr]]
n = 1979-05-27T07:32:00Z
[arr.sub]
z = {}
e = ""
[[arr.deep]]
q = \'\'\'
[x]\'\'\'\'
[[arr]]
n = -inf
["quoted table"]
f = { a.b = 1, c = [] }
'''


def paths(value, path=()):
    """Every path into what `tomllib` read."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths(inner, (*path, place))


@pytest.mark.parametrize("text", [AWKWARD, example().decode()])
def test_every_value_of_a_file_has_its_line(text):
    """Whatever tomllib can read, the locator finds, and nothing else."""
    found = lines(text)

    assert set(found) == set(paths(tomllib.loads(text)))
    rows = text.splitlines()
    for path, number in found.items():
        if isinstance(path[-1], str) and path[-1].isascii():
            assert path[-1] in rows[number - 1]


_values = st.recursive(
    st.integers(0, 9) | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), _values, max_size=5))
def test_every_value_of_a_generated_file_has_its_line(document):
    """Strange keys, brackets in texts, nested lists and tables."""
    import json

    def toml(value) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
        if isinstance(value, list):
            return "[\n" + ",\n # ] }\n".join(toml(inner) for inner in value) + "\n]"
        return json.dumps(value).replace("\x7f", "\\u007f")

    text = "".join(f"{json.dumps(key)} = {toml(value)}\n".replace("\x7f", "\\u007f") for key, value in document.items())
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # A list over several lines may not stand in an inline table before TOML 1.1.
    assert set(lines(text)) == set(paths(read))
