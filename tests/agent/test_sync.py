# SPDX-License-Identifier: Apache-2.0
import sqlite3
import threading
from contextlib import closing
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from stemtide.agent.store.database import Store
from stemtide.protocol.enums import SignalState
from tests.agent.fake_hub import FakeHub, Server
from tests.agent.world import agent_of, config_of, sha256, share_for_a_while, until
from tests.rounds import rounds

KNOWN = b"content that the authority shares"


def action(agent, content=KNOWN):
    return agent.ask({"sha256": sha256(content)})[0]["decision"]["action"]


def test_a_signal_shared_before_the_start_comes_with_the_snapshot(hub, config, sandbox):
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        assert action(agent) == "block"
        assert agent.health()["signals"]["sha256"] == 1


def test_a_signal_shared_later_comes_over_the_feed(hub, agent):
    assert action(agent) is None
    hub.share(sha256(KNOWN))
    agent.wait(position=1)
    assert action(agent) == "block"


def share_carried(hub, agent):
    """Share until the stream carries a signal to the agent, which did not read the feed for it."""
    numbers = iter(range(10**6))

    def is_carried():
        before = hub.asked["/feed"]
        hub.share(sha256(b"carried %d" % next(numbers)))
        agent.wait(position=hub.head)
        return hub.asked["/feed"] == before

    until(is_carried)


def test_what_the_stream_carries_is_taken_without_asking_the_feed(hub, agent):
    share_carried(hub, agent)
    assert action(agent, b"carried 0") == "block"


def test_an_agent_that_missed_an_event_reads_the_feed(hub, agent):
    share_carried(hub, agent)
    hub.faults["lost event"] = 1
    hub.share(sha256(KNOWN))
    until(lambda: not hub.faults["lost event"])
    hub.share(sha256(b"the next one"))
    agent.wait(position=hub.head)
    assert action(agent) == action(agent, b"the next one") == "block"


def test_a_stream_that_only_wakes_has_the_feed_read(hub, agent):
    hub.carries = False
    hub.share(sha256(KNOWN))
    agent.wait(position=1)
    assert (action(agent), hub.carried) == ("block", 0)


@pytest.mark.nightly
def test_what_the_stream_carries_waits_until_the_histories_were_compared(hub, agent):
    hub.share(sha256(KNOWN))
    agent.wait(position=1)
    hub.stop()
    hub.set_back({}, 0)
    hub.share(sha256(b"another"))
    hub.share(sha256(b"a third"))
    hub.answers["/feed"] = b"{}"  # the agent cannot compare yet
    hub.start()
    until(lambda: agent.health()["hub_head"] == 2)  # it has the event
    del hub.answers["/feed"]
    until(lambda: action(agent) is None)


def test_a_withdrawal_that_the_stream_carries_is_applied(hub, agent):
    signal = hub.share(sha256(KNOWN))
    agent.wait(position=1)
    share_carried(hub, agent)
    hub.withdraw(signal)
    agent.wait(position=hub.head)
    assert action(agent) is None


def test_without_a_stream_the_feed_is_still_followed(hub, config, sandbox):
    hub.faults["no stream"] = 1
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        hub.share(sha256(KNOWN))
        agent.wait(position=1, streaming=False)
        assert action(agent) == "block"


def test_a_withdrawn_signal_no_longer_matches(hub, agent):
    signal = hub.share(sha256(KNOWN))
    agent.wait(position=1)
    hub.withdraw(signal)
    agent.wait(position=2)
    assert action(agent) is None


@pytest.mark.nightly
def test_an_expired_signal_does_not_match_while_the_hub_is_away(hub, agent):
    share_for_a_while(hub, agent, sha256(KNOWN), matches=lambda: action(agent) == "block")
    hub.stop()
    until(lambda: action(agent) is None)


def test_while_the_hub_is_away_the_agent_matches_and_says_how_stale_it_is(hub, agent):
    hub.share(sha256(KNOWN))
    agent.wait(position=1)
    hub.stop()
    agent.wait(hub_reachable=False)
    assert action(agent) == "block"
    assert "cannot be reached" in agent.health()["troubles"]["hub"]
    first = agent.health()["stale_s"]
    until(lambda: agent.health()["stale_s"] > first)
    hub.share(sha256(b"shared meanwhile"))
    hub.start()
    agent.wait(position=2, hub_reachable=True)
    assert action(agent, b"shared meanwhile") == "block"


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_a_forged_segment_is_fetched_again_and_then_the_feed_is_read(
    hub, config, sandbox, caplog, times
):
    for number in range(2):  # one segment
        hub.share(sha256(bytes([number, 1])))
    hub.faults["torn segment"] = times
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=2)
        assert agent.health()["signals"]["sha256"] == 2
        assert (hub.asked["/segments"], hub.asked["/segments/{name}"]) == (1, 2)
    (name,) = hub.segments
    assert f"segment {name} was cut or changed" in caplog.text
    assert ("the feed is read from its beginning" in caplog.text) == (times == 2)


