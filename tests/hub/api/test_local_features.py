# SPDX-License-Identifier: Apache-2.0
"""Local features at the door for machines, and that nothing else at the hub gives them out."""

import json

import pytest

from tests.fingerprints.pictures import photo
from tests.hub.api.conftest import signal
from tests.hub.api.test_exports import body
from tests.rounds import at_night, some_of
from tests.world import hex_value

local = pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")

VALUE = local.features_of(photo("coffee.png").convert("L")).to_bytes().hex()
LIST = "/api/v1/local-features"


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"


@pytest.fixture
def uid(machine, world):
    shared = machine(world.authority)("POST", "/api/v1/signals", signal(hex_value()))
    return shared.json()["id"]


@pytest.fixture
def path(uid):
    return f"/api/v1/signals/{uid}/local-features"


def test_they_are_sent_read_by_a_provider_and_removed(machine, world, uid, path):
    authority, provider = machine(world.authority), machine(world.small_provider)
    sent = authority("PUT", path, {"value": VALUE})
    assert (sent.status_code, sent.json()["size_bytes"]) == (200, len(VALUE) // 2)
    page = provider("GET", LIST).json()
    assert [(entry["signal"], entry["value"]) for entry in page["entries"]] == [(uid, VALUE)]
    assert authority("DELETE", path).status_code == 200
    after = provider("GET", f"{LIST}?after={page['next']}").json()
    assert [entry["value"] for entry in after["entries"]] == [None]
    assert authority("DELETE", path).status_code == 404


@at_night
def test_other_parties_are_told_who_gets_them(machine, world, path):
    refused = machine(world.authority)("GET", LIST)
    assert refused.status_code == 403
    assert "only providers get local features" in refused.json()["detail"]
    other = machine(world.small_provider)("PUT", path, {"value": VALUE})
    assert other.status_code == 403


def test_a_malformed_value_is_named_by_its_field(machine, world, path):
    answer = machine(world.authority)("PUT", path, {"value": VALUE[:-2]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "value")
    assert "local features have not" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "exported",
    some_of(
        2,
        [
            *("/api/v1/feed", "/api/v1/signals/{uid}", "/api/v1/snapshot"),
            *("/api/v1/signals/export?format=csv", "/api/v1/signals/export?format=jsonl"),
        ],
    ),
)
def test_no_feed_snapshot_or_export_has_them(machine, world, uid, path, exported):
    machine(world.authority)("PUT", path, {"value": VALUE})
    answer = machine(world.small_provider)("GET", exported.format(uid=uid))
    text = body(answer)
    assert uid in text
    assert VALUE[:100] not in text
    assert "local" not in text


@at_night
def test_a_signal_moves_up_in_the_feed_and_is_the_same_for_an_older_agent(machine, world, path):
    provider = machine(world.small_provider)
    before = provider("GET", "/api/v1/feed").json()
    machine(world.authority)("PUT", path, {"value": VALUE})
    after = provider("GET", f"/api/v1/feed?after={before['next']}").json()
    (entry,) = after["entries"]
    (earlier,) = before["entries"]
    assert entry["position"] > earlier["position"]
    assert json.dumps(entry | {"position": 0}) == json.dumps(earlier | {"position": 0})
