"""Where things are: the variables, the `.env` file, mounted secrets, and the home folder with its key."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breachflow.settings import Secret, Settings, SettingsError
from breachflow.settings.environment import VARIABLES, Address, EventTopic, load, strangers
from breachflow.settings.home import KEY_FILE, init, master_key
from breachflow.settings.organisation_file import check
from breachflow.settings.organisation_file import load as load_organisation

PASSWORD = "hunter2-correct-horse"


def settings(cwd: Path, **variables: str) -> Settings:
    return load(variables, cwd)


def attempted(variables: dict[str, str]) -> Settings | SettingsError:
    try:
        return load(variables, Path("/nonexistent"))
    except SettingsError as error:
        return error


def refused(cwd: Path, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(variables, cwd)
    return str(caught.value)


def test_without_any_variable_everything_lies_in_one_folder(tmp_path):
    """The embedded default needs no setting at all."""
    chosen = settings(tmp_path)
    home = tmp_path / "breachflow-data"

    assert chosen.home == home
    assert chosen.database == f"sqlite:///{home}/breachflow.db"
    assert chosen.organisation == home / "organisation.toml"
    assert chosen.mail == (f"folder:{home}/outbox",)
    assert chosen.kafka is None
    assert chosen.http == Address("127.0.0.1", 8750)
    assert chosen.http_token is None
    assert chosen.metrics is None
    assert chosen.event_topics == (EventTopic("breachflow.security-events"),)
    assert (chosen.kafka_group, chosen.decision_topic) == ("breachflow", "breachflow.decisions")
    assert (chosen.case_topic, chosen.dead_letter_topic) == ("breachflow.case-events", "breachflow.dead-letters")
    assert chosen.now is None


def test_an_option_goes_before_the_environment_and_that_before_the_env_file(tmp_path):
    """Whoever is nearer to the command decides."""
    (tmp_path / ".env").write_text("BREACHFLOW_HOME=third\nBREACHFLOW_KAFKA_GROUP=from-file\n")

    assert load({}, tmp_path).home == tmp_path / "third"
    assert load({"BREACHFLOW_HOME": "second"}, tmp_path).home == tmp_path / "second"
    chosen = load({"BREACHFLOW_HOME": "second"}, tmp_path, {"BREACHFLOW_HOME": "/first"})
    assert chosen.home == Path("/first")
    assert chosen.kafka_group == "from-file"


def test_an_empty_variable_is_not_set(tmp_path):
    """Compose files pass empty variables on for what nobody has set."""
    assert settings(tmp_path, BREACHFLOW_KAFKA="", BREACHFLOW_HOME=" ") == settings(tmp_path)


def test_the_env_file_takes_quotes_comments_and_export(tmp_path):
    """It is written by hand, and as people write such files; other programs' lines are theirs."""
    (tmp_path / ".env").write_text(
        "# ours\nexport BREACHFLOW_KAFKA_GROUP=\"night shift\" # who\nSENDGRID_API_KEY='SG.#x'\n"
        "OTHER LINE WITHOUT EQUALS\nBREACHFLOW_HTTP=127.0.0.1:9000 # loopback\nBREACHFLOW_HTTP_TOKEN=a#b\n"
    )
    chosen = settings(tmp_path)

    assert chosen.kafka_group == "night shift"
    assert chosen.sendgrid_api_key == "SG.#x"
    assert chosen.http.port == 9000
    assert chosen.http_token == "a#b"


@pytest.mark.parametrize("line", ["BREACHFLOW_KEY", 'BREACHFLOW_KEY="abc', "BREACHFLOW_KEY='a' b"])
def test_a_slip_in_the_env_file_is_named_by_its_line(tmp_path, line):
    """The line is named and not repeated: it may hold a secret."""
    (tmp_path / ".env").write_text(f"X=1\n{line}\n")

    sentence = refused(tmp_path)
    assert ".env, line 2" in sentence
    assert "abc" not in sentence


