# SPDX-License-Identifier: Apache-2.0
"""The real taxii2-client, python-stix2 and stix2-validator against a real hub on loopback."""

import json
import secrets
import threading
from datetime import UTC, datetime

import httpx
import pytest
import stix2
from taxii2client.v21 import Server, as_pages

from tests.prints import text_value
from tests.rounds import rounds

pytestmark = pytest.mark.flow
WRITERS, EACH = 3, rounds(8, nightly=20)
BUNDLE = "bundle--5a1e2f00-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def server(hub):
    return Server(hub["TAXII_URL"], user=hub["TAXII_USER"], password=hub["TAXII_PASSWORD"])


@pytest.fixture(scope="module")
def collections(server):
    return {one.title.partition(" (")[0]: one for one in server.default.collections}


def api(hub, method, path, body=None):
    headers = {"Authorization": f"Bearer {hub['HUB_TOKEN']}"}
    url = f"{hub['HUB_URL']}/api/v1{path}"
    answer = httpx.request(method, url, json=body, headers=headers, timeout=60)
    assert answer.is_success, answer.text
    return answer.json()


def signal(**facts):
    plain = {"kind": "pdq", "value": secrets.token_hex(32), "quality": 90, "severity": "high"}
    if "kind" in facts:
        del plain["quality"]
    return plain | {"labels": ["perpetrator-content"]} | facts


def indicator(**facts):
    plain = {"pattern": f"[file:hashes.PDQ = '{secrets.token_hex(32)}']", "pattern_type": "stix"}
    return stix2.Indicator(**plain | {"valid_from": datetime.now(UTC)} | facts)


def add(collection, *objects):
    """Post objects of python-stix2; every one must be taken."""
    status = collection.add_objects({"objects": [json.loads(one.serialize()) for one in objects]})
    assert (status.status, status.failures) == ("complete", [])


def objects(collection, **filters):
    return [
        one
        for page in as_pages(collection.get_objects, **filters)
        for one in page.get("objects", [])
    ]


@pytest.fixture
def start(collections):
    """What follows the objects that are there already, of other tests."""
    signals = collections["Signals"]
    known = objects(signals, per_request=1000)
    return added_after(signals, known[-1]["id"]) if known else {}


def added_after(signals, uid):
    """The filter for what was added after an object, as clients go on between their runs."""
    (last,) = signals.get_manifest(id=uid)["objects"]
    return {"added_after": last["date_added"]}


@pytest.fixture
def writers(hub, collections, start):  # noqa: ARG001  # they write after it
    """Several at once, some by TAXII and some by the hub's own API; what they post by TAXII."""
    written = []

    def write():
        for number in range(EACH):
            if number % 2:
                made = indicator()
                add(collections["Signals"], made)
                written.append(made.id)
            else:
                api(hub, "POST", "/signals", signal())

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for one in threads:
        one.start()
    yield threads, written
    for one in threads:
        one.join()


def read_on(signals, limit, **since):
    """The ids on all pages from here on."""
    while True:
        page = signals.get_objects(limit=limit, **since)
        yield from [one["id"] for one in page.get("objects", [])]
        if not page["more"]:
            return
        since = {"next": page["next"]}


@pytest.mark.parametrize(
    "limit",
    rounds([4], nightly=range(1, 8)),
)
def test_paging_while_others_write_meets_each_object_once(collections, start, writers, limit):
    signals, (threads, written) = collections["Signals"], writers
    found = list(read_on(signals, limit, **start))
    is_over = False
    while not is_over:
        is_over = not any(one.is_alive() for one in threads)
        since = added_after(signals, found[-1]) if found else start
        found += read_on(signals, limit, **since)
    assert len(written) == WRITERS * EACH // 2
    assert len(found) == len(set(found))
    assert set(written) <= set(found)
    assert set(found) == {one["id"] for one in objects(signals, per_request=1000, **start)}