def test_a_download_that_broke_off_goes_on_where_it_was(hub, config, sandbox):
    for number in range(40):
        hub.share(sha256(bytes([number, 1])))
    hub.faults["cut segment"] = 1
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=40)
        assert agent.health()["signals"]["sha256"] == 40
    ((name, begin),) = [fetch for fetch in hub.fetched if fetch[1]]
    assert begin == len(hub.segments[name]) // 2
    assert not (config.data_dir / "incoming").exists()


@pytest.mark.nightly
def test_segments_of_a_mirror_are_taken_and_what_it_lacks_is_of_the_hub(hub, tmp_path, sandbox):
    for number in range(40):
        hub.share(sha256(bytes([number, 1])))
    hub.played_back = hub.segment_list()
    names = [*hub.segments]
    served = []

    async def serve(request):
        name = request.path_params["name"]
        served.append((name, request.headers.get("authorization")))
        content = hub.segments[name] if name in names[:3] else b""
        return Response(content[::-1] if name == names[1] else content, 200 if content else 404)

    mirror = Server(Starlette(routes=[Route("/files/{name}", serve)]))
    try:
        with agent_of(config_of(hub, tmp_path, segments_url=f"{mirror.url}/files"), sandbox) as one:
            one.wait(ready=True, position=40)
            assert one.health()["signals"]["sha256"] == 40
    finally:
        mirror.stop()
    assert sorted(served) == sorted((name, None) for name in names)
    assert sorted(name for name, _ in hub.fetched) == sorted(names[1:2] + names[3:])


@pytest.mark.nightly
def test_a_list_that_is_older_is_brought_up_to_date_before_it_replaces_anything(
    hub, config, sandbox
):
    hub.share(sha256(b"x"))
    hub.played_back = hub.segment_list()
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        assert (agent.health()["position"], action(agent)) == (2, "block")


def test_a_list_in_another_order_is_none_and_the_feed_is_read(hub, config, sandbox, caplog):
    for number in range(4):
        hub.share(sha256(bytes([number, 1])))
    hub.played_back = hub.segment_list(version=1)  # its segments end after it
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=4)
        assert agent.health()["signals"]["sha256"] == 4
    assert "the last one ends after the version" in caplog.text


def test_before_the_first_snapshot_is_complete_a_match_is_refused_as_not_ready(
    hub, config, sandbox
):
    hub.snapshot_gate = threading.Event()
    with agent_of(config, sandbox) as agent:
        answer = agent.http.post("/match", json={"items": [{"md5": "0" * 32}]})
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
        assert agent.http.get("/health", params={"ready": ""}).status_code == 503
        hub.snapshot_gate.set()
        agent.wait(ready=True)


def test_after_a_restart_without_the_hub_the_agent_matches_at_once(hub, config, sandbox):
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
    hub.stop()
    with agent_of(config, sandbox) as agent:
        assert action(agent) == "block"
        assert agent.health()["stale_s"] > 0


def test_another_hub_behind_the_same_address_replaces_all_signals(hub, agent):
    hub.share(sha256(KNOWN))
    agent.wait(position=1)
    hub.stop()
    hub.id, hub.entries = uuid4(), {}
    hub.share(sha256(b"of the other hub"))
    hub.start()
    until(lambda: action(agent) is None)
    assert action(agent, b"of the other hub") == "block"


@pytest.mark.nightly
def test_a_hub_that_was_set_back_replaces_all_signals(hub, agent):
    for number in range(5):
        hub.share(sha256(bytes([number])))
    agent.wait(position=5)
    hub.stop()
    hub.set_back({}, 0)
    hub.share(sha256(KNOWN))
    hub.start()
    agent.wait(position=1)
    assert (action(agent), action(agent, b"\1")) == ("block", None)


@pytest.mark.parametrize("is_signed", rounds([True], nightly=[False, True]))
def test_a_hub_that_was_set_back_is_recognised_after_it_passed_our_position(
    hub, tmp_path, sandbox, is_signed
):
    config = config_of(hub, tmp_path, hub_public_key=(hub.public_key,) if is_signed else ())
    with agent_of(config, sandbox) as agent:
        hub.share(sha256(b"kept"))
        before = (hub.entries.copy(), hub.head)
        hub.share(sha256(b"lost"))
        agent.wait(position=2)
        hub.stop()
        hub.set_back(*before)
        hub.share(sha256(b"meanwhile"))
        hub.share(sha256(KNOWN))
        hub.snapshot_gate = threading.Event()
        hub.start()
        until(lambda: hub.asked["/segments"] == 2 or is_signed)
        assert is_signed or action(agent, b"lost") == "block"  # it answers with what it has
        hub.snapshot_gate.set()
        agent.wait(position=3, ready=True)
        found = {name: action(agent, name) for name in (b"kept", b"lost", b"meanwhile", KNOWN)}
    assert found == {b"kept": "block", b"lost": None, b"meanwhile": "block", KNOWN: "block"}


