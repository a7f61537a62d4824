# SPDX-License-Identifier: Apache-2.0
"""What PyMISP's calls are told, change, and are refused."""

from uuid import UUID, uuid4

import pytest

from stemtide.hub.api.compat.misp import search as misp_rest
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.interop.misp import events as misp
from stemtide.protocol.enums import Scope, WithdrawReason
from stemtide.protocol.messages.signals import WithdrawIn
from tests.hub.api.conftest import Machine
from tests.rounds import at_night, some_of
from tests.world import NOON, disputers, hex_value

pytestmark = pytest.mark.usefixtures("numbered_from_1")

ATTRIBUTES = "/misp/attributes/restSearch"
EVENTS = "/misp/events/restSearch"
SIGHTINGS = "/misp/sightings/add"


@pytest.fixture
def client(world):
    def make(party, *, scopes=None):
        return Machine(world.key(party, scopes=scopes))

    return make


def found(client, **asked):
    answer = client("POST", ATTRIBUTES, asked)
    assert answer.status_code == 200, answer.content
    return {(one["type"], one["value"]) for one in answer.json()["response"]["Attribute"]}


SHA256, MD5 = ("sha256", hex_value()), ("md5", hex_value(digits=32))


def test_attributes_are_found_by_value_type_uuid_and_flag(world, client):
    shared = world.share(kind="sha256")
    world.share(kind="md5", pap="amber")
    one = client(world.big_provider)
    uuid = str(misp.attribute_uuid(shared.id, crisis=None))
    assert found(one) == {SHA256, MD5}
    assert found(one, value=hex_value()) == found(one, type=["sha256"]) == {SHA256}
    assert found(one, uuid=uuid) == found(one, to_ids=1) == {SHA256}
    assert found(one, uuid=uuid, value=MD5[1]) == found(one, value="nothing") == set()
    assert found(one, limit=1, page=1) | found(one, limit=1, page=2) == {SHA256, MD5}
    assert found(one, limit=1, page=3) == set()


@at_night
def test_what_ended_is_found_only_when_asked_for(world, client):
    gone = world.share(kind="sha256")
    _withdraw(gone.id, world)
    one = client(world.big_provider)
    assert found(one) == set()
    assert found(one, deleted=True) == {SHA256}
    assert one("POST", EVENTS, {}).json() == {"response": []}
    (event,) = one("POST", EVENTS, {"deleted": 1}).json()["response"]
    assert event["Event"]["Attribute"][0]["deleted"] is True


