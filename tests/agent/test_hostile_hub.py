# SPDX-License-Identifier: Apache-2.0
import json
import sqlite3
from uuid import uuid4

import numpy as np
import pytest

from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.fingerprints.values.audio import Sound, Track
from stemtide.fingerprints.values.gop import GROUP, GopPrint
from stemtide.fingerprints.values.video import ROW, Sampling, VideoPrint
from tests.agent.world import agent_of, sha256, until
from tests.rounds import rounds

KNOWN = sha256(b"content that the authority shares")


def told(agent, said):
    """Wait until the agent says what is wrong with its hub."""
    until(lambda: said in agent.health()["troubles"].get("hub", ""), what=said)


@pytest.mark.parametrize("position", rounds([2**63], nightly=[-5, 2**63, 2**70]))
def test_a_position_that_cannot_be_leaves_the_agent_neither_deaf_nor_torn(
    hub, config, sandbox, caplog, position
):
    hub.share(KNOWN)
    hub.played_back = hub.segment_list(version=position)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True, position=1)
        assert "the list of segments is unreadable" in caplog.text
        page = {
            "hub": str(hub.id),
            "entries": [],
            "next": position,
            "head": position,
            "more": False,
        }
        hub.answers["/feed"] = json.dumps(page).encode()
        hub.share(sha256(b"another"))
        until(lambda: not agent.health()["hub_reachable"] or agent.health()["position"] != 1)
        hub.answers.clear()
        agent.wait(hub_reachable=True, position=2)


NO_LINES = [
    pytest.param("[" * 100_000, id="deep"),
    pytest.param('{"op": 1},{"op": 2}', id="two"),
    pytest.param("x" * (10 << 20), id="long"),
]


@pytest.mark.parametrize("line", rounds(NO_LINES[:1], nightly=NO_LINES))
def test_a_snapshot_that_is_none_is_said_and_asked_for_again(hub, config, sandbox, line):
    hub.share(KNOWN)
    hub.odd_lines = [line]
    with agent_of(config, sandbox) as agent:
        told(agent, "a line is not JSON")
        hub.odd_lines = []
        agent.wait(ready=True, position=1)


def test_two_signals_on_one_line_are_a_torn_snapshot(hub, config, sandbox):
    one, two = hub.share(KNOWN), hub.share(sha256(b"another"))
    hub.odd_lines = [f"{one.model_dump_json()},{two.model_dump_json()}"]
    with agent_of(config, sandbox) as agent:
        told(agent, "a line is not JSON")