def everything(hub, collections):
    """One of every kind of signal and of what stands around it, in one crisis."""
    joined = collections["Crisis that was joined"]
    crisis = joined._raw["alias"].removeprefix("crisis-")
    rows = [
        signal(),
        signal(kind="md5", value=secrets.token_hex(16)),
        signal(kind="sha256", value=secrets.token_hex(32)),
        signal(kind="url", value="https://evil.example/it's/a?b=%27\\c"),
        signal(kind="url", value="https://evil.example/folder/", reach="folder"),
        signal(kind="url", value=secrets.token_hex(32)),
        signal(kind="text", value=text_value(7, grams=300).hex()),
        signal(tlp="green", pap="amber", ideology="jihadist", entity="EU 2023/1514 II.3"),
        signal(tlp="red", audience=["big-videos"], expires_at="2099-01-01T00:00:00Z"),
    ]
    rows = [row | {"crisis": crisis} for row in rows]
    placed = api(hub, "POST", "/signals/bulk?partial=1", {"signals": rows})
    uids = [one["id"] for one in placed["signals"] if one]
    api(hub, "POST", f"/signals/{uids[0]}/withdraw", {"reason": "mistake"})
    api(hub, "PUT", f"/signals/{uids[1]}/opinion", {"opinion": "dispute", "note": "News."})
    mine = indicator(name="Posted", description="By a partner")
    add(joined, mine)
    add(
        collections["Feedback"],
        stix2.Sighting(mine.id, count=7),
        stix2.Opinion(opinion="strongly-agree", object_refs=[mine.id]),
    )
    return joined, mine, placed


@pytest.fixture(scope="module")
def crisis_objects(hub, collections):
    joined, mine, placed = everything(hub, collections)
    wanted = {"incident", "grouping", "relationship", "sighting", "opinion", "identity"}
    while True:  # the clock makes some of it within a second or two
        found = objects(joined, per_request=4)
        if wanted <= {one["type"] for one in found if one.get("summary", True)}:
            return found, mine, placed


def test_every_kind_of_signal_was_taken(crisis_objects):
    assert crisis_objects[2]["errors"] == []


def test_python_stix2_reads_all_of_it_strictly(crisis_objects):
    bundle = {"type": "bundle", "id": BUNDLE, "objects": crisis_objects[0]}
    read = stix2.parse(bundle, allow_custom=False).objects
    assert len(read) == len(crisis_objects[0])
    assert {one.type for one in read} >= {"indicator", "incident", "sighting", "opinion"}


@pytest.mark.nightly
def test_the_validator_finds_no_error_and_warns_of_nothing_of_ours(crisis_objects):
    # Importing it takes some seconds: only this test waits for it, not every collection.
    from stix2validator import ValidationOptions, validate_instance

    found, mine, _ = crisis_objects
    for one in found:
        said = validate_instance(one, ValidationOptions(version="2.1"))
        assert said.is_valid, (one, said.errors)
        if one["id"] != mine.id and one["type"] not in {"sighting", "opinion"}:
            assert not said.warnings, (one, said.warnings)


def test_what_a_partner_posted_is_returned_as_posted(collections, crisis_objects):
    mine = crisis_objects[1]
    sent = json.loads(mine.serialize())
    (told,) = collections["Crisis that was joined"].get_object(mine.id)["objects"]
    assert told == sent


def test_a_withdrawal_at_another_door_reaches_the_client_as_revoked(hub, collections):
    shared = api(hub, "POST", "/signals", signal())
    signals = collections["Signals"]
    newest = objects(signals, per_request=1000, type="indicator")[-1]
    last = added_after(signals, newest["id"])
    api(hub, "POST", f"/signals/{shared['id']}/withdraw", {"reason": "not_violating"})
    (told,) = objects(signals, **last, type="indicator")
    assert (told["id"], told["revoked"]) == (newest["id"], True)
    assert stix2.parse(told).revoked


def test_a_stix2_collection_store_adds_and_finds(collections):
    store = stix2.TAXIICollectionStore(collections["Signals"], allow_custom=False)
    made = indicator(name="By the store")
    store.add(made)
    assert store.get(made.id) == made
    assert store.all_versions(made.id) == [made]
    newer = made.new_version(name="Once more")
    store.add(newer)
    assert store.get(made.id) == newer
    assert {one.modified for one in store.all_versions(made.id)} == {made.modified, newer.modified}


def test_the_rights_of_each_collection_hold(collections):
    closed, asked = collections["Crisis that was closed"], collections["Crisis that was asked"]
    for of in (closed, asked):  # access to a warning ends with it
        assert (of.can_read, of.can_write) == (False, False)
    for of in (closed, asked, collections["Feedback"]):
        refused = of.url + "objects/"
        answer = httpx.get(
            refused, auth=_account(collections), headers={"Accept": "*/*"}, timeout=60
        )
        assert answer.status_code == 403


def _account(collections):
    auth = collections["Signals"]._conn.session.auth
    return httpx.BasicAuth(auth.username, auth.password)
