# SPDX-License-Identifier: Apache-2.0
"""stemtide snapshot, as a provider runs it: against a real hub, with somebody on the wire."""

import gzip
import json
import re
import shutil

import pytest

from stemtide.protocol.sync.signatures import PublicKey
from tests.cli.conftest import run, run_bare
from tests.hub.api.conftest import serving, signal
from tests.hub.snapshots.replay import wire
from tests.world import hex_value

pytestmark = pytest.mark.flow


class Reader:
    """A party that keeps a folder up to date."""

    def __init__(self, hub, folder, party="big-video"):
        self.hub, self.folder, self.url = hub, folder, hub.address
        self._key = hub.keys[party]
        self.sharer = hub.client()

    def __call__(self, verb, *words):
        return run(
            *("snapshot", verb, *words, "--json"), STEMTIDE_HUB_URL=self.url, STEMTIDE_KEY=self._key
        )

    def pull(self, *words):
        return self("pull", self.folder, *words)

    def pulled(self, *words):
        said = self.pull(*words)
        assert said.code == 0, said.err
        return said.rows[0]

    def refused(self, *words):
        """What a pull said that failed, after which the folder is as it was."""
        before = self.file.read_bytes() if self.file.exists() else None
        said = self.pull(*words)
        assert said.code == 1, said.out
        assert (self.file.read_bytes() if self.file.exists() else None) == before
        return said.err

    @property
    def file(self):
        return self.folder / "snapshot.jsonl.gz"

    def share(self, *numbers):
        body = {"signals": [signal(hex_value(number)) for number in numbers]}
        answer = self.sharer.post("/api/v1/signals/bulk", json=body)
        assert answer.status_code == 201
        return [row["id"] for row in answer.json()["signals"]]

    def withdraw(self, uid):
        path = f"/api/v1/signals/{uid}/withdraw"
        assert self.sharer.post(path, json={"reason": "mistake"}).status_code == 200

    def values(self):
        said = self("show", self.file, "--signals")
        assert said.code == 0, said.err
        return {row["value"] for row in said.rows}


@pytest.fixture
def reader(hub, tmp_path):
    reader = Reader(hub, tmp_path / "kept")
    yield reader
    reader.sharer.close()


@pytest.fixture
def first_reader(tmp_path):
    """Of a hub that holds nothing yet."""
    with serving() as running:
        reader = Reader(running, tmp_path / "kept")
        yield reader
        reader.sharer.close()


@pytest.fixture(scope="module")
def hub():
    with serving() as running:
        yield running


def test_first_the_whole_comes_and_then_what_changed(first_reader):
    reader = first_reader
    uids = reader.share(1, 2, 3)
    first = reader.pulled()
    assert (first["how"], reader.values()) == ("whole", {hex_value(n) for n in (1, 2, 3)})
    reader.withdraw(uids[1])
    reader.share(4)
    second = reader.pulled("--deltas", reader.folder / "deltas")
    assert (second["how"], reader.values()) == ("delta", {hex_value(n) for n in (1, 3, 4)})
    assert second["version"] > first["version"]
    assert reader.pulled()["how"] == "nothing"
    (delta,) = (reader.folder / "deltas").iterdir()
    said = reader("show", delta, "--trust", (reader.folder / "hub.key").read_text().strip())
    assert (said.rows[0]["puts"], said.rows[0]["drops"]) == (1, 1)


@pytest.mark.nightly
def test_a_plain_install_pulls_past_a_proxy_that_is_for_the_world_outside(reader):
    reader.share(10)
    nowhere = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    said = run_bare(
        *("snapshot", "pull", reader.folder, "--json"),
        STEMTIDE_HUB_URL=reader.url,
        STEMTIDE_KEY=reader._key,
        **nowhere,
    )
    assert said.code == 0, said.err
    assert said.rows[0]["how"] == "whole"


def test_the_key_is_pinned_at_the_first_use_and_said_for_comparing(reader, hub):
    said = reader.pull()
    with hub.client() as client:
        own = client.get("/api/v1/keys").json()["keys"][0]
    assert own["fingerprint"] in said.err
    assert (reader.folder / "hub.key").read_text().strip() == own["key"]
    assert "trusted from now on" not in reader.pull().err


