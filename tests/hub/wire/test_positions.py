# SPDX-License-Identifier: Apache-2.0
"""Positions that agents reached are kept in memory and stored in batches."""

import pytest
from django.db import OperationalError

from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.wire import positions as room
from stemtide.hub.wire.positions import Positions
from stemtide.protocol.enums.propagation import PropagationStage
from tests.hub.api.conftest import serving, signal, wait_until
from tests.world import hex_value


@pytest.fixture
def caller(world) -> Caller:
    return Caller(world.big_provider, "prefix", frozenset())


@pytest.fixture
def stored(monkeypatch):
    """What was stored, as (stage, name, position); no thread stores by itself."""
    monkeypatch.setattr(room, "STORE_S", 3600.0)
    return []


@pytest.fixture
def positions(stored):
    def store(stage, rows, *, now):
        assert all(row.at <= now for row in rows)
        stored.extend((stage, row.name, row.position) for row in rows)

    return Positions(store)


def test_each_position_is_stored_once_under_its_agent_or_key(positions, caller, stored):
    positions.note_delivered(caller, 5)
    for position in (5, 5, 7, 6):
        positions.note_applied(caller, "a", position)
    positions.store_waiting()
    positions.store_waiting()
    assert stored == [
        (PropagationStage.DELIVERED, "prefix", 5),
        (PropagationStage.APPLIED, "a", 5),
        (PropagationStage.APPLIED, "a", 7),
    ]


def test_an_agent_that_was_set_back_is_followed_from_there(positions, caller, stored):
    for position in (9, 3, 4):
        positions.note_applied(caller, "a", position)
    positions.store_waiting()
    assert [position for _, _, position in stored] == [9, 4]


def test_what_could_not_be_stored_is_stored_later(caller, stored):
    def store(_, rows, **__):
        if not stored:
            stored.append("failed")
            raise OperationalError("away")
        stored.extend(row.position for row in rows)

    positions = Positions(store)
    positions.note_applied(caller, "a", 5)
    with pytest.raises(OperationalError):
        positions.store_waiting()
    positions.note_applied(caller, "a", 6)
    positions.store_waiting()
    assert stored == ["failed", 5, 6]


def test_at_the_end_the_rest_is_stored(positions, caller, stored):
    positions.note_applied(caller, "a", 5)
    positions.stop()
    assert len(stored) == 1


STARTED = "2026-11-24T00:00:00+00:00"


@pytest.mark.nightly
def test_a_hub_knows_when_an_agent_was_sent_a_signal_and_had_applied_it():
    with serving() as hub, hub.client() as client:
        shared = client.post("/api/v1/signals", json=signal(hex_value(1))).json()
        status = {"version": "1", "position": 0, "signals": 0, "started_at": STARTED}
        client.put("/api/v1/agents/a", json=status).raise_for_status()
        client.get("/api/v1/feed", params={"after": shared["position"]}).raise_for_status()
        status["position"] = shared["position"]
        client.put("/api/v1/agents/a", json=status).raise_for_status()

        def recipient() -> dict[str, str]:
            address = f"/api/v1/signals/{shared['id']}/propagation"
            (row,) = client.get(address).json()["recipients"]
            return row

        wait_until(lambda: recipient()["applied_at"] is not None)
        shared_at = client.get(f"/api/v1/signals/{shared['id']}").json()["shared_at"]
        assert shared_at <= recipient()["delivered_at"] < recipient()["applied_at"]
