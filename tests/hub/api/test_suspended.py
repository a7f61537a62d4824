# SPDX-License-Identifier: Apache-2.0
"""A suspended party is shut out at every interface, is told why, and comes back as it was."""

import pytest

from stemtide.hub.platform.errors import SuspendedError
from stemtide.hub.rooms.parties.writes import contacts
from stemtide.hub.wire import stream
from tests.hub.api.conftest import Machine
from tests.hub.api.test_stopncii import Client as StopNciiClient
from tests.rounds import some_of
from tests.world import NOON, lift, suspend

DOORS = {
    "feed": "/api/v1/feed",
    "snapshot": "/api/v1/snapshot",
    "signed snapshot": "/api/v1/snapshots",
    "list of segments": "/api/v1/segments",
    "whole of TAXII": "/taxii2/",
    "collection of TAXII": "/taxii2/hub/collections/",
    "feed of MISP": "/misp/feed/manifest.json",
    "user of MISP": "/misp/users/view/me",
    "metrics": "/metrics",
}


@pytest.mark.parametrize("door", some_of(4, DOORS))
def test_its_keys_open_no_door_and_open_all_of_them_again(world, machine, door):
    caller = machine(world.big_provider)
    assert caller("GET", DOORS[door]).status_code == 200
    suspend(world.big_provider, agency=world.agency)
    assert caller("GET", DOORS[door]).status_code == 403
    lift(world.big_provider, agency=world.agency)
    assert caller("GET", DOORS[door]).status_code == 200


def test_its_key_opens_no_door_of_stopncii(world):
    client = StopNciiClient(world.key(world.big_provider))
    assert client.page()
    suspend(world.big_provider, agency=world.agency)
    assert client("GET", "/stopncii/v1/FetchHashes?startTimestamp=10").status_code == 403
    lift(world.big_provider, agency=world.agency)
    assert client.page()


def test_the_refusal_says_what_happened_why_and_whom_to_write_to(world, machine):
    contacts.add_contact_point(
        world.agency,
        channel="mail",
        address="desk@agency.example",
        languages=[],
        time_zone="UTC",
        is_24_7=True,
        actor="operator",
        now=NOON,
    )
    caller = machine(world.big_provider)
    suspend(world.big_provider, agency=world.agency, reason="It shares newspapers.")
    problem = caller("GET", "/api/v1/feed").json()
    assert problem["type"] == "/problems/not-allowed"
    for part in (
        *("big-video was suspended on 2026-11-24", "EU Internet Referral Unit"),
        *("It shares newspapers.", "desk@agency.example", "by mail"),
    ):
        assert part in problem["detail"]


def test_it_writes_nothing(world, machine):
    caller = machine(world.big_provider)
    suspend(world.big_provider, agency=world.agency)
    before = world.last_entry().number
    body = {"kind": "pdq", "value": "0f" * 32, "labels": ["livestream"], "severity": "high"}
    assert caller("POST", "/api/v1/signals", body | {"tlp": "green"}).status_code == 403
    assert caller("POST", "/api/v1/outcomes", {}).status_code == 403
    assert world.last_entry().number == before


def test_its_requests_count_so_that_it_cannot_flood_the_hub(world, machine, settings):
    settings.RATES = settings.RATES | {"reading": 3}
    caller = machine(world.big_provider)
    suspend(world.big_provider, agency=world.agency)
    answers = [caller("GET", "/api/v1/feed").status_code for _ in range(5)]
    assert answers[-1] == 429


def test_a_wrong_key_is_told_nothing_of_it(world):
    text = world.key(world.big_provider)
    suspend(world.big_provider, agency=world.agency)
    answer = Machine(text[:-1] + ("A" if text[-1] != "A" else "B"))("GET", "/api/v1/feed")
    assert answer.status_code == 401
    assert "suspended" not in answer.json()["detail"]


def test_a_stream_that_opens_while_its_party_is_suspended_does_not_begin(world, rf):
    headers = {"Authorization": f"Bearer {world.key(world.big_provider)}"}
    opened = stream._authenticate(rf.get(stream.ADDRESS, headers=headers))
    suspend(world.big_provider, agency=world.agency)
    with pytest.raises(SuspendedError):
        stream._missed(opened)
