# SPDX-License-Identifier: Apache-2.0
"""The endpoints of snapshots, from a real server."""

import gzip

import pytest

from stemtide.hub.rooms.snapshots.cache import SnapshotCache
from stemtide.protocol.sync.segments import SegmentManifest, read_segment
from stemtide.protocol.sync.signatures import PublicKey, Signed, check
from stemtide.protocol.sync.snapshot_files import opened_delta, opened_whole
from stemtide.protocol.sync.snapshots import HubKeys, SnapshotOffer
from tests.hub.api.conftest import signal
from tests.rounds import at_night
from tests.world import hex_value


@pytest.fixture(scope="module")
def filled(hub):
    with hub.client() as client:
        rows = [signal(hex_value(number)) for number in range(300)]
        assert client.post("/api/v1/signals/bulk", json={"signals": rows}).status_code == 201
    return hub


def keys_of(client):
    told = HubKeys.model_validate_json(client.get("/api/v1/keys").content)
    return tuple(PublicKey.read(one.key) for one in told.keys)


def offer_of(client, **query):
    return SnapshotOffer.model_validate_json(client.get("/api/v1/snapshots", params=query).content)


def test_the_whole_is_signed_by_the_key_that_the_hub_says(filled, tmp_path):
    with filled.client("big-video") as client:
        answer = client.get("/api/v1/snapshots/latest")
        keys, offer = keys_of(client), offer_of(client)
    path = tmp_path / "snapshot.jsonl.gz"
    path.write_bytes(answer.content)
    with opened_whole(path, trusted=keys) as (head, lines):
        assert b"".join(lines.pieces()).count(b"\n") == head.manifest.signals >= 300
    assert head.manifest.party == "big-video"
    assert (offer.version, offer.sha256) == (head.manifest.version, head.manifest.sha256)
    assert offer.file_bytes == len(answer.content) == int(answer.headers["Content-Length"])
    assert answer.headers["Content-Type"] == "application/gzip"


def test_nothing_new_is_said_without_a_body(filled):
    with filled.client("small-forum") as client:
        tag = client.get("/api/v1/snapshots/latest").headers["ETag"]
        again = client.get("/api/v1/snapshots/latest", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)


def test_an_answer_that_was_cut_off_goes_on_where_it_was(filled):
    with filled.client("small-forum") as client:
        whole = client.get("/api/v1/snapshots/latest")
        version = offer_of(client).version
        ask = {"Range": "bytes=1000-", "If-Range": whole.headers["ETag"]}
        rest = client.get(f"/api/v1/snapshots/{version}", headers=ask)
        other = client.get(
            f"/api/v1/snapshots/{version}", headers={"Range": "bytes=1000-", "If-Range": '"other"'}
        )
        beyond = client.get(f"/api/v1/snapshots/{version}", headers={"Range": "bytes=9999999-"})
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    size = len(whole.content)
    assert rest.headers["Content-Range"] == f"bytes 1000-{size - 1}/{size}"
    assert (other.status_code, other.content) == (200, whole.content)
    assert (beyond.status_code, beyond.content) == (200, whole.content)


def test_a_delta_is_what_was_put_and_dropped_since(filled, tmp_path):
    with filled.client() as client:
        before = offer_of(client)
        made = client.post("/api/v1/signals", json=signal(hex_value(5000))).json()
        client.post(f"/api/v1/signals/{made['id']}/withdraw", json={"reason": "mistake"})
        client.post("/api/v1/signals", json=signal(hex_value(5001)))
        query = {"from": before.version, "view": before.view}
        answer = client.get("/api/v1/snapshots/delta", params=query)
        keys = keys_of(client)
    path = tmp_path / "delta"
    path.write_bytes(answer.content)
    with opened_delta(path, trusted=keys) as (head, lines):
        lines.read()
    assert (head.manifest.base, head.manifest.puts, head.manifest.drops) == (before.version, 1, 1)
    assert answer.headers["Content-Length"] == str(len(answer.content))


def test_exercise_signals_come_where_they_are_asked_for(filled):
    with filled.client() as client:
        client.post("/api/v1/signals", json=signal(hex_value(6000), exercise=True))
        plain, with_them = offer_of(client), offer_of(client, exercise=1)
        body = gzip.decompress(client.get("/api/v1/snapshots/latest?exercise=1").content)
    assert with_them.signals == plain.signals + 1
    assert hex_value(6000).encode() in body


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"from": 10**9}, 409, "download the whole snapshot"),
        ({"from": 0, "view": "0" * 32}, 409, "download the whole snapshot"),
        ({"from": -1}, 422, "from"),
        ({"from": 0, "view": "x"}, 422, "view"),
    ],
    ids=["beyond", "other view", "negative", "no view"],
)
def test_what_cannot_be_a_delta_is_said_plainly(filled, query, status, says):
    with filled.client() as client:
        asked = {"view": offer_of(client).view} | query
        answer = client.get("/api/v1/snapshots/delta", params=asked)
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_a_version_that_is_not_kept_is_gone(filled):
    with filled.client() as client:
        answer = client.get("/api/v1/snapshots/1")
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/gone")
    assert "take the latest whole snapshot" in answer.json()["detail"]


def test_who_comes_while_one_is_made_is_told_when_to_come_again(machine, world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.SIGNING_KEY_FILE = tmp_path / "signing.key"
    shelf = SnapshotCache(tmp_path / "snapshots", viewer=world.agency, exercise=False)
    with shelf.alone():
        answer = machine(world.agency)("GET", "/api/v1/snapshots")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "being made just now" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/snapshots", "/snapshots/latest", "/snapshots/1", "/snapshots/delta?from=0"]
)
def test_a_key_without_the_scope_gets_nothing(machine, world, path):
    answer = machine(world.agency, scopes=["signals:write"])("GET", f"/api/v1{path}")
    assert answer.status_code == 403


def test_every_key_may_learn_the_public_keys(machine, world):
    answer = machine(world.observer, scopes=["metrics:read"])("GET", "/api/v1/keys")
    assert [PublicKey.read(one["key"]).fingerprint for one in answer.json()["keys"]] == [
        one["fingerprint"] for one in answer.json()["keys"]
    ]
    assert machine(None)("GET", "/api/v1/keys").status_code == 401


@at_night
def test_a_segment_is_listed_and_downloaded_whole_or_from_where_it_broke_off(filled, tmp_path):
    with filled.client("big-video") as client:
        signed = Signed.model_validate_json(client.get("/api/v1/segments").content)
        check(signed, trusted=keys_of(client))
        manifest = SegmentManifest.model_validate_json(signed.manifest)
        assert manifest.party == "big-video"
        segment = manifest.segments[0]
        whole = client.get(f"/api/v1/segments/{segment.name}")
        rest = client.get(f"/api/v1/segments/{segment.name}", headers={"Range": "bytes=1000-"})
        unknown = client.get(f"/api/v1/segments/{'0' * 64}")
        outside = client.get("/api/v1/segments/..%2Fhub.sqlite3")
    (tmp_path / segment.name).write_bytes(whole.content)
    assert read_segment(tmp_path / segment.name, segment).count(b"\n") >= 300
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    assert (unknown.status_code, outside.status_code) == (410, 404)
