# SPDX-License-Identifier: Apache-2.0
"""The real httpx-sse against a real hub: what it hears of when its connection keeps breaking."""

import secrets
import threading

import httpx
import pytest
from httpx_sse import connect_sse

pytestmark = pytest.mark.flow
SHARED = 40


def client(hub, key):
    headers = {"Authorization": f"Bearer {hub[key]}"}
    return httpx.Client(base_url=f"{hub['HUB_URL']}/api/v1", headers=headers, timeout=60)


class Writer(threading.Thread):
    """An authority that shares one signal after the other."""

    def __init__(self, hub):
        super().__init__()
        self._hub = hub
        self.shared = []

    def run(self):
        with client(self._hub, "HUB_TOKEN") as http:
            for _ in range(SHARED):
                body = {"kind": "md5", "value": secrets.token_hex(16), "severity": "high"}
                answer = http.post("/signals", json=body | {"labels": ["livestream"]})
                self.shared.append(answer.raise_for_status().json()["id"])


def read_on(http, position, *, limit=3):
    """The ids of the signals after a position, and the position to go on from."""
    found, more = [], True
    while more:
        asked = {"after": position, "limit": limit}
        page = http.get("/feed", params=asked).raise_for_status().json()
        found += [one["id"] for one in page["entries"]]
        position, more = page["next"], page["more"]
    return found, position


def test_a_follower_whose_connection_breaks_after_every_wake_meets_each_signal_once(hub):
    writer, found, heard = Writer(hub), [], []
    with client(hub, "TAXII_PASSWORD") as http:
        _, position = read_on(http, 0, limit=1000)
        writer.start()
        while len(found) < SHARED:
            last = {"Last-Event-ID": str(position)}
            with connect_sse(http, "GET", "/events/stream", headers=last) as stream:
                # What only says how soon to come back is an event to this library.
                event = next(one for one in stream.iter_sse() if one.event == "wake")
            heard.append(int(event.id))
            assert event.json() == {"position": heard[-1]}
            more, position = read_on(http, position)
            found += more
        writer.join()
        more, position = read_on(http, position)
    assert found + more == writer.shared
    assert heard == sorted(set(heard))
