"""TLS and SASL on a real broker: our own CA, a user with a password, and one clear sentence where one of them is wrong."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kafka_house import House, event, house
from kafka_server import MISSING, KafkaServer

USER, PASSWORD = "breachflow", "correct-horse-battery"
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def certificate(name: str, signer: Pair | None = None) -> Pair:
    """A CA of its own, or with `signer` a server's certificate for the loopback address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(signer[1].subject if signer else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(LONG_AGO).not_valid_after(LONG_AGO + dt.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    )  # fmt: skip
    if signer is not None:
        places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(places), critical=False)
    return key, builder.sign(signer[0] if signer else key, hashes.SHA256())


def pem(part: ec.EllipticCurvePrivateKey | x509.Certificate) -> str:
    if isinstance(part, x509.Certificate):
        return part.public_bytes(serialization.Encoding.PEM).decode()
    return part.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pair]:
    """A CA made for this run, as a file, and to sign with."""
    made = certificate("breachflow test CA")
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_text(pem(made[1]))
    return path, made


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, ca: tuple[Path, Pair]) -> Iterator[KafkaServer]:
    """A broker with an encrypted address that knows one user."""
    if "kafka" in (request.config.getoption("--without", default=[]) or []):
        pytest.skip("left out by --without kafka")
    key, signed = certificate("broker", ca[1])
    try:
        made = KafkaServer(pem(key) + pem(signed), (USER, PASSWORD))
    except (LookupError, OSError, subprocess.SubprocessError) as error:
        pytest.fail(f"No Kafka could be brought up ({error}). {MISSING}", pytrace=False)
    yield made
    made.close()


@pytest.fixture
def place(server: KafkaServer, ca: tuple[Path, Pair], tmp_path: Path) -> Iterator[House]:
    """A household that knows only the encrypted address; the password comes from a file."""
    secret = tmp_path / "kafka-password"
    secret.write_text(PASSWORD + "\n")
    with house(
        tmp_path, server, f"secure-{tmp_path.name}", BREACHFLOW_KAFKA=server.secure, BREACHFLOW_KAFKA_USERNAME=USER,
        BREACHFLOW_KAFKA_PASSWORD_FILE=str(secret), BREACHFLOW_KAFKA_CA=str(ca[0]),
    ) as made:  # fmt: skip
        yield made


def test_topics_produce_worker_and_doctor_over_tls_with_a_password(place):
    """Everything that speaks to Kafka goes over the encrypted line, and facts come out on it."""
    code, said = place.run("topics", "create", "--partitions", "2")
    assert code == 0, said
    file = place.folder / "events.jsonl"
    file.write_bytes(b"\n".join(event(n) for n in range(20)) + b"\n" + event(99, severity="critical"))
    code, said = place.run("produce", str(file))
    assert code == 0, said

    findings = doctor(place)
    assert findings["kafka"] == [("ok", f"{place.env['BREACHFLOW_KAFKA']} lets us in (SASL_SSL).")]
    assert ("warning", f"{place.topic}: 21 records not taken in yet") in [
        (level, message.partition(";")[0]) for level, message in findings["lag"]
    ]

    worker = place.worker()
    place.arrived(21)
    place.until(lambda: place.server.ends(place.cases)[0] + place.server.ends(place.cases)[1] > 0, "facts go out")
    assert ("ok", f"{place.topic}: everything is taken in.") in doctor(place)["lag"]
    code, seconds = worker.end()
    assert code == 0
    assert seconds < 15


@pytest.mark.parametrize("wrong", ["password", "ca", "mechanism", "tls", "clear"])
def test_what_is_wrong_is_said_in_one_sentence(place, tmp_path, wrong):
    """Nobody has to read a library's log to learn that the password is wrong; the password itself is never shown."""
    file = place.folder / "events.jsonl"
    file.write_bytes(event(1))
    if wrong == "password":
        place.env.pop("BREACHFLOW_KAFKA_PASSWORD_FILE")
        place.env["BREACHFLOW_KAFKA_PASSWORD"] = "wrong-horse"
        expected = "does not take user and password by SCRAM-SHA-512"
    elif wrong == "ca":
        (tmp_path / "other.pem").write_text(pem(certificate("another CA")[1]))
        place.env["BREACHFLOW_KAFKA_CA"] = str(tmp_path / "other.pem")
        expected = "is not trusted"
    elif wrong == "mechanism":
        place.env["BREACHFLOW_KAFKA_SASL_MECHANISM"] = "PLAIN"
        expected = "does not take user and password by PLAIN"
    elif wrong == "tls":
        place.env["BREACHFLOW_KAFKA"] = place.server.address
        expected = "hung up on a SASL_SSL connection"
    else:
        for name in ("USERNAME", "PASSWORD_FILE", "CA"):
            place.env.pop(f"BREACHFLOW_KAFKA_{name}")
        expected = "hung up on a PLAINTEXT connection"

    for command in (("topics", "create"), ("produce", str(file))):
        code, said = place.run(*command)
        assert code == 2
        assert len(said.strip().splitlines()) == 1, said
        assert expected in said
        assert "horse" not in said
    ((level, message),) = doctor(place, code=1)["kafka"]
    assert level == "problem"
    assert expected in message

    worker = place.worker(wait=False)
    place.until(lambda: worker.lines("waiting"), "the worker says what it waits for")
    assert expected in worker.lines("waiting")[0]["problem"]
    assert "horse" not in worker.log.read_text()
    assert worker.end()[0] == 0


def doctor(place: House, code: int = 0) -> dict[str, list[tuple[str, str]]]:
    """What doctor finds, by probe."""
    ended, said = place.run("doctor", "--json")
    assert ended == code, said
    found: dict[str, list[tuple[str, str]]] = {}
    for line in said.splitlines():
        finding = json.loads(line)
        found.setdefault(finding["probe"], []).append((finding["level"], finding["message"]))
    return found