def test_a_page_without_an_end_is_cut_off(hub, config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        hub.answers["/feed"] = b" " * (65 * 1024 * 1024)
        hub.share(KNOWN)
        told(agent, "sent more than 67108864 bytes")
        hub.answers.clear()
        agent.wait(hub_reachable=True, position=1)


@pytest.mark.nightly
def test_an_answer_about_another_report_is_no_acknowledgement(hub, config, sandbox):
    hub.share(KNOWN)
    other = {"report": str(uuid4()), "counted": 1, "is_repeat": False, "rejected": []}
    hub.answers["/outcomes"] = json.dumps(other).encode()
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        agent.ask({"sha256": KNOWN})
        until(lambda: hub.asked["/outcomes"] >= 2)
        asked = hub.asked["/feed"]
        until(lambda: hub.asked["/feed"] > asked or hub.asked["/outcomes"] > 20)
        assert hub.asked["/outcomes"] <= 20
        hub.answers.clear()
        agent.wait(outbox=0)
    assert sum(hub.outcomes.values()) == 1


BLANK = [("sha256", sha256(b"")), ("pdq", "00" * 32), ("text", sketch("").to_bytes().hex())]


@pytest.mark.parametrize(
    "blank",
    rounds(BLANK[1:2], nightly=BLANK),
)
@pytest.mark.parametrize("way", ["feed", "snapshot"])
def test_what_everybody_has_is_taken_from_no_hub(hub, config, sandbox, way, blank):
    kind, value = blank
    hub.share(KNOWN)
    if way == "snapshot":
        hub.share(value, kind=kind)
    with agent_of(config, sandbox) as agent:
        if way == "feed":
            agent.wait(ready=True)
            hub.share(value, kind=kind)
        health = agent.wait(position=2)
        assert (sum(health["signals"].values()), health["skipped"]) == (1, 1)


def film(rows, *, seed=1):
    """A film of so many rows, four a second, in hex."""
    made = np.zeros(rows, ROW)
    made["at_ms"], made["quality"] = np.arange(rows) * 250, 100
    made["pdq"] = np.random.default_rng(seed).integers(0, 256, (rows, 32), dtype=np.uint8)
    return VideoPrint(made, Sampling.SHARE, duration_ms=rows * 250).to_bytes()


@pytest.mark.parametrize("rows", rounds([8_000], nightly=[8_000, 110_000]))
def test_a_long_film_comes_with_the_snapshot_and_with_the_feed(hub, config, sandbox, rows):
    hub.share(film(rows).hex(), kind="video")
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        assert agent.health()["signals"]["video"] == 1
        hub.share(film(rows, seed=2).hex(), kind="video")
        agent.wait(position=2)
        assert agent.health()["signals"]["video"] == 2


def test_what_a_match_tells_is_read_without_the_values(hub, config, sandbox):
    hub.share(film(8_000).hex(), kind="video")
    with agent_of(config, sandbox) as agent:
        agent.wait(position=1)
        with sqlite3.connect(config.data_dir / "agent.db") as connection:
            ((body,),) = connection.execute("SELECT body FROM signals").fetchall()
        assert len(body) < 2000


LONG = ("video", "audio", "text", "gop")
HARMS = ("cut", "count", "empty", "noise", "huge")


@pytest.mark.parametrize("kind", rounds(LONG[:2], nightly=LONG))
@pytest.mark.parametrize("harm", rounds(HARMS[:2], nightly=HARMS))
def test_a_value_that_is_none_is_skipped_and_the_next_is_taken(hub, config, sandbox, kind, harm):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        whole = long_value(kind)
        spoilt = {
            "empty": "",
            "noise": "ab" * 500,
            "cut": whole[:-2].hex(),
            "huge": (whole + bytes(5 << 20)).hex(),
            "count": (whole[:-4] + b"\xff\xff\xff\xff" * 3).hex(),
        }
        hub.share(spoilt[harm], kind=kind)
        good = hub.share(whole.hex(), kind=kind)
        hub.share(whole.hex(), kind=kind)  # the same value twice, under two ids
        agent.wait(position=3)
        health = agent.health()
        assert (health["signals"][kind], health["skipped"]) == (2, 1)
        hub.withdraw(good)
        agent.wait(position=4)
        assert agent.health()["signals"][kind] == 1


@pytest.mark.parametrize(
    "order", rounds(["times run back"], nightly=["times run back", "times repeat"])
)
def test_a_film_whose_times_do_not_ascend_is_skipped(hub, config, sandbox, order):
    made = VideoPrint.from_bytes(film(40)).rows.copy()
    made["at_ms"] = made["at_ms"][::-1] if order == "times run back" else 1000
    value = VideoPrint(made, Sampling.SHARE, duration_ms=10_000).to_bytes()
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        hub.share(value.hex(), kind="video")
        agent.wait(position=1, skipped=1)


def long_value(kind):
    if kind == "video":
        return film(40)
    numbers = np.random.default_rng(4)
    if kind == "audio":
        words = numbers.integers(1, 1 << 32, 200, dtype=np.uint32)
        return Sound((Track(words, np.ones(200, np.bool_)),)).to_bytes()
    if kind == "text":
        return sketch(" ".join(f"word{n}" for n in numbers.integers(0, 9999, 600))).to_bytes()
    rows = np.zeros(12, GROUP)
    rows["at_ms"], rows["frames"] = np.arange(12) * 2000, 24
    rows["digest"] = numbers.integers(0, 256, (12, 16), dtype=np.uint8)
    return GopPrint(rows).to_bytes()