def test_a_folder_verifies_where_there_is_no_hub(reader, tmp_path):
    reader.pulled()
    moved = tmp_path / "moved"
    shutil.copytree(reader.folder, moved)
    reader.url = "http://127.0.0.1:9"
    said = reader("verify", moved / "snapshot.jsonl.gz")
    assert (said.code, said.rows[0]["genuine"]) == (0, True)
    lines = bytearray(gzip.decompress((moved / "snapshot.jsonl.gz").read_bytes()))
    lines[len(lines) // 2] ^= 1
    (moved / "bad.jsonl.gz").write_bytes(gzip.compress(lines))
    said = reader("verify", moved / "snapshot.jsonl.gz", moved / "bad.jsonl.gz")
    assert (said.code, [row["genuine"] for row in said.rows]) == (1, [True, False])


def test_another_hubs_key_is_refused(reader, tmp_path):
    reader.pulled()
    reader.share(20)
    (reader.folder / "hub.key").write_text(f"ed25519:{'ab' * 32}\n")
    assert "ask whoever runs the hub by telephone" in reader.refused()
    fresh = Reader(reader.hub, tmp_path / "fresh")
    assert "by no key that you trust" in fresh.refused("--trust", f"ed25519:{'ab' * 32}")
    fresh.sharer.close()


def test_what_somebody_on_the_wire_changes_is_refused(reader):
    reader.share(30)
    with wire(reader.hub.address) as between:
        reader.url = between.url

        def spoil(path, content):
            if path.endswith(("/latest", "/delta")):
                return content[:-30] + bytes([content[-30] ^ 1]) + content[-29:]
            return content

        between.change = spoil
        # Whether the file unpacks with this bit turned depends on what is in it.
        assert re.search("cut or (damaged|changed)", reader.refused())
        between.change = None
        assert reader.pulled()["how"] == "whole"
        reader.share(31)
        between.change = spoil
        reader.refused()
    reader.url = reader.hub.address
    assert reader.pulled()["how"] == "delta"
    assert hex_value(31) in reader.values()


def test_an_old_snapshot_that_is_played_back_is_refused(reader):
    reader.share(40)
    paths = ("/api/v1/snapshots", "/api/v1/snapshots/latest")
    with reader.hub.client("big-video") as client:
        old = {path: client.get(path).content for path in paths}
    reader.share(41)
    before = reader.pulled()
    with wire(reader.hub.address) as between:
        reader.url = between.url
        between.recorded = old
        assert "replays an old snapshot" in reader.refused()
        # The offer is true and the file is old: the whole is taken where a delta is refused.
        reader.share(42)
        offer = json.loads(between_offer(reader)) | {"view": "0" * 32}
        between.recorded = {paths[0]: json.dumps(offer).encode(), paths[1]: old[paths[1]]}
        assert "replays an old snapshot" in reader.refused()
    reader.url = reader.hub.address
    assert reader.pulled()["version"] > before["version"]


def between_offer(reader):
    with reader.hub.client("big-video") as client:
        return client.get("/api/v1/snapshots").content


@pytest.mark.nightly
def test_a_pull_that_was_cut_off_goes_on(reader):
    reader.share(*range(500, 800))
    with wire(reader.hub.address) as between:
        reader.url = between.url
        between.cut_after = 5000
        assert "pull again to resume" in reader.refused()
        between.cut_after = None
        pulled = reader.pulled()
        (ranged,) = [one for one in between.asked if one[1]]
    assert ranged[1] == "bytes=5000-"
    assert pulled["how"] == "whole"
    with reader.hub.client("big-video") as client:
        assert pulled["signals"] == client.get("/api/v1/snapshots").json()["signals"]
    assert sorted(one.name for one in reader.folder.iterdir()) == [
        ".lock",
        "hub.key",
        "snapshot.jsonl.gz",
    ]


@pytest.mark.nightly
def test_deltas_are_handed_on_and_applied_by_somebody_without_a_key(reader, tmp_path):
    reader.pulled()
    inside = tmp_path / "inside"
    shutil.copytree(reader.folder, inside)
    reader.share(60)
    reader.pulled("--deltas", tmp_path / "deltas")
    (delta,) = (tmp_path / "deltas").iterdir()
    file = inside / "snapshot.jsonl.gz"
    said = run("snapshot", "apply", file, delta, "--out", file, "--json")
    assert said.code == 0, said.err
    assert said.rows[0]["version"] == reader.pulled()["version"]
    again = run("snapshot", "apply", file, delta, "--out", file)
    assert (again.code, "each once" in again.err) == (1, True)


@pytest.mark.nightly
def test_real_and_exercise_are_not_mixed_in_one_folder(reader):
    reader.pulled()
    assert "take another folder" in reader.refused("--exercise")


def test_another_partys_snapshot_is_not_put_into_the_folder(reader):
    reader.pulled()
    reader.share(70)
    reader._key = reader.hub.keys["small-forum"]
    assert "of small-forum at" in reader.refused()


def test_what_is_missing_or_wrong_is_named(reader, tmp_path):
    assert (
        "cannot be reached"
        in run(
            "snapshot",
            "pull",
            tmp_path / "x",
            STEMTIDE_HUB_URL="http://127.0.0.1:9",
            STEMTIDE_KEY="st_x",
        ).err
    )
    (tmp_path / "alone.gz").write_bytes(b"x")
    said = run("snapshot", "verify", tmp_path / "alone.gz")
    assert (said.code, "give the hub's with --trust" in said.err) == (2, True)
    said = reader.pull("--trust", "nonsense")
    assert (said.code, "64 digits" in said.err) == (1, True)


@pytest.mark.nightly
def test_a_hub_changes_its_key_and_readers_follow(tmp_path):
    data = tmp_path / "hub"

    def keys():
        said = run("hub", "keys", "--data-dir", data, "--json")
        return [PublicKey.read(row["key"]) for row in said.rows]

    with serving() as hub:
        reader = Reader(hub, tmp_path / "kept")
        data = hub.folder
        reader.share(1)
        reader.pulled()
        (old,) = keys()
        assert run("hub", "rotate-key", "--data-dir", data).code == 2
        assert run("hub", "rotate-key", "--data-dir", data, "--yes").code == 0
        new, still = keys()
        assert still == old
        reader.share(2)
        said = reader.pull()
        assert (said.code, new.fingerprint in said.err) == (0, True)
        assert reader.pulled("--trust", str(new))["signals"] == 2
        run("hub", "rotate-key", "--data-dir", data, "--yes", "--forget-old")
        reader.share(3)
        assert (reader.pulled()["how"], keys()) == ("delta", [new])
        late = Reader(hub, tmp_path / "late")
        assert "by no key that you trust" in late.refused("--trust", str(old))
        late.sharer.close()
        reader.sharer.close()
