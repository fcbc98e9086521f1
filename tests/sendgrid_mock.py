"""A stand-in for SendGrid's v3 API: checks each request against the published OpenAPI document, and misbehaves on demand."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from jsonschema import Draft202012Validator

DOCUMENT = Path("sendgrid-oai") / "tsg_mail_v3.json"


def validator(document: Path) -> Draft202012Validator:
    """What SendGrid's own document says about the body of `POST /v3/mail/send`."""
    oai = json.loads(document.read_text())
    schema = "#/components/requestBodies/PostMailSend/content/application~1json/schema"
    return Draft202012Validator({**oai, "$ref": schema})


class SendGridMock:
    """`with SendGridMock() as mock:`; each entry of `answers` speaks once, then every request is accepted.

    An answer is a status, (status, headers), (status, headers, body), `"hang"` or `"reset"`.
    """

    def __init__(self, check: Draft202012Validator | None = None) -> None:
        self.check = check
        self.answers: list[Any] = []
        self.requests: list[dict[str, Any]] = []
        self.accepted: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.complaints: list[str] = []
        self.scopes = ["mail.send"]
        self.released = threading.Event()
        mock = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                mock.answer(self)

            def do_GET(self) -> None:
                mock.tell_scopes(self)

            def log_message(self, *_: object) -> None:
                """Tests print enough."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                # A client that gave up, or a connection that we tore down, is what the test is about.
                error = sys.exc_info()[1]
                if not isinstance(error, ConnectionError | ValueError):
                    mock.complaints.append(repr(error))

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer == "reset":
            # Half the request is read, then the connection is torn down as a dying load balancer does.
            handler.rfile.read(20)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            return
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.requests.append(body)
        self.headers.append(dict(handler.headers))
        if answer == "hang":
            self.released.wait(10)
            return
        if answer is None:
            self._judge(handler, body)
            return
        status, headers, content = (*((answer,) if isinstance(answer, int) else answer), {}, b"")[:3]
        self._send(handler, status, headers, content)

    def tell_scopes(self, handler: BaseHTTPRequestHandler) -> None:
        """`GET /v3/scopes`: what the key may do."""
        if handler.headers["Authorization"] != "Bearer SG.key":
            self._send(handler, 401, {}, b"")
        elif handler.path != "/v3/scopes":
            self._send(handler, 404, {}, b"")
        else:
            self._send(handler, 200, {}, json.dumps({"scopes": self.scopes}).encode())

    def _judge(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if handler.path != "/v3/mail/send":
            self._send(handler, 404, {}, b"")
            return
        if handler.headers["Authorization"] != "Bearer SG.key":
            self._send(
                handler, 401, {}, b'{"errors":[{"message":"the provided authorization grant is invalid","field":null}]}'
            )
            return
        wrong = (
            []
            if self.check is None
            else [f"{error.json_path}: {error.message}" for error in self.check.iter_errors(body)]
        )
        if wrong:
            self.complaints += wrong
            self._send(
                handler,
                400,
                {},
                json.dumps({"errors": [{"message": line, "field": "body"} for line in wrong]}).encode(),
            )
            return
        if body.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
            self._send(handler, 200, {}, b"")
            return
        self.accepted.append(body)
        self._send(handler, 202, {"X-Message-Id": f"sg-{len(self.accepted)}"}, b"")

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
