# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks on loopback, which answers as it is told, and an alert to send it."""

import socket
import threading
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from stemtide.hub.rooms.alerts.channels.channel import OutgoingAlert
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.protocol.enums import Urgency
from tests.world import NOON

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS1kZXNr"
OLD_SECRET = "whsec_" + "b2xkLXNlY3JldC1vZi1pdA=="


def outgoing(address, *, channel=Channel.WEBHOOK, **facts):
    plain = {
        "delivery": UUID(int=5),
        "attempt": 1,
        "channel": channel,
        "alert": UUID(int=4),
        "kind": "early_warning",
        "urgency": Urgency.NOW,
        "exercise": False,
        "party": "be-crisis-centre",
        "party_title": "Belgian Crisis Centre",
        "crisis": UUID(int=3),
        "subject": f"crisis:{UUID(int=3)}",
        "parameters": {"crisis": "Attack in a city", "by": "Big Video"},
        "created_at": NOON,
        "now": NOON,
        "address": address,
        "secrets": (SECRET,),
        "link": "https://hub.example/acknowledge/token",
        "link_ends_at": NOON + timedelta(hours=24),
        "desk": "https://hub.example/alerts",
    }
    return OutgoingAlert(**plain | facts)


def answer(status=200, body=b"", *more):
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(lines).encode() + body


class Receiver:
    """Takes connections; keeps what was asked. reply(connection) answers."""

    def __init__(self, reply, *, wrap=None):
        self._reply = reply
        self._wrap = wrap
        self.requests = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            try:
                if self._wrap:
                    connection = self._wrap(connection)
                self.requests.append(self._read(connection))
                self._reply(connection)
            except OSError:
                pass
            finally:
                connection.close()

    @staticmethod
    def _read(connection):
        got = b""
        while b"\r\n\r\n" not in got:
            more = connection.recv(65536)
            if not more:
                return got
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        length = next(
            (
                int(x.split(b":")[1])
                for x in head.split(b"\r\n")
                if x.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self._thread.join()


@contextmanager
def nobody():
    """The address of a port at which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/"


@contextmanager
def receiver(reply, **more):
    """A receiver that sends these bytes, or does what this function does with the connection."""
    made = Receiver(reply if callable(reply) else lambda to: to.sendall(reply), **more)
    try:
        yield made
    finally:
        made.close()


def parts(request):
    """Headers and body of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return (
        lines[0],
        {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])},
        body,
    )
