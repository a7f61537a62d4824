# SPDX-License-Identifier: Apache-2.0
"""What is for named parties leaves by no door: one test a door. The stream's is in test_stream."""

import json
from uuid import uuid4

import pytest

from stemtide.hub.rooms.signals.reads import signals as reads
from tests.hub.api.conftest import signal
from tests.rounds import at_night, some_of
from tests.world import hex_value, outcome

SECRET = hex_value(4711)


@pytest.fixture(params=some_of(1, ["red", "amber"]))
def hidden(request, world):
    """A signal for the small provider alone, marked RED, or AMBER with an audience."""
    return world.share(value=SECRET, tlp=request.param, audience=("small-forum",))


OUTSIDERS = ["big_provider", "consortium", "agency", "observer", "other_authority"]


@pytest.fixture(params=some_of(2, OUTSIDERS))
def outsider(request, machine, world):
    """Every party that is neither sharer nor audience, in turn."""
    return machine(getattr(world, request.param))


def test_the_feed_withholds_it(outsider, hidden):
    page = outsider("GET", "/api/v1/feed?after=0&exercise=1").json()

    assert page["entries"] == []
    assert page["head"] == hidden.position


def test_its_withdrawal_is_withheld_as_well(outsider, machine, world, hidden):
    sharer = machine(world.authority)
    sharer("POST", f"/api/v1/signals/{hidden.id}/withdraw", {"reason": "mistake"})

    assert outsider("GET", "/api/v1/feed?after=0").json()["entries"] == []


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("name", ["other_authority", "agency", "big_provider", "observer"])
def test_the_snapshot_withholds_it(world, name):
    head, *signals, tail = reads.snapshot(viewer=getattr(world, name), exercise=True)

    assert signals == []
    assert json.loads(tail) == {"signals": 0}
    assert SECRET.encode() not in head + tail


def test_reading_it_is_as_if_it_were_not_there(outsider, hidden):
    answer = outsider("GET", f"/api/v1/signals/{hidden.id}")
    nothing = outsider("GET", f"/api/v1/signals/{uuid4()}")

    assert answer.status_code == nothing.status_code == 404
    assert answer.json()["type"] == nothing.json()["type"]
    assert SECRET not in answer.text


def test_an_opinion_on_it_is_as_if_it_were_not_there(outsider, hidden):
    answer = outsider(
        "PUT",
        f"/api/v1/signals/{hidden.id}/opinion",
        {"opinion": "dispute", "note": "a news report"},
    )

    assert answer.status_code in {403, 404}
    assert SECRET not in answer.text


def test_withdrawing_it_is_as_if_it_were_not_there(outsider, hidden):
    answer = outsider("POST", f"/api/v1/signals/{hidden.id}/withdraw", {"reason": "mistake"})

    assert answer.status_code == 404
    assert SECRET not in answer.text


def test_outcomes_on_it_are_rejected_as_for_a_signal_that_is_not_there(machine, world, hidden):
    rows = [outcome(hidden.id), outcome(uuid4())]
    sent = {"report": str(uuid4()), "agent": "a1"}
    sent["rows"] = [row.model_dump(mode="json") for row in rows]

    out = machine(world.big_provider)("POST", "/api/v1/outcomes", sent).json()

    assert out["counted"] == 0
    said = [one["message"].replace(one["signal"], "") for one in out["rejected"]]
    assert said[0] == said[1]


@pytest.mark.usefixtures("hidden")
def test_metrics_do_not_count_it(outsider):
    text = outsider("GET", "/metrics").text

    assert 'stemtide_signals{state="live"} 0.0' in text


def test_crises_do_not_mention_it(outsider, hidden):
    assert SECRET not in outsider("GET", "/api/v1/crises").text
    assert str(hidden.id) not in outsider("GET", "/api/v1/crises").text


def test_sharing_the_same_value_does_not_tell_that_it_is_there(machine, world, hidden):
    answer = machine(world.agency)("POST", "/api/v1/signals", signal(SECRET))

    assert answer.status_code == 201
    assert answer.json()["id"] != str(hidden.id)


@pytest.mark.parametrize("name", some_of(1, ["authority", "small_provider"]))
def test_those_it_is_for_read_it_by_every_door(machine, world, hidden, name):
    insider = machine(getattr(world, name))

    assert insider("GET", "/api/v1/feed").json()["entries"][0]["value"] == SECRET
    assert insider("GET", f"/api/v1/signals/{hidden.id}").json()["value"] == SECRET
    assert 'stemtide_signals{state="live"} 1.0' in insider("GET", "/metrics").text
    chunks = b"".join(reads.snapshot(viewer=getattr(world, name), exercise=False))
    assert SECRET.encode() in chunks


@at_night
def test_an_observer_is_not_told_of_an_amber_signal(machine, world):
    shared = world.share(tlp="amber")
    observer = machine(world.observer)

    assert observer("GET", "/api/v1/feed").json()["entries"] == []
    assert observer("GET", f"/api/v1/signals/{shared.id}").status_code == 404
    assert 'stemtide_signals{state="live"} 0.0' in observer("GET", "/metrics").text
