# SPDX-License-Identifier: Apache-2.0
"""The allow-list for machines: pages, bulk, the signed file, counts of agents."""

import pytest

from stemtide.hub.rooms.allowlists.models import AllowEntry
from stemtide.protocol.sync.allowlists import AllowlistManifest
from stemtide.protocol.sync.signatures import PublicKey, Signed, check
from tests.world import hex_value

pytestmark = pytest.mark.both_databases
PATH = "/api/v1/allowlist"


def entry(number=1, **facts):
    plain = {"kind": "sha256", "value": hex_value(number), "source": "Newsroom", "reason": "a logo"}
    return plain | facts


@pytest.fixture
def agency(machine, world, settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "signing.pem"
    return machine(world.agency)


def test_entries_are_tried_added_read_and_removed(agency, machine, world):
    dry = agency("POST", f"{PATH}?dry_run=1", {"entries": [entry()]})
    assert (dry.status_code, dry.json()["created"], AllowEntry.objects.count()) == (200, 1, 0)
    added = agency("POST", PATH, {"entries": [entry(), entry(2)]})
    assert (added.status_code, added.json()["created"]) == (201, 2)
    reader = machine(world.observer)
    page = reader("GET", f"{PATH}?limit=1").json()
    assert (page["total"], len(page["entries"])) == (2, 1)
    rest = reader("GET", f"{PATH}?limit=1&before={page['next']}").json()
    assert rest["next"] is None
    uid = added.json()["ids"][0]
    assert agency("POST", f"{PATH}/{uid}/remove", {"reason": "wrong"}).status_code == 200
    assert reader("GET", f"{PATH}/{uid}").json()["removed_reason"] == "wrong"
    assert reader("GET", f"{PATH}?removed=1").json()["total"] == 1


def test_a_bulk_with_a_bad_row_names_it(agency):
    bad = agency("POST", PATH, {"entries": [entry(), entry(kind="url", value="none")]})
    assert bad.status_code == 422
    assert [one["field"] for one in bad.json()["errors"]] == ["entries.1.value"]
    assert not AllowEntry.objects.exists()


@pytest.mark.parametrize("party", ["authority", "big_provider", "observer"])
def test_keys_of_others_change_nothing(agency, machine, world, party):
    uid = agency("POST", PATH, {"entries": [entry()]}).json()["ids"][0]
    other = machine(getattr(world, party))
    assert other("POST", PATH, {"entries": [entry(2)]}).status_code == 403
    assert other("POST", f"{PATH}/{uid}/remove", {"reason": "wrong"}).status_code == 403
    assert AllowEntry.objects.filter(removed_at=None).count() == 1


def test_the_file_is_signed_and_sent_only_if_it_changed(agency, machine, world):
    agency("POST", PATH, {"entries": [entry()]})
    reader = machine(world.big_provider)
    answer = reader("GET", f"{PATH}/file")
    keys = [PublicKey.read(key["key"]) for key in reader("GET", "/api/v1/keys").json()["keys"]]
    signed = Signed.model_validate_json(answer.content)
    check(signed, trusted=keys)
    manifest = AllowlistManifest.model_validate_json(signed.manifest)
    assert [one.reason for one in manifest.entries] == ["a logo"]
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert reader("GET", f"{PATH}/file", headers=tag).status_code == 304
    feed = reader("GET", "/api/v1/feed").json()
    assert feed["allowlist"] == manifest.version
    agency("POST", PATH, {"entries": [entry(2)]})
    changed = reader("GET", f"{PATH}/file", headers=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != answer.headers["ETag"]


def test_an_agent_reports_how_often_it_met_an_entry(agency, machine, world):
    uid = agency("POST", PATH, {"entries": [entry()]}).json()["ids"][0]
    counts = {"counts": [{"entry": uid, "count": 4}]}
    reader = machine(world.big_provider)
    assert reader("PUT", f"{PATH}/matches/a1", counts).status_code == 200
    assert reader("GET", f"{PATH}/{uid}").json()["matches"] == 4
