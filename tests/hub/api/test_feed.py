# SPDX-License-Identifier: Apache-2.0
"""What followers read, from a real server."""

import json
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stemtide.hub.platform.request_threads import MAX_IDLE
from stemtide.protocol.sync.feed import FeedPage, FeedSignal, SnapshotHead, SnapshotTail
from tests.hub.api.conftest import signal, wait_until
from tests.rounds import at_night
from tests.world import hex_value

pytestmark = at_night


@pytest.fixture(scope="module")
def filled(hub):
    """The hub with 12,000 real signals, an exercise and a withdrawn one."""
    rows = [signal(hex_value(number)) for number in range(12_000)]
    with hub.client() as client:
        for body in (rows, [signal(hex_value(1), exercise=True), signal(hex_value(20_000))]):
            answer = client.post("/api/v1/signals/bulk", json={"signals": body}, timeout=None)
            assert answer.status_code == 201
        gone = answer.json()["signals"][1]["id"]
        body = {"reason": "mistake"}
        assert client.post(f"/api/v1/signals/{gone}/withdraw", json=body).status_code == 200
    return hub


def test_a_snapshot_is_a_head_every_live_signal_and_a_tail(filled):
    with filled.client("big-video") as client:
        head, *signals, tail = client.get("/api/v1/snapshot", timeout=None).text.splitlines()

    assert SnapshotTail.model_validate_json(tail).signals == len(signals) == 12_000
    assert {json.loads(one)["value"] for one in signals} == {hex_value(n) for n in range(12_000)}
    assert not any(FeedSignal.model_validate_json(one).exercise for one in signals)
    assert SnapshotHead.model_validate_json(head).position >= 12_003  # the clock adds


def test_with_exercise_the_snapshot_has_exercise_signals_as_well(filled):
    with filled.client("big-video") as client:
        answer = client.get("/api/v1/snapshot?exercise=1", timeout=None)

    assert json.loads(answer.text.splitlines()[-1]) == {"signals": 12_001}
    assert answer.headers["Content-Type"] == "application/x-ndjson"


def test_the_feed_pages_through_everything_once(filled):
    seen, after, more = [], 0, True
    with filled.client("big-video") as client:
        while more:
            answer = client.get(f"/api/v1/feed?after={after}&limit=5000", timeout=None)
            page = FeedPage.model_validate_json(answer.content)
            seen += page.entries
            after, more = page.next, page.more

    assert [one.op for one in seen].count("put") == 12_000
    assert [one.op for one in seen][-1] == "drop"
    assert [one.position for one in seen] == sorted({one.position for one in seen})


def test_the_feed_asked_beyond_its_end_says_that_its_history_was_set_back(filled):
    with filled.client("big-video") as client:
        answer = client.get("/api/v1/feed?after=99999999")

    assert answer.status_code == 409
    assert "snapshot" in answer.json()["detail"]


def test_a_reader_who_leaves_half_way_takes_nothing_with_it(filled):
    url = urlsplit(filled.address)
    key = filled.keys["big-video"]
    request = f"GET /api/v1/snapshot HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    with filled.client("big-video") as client:
        client.get("/api/v1/snapshot", timeout=None)  # what is opened once stays open
    before = held(filled)
    for _ in range(LEAVERS):
        with socket.create_connection((url.hostname, url.port)) as reader:
            reader.sendall(f"{request}\r\n".encode())
            assert reader.recv(1000).startswith(b"HTTP/1.1 200")

    with filled.client("big-video") as client:
        assert client.get("/health").status_code == 200
        answer = client.get("/api/v1/snapshot", timeout=None)

    assert json.loads(answer.text.splitlines()[-1]) == {"signals": 12_000}
    # The server keeps idle threads, each with its connection; a leak would hold one thing a reader.
    more = MAX_IDLE + LEAVERS // 4
    wait_until(lambda: all(count < before[kind] + more for kind, count in held(filled).items()))


LEAVERS = 3 * MAX_IDLE


def held(hub) -> Counter[str]:
    """How many sockets, threads and database connections the process has."""
    process = Path(f"/proc/{hub.process.pid}")
    files = []
    for one in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            files.append(str(one.readlink()).partition("[")[0])
    # SQLite keeps the main file's descriptors for its next connections; each has one log.
    kinds = {one: "socket" for one in files if one.startswith("socket")}
    kinds |= {one: "connection" for one in files if one.endswith("-wal")}
    threads = len(list((process / "task").iterdir()))
    return Counter(kinds[one] for one in files if one in kinds) + Counter(thread=threads)
