# SPDX-License-Identifier: Apache-2.0
"""Streams at the agent: chunk by chunk, and the first alarm in time."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from stemtide.agent.config.settings import Rule, WebhookSettings
from stemtide.protocol.enums import Action
from tests.agent.fake_hub import FakeHub
from tests.agent.streams import (
    KNOWN,
    OTHER,
    chunks,
    fragments,
    pictures_alone,
    shared_values,
)
from tests.agent.world import SECRET, Calls, agent_of, config_of, until
from tests.rounds import rounds

TS = {"content-type": "video/mp2t"}
STARTS_S = 24  # of the known content, in the long stream


@pytest.fixture(scope="module")
def values(sandbox):
    return shared_values(sandbox)


@pytest.fixture(scope="module")
def long_stream():
    """Twenty-four seconds of something else, twelve of the known film, twelve of something else."""
    return chunks(OTHER, OTHER, KNOWN, OTHER)


@pytest.fixture
def film(hub, agent, values):
    """The film, shared by its pictures."""
    signal = hub.share(values["video"], kind="video")
    agent.wait(position=hub.head)
    return signal


def put(agent: Calls, blob, *, stream="tv", expect=200, **asked):
    answer = agent.http.post(f"/live/{stream}", content=blob, headers=TS, params=asked)
    assert answer.status_code == expect, answer.text
    return answer.json()


def play(agent, stream, blobs):
    return [put(agent, blob, stream=stream, seq=seq) for seq, blob in enumerate(blobs)]


def first_alarm(answers):
    return next(one for one in answers if one["alarms"])


@pytest.mark.parametrize("kind", rounds(["video"], nightly=["video", "audio"]))
def test_the_first_alarm_comes_within_ten_seconds_of_known_content(
    hub, agent, values, long_stream, kind
):
    signal = hub.share(values[kind], kind=kind)
    agent.wait(position=1)
    answers = play(agent, "tv", long_stream)
    first = first_alarm(answers)
    assert STARTS_S <= first["until_s"] <= STARTS_S + 10
    assert first["alarms"] == [{"signal": str(signal.id), "kind": kind, "is_new": True}]
    assert [one["decision"]["action"] for one in answers[:6]] == [None] * 6
    last = answers[-1]
    assert last["decision"]["action"] == "block"
    (match,) = last["matches"]
    (stretch,) = match["stretches"]
    assert stretch["query_span_s"] == pytest.approx([24, 36], abs=1.6)
    assert stretch["signal_span_s"] == pytest.approx([0, 12], abs=1.6)
    assert last["alarms"] == []
    assert sum(each["is_new"] for one in answers for each in one["alarms"]) == 1


@pytest.mark.nightly
def test_pictures_without_sound_are_enough(agent, film):
    answers = play(agent, "silent", [*pictures_alone("sky"), *pictures_alone("street")])
    assert first_alarm(answers)["until_s"] <= 12 + 10
    assert answers[-1]["matches"][0]["signal"] == str(film.id)
    assert answers[0]["decision"]["undecodable"] is False


@pytest.mark.nightly
@pytest.mark.usefixtures("film")
def test_a_stream_counts_once_for_the_flood_guard(agent, config):
    play(agent, "tv", chunks(KNOWN, OTHER))
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as connection:
        counted = connection.execute("SELECT sum(count) FROM signal_matches").fetchall()
    assert counted == [(1,)]
    agent.stop()
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as connection:
        lookups = connection.execute("SELECT kind, count FROM kind_lookups").fetchall()
    assert ("video", 1) in lookups


@pytest.mark.nightly
def test_an_initialisation_segment_is_sent_once(agent, film):
    init, each = fragments(OTHER, KNOWN)
    type_ = {"content-type": "video/mp4"}
    assert agent.http.put("/live/tv/init", content=init, headers=type_).status_code == 204
    answers = play(agent, "tv", each)
    assert first_alarm(answers)["until_s"] <= 12 + 10
    assert answers[-1]["matches"][0]["signal"] == str(film.id)


def test_a_chunk_that_comes_twice_is_taken_once(agent, film):
    known = chunks(KNOWN)
    first = put(agent, known[0], seq=7)
    second = put(agent, known[0], seq=7)
    assert (first["repeated"], second["repeated"]) == (False, True)
    same = ("ref", "until_s", "alarms", "matches", "missing")
    assert [second[name] for name in same] == [first[name] for name in same]
    assert first["matches"][0]["signal"] == str(film.id)


def test_gaps_are_said_and_filled_by_late_chunks(agent, film):
    each = chunks(OTHER, KNOWN)
    for seq in (0, 1):
        put(agent, each[seq], seq=seq)
    behind = put(agent, each[4], seq=4)
    assert behind["missing"] == [[2, 3]]
    assert behind["at_s"] == pytest.approx(16, abs=0.3)
    late = put(agent, each[3], seq=3)
    assert (late["missing"], late["at_s"]) == ([[2, 2]], pytest.approx(12, abs=0.3))
    assert late["alarms"][0]["signal"] == str(film.id)
    assert put(agent, each[5])["seq"] == 5


@pytest.mark.nightly
@pytest.mark.usefixtures("film")
def test_sound_that_comes_late_is_heard(hub, agent, values):
    sound = hub.share(values["audio"], kind="audio")
    agent.wait(position=hub.head)
    each = chunks(OTHER, KNOWN)
    for seq in (0, 1, 2, 4, 3):
        answer = put(agent, each[seq], seq=seq)
    assert str(sound.id) in {one["signal"] for one in answer["alarms"]}


@pytest.mark.nightly
@pytest.mark.usefixtures("film")
def test_a_number_that_stands_for_another_chunk_is_refused(agent):
    one, two, *_ = chunks(KNOWN)
    put(agent, one, seq=3)
    assert "another chunk 3" in put(agent, two, seq=3, expect=409)["detail"]
    assert "long past" in put(agent, two, seq=1, expect=409)["detail"]
    assert "begin it anew" in put(agent, two, seq=2**50, expect=409)["detail"].replace("\n", " ")


@pytest.mark.usefixtures("film")
def test_a_stream_that_ends_is_told_and_forgotten(agent):
    answers = play(agent, "tv", chunks(KNOWN))
    assert agent.http.get("/live").json()["streams"] == [{"stream": "tv", "ref": answers[0]["ref"]}]
    assert agent.http.get("/live/tv").json()["matches"] == answers[-1]["matches"]
    ended = agent.http.delete("/live/tv").json()
    assert (ended["matches"], ended["ref"]) == (answers[-1]["matches"], answers[0]["ref"])
    assert agent.http.delete("/live/tv").status_code == 404
    assert put(agent, chunks(OTHER)[0], seq=0)["matches"] == []


@pytest.mark.nightly
def test_an_idle_stream_ends_by_itself(hub, sandbox, tmp_path):
    with agent_of(config_of(hub, tmp_path, live_idle_s=1.0), sandbox) as agent:
        agent.wait(ready=True)
        put(agent, chunks(OTHER)[0])
        until(lambda: agent.health()["live_streams"] == 0, what="the end of the stream")
        assert agent.http.get("/live/tv").status_code == 404


def test_no_more_streams_are_open_than_may_be(hub, sandbox, tmp_path):
    with agent_of(config_of(hub, tmp_path, live_streams=1), sandbox) as agent:
        agent.wait(ready=True)
        blob = chunks(OTHER)[0]
        put(agent, blob, stream="one")
        full = put(agent, blob, stream="two", expect=429)
        assert full["type"].endswith("/too-many")
        assert "raise live_streams" in full["detail"]
        put(agent, chunks(OTHER)[1], stream="one")
        agent.http.delete("/live/one")
        put(agent, blob, stream="two")


@pytest.mark.nightly
@pytest.mark.usefixtures("film")
def test_what_is_kept_of_a_stream_does_not_grow_with_it(config, agent):
    sizes = []
    blobs = [*chunks(OTHER), *chunks(KNOWN)]
    for seq in range(rounds(20, nightly=30)):
        put(agent, blobs[seq % len(blobs)], seq=seq)
        sizes.append(_kept_bytes(config))
    assert max(sizes[15:]) < 1.2 * max(sizes[5:15])
    assert max(sizes) < 100_000


def _kept_bytes(config):
    with sqlite3.connect(config.data_dir / "live.db") as connection:
        return connection.execute("SELECT max(length(state)) FROM streams").fetchone()[0]


def test_a_withdrawn_signal_stops_matching_in_an_open_stream_and_is_undone(
    hub, provider, sandbox, tmp_path, values
):
    config = config_of(hub, tmp_path, webhook=WebhookSettings(url=provider.url, secret=SECRET))
    signal = hub.share(values["video"], kind="video")
    with agent_of(config, sandbox) as agent:
        agent.wait(position=1)
        each = chunks(KNOWN)
        ref = put(agent, each[0], ref="stream-9")["ref"]
        put(agent, each[1])
        until(lambda: provider.told() == [("content.block", ref)], what="the block")
        assert provider.heard[0]["data"]["stream"] == "tv"
        hub.withdraw(signal)
        agent.wait(position=2)
        after = put(agent, each[2])
        assert (after["alarms"], after["matches"]) == ([], [])
        assert after["decision"]["action"] is None
        until(lambda: provider.told()[1:] == [("content.release", ref)], what="the release")
        until(lambda: hub.outcomes, what="outcomes")


@pytest.mark.nightly
@pytest.mark.usefixtures("film")
def test_looking_only_does_nothing(hub, config, agent):
    answers = [put(agent, blob, look="1") for blob in chunks(KNOWN)]
    assert answers[-1]["decision"]["action"] == "block"
    assert not config.actions_path.exists()
    assert hub.outcomes == {}


@pytest.mark.nightly
def test_seconds_add_up_over_the_whole_stream(hub, sandbox, tmp_path, values):
    rules = (
        Rule(name="long enough", action=Action.BLOCK, min_matched_s=9.0),
        Rule(name="rest", action=Action.HOLD),
    )
    hub.share(values["video"], kind="video")
    with agent_of(config_of(hub, tmp_path, rules=rules), sandbox) as agent:
        agent.wait(position=1)
        acts = [one["decision"]["action"] for one in play(agent, "tv", chunks(OTHER, KNOWN, OTHER))]
    assert acts[:3] == [None] * 3
    assert acts[4] == "hold"
    assert acts[5:] == ["block"] * 4


def test_a_chunk_that_cannot_be_decoded_proves_nothing(agent, film):
    answer = put(agent, b"\x47" + bytes(5000))
    assert answer["decision"]["undecodable"]
    assert answer["remarks"]
    first = first_alarm([put(agent, blob) for blob in chunks(KNOWN)])
    assert first["matches"][0]["signal"] == str(film.id)


WRONG = [
    ({"seq": "-1"}, 422, "seq: must be"),
    ({"seq": "1e3"}, 422, "seq: must be"),
    ({"seqq": "1"}, 422, "known are seq, ref, look"),
    ({"look": "yes"}, 422, "look: must be 0 or 1"),
    ({"ref": ""}, 422, "ref: must have"),
]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    rounds(WRONG[1:3], nightly=WRONG),
)
def test_a_wrong_parameter_is_named(agent, asked, status, said):
    assert said in put(agent, b"x", expect=status, **asked)["detail"]


def test_a_wrong_name_or_body_is_named(agent):
    assert put(agent, b"x", stream="a b", expect=422)["detail"].startswith("stream: ")
    assert put(agent, b"", expect=422)["detail"].startswith("body: is empty")
    answer = agent.http.post("/live/tv", content=b"{}", headers={"content-type": "text/html"})
    assert answer.status_code == 415
    big = agent.http.put("/live/tv/init", content=bytes(300_000), headers=TS)
    assert big.status_code == 413


def test_chunks_may_come_at_the_same_time(agent, film):
    first, *others = chunks(OTHER, KNOWN)
    put(agent, first, seq=0)  # what is before the first chunk that came is no part of the stream
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: put(agent, pair[1], seq=pair[0]), enumerate(others, start=1)))
    told = agent.http.get("/live/tv").json()
    assert told["missing"] == []
    assert told["matches"][0]["signal"] == str(film.id)


@pytest.mark.nightly
def test_a_damaged_file_of_streams_is_made_anew(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path)
    config.data_dir.mkdir()
    (config.data_dir / "live.db").write_bytes(b"no database at all" * 100)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        assert put(agent, chunks(OTHER)[0])["seq"] == 0


def test_nothing_is_answered_while_there_are_no_signals(sandbox, tmp_path):
    with agent_of(config_of(FakeHub(), tmp_path, hub_url="http://127.0.0.1:9"), sandbox) as agent:
        assert "no signals yet" in put(agent, b"x", expect=503)["detail"]


@pytest.mark.nightly
@pytest.mark.usefixtures("film")
def test_numbers_of_streams_are_in_the_metrics(agent):
    play(agent, "tv", chunks(KNOWN))
    text = agent.http.get("/metrics").text
    for line in ("live_chunks_total 3.0", "live_alarms_total 1.0", "live_streams 1.0"):
        assert f"stemtide_agent_{line}" in text
