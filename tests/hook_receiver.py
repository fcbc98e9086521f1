"""Somebody else's system on loopback: it checks each signature as the specification says, and answers as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver:
    """`with Receiver() as there:`; each entry of `answers` speaks once, then everything is taken.

    An answer is a status, (status, headers), or `"hang"`.
    """

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.heard: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.forged: list[str] = []
        self.released = threading.Event()
        there = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                there.answer(self)

            def log_message(self, *_: object) -> None:
                """Tests print enough."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/T0K3N?x=1"

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
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        ident, stamp = handler.headers["webhook-id"], handler.headers["webhook-timestamp"]
        expected = hmac.new(KEY, f"{ident}.{stamp}.".encode() + body, hashlib.sha256).digest()
        if handler.headers["webhook-signature"] != "v1," + base64.b64encode(expected).decode():
            self.forged.append(ident)
        self.ids.append(ident)
        self.heard.append(json.loads(body) | {"path": handler.path, "stamp": int(stamp)})
        answer = self.answers.pop(0) if self.answers else 204
        if answer == "hang":
            self.released.wait(10)
            return
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def types(self) -> list[str]:
        """What was heard, in order."""
        return [one["type"].rpartition(".")[2] for one in self.heard]