@pytest.mark.nightly
def test_a_hub_that_was_set_back_to_where_we_are_is_followed_on(hub, agent):
    hub.share(sha256(KNOWN))
    agent.wait(position=1)
    hub.stop()
    hub.set_back(hub.entries, 1)
    hub.share(sha256(b"later"))
    hub.start()
    agent.wait(position=2)
    assert (action(agent), hub.asked["/segments"]) == ("block", 1)


def test_a_key_of_another_party_asks_for_another_snapshot(hub, config, sandbox):
    signal = hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
    hub.party = "another-provider"
    del hub.entries[signal.id]  # its audience does not hold the other party
    with agent_of(config, sandbox) as agent:
        until(lambda: action(agent) is None)


@pytest.mark.nightly
def test_an_agent_without_exercises_lets_the_stored_ones_go(hub, tmp_path, sandbox):
    hub.share(sha256(KNOWN), exercise=True)
    with agent_of(config_of(hub, tmp_path, exercise=True), sandbox) as agent:
        agent.wait(ready=True, position=1)
        assert action(agent) == "log"
    hub.stop()
    with agent_of(config_of(hub, tmp_path), sandbox) as agent:
        assert action(agent) is None


def test_an_entry_of_a_kind_from_the_future_is_skipped_and_counted(hub, config, sandbox):
    hub.share(sha256(KNOWN))
    hub.odd_lines = ['{"op": "put", "kind": "smell", "value": "00"}']
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, skipped=1)
        assert action(agent) == "block"


@pytest.mark.nightly
def test_a_signal_whose_distance_makes_no_sense_is_skipped_and_counted(hub, agent):
    hub.share(sha256(b"x"), within_bits=99)
    hub.share(sha256(KNOWN))
    agent.wait(position=2, skipped=1)
    assert action(agent) == "block"


def test_a_refused_key_is_said_with_its_remedy(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path, key="st_wrong_one")
    with agent_of(config, sandbox) as agent:
        trouble = until(lambda: agent.health()["troubles"].get("hub"))
        assert "refused the key: 401" in trouble
        assert "stemtide key new" in trouble


def test_a_key_that_may_not_report_is_said_while_matching_goes_on(hub, config, sandbox):
    hub.scopes = ("feed:read",)
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        assert "feedback:write" in agent.health()["troubles"]["key"]
        assert action(agent) == "block"


@pytest.mark.usefixtures("agent")
def test_the_hub_hears_soon_how_the_agent_stands(hub):
    hub.share(sha256(KNOWN))
    name, status = until(lambda: next((one for one in hub.statuses if one[1].position), None))
    assert (name, status.position, status.signals, status.exercise) == ("uploads", 1, 1, False)
    # An older hub refuses a status with a field that it does not know.
    assert status.model_fields_set == {"version", "position", "signals", "exercise", "started_at"}


@pytest.mark.nightly
def test_an_expiry_of_the_hub_drops_a_signal(hub, agent):
    signal = hub.share(sha256(KNOWN))
    agent.wait(position=1)
    hub.withdraw(signal, state=SignalState.EXPIRED)
    agent.wait(position=2)
    assert action(agent) is None


def test_a_feed_of_many_pages_arrives_whole(hub, agent):
    values = [sha256(str(number).encode()) for number in range(4500)]
    hub.stop()
    for value in values:
        hub.share(value)
    hub.start()
    agent.wait(position=4500)
    answers = agent.ask(*({"sha256": value} for value in values[::100]))
    assert {one["decision"]["action"] for one in answers} == {"block"}


def test_a_hub_that_is_none_is_told_as_such(tmp_path, sandbox, provider):
    elsewhere = FakeHub()
    elsewhere._port = int(provider.url.split(":")[2].split("/")[0])
    with agent_of(config_of(elsewhere, tmp_path), sandbox) as agent:
        trouble = until(lambda: agent.health()["troubles"].get("hub"))
        assert "is it a hub?" in trouble


def test_old_records_that_cannot_be_deleted_do_not_interrupt_the_sync(
    hub, sandbox, tmp_path, caplog
):
    """A database that refuses a deletion stands for a disk that is full or cannot be written to."""
    config = config_of(hub, tmp_path)
    with Store(config.data_dir), closing(sqlite3.connect(config.data_dir / "agent.db")) as other:
        other.execute(
            "INSERT INTO acted (ref, at, signal, action, kind, distance_bits, part)"
            " VALUES ('old', 1, 's', 'hold', 'sha256', 0, '')"
        )
        other.execute(
            "CREATE TRIGGER full BEFORE DELETE ON acted BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        other.commit()
    with agent_of(config, sandbox) as agent:
        until(lambda: "old records" in caplog.text, what="a word in the log")
        hub.share(sha256(b"one"))
        agent.wait(position=hub.head, ready=True)
    assert "starts again" not in caplog.text
