# SPDX-License-Identifier: Apache-2.0
"""Bodies that trickle end, and streams are bounded: a real hub with a short grace."""

import contextlib
import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.hub.api.conftest import serving, wait_until
from tests.rounds import at_night

STREAM = "/api/v1/events/stream"


@pytest.fixture(scope="module")
def tight():
    with serving(STEMTIDE_TEST_GRACE_S="0.3", STEMTIDE_STREAMS="key=2 party=3 total=4") as running:
        yield running


def sent(hub, path, *, announced, parts=(b"[",), pause_s=0.0, header=""):
    """Send a body in parts and no end; return all that the hub answers until it hangs up."""
    address = urlsplit(hub.address)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {hub.keys['big-video']}\r\n"
        f"Content-Length: {announced}\r\n{header}\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=60) as line:
        line.sendall(head.encode())
        for part in parts:
            line.sendall(part)
            time.sleep(pause_s)
        return b"".join(iter(lambda: line.recv(65_536), b"")).decode()


@at_night
def test_a_body_that_trickles_is_ended_with_408(tight):
    answer = sent(tight, "/api/v1/signals", announced=1000)

    assert answer.startswith("HTTP/1.1 408 ")
    assert "/problems/too-slow" in answer
    assert "connection: close" in answer.lower()


@at_night
def test_a_form_of_the_desk_that_trickles_is_ended_as_well(tight):
    assert sent(tight, "/sign-in", announced=1000).startswith("HTTP/1.1 408 ")


@at_night
def test_a_body_that_is_too_large_and_trickles_is_told_so_and_ended(tight):
    answer = sent(tight, "/api/v1/signals/bulk", announced=40_000_000)

    assert answer.startswith("HTTP/1.1 413 ")


@at_night
def test_a_large_body_at_an_honest_speed_has_more_time_than_the_grace(tight):
    parts = [b" " * 100_000] * 6  # 0.6 s altogether, and the grace is 0.3
    answer = sent(
        *(tight, "/api/v1/signals"),
        announced=600_000,
        parts=parts,
        pause_s=0.1,
        header="Connection: close\r\n",  # or it stays open for 30 s
    )

    assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 422 "))


@at_night
def test_streams_are_bounded_for_a_key_its_party_and_in_total_while_they_are_open(tight):
    def opened(stack, party, key=None):
        client = stack.enter_context(tight.client(party))
        if key:
            client.headers["Authorization"] = f"Bearer {key}"
        return stack.enter_context(client.stream("GET", STREAM, timeout=60))

    with contextlib.ExitStack() as stack:
        assert [opened(stack, "big-video").status_code for _ in range(2)] == [200, 200]
        refused = opened(stack, "big-video")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        assert refused.headers["Content-Type"] == "application/problem+json"
        another = tight.another_key("big-video")
        assert opened(stack, "big-video", another).status_code == 200
        assert opened(stack, "big-video", another).status_code == 429
        assert opened(stack, "small-forum").status_code == 200
        full = opened(stack, "tech-forum")
        assert (full.status_code, full.headers["Retry-After"]) == (503, "2")

    def is_open_again():
        with contextlib.ExitStack() as stack:
            return opened(stack, "big-video").status_code == 200

    wait_until(is_open_again)
