# SPDX-License-Identifier: Apache-2.0
"""The stream, from a real server over real sockets."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from queue import Queue
from signal import SIGTERM

import httpx
import httpx_sse
import pytest

from tests.hub.api.conftest import serving, signal, wait_until
from tests.rounds import at_night, some_of
from tests.world import hex_value

STREAM = "/api/v1/events/stream"
SIGNALS = "/api/v1/signals"


@pytest.fixture(autouse=True)
def numbers(request):
    """Values that no other test of this file shares."""
    return iter(range(abs(hash(request.node.name)) % 10**9 * 1000, 10**13))


class Follower:
    """A stream being read in a thread. wakes: positions; lines: all that was sent."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.wakes: Queue[int] = Queue()
        self.lines: list[str] = []
        self.has_ended = threading.Event()

    def read(self) -> None:
        decoder = httpx_sse._decoders.SSEDecoder()
        try:
            for line in self.answer.iter_lines():
                self.lines.append(line)
                event = decoder.decode(line)
                if event and event.event == "wake":
                    assert event.json()["position"] == int(event.id)
                    self.wakes.put(int(event.id))
        except httpx.TransportError:
            pass  # the test closed it
        finally:
            self.has_ended.set()


@contextmanager
def following(
    hub, party: str, *, after: int | None = None, query: str = "", key: str = ""
) -> Iterator[Follower]:
    """Follow with the usual key of a party, or with another one."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    with (
        hub.client(party) as client,
        client.stream("GET", STREAM + query, headers=headers, timeout=None) as answer,
    ):
        assert answer.status_code == 200
        follower = Follower(answer)
        reading = threading.Thread(target=follower.read)
        reading.start()
        wait_until(lambda: follower.lines)
        yield follower
        if not follower.has_ended.is_set():
            answer.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        reading.join()


def share(hub, value: str, *, by: str = "be-crisis-centre", **facts: object) -> dict:
    with hub.client(by) as client:
        answer = client.post(SIGNALS, json=signal(value, **facts))
    assert answer.status_code == 201, answer.text
    return answer.json()


def head(hub) -> int:
    with hub.client() as client:
        return client.get("/health").json()["positions"]


def test_a_share_wakes_a_follower_with_its_position(hub, numbers):
    with following(hub, "big-video") as follower:
        shared = share(hub, hex_value(next(numbers)))

        assert follower.wakes.get() == shared["position"]


def test_the_stream_says_how_soon_to_come_back_and_is_not_held_back(hub):
    with following(hub, "big-video") as follower:
        assert follower.lines[0] == "retry: 1000"
        assert follower.answer.headers["Content-Type"].startswith("text/event-stream")
        assert follower.answer.headers["Cache-Control"] == "no-store"
        assert follower.answer.headers["X-Accel-Buffering"] == "no"
        assert "Content-Encoding" not in follower.answer.headers


def test_a_quiet_stream_pings(hub):
    with following(hub, "big-video") as follower:
        wait_until(lambda: ": ping" in follower.lines)


def test_a_follower_who_missed_something_is_woken_at_once(hub, numbers):
    before = head(hub)
    shared = share(hub, hex_value(next(numbers)))

    with following(hub, "big-video", after=before) as follower:
        assert follower.wakes.get() >= shared["position"]


def test_a_follower_who_missed_nothing_is_not_woken(hub, numbers):
    share(hub, hex_value(next(numbers)))

    with following(hub, "big-video", after=head(hub)) as follower:
        wait_until(lambda: ": ping" in follower.lines)
        assert follower.wakes.empty()


def test_what_was_missed_counts_only_if_the_follower_may_see_it(hub, numbers):
    before = head(hub)
    share(hub, hex_value(next(numbers)), tlp="red", audience=["small-forum"])

    with (
        following(hub, "big-video", after=before) as outsider,
        following(hub, "small-forum", after=before) as insider,
    ):
        assert insider.wakes.get() > before
        wait_until(lambda: ": ping" in outsider.lines)
        assert outsider.wakes.empty()


def test_a_signal_for_named_parties_wakes_nobody_else(hub, numbers):
    with (
        following(hub, "big-video") as outsider,
        following(hub, "rights-watch") as observer,
        following(hub, "small-forum") as insider,
        following(hub, "be-crisis-centre") as sharer,
    ):
        red = share(hub, hex_value(next(numbers)), tlp="red", audience=["small-forum"])
        assert insider.wakes.get() == sharer.wakes.get() == red["position"]
        with hub.client() as client:
            client.post(f"{SIGNALS}/{red['id']}/withdraw", json={"reason": "mistake"})
        gone = insider.wakes.get()
        # What everyone may see comes last, so that the silence before it is proven.
        open_ = share(hub, hex_value(next(numbers)), tlp="clear")

        assert gone == red["position"] + 1
        assert outsider.wakes.get() == observer.wakes.get() == open_["position"]


@at_night
def test_an_amber_signal_does_not_wake_an_observer(hub, numbers):
    with following(hub, "rights-watch") as observer:
        share(hub, hex_value(next(numbers)), tlp="amber")
        green = share(hub, hex_value(next(numbers)), tlp="green")

        assert observer.wakes.get() == green["position"]


def test_an_exercise_wakes_only_those_who_asked_for_exercises(hub, numbers):
    with (
        following(hub, "big-video") as real,
        following(hub, "small-forum", query="?exercise=1") as rehearsing,
    ):
        exercise = share(hub, hex_value(next(numbers)), exercise=True)
        assert rehearsing.wakes.get() == exercise["position"]
        after = share(hub, hex_value(next(numbers)))

        assert real.wakes.get() == after["position"]


@at_night
def test_withdrawals_and_disputes_wake_too(hub, numbers):
    shared = share(hub, hex_value(next(numbers)))
    with following(hub, "big-video") as follower, hub.client("small-forum") as client:
        path = f"{SIGNALS}/{shared['id']}/opinion"
        assert (
            client.put(path, json={"opinion": "dispute", "note": "a news report"}).status_code
            == 200
        )

        assert follower.wakes.get() > shared["position"]


@at_night
def test_many_shares_at_once_wake_a_follower_up_to_the_last(hub, numbers):
    rows = [signal(hex_value(next(numbers))) for _ in range(200)]
    with following(hub, "big-video") as follower, hub.client() as client:
        for row in rows[:20]:
            last = client.post(SIGNALS, json=row).json()["position"]
        out = client.post(f"{SIGNALS}/bulk", json={"signals": rows[20:]}).json()
        last = out["signals"][-1]["position"]

        while follower.wakes.get() < last:
            pass


def test_a_key_that_is_revoked_ends_its_stream(hub):
    key = hub.another_key("big-video")
    with following(hub, "big-video", key=key) as follower:
        hub.order(f"revoke {key.split('_')[1]}")

        follower.has_ended.wait()


def test_streams_whose_followers_left_are_forgotten(hub):
    with hub.client() as client:

        def are_open() -> str:
            lines = client.get("/metrics").text.splitlines()
            return next(one for one in lines if one.startswith("stemtide_streams_open"))

        wait_until(lambda: are_open().endswith(" 0.0"))
        with following(hub, "big-video"), following(hub, "small-forum"):
            wait_until(lambda: are_open().endswith(" 2.0"))
        wait_until(lambda: are_open().endswith(" 0.0"))


@at_night
def test_a_hub_that_is_stopped_ends_its_streams_and_goes_in_peace():
    with serving() as hub, following(hub, "big-video") as follower:
        hub.process.send_signal(SIGTERM)

        follower.has_ended.wait()
        assert hub.process.wait() == 0


@pytest.mark.parametrize(
    ("query", "headers", "status", "said"),
    some_of(
        4,
        [
            ("?exercise=x", {}, 422, "exercise"),
            ("", {"Last-Event-ID": "x"}, 422, "Last-Event-ID"),
            ("", {"Last-Event-ID": "-1"}, 422, "Last-Event-ID"),
            ("", {"Last-Event-ID": "9" * 30}, 422, "Last-Event-ID"),
            ("", {"Last-Event-ID": "99999999"}, 409, "snapshot"),
            ("", {"Authorization": "Bearer st_x_y"}, 401, "key"),
            ("", {"Authorization": ""}, 401, "Bearer"),
            ("", {"Host": "evil.example"}, 400, "Host"),
        ],
    ),
)
def test_a_stream_that_cannot_begin_is_a_problem(hub, query, headers, status, said):
    with hub.client("big-video") as client:
        answer = client.get(STREAM + query, headers=headers)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert said in answer.text


def test_a_stream_is_only_read(hub):
    with hub.client("big-video") as client:
        answer = client.post(STREAM)

    assert answer.status_code == 405
    assert "use GET" in answer.json()["detail"]


def test_a_key_without_feed_read_opens_no_stream_below_django(machine, world):
    answer = machine(world.agency)("GET", STREAM)

    assert answer.status_code == 503
    assert "ASGI" in answer.json()["detail"]


def carried(follower: Follower, *, until: int) -> list[dict]:
    """The events with entries up to a position."""

    def events() -> list[dict]:
        lines = [line for line in follower.lines if line.startswith("data: ")]
        return [json.loads(line.removeprefix("data: ")) for line in lines]

    wait_until(lambda: any(event["position"] >= until for event in events()))
    return events()


def test_a_stream_with_entries_carries_to_each_what_it_may_see(hub, numbers):
    with (
        following(hub, "big-video", query="?entries=1") as outsider,
        following(hub, "small-forum", query="?entries=1") as insider,
    ):
        red = share(hub, hex_value(next(numbers)), tlp="red", audience=["small-forum"])
        clear = share(hub, hex_value(next(numbers)), tlp="clear")

        for follower, expected in ((outsider, [clear["id"]]), (insider, [red["id"], clear["id"]])):
            events = carried(follower, until=clear["position"])
            ids = [entry["id"] for event in events for entry in event["page"]["entries"]]
            assert ids == expected
            chain = [(event["previous"], event["page"]["next"]) for event in events]
            assert all(before[1] == after[0] for before, after in pairwise(chain))


@at_night
def test_only_who_asks_for_it_gets_entries_in_gzip(hub, numbers):
    def opened(query: str, accepted: str) -> httpx.Response:
        headers = {"Accept-Encoding": accepted}
        with (
            hub.client("big-video") as client,
            client.stream("GET", STREAM + query, headers=headers) as answer,
        ):
            share(hub, hex_value(next(numbers)), tlp="clear")
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            assert next(line for line in lines if line.startswith("data: "))
            return answer

    assert opened("?entries=1", "gzip, deflate").headers["Content-Encoding"] == "gzip"
    for query, accepted in (("?entries=1", "identity"), ("", "gzip")):
        assert "Content-Encoding" not in opened(query, accepted).headers


def test_a_stream_with_entries_ends_at_once_when_its_key_is_revoked(hub, numbers):
    key = hub.another_key("big-video")
    with following(hub, "big-video", query="?entries=1", key=key) as follower:
        hub.order(f"revoke {key.split('_')[1]}")
        follower.has_ended.wait()
        shared = share(hub, hex_value(next(numbers)), tlp="clear")

        assert not any(shared["id"] in line for line in follower.lines)
