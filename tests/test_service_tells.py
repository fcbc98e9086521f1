"""The real process, `breachflow run --no-intake`: mails by SendGrid, signals by webhook, a bounce that comes back."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hook_receiver import SECRET, Receiver
from sendgrid_mock import SendGridMock
from story import BREACH
from test_delivery_smtp import free_port
from test_sendgrid_events import KEY, PUBLIC


def until(true, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_the_service_mails_signals_and_passes_a_bounce_on(tmp_path):
    """No token and no intake: what SendGrid reports is taken all the same, and nothing else is."""
    port = free_port()
    with SendGridMock() as sendgrid, Receiver() as bridge:
        env = os.environ | {
            "BREACHFLOW_HOME": str(tmp_path / "home"), "BREACHFLOW_HTTP": f"127.0.0.1:{port}",
            "BREACHFLOW_MAIL": "sendgrid:", "SENDGRID_API_KEY": "SG.key", "BREACHFLOW_SENDGRID_URL": sendgrid.url,
            "BREACHFLOW_WEBHOOKS": bridge.url, "BREACHFLOW_WEBHOOK_SECRET": SECRET,
            "BREACHFLOW_SENDGRID_WEBHOOK_KEY": PUBLIC,
        }  # fmt: skip
        event = {"id": "1", "source": "s", "detected_at": datetime.now(UTC).isoformat(), "title": "x", "facts": BREACH}
        (tmp_path / "e.json").write_text(json.dumps(event))

        def run(*words):
            script = "from breachflow.cli import main; import sys; main(sys.argv[1:])"
            done = subprocess.run(
                [sys.executable, "-c", script, *words], env=env, capture_output=True, text=True, check=False
            )
            return done.returncode, done.stdout

        assert run("init")[0] == 0
        assert run("check")[0] == 0
        assert run("ingest", str(tmp_path / "e.json"))[0] == 0
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", "from breachflow.cli import main; main(['run', '--no-intake'])"],
                env=env, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            until(lambda: sendgrid.accepted and bridge.heard)
            assert bridge.types() == ["opened"]
            (envelope,) = sendgrid.accepted[0]["personalizations"]
            assert envelope["to"][0]["email"].startswith("dpo@")

            stamp = str(int(time.time()))
            bounce = {"event": "bounce", "sg_event_id": "ev1", "timestamp": int(stamp), "status": "5.1.1"}
            body = json.dumps([bounce | envelope["custom_args"]]).encode()
            signed = base64.b64encode(KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("POST", "/events", b"{}", {"Authorization": "Bearer x"})
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (404, True)
            connection.request("POST", "/sendgrid/events", body, {
                "X-Twilio-Email-Event-Webhook-Signature": signed, "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
            })  # fmt: skip
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (200, {"recorded": 1})
            connection.close()
            until(lambda: len(sendgrid.accepted) == 2)
            assert not sendgrid.accepted[1]["personalizations"][0]["to"][0]["email"].startswith("dpo@")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert bridge.forged == []
        said = (tmp_path / "log").read_text()
        assert "T0K3N" not in said
        assert "@" not in said
