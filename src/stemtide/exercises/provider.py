# SPDX-License-Identifier: Apache-2.0
"""Simulate a provider's systems, which send uploads to the agent and receive its webhooks."""

import base64
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from standardwebhooks import Webhook, WebhookVerificationError


def new_secret() -> str:
    """Return a webhook secret in the format of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(slots=True)
class Receiver:
    """Server that receives one provider's webhooks, verifies their signatures and keeps them.

    pictures: files of uploads by ref, which it gives to the provider's agent.
    """

    secret: str = field(default_factory=new_secret)
    heard: list[dict[str, Any]] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> str:
        """Listen on a free loopback port; return the address."""
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("content-length", 0))
                body = self.rfile.read(size)
                try:
                    Webhook(receiver.secret).verify(body, dict(self.headers))
                except WebhookVerificationError:
                    self.send_error(401)
                    return
                event = json.loads(body)
                if event["type"] == "content.picture":
                    self._give(receiver.pictures.get(event["data"]["ref"]))
                    return
                receiver.heard.append(event)
                self.send_response(204)
                self.end_headers()

            def _give(self, picture: bytes | None) -> None:
                if picture is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "image/png")
                self.send_header("Content-Length", str(len(picture)))
                self.end_headers()
                self.wfile.write(picture)

            def log_message(self, *_: object) -> None:
                """Say nothing: the exercise narrates."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@dataclass(frozen=True, slots=True)
class Upload:
    """The agent's answer to one upload. action is "" if nothing matched.

    is_disputed: every signal that matched is disputed, so that nothing automatic would follow.
    """

    ref: str
    action: str
    distance_bits: int | None
    is_disputed: bool = False


def upload(client: httpx.Client, *, ref: str, blob: bytes) -> Upload:
    """Send an upload to the agent, as a provider's upload path does.

    raises: httpx.HTTPError when the agent is away or refuses.
    """
    return _upload_result(
        ref, client.post("/match", files={"file": (ref, blob)}, data={"ref": ref})
    )


def link(client: httpx.Client, *, ref: str, url: str) -> Upload:
    """Look up a posted link at the agent.

    raises: httpx.HTTPError when the agent is away or refuses.
    """
    return _upload_result(ref, client.post("/match", json={"items": [{"ref": ref, "url": url}]}))


def _upload_result(ref: str, response: httpx.Response) -> Upload:
    response.raise_for_status()
    item = response.json()["items"][0]
    matches = item["matches"]
    return Upload(
        ref=ref,
        action=item["decision"]["action"] or "",
        distance_bits=matches[0]["distance_bits"] if matches else None,
        is_disputed=bool(matches) and all(match["disputed"] for match in matches),
    )