def test_every_variable_can_be_mounted_as_a_file(tmp_path):
    """Secrets come as files where environments are shown; the line's end is not part of the secret."""
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")

    assert settings(tmp_path, BREACHFLOW_SMTP_PASSWORD_FILE="secret").smtp_password == PASSWORD
    assert settings(tmp_path, SENDGRID_API_KEY_FILE=str(tmp_path / "secret")).sendgrid_api_key == PASSWORD
    (tmp_path / "db").write_text("postgresql://app:pw@db/breachflow")
    assert settings(tmp_path, BREACHFLOW_DATABASE_FILE="db").database == "postgresql://app:pw@db/breachflow"


def test_a_mounted_secret_that_is_not_there_is_named(tmp_path):
    """An empty or missing secret is no secret."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    assert refused(tmp_path, BREACHFLOW_KEY_FILE="nowhere").startswith("BREACHFLOW_KEY_FILE names")
    assert "is empty" in refused(tmp_path, BREACHFLOW_KEY_FILE="empty")
    assert "not UTF-8" in refused(tmp_path, BREACHFLOW_KEY_FILE="binary")
    assert "both set" in refused(tmp_path, BREACHFLOW_KEY="x", BREACHFLOW_KEY_FILE="empty")


def test_no_secret_is_shown_when_settings_are_printed(tmp_path):
    """Somebody will print them, in a traceback or a log."""
    chosen = settings(
        tmp_path,
        BREACHFLOW_DATABASE=f"postgresql://app:{PASSWORD}@db/x",
        SENDGRID_API_KEY=PASSWORD,
        BREACHFLOW_SMTP_PASSWORD=PASSWORD,
        BREACHFLOW_HTTP_TOKEN=PASSWORD,
        BREACHFLOW_WEBHOOKS=f"https://hooks.example/{PASSWORD}",
        BREACHFLOW_WEBHOOK_SECRET=PASSWORD,
        BREACHFLOW_KEY=PASSWORD,
        BREACHFLOW_KAFKA="broker:9093",
        BREACHFLOW_KAFKA_USERNAME="app",
        BREACHFLOW_KAFKA_PASSWORD=PASSWORD,
    )

    assert PASSWORD not in repr(chosen)
    assert PASSWORD not in f"{chosen}"
    assert chosen.smtp_password == PASSWORD
    assert repr(Secret(PASSWORD)) == "Secret(…)"


def test_kafka_with_a_user_is_encrypted_unless_said_otherwise(tmp_path):
    """A password never goes over an open line by default."""
    user = {"BREACHFLOW_KAFKA_USERNAME": "app", "BREACHFLOW_KAFKA_PASSWORD": PASSWORD}
    kafka = settings(tmp_path, BREACHFLOW_KAFKA="a:9092, b:9092", **user).kafka
    assert kafka is not None
    assert (kafka.bootstrap, kafka.security_protocol) == (("a:9092", "b:9092"), "SASL_SSL")
    assert kafka.sasl_mechanism == "SCRAM-SHA-512"

    plain = settings(tmp_path, BREACHFLOW_KAFKA="a:9092").kafka
    assert plain is not None
    assert (plain.security_protocol, plain.sasl_mechanism) == ("PLAINTEXT", None)
    (tmp_path / "ca.pem").write_text("certificate")
    encrypted = settings(tmp_path, BREACHFLOW_KAFKA="a:9092", BREACHFLOW_KAFKA_CA="ca.pem").kafka
    assert encrypted is not None
    assert (encrypted.security_protocol, encrypted.ca) == ("SSL", tmp_path / "ca.pem")


def test_mail_keeps_its_order_and_finds_its_folder(tmp_path):
    """Several providers are tried in order; a folder is where the command was given."""
    chosen = settings(tmp_path, BREACHFLOW_MAIL="sendgrid:, smtp://app@mx.example:587 ,folder:out")

    assert chosen.mail == ("sendgrid:", "smtp://app@mx.example:587", f"folder:{tmp_path}/out")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"BREACHFLOW_DATABASE": "mysql://x"}, "BREACHFLOW_DATABASE"),
        ({"BREACHFLOW_DATABASE": "sqlite:///"}, "BREACHFLOW_DATABASE"),
        ({"BREACHFLOW_KAFKA": "broker"}, "BREACHFLOW_KAFKA"),
        (
            {"BREACHFLOW_KAFKA": "b:1", "BREACHFLOW_KAFKA_SECURITY_PROTOCOL": "TLS"},
            "BREACHFLOW_KAFKA_SECURITY_PROTOCOL",
        ),
        ({"BREACHFLOW_KAFKA": "b:1", "BREACHFLOW_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "BREACHFLOW_KAFKA_USERNAME"),
        ({"BREACHFLOW_KAFKA": "b:1", "BREACHFLOW_KAFKA_USERNAME": "x"}, "BREACHFLOW_KAFKA_PASSWORD"),
        ({"BREACHFLOW_KAFKA": "b:1", "BREACHFLOW_KAFKA_CA": "nowhere.pem"}, "BREACHFLOW_KAFKA_CA"),
        ({"BREACHFLOW_EVENT_TOPICS": "a b"}, "BREACHFLOW_EVENT_TOPICS"),
        ({"BREACHFLOW_EVENT_TOPICS": "a="}, "BREACHFLOW_EVENT_TOPICS"),
        ({"BREACHFLOW_EVENT_TOPICS": "a,a=ocsf"}, "BREACHFLOW_EVENT_TOPICS"),
        ({"BREACHFLOW_CASE_TOPIC": "é"}, "BREACHFLOW_CASE_TOPIC"),
        ({"BREACHFLOW_HTTP": "8750"}, "BREACHFLOW_HTTP"),
        ({"BREACHFLOW_HTTP": "h:70000"}, "BREACHFLOW_HTTP"),
        ({"BREACHFLOW_METRICS": "yes"}, "BREACHFLOW_METRICS"),
        ({"BREACHFLOW_WEBHOOKS": "ftp://x"}, "BREACHFLOW_WEBHOOKS"),
        ({"BREACHFLOW_SENDGRID_URL": "sendgrid"}, "BREACHFLOW_SENDGRID_URL"),
        ({"BREACHFLOW_MAIL": f"smtp://app:{PASSWORD}@mx.example"}, "BREACHFLOW_MAIL"),
        ({"BREACHFLOW_NOW": "yesterday"}, "BREACHFLOW_NOW"),
        ({"BREACHFLOW_NOW": "2026-03-01T09:00:00"}, "BREACHFLOW_NOW"),
        ({"BREACHFLOW_NOW": "0001-01-01T00:00:00+14:00"}, "BREACHFLOW_NOW"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_in_one_sentence(tmp_path, variables, named):
    """What to mend is said, and no secret is repeated."""
    sentence = refused(tmp_path, **variables)

    assert named in sentence
    assert PASSWORD not in sentence
    assert "\n" not in sentence


def test_topics_may_name_their_format(tmp_path):
    """A topic that carries one SIEM's events need not be guessed at."""
    chosen = settings(tmp_path, BREACHFLOW_EVENT_TOPICS="wazuh.alerts=wazuh, security")

    assert chosen.event_topics == (EventTopic("wazuh.alerts", "wazuh"), EventTopic("security"))


