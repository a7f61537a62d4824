# SPDX-License-Identifier: Apache-2.0
"""Previews at the door for machines: sent, listed and destroyed, never given back."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from tests.fingerprints.pictures import encoded, photo
from tests.hub.api.conftest import signal
from tests.world import hex_value

SOON = (datetime.now(UTC) + timedelta(days=2)).isoformat()
PICTURE = base64.b64encode(encoded(photo(), "PNG")).decode()


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"


@pytest.fixture
def path(machine, world):
    """The address of a signal of a crisis, shared by the authority."""
    crisis = str(world.warn().id)
    body = signal(hex_value()) | {"crisis": crisis}
    shared = machine(world.authority)("POST", "/api/v1/signals", body)
    return f"/api/v1/signals/{shared.json()['id']}"


def test_a_preview_is_sent_listed_and_destroyed(machine, world, path):
    authority, agency = machine(world.authority), machine(world.agency)
    sent = authority("POST", f"{path}/preview", {"still": PICTURE, "expires_at": SOON})
    assert sent.status_code == 201
    listed = agency("GET", f"{path}/previews").json()
    assert [one["id"] for one in listed] == [sent.json()["id"]]
    assert set(listed[0]) == {
        *("id", "signal", "kind", "size_bytes", "added_at", "expires_at", "destroyed_at")
    }
    gone = agency("POST", f"/api/v1/previews/{sent.json()['id']}/destroy", {})
    assert gone.json()["destroyed_at"]
    again = agency("POST", f"/api/v1/previews/{sent.json()['id']}/destroy", {})
    assert again.status_code == 409


def test_material_of_child_abuse_is_routed(machine, world, path):
    body = {"excerpt": "words", "expires_at": SOON, "labels": ["csam"]}
    answer = machine(world.authority)("POST", f"{path}/preview", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/refused-and-routed")
    assert "INHOPE" in answer.json()["detail"]


def test_what_is_wrong_is_named_by_its_field(machine, world, path):
    authority = machine(world.authority)
    none = authority("POST", f"{path}/preview", {"expires_at": SOON})
    assert [one["field"] for one in none.json()["errors"]] == ["still"]
    junk = {"still": base64.b64encode(b"junk").decode(), "expires_at": SOON}
    answer = authority("POST", f"{path}/preview", junk)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "still")


def test_a_stranger_learns_nothing(machine, world, path):
    observer = machine(world.observer)
    assert observer("GET", f"{path}/previews").status_code == 404
    body = {"excerpt": "words", "expires_at": SOON}
    assert observer("POST", f"{path}/preview", body).status_code == 404
    assert machine(world.agency)("POST", f"{path}/preview", body).status_code == 403


def test_a_key_without_the_scope_sends_none(machine, world, path):
    reader = machine(world.authority, scopes=["feed:read"])
    body = {"excerpt": "words", "expires_at": SOON}
    assert reader("POST", f"{path}/preview", body).status_code == 403
