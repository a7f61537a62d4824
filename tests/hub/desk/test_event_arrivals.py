# SPDX-License-Identifier: Apache-2.0
"""The page of an event shows messages of neighbours, and enters those that wait."""

import json
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.hub.rooms.crises.known_neighbours import KnownNeighbour
from stemtide.hub.rooms.crises.models import Neighbour
from stemtide.hub.rooms.crises.writes import arrivals
from stemtide.protocol.activations import TYPE, key_text
from stemtide.protocol.enums import Role
from tests.world import NOON


def send(world, **change):
    data = {
        "id": str(uuid4()),
        "sequence": 1,
        "framework": "gifct",
        "version": "2025",
        "type": "perpetrator-content-incident",
        "reference": "CIP-7",
        "status": "active",
        "started_at": NOON.isoformat(),
        "event": {"name": "<b>Attack</b>"},
    } | change
    body = json.dumps({"type": TYPE, "timestamp": NOON.isoformat(), "data": data}).encode()
    neighbour = KnownNeighbour("gifct", world.party["rival"].name, (), "")
    arrivals.receive(arrivals.Verified(neighbour, str(uuid4()), NOON, body), now=NOON)


@pytest.fixture
def crisis(world, settings, tmp_path):
    """A crisis, and a neighbour whose party speaks for its mechanism."""
    path = tmp_path / "neighbours.toml"
    key = key_text(Ed25519PrivateKey.generate().public_key())
    path.write_text(f'[gifct]\nparty = "{world.party["rival"].name}"\nkeys = ["{key}"]\n')
    settings.NEIGHBOURS_FILE = str(path)
    world.party["rival"].mechanism = "gifct"
    world.party["rival"].save()
    return world.crisis()


def test_what_waits_is_entered_by_a_button_and_then_stands_beside_ours(world, crisis):
    send(world)
    client = world.desk("agency", Role.COORDINATOR)
    address = f"/crises/{crisis}/event"
    text = client.get(address).content.decode()
    assert "CIP-7" in text
    assert "&lt;b&gt;Attack" in text
    (action,) = [part for part in text.split('"') if part.startswith(f"{address}/")]
    assert client.post(action).status_code == 302
    after = client.get(address).content.decode()
    assert "The activation is entered." in after
    assert "Enter for this event" not in after
    assert Neighbour.objects.get().own_by == world.party["rival"]


def test_what_was_refused_is_shown_with_its_reason(world, crisis):
    send(world, framework="nz-dia")
    client = world.desk("agency", Role.COORDINATOR)
    assert "does not speak for nz-dia" in client.get(f"/crises/{crisis}/event").content.decode()
