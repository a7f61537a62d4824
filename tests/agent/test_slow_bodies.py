# SPDX-License-Identifier: Apache-2.0
"""An upload that trickles does not hold the agent's connection for ever."""

import socket
import time

from stemtide.protocol import slow_bodies
from tests.agent.world import picture


def sent(agent, announced, parts, *, pause_s=0.0):
    """Send a body in parts; return all that the agent answers until it hangs up."""
    host, port = agent.http.base_url.host, agent.http.base_url.port
    head = (
        f"POST /match HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: image/png\r\n"
        f"Connection: close\r\nContent-Length: {announced}\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=60) as line:
        line.sendall(head.encode())
        for part in parts:
            line.sendall(part)
            time.sleep(pause_s)
        return b"".join(iter(lambda: line.recv(65_536), b"")).decode()


def test_an_upload_that_trickles_is_ended_with_408(agent, monkeypatch):
    monkeypatch.setattr(slow_bodies, "GRACE_S", 0.2)
    answer = sent(agent, 1000, [b"x"])

    assert answer.startswith("HTTP/1.1 408 ")
    assert "/problems/too-slow" in answer


def test_an_upload_at_an_honest_speed_has_more_time_than_the_grace(agent, monkeypatch):
    monkeypatch.setattr(slow_bodies, "GRACE_S", 0.2)
    blob = picture("chelsea.png")
    parts = [blob[at : at + 50_000] for at in range(0, len(blob), 50_000)]

    assert sent(agent, len(blob), parts, pause_s=0.1).startswith("HTTP/1.1 200 ")