def test_the_watch_stands_still_at_an_instant_with_offset(tmp_path):
    """It is the same instant, kept in UTC."""
    chosen = settings(tmp_path, BREACHFLOW_NOW="2026-03-29T03:30:00+02:00")

    assert chosen.now == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert chosen.now.tzinfo is UTC


def test_a_misspelt_variable_is_pointed_out(tmp_path):
    """A slip in a name would otherwise leave the default in force, silently."""
    found = strangers({"BREACHFLOW_MAILS": "sendgrid:", "BREACHFLOW_KEY_FILE": "x", "PATH": "/bin"}, tmp_path)

    assert found == ["BREACHFLOW_MAILS is not a variable of breachflow and is not read; did you mean BREACHFLOW_MAIL?"]


@given(st.dictionaries(st.sampled_from(VARIABLES), st.text(max_size=40), max_size=6))
def test_whatever_stands_in_a_variable_settings_or_one_sentence_come_out(variables):
    """No value of a variable is a traceback."""
    outcome = attempted(variables)

    if isinstance(outcome, SettingsError):
        assert any(name in str(outcome) for name in VARIABLES)
    else:
        assert outcome.home.is_absolute()


def test_settings_are_read_without_loading_what_only_services_need():
    """`breachflow status` must start fast."""
    code = "import sys, breachflow.settings.environment; print(*sorted(m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"email", "smtplib", "ssl", "sendgrid", "jinja2", "structlog", "tomllib", "asyncio", "cryptography"}
    assert not heavy & set(done.stdout.split())