@at_night
def test_more_whole_events_than_one_answer_holds_are_refused_and_come_in_pages(
    world, client, monkeypatch
):
    monkeypatch.setattr(misp_rest, "MAX_WHOLE", 2)
    for number in range(4):  # an event of each crisis, and one of all signals
        crisis = world.warn()
        world.join(crisis, world.big_provider)
        world.share(kind="sha256", value=hex_value(number), crisis=crisis.id)
    one = client(world.big_provider)

    def asked(**more):
        return one("POST", EVENTS, more)

    for more in ({}, {"limit": 3}):
        assert asked(**more).status_code == 422
        assert b"send a limit of at most 2" in asked(**more).content
    assert len(asked(metadata=True).json()["response"]) == 5
    assert len(asked(value=hex_value(1)).json()["response"]) == 2
    pages = [asked(limit=2, page=page).json()["response"] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    uuids = {each["Event"]["uuid"] for page in pages for each in page}
    assert uuids == {each["Event"]["uuid"] for each in asked(metadata=True).json()["response"]}


def test_events_are_found_whole_and_viewed_by_uuid(world, client):
    world.share(kind="sha256")
    world.share(kind="md5")
    one = client(world.big_provider)
    (event,) = one("POST", EVENTS, {"value": hex_value()}).json()["response"]
    assert len(event["Event"]["Attribute"]) == 2
    (bare,) = one("POST", EVENTS, {"metadata": True}).json()["response"]
    assert bare["Event"]["Attribute"] == []
    uuid = event["Event"]["uuid"]
    assert one("GET", f"/misp/events/view/{uuid}").json()["Event"]["uuid"] == uuid
    assert one("GET", f"/misp/events/view/{uuid4()}").status_code == 404


def test_nothing_is_found_that_a_party_may_not_see(world, client):
    shared = world.share(kind="sha256", tlp="red", audience=("big-video",))
    other = client(world.small_provider)
    uuid = str(misp.attribute_uuid(shared.id, crisis=None))
    assert found(other) == found(other, value=hex_value()) == found(other, uuid=uuid) == set()
    for body in ({"value": hex_value()}, {"uuid": uuid}):
        assert other("POST", SIGHTINGS, body).status_code == 404


@pytest.mark.parametrize("form", some_of(2, ["value", "values", "uuid", "id", "path", "crisis"]))
def test_a_sighting_counts_one_more_match(world, client, form):
    crisis = world.activate()
    world.join(crisis, world.big_provider)
    shared = world.share(crisis=crisis.id)
    plain = str(misp.attribute_uuid(shared.id, crisis=None))
    own = str(misp.attribute_uuid(shared.id, crisis=crisis.id))
    path, body = {
        "value": (SIGHTINGS, {"value": hex_value()}),
        "values": (SIGHTINGS, {"values": [hex_value(), "x"]}),
        "uuid": (SIGHTINGS, {"uuid": plain}),
        "id": (SIGHTINGS, {"id": plain, "type": "0", "source": "a proxy"}),
        "path": (f"{SIGHTINGS}/{plain}", {"type": 0}),
        "crisis": (f"{SIGHTINGS}/{own}", {}),
    }[form]
    answer = client(world.big_provider)("POST", path, body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["Sighting"]["attribute_uuid"] == plain
    (row, _) = reads.sightings(viewer=world.big_provider)
    assert (row.blocked, row.held, row.logged, row.reversed) == (0, 0, 1, 0)
    assert world.ledger_kinds()[-1] == "outcomes.reported"


def test_a_time_to_come_counts_as_now(world, client):
    world.share()
    body = {"value": hex_value(), "timestamp": 253_402_300_799}
    told = client(world.big_provider)("POST", SIGHTINGS, body).json()["Sighting"]
    assert int(told["date_sighting"]) < body["timestamp"]


def test_a_false_positive_disputes(world, client):
    shared = world.share(kind="sha256")
    one = client(world.big_provider)
    assert one("POST", SIGHTINGS, {"value": hex_value(), "type": "1"}).status_code == 200
    told = reads.signal(shared.id, viewer=world.agency)
    assert disputers(told) == ["big-video"]
    assert found(one, to_ids=True) == set()


def test_only_providers_count(world, client):
    world.share()
    answer = client(world.observer)("POST", SIGHTINGS, {"value": hex_value()})
    assert answer.status_code in {403, 404}
    answer = client(world.authority)("POST", SIGHTINGS, {"value": hex_value()})
    assert answer.status_code == 403


def test_a_sighting_needs_its_scope(world, client):
    world.share()
    one = client(world.big_provider, scopes=[Scope.FEED_READ])
    answer = one("POST", SIGHTINGS, {"value": hex_value()})
    assert (answer.status_code, "feedback:write" in answer.json()["message"]) == (403, True)
    told = one("GET", "/misp/servers/getVersion").json()
    assert (told["perm_sighting"], told["version"]) == (False, misp.VERSION)


def test_what_ended_or_is_rehearsed_takes_no_sighting(world, client):
    gone, played = world.share(), world.share(value=hex_value(2), exercise=True)
    _withdraw(gone.id, world)
    one = client(world.big_provider)
    for uid in (gone.id, played.id):
        body = {"uuid": str(misp.attribute_uuid(uid, crisis=None))}
        assert one("POST", SIGHTINGS, body).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "names"),
    [
        (SIGHTINGS, {}, 422, "value"),
        (SIGHTINGS, [], 422, "body"),
        (SIGHTINGS, b"{", 400, "JSON"),
        (SIGHTINGS, {"id": 17}, 422, "uuid"),
        (f"{SIGHTINGS}/17", {}, 422, "uuid"),
        (SIGHTINGS, {"value": "x", "type": "2"}, 422, "type"),
        (SIGHTINGS, {"value": "x", "timestamp": -1}, 422, "timestamp"),
        (SIGHTINGS, {"value": "\x00"}, 400, "character"),
        (SIGHTINGS, {"values": ["x"] * 101}, 422, "values"),
        (ATTRIBUTES, {"tags": ["x"]}, 422, "tags"),
        (ATTRIBUTES, {"returnFormat": "stix"}, 422, "returnFormat"),
        (ATTRIBUTES, {"limit": 0}, 422, "limit"),
        (ATTRIBUTES, {"value": {"NOT": ["x"]}}, 422, "value"),
        (EVENTS, {"uuid": "x"}, 422, "uuid"),
    ],
)
def test_bad_requests_are_refused_by_name(world, client, path, body, status, names):  # noqa: PLR0917  # a table
    answer = client(world.big_provider)("POST", path, body)
    assert answer.status_code == status, answer.content
    assert names in answer.json()["message"]


def test_an_attribute_of_a_crisis_leads_back_to_its_signal_alone(world):
    uid, crisis = world.share().id, uuid4()
    made = misp.attribute_uuid(uid, crisis=crisis)
    assert UUID(str(made)).version == 4
    assert uid in misp.signal_uids(made, crisis=crisis)
    assert uid not in misp.signal_uids(made, crisis=None)


def _withdraw(uid, world):
    body = WithdrawIn(reason=WithdrawReason.MISTAKE)
    writes.withdraw(uid, body=body, by=world.authority, now=NOON)