def test_init_makes_a_home_that_only_its_owner_can_read(tmp_path):
    """The tool is not the next breach."""
    home = tmp_path / "deep" / "home"
    laid = init(home)

    assert [one.made for one in laid] == [True, True, True]
    assert home.stat().st_mode & 0o777 == 0o700
    for name in ("organisation.toml", KEY_FILE):
        assert (home / name).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in home.iterdir()) == [KEY_FILE, "organisation.toml"]
    key = master_key(settings(tmp_path, BREACHFLOW_HOME=str(home)))
    assert len(key) == 32


def test_init_keeps_what_exists(tmp_path):
    """A second start must not touch the organisation's own words, nor make a key that opens nothing."""
    init(tmp_path / "home")
    organisation, key = tmp_path / "home" / "organisation.toml", tmp_path / "home" / KEY_FILE
    organisation.write_text("edited = true\n")
    before = key.read_bytes()
    laid = init(tmp_path / "home")

    assert [one.made for one in laid] == [False, False, False]
    assert [str(one).split(":")[0] for one in laid] == ["Home folder kept", "Organisation file kept", "Master key kept"]
    assert (organisation.read_text(), key.read_bytes()) == ("edited = true\n", before)


def test_two_first_starts_agree_on_one_key(tmp_path):
    """Two containers start at once on one volume: one key, whole, for both."""
    start = threading.Barrier(8)
    made: list[bool] = []

    def first() -> None:
        start.wait()
        made.append(init(tmp_path / "home")[2].made)

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made.count(True) == 1
    assert len(made) == 8
    assert len(base64.b64decode((tmp_path / "home" / KEY_FILE).read_text())) == 32
    assert len(list((tmp_path / "home").iterdir())) == 2


def test_init_makes_no_new_key_beside_an_old_database(tmp_path):
    """What the old key sealed would be lost, and nobody would know for months."""
    (tmp_path / "breachflow.db").write_bytes(b"")
    with pytest.raises(SettingsError, match="not its key"):
        init(tmp_path)


def test_a_home_that_cannot_be_is_said_in_a_sentence(tmp_path):
    """A file in the way is the person's to move."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="must be a folder"):
        init(tmp_path / "file")
    with pytest.raises(SettingsError, match="cannot be made"):
        init(tmp_path / "file" / "below")


def test_the_key_is_stated_or_lies_in_the_home_private_and_whole(tmp_path):
    """A key that others can read, or that is not a key, is refused by name."""
    home = tmp_path / "home"
    chosen = settings(tmp_path, BREACHFLOW_HOME=str(home))
    with pytest.raises(SettingsError, match="breachflow init"):
        master_key(chosen)
    init(home)
    assert master_key(chosen) == base64.b64decode((home / KEY_FILE).read_text())

    (home / KEY_FILE).chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        master_key(chosen)
    (home / KEY_FILE).chmod(0o600)
    (home / KEY_FILE).write_text("short")
    with pytest.raises(SettingsError, match="32 bytes in base64"):
        master_key(chosen)

    stated = base64.b64encode(os.urandom(32)).decode()
    assert master_key(settings(tmp_path, BREACHFLOW_KEY=stated)) == base64.b64decode(stated)
    with pytest.raises(SettingsError, match="BREACHFLOW_KEY does not hold") as caught:
        master_key(settings(tmp_path, BREACHFLOW_KEY=PASSWORD))
    assert PASSWORD not in str(caught.value)


def test_what_init_writes_works_unedited(tmp_path):
    """A newcomer edits a file that already runs; nothing in it is doubtful."""
    init(tmp_path / "home")
    path = tmp_path / "home" / "organisation.toml"

    assert check(path) == []
    assert len(load_organisation(path).controllers) == 3
