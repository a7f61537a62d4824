# SPDX-License-Identifier: Apache-2.0
"""What a partner's MISP posts becomes signals by everybody's rules, or is refused as there."""

from uuid import uuid4

import pytest
from django.db import connection

from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules import checks as rules_ready
from stemtide.interop.misp import events as misp
from stemtide.protocol.enums import Scope
from tests.hub.api.conftest import Machine
from tests.hub.waiting import decide, let_one_a_day_travel
from tests.rounds import at_night, some_of
from tests.world import hex_value

pytestmark = pytest.mark.usefixtures("numbered_from_1")

ADD, EDIT = "/misp/events/add", f"/misp/events/edit/{uuid4()}"
SHA256, MD5, PDQ = hex_value("a"), hex_value("b", digits=32), hex_value("c")


@pytest.fixture
def client(world):
    def make(party, *, scopes=None):
        return Machine(world.key(party, scopes=scopes))

    return make


@pytest.fixture
def authority(world, client):
    return client(world.authority)


def attribute(value=SHA256, kind="sha256", *tags, **more):
    plain = {"uuid": str(uuid4()), "type": kind, "value": value, "to_ids": True}
    return plain | {"Tag": [{"name": one} for one in tags]} | more


def thing(value=PDQ, **more):
    inner = {"type": "text", "object_relation": "pdq", "value": value, "to_ids": False}
    return {"name": "perceptual-hash", "Attribute": [inner | {"uuid": str(uuid4())} | more]}


def event(*attributes, tags=("tlp:green",), objects=(), **more):
    plain = {"info": "An attack", "date": "2026-11-25", "Attribute": list(attributes)}
    names = [{"name": one} for one in tags]
    return {"Event": plain | {"Tag": names, "Object": list(objects)} | more}


def values():
    return sorted((row.kind, row.value, row.state) for row in Signal.objects.all())


def test_an_event_becomes_signals_with_the_marks_of_its_tags(authority):
    tags = ("tlp:green", "PAP:AMBER", 'stemtide:label="incitement"', 'stemtide:severity="high"')
    sent = event(attribute(), attribute(MD5, "md5"), objects=[thing()], tags=tags)
    answer = authority("POST", ADD, sent)
    assert answer.status_code == 200, answer.content
    assert values() == [("md5", MD5, "live"), ("pdq", PDQ, "live"), ("sha256", SHA256, "live")]
    row = Signal.objects.get(kind="sha256")
    assert (row.tlp, row.pap, row.labels, row.severity) == (
        "green",
        "amber",
        ["incitement"],
        "high",
    )
    told = answer.json()["Event"]
    assert {one["value"] for one in told["Attribute"]} == {SHA256, MD5}
    assert told["Object"][0]["Attribute"][0]["value"] == PDQ
    assert authority("GET", f"/misp/events/view/{told['uuid']}").status_code == 200


def test_the_strictest_mark_holds_and_amber_where_there_is_none(authority):
    sent = event(attribute(SHA256, "sha256", "tlp:amber+strict"), tags=("tlp:green",))
    authority("POST", ADD, sent)
    authority("POST", ADD, event(attribute(MD5, "md5"), tags=()))
    assert {row.kind: row.tlp for row in Signal.objects.all()} == {
        "sha256": "amber+strict",
        "md5": "amber",
    }


@at_night
def test_what_is_not_flagged_for_detection_is_for_people(authority):
    authority("POST", ADD, event(attribute(MD5, "md5", "PAP:CLEAR"), tags=("tlp:green", "PAP:RED")))
    assert Signal.objects.get(kind="md5").pap == "red"
    authority("POST", ADD, event(attribute(to_ids=False), tags=("tlp:green", "PAP:CLEAR")))
    assert Signal.objects.get(kind="sha256").pap == "amber"


@at_night
def test_types_that_are_not_compared_are_left_out_and_named(authority):
    sent = event(attribute("192.0.2.7", "ip-dst"), attribute(f"a.mp4|{MD5}", "filename|md5"))
    answer = authority("POST", ADD, sent)
    assert values() == [("md5", MD5, "live")]
    (left,) = answer.json()["left_out"]
    assert (left["type"], left["place"]) == ("ip-dst", "Attribute.0")
    assert authority("POST", ADD, event(attribute("x", "comment"))).status_code == 422


@pytest.mark.parametrize(
    ("sent", "where", "status"),
    some_of(
        4,
        [
            (event(attribute(), attribute("zz", "md5")), "Attribute.1.value", 422),
            (event(attribute(), objects=[thing("0" * 64)]), "Object.0.Attribute.0.value", 422),
            (event(attribute(), distribution="0"), "distribution", 422),
            (event(attribute(SHA256, "sha256", 'stemtide:label="csam"')), "Attribute.0.Tag", 422),
            (event(attribute(), tags=("tlp:red",)), "audience", 422),
            (event(attribute(), tags=('exercise:generic="comcheck"',)), "Attribute.0.Tag", 422),
            (event(attribute(), tags=('stemtide:crisis="one"',)), "Tag", 422),
            (event(attribute(), tags=(f'stemtide:crisis="{uuid4()}"',)), "crisis", 422),
            (event(7), "Attribute.0", 422),
            ({"Event": {"Attribute": {}, "Object": 7}}, "Object", 422),
            ([], "Event", 422),
        ],
    ),
    ids=some_of(
        4,
        [
            *("value", "blank", "distribution", "routed", "red", "exercise"),
            *("no-crisis", "unknown-crisis", "number", "no-list", "list"),
        ],
    ),
)
def test_what_is_refused_shares_nothing_and_says_where_in_misps_shape(
    authority, sent, where, status
):
    answer = authority("POST", ADD, sent)
    assert answer.status_code == status, answer.content
    told = answer.json()
    assert {"name", "message", "url"} <= set(told)
    assert where in str(told.get("errors", told["message"]))
    assert values() == []


def test_an_attribute_that_is_not_for_others_is_left_out(authority):
    answer = authority("POST", ADD, event(attribute(), attribute(MD5, "md5", distribution="4")))
    assert values() == [("sha256", SHA256, "live")]
    assert "not for others" in answer.json()["left_out"][0]["why"]


@at_night
def test_adding_an_event_again_changes_nothing_and_answers_the_same_ids(authority):
    first = authority("POST", ADD, event(attribute())).json()["Event"]["Attribute"]
    again = authority("POST", ADD, event(attribute())).json()["Event"]["Attribute"]
    assert [one["uuid"] for one in first] == [one["uuid"] for one in again]
    assert len(values()) == 1


def test_what_others_shared_is_not_shared_again_by_whoever_edits_its_event(
    world, client, authority
):
    authority("POST", ADD, event(attribute()))
    other = client(world.big_provider)
    (told,) = other("POST", "/misp/events/restSearch", {}).json()["response"]
    told["Event"]["Attribute"].append(attribute(MD5, "md5"))
    answer = other("POST", f"/misp/events/edit/{told['Event']['uuid']}", told)
    assert answer.status_code == 200, answer.content
    assert answer.json()["left_out"][0]["why"] == "is an attribute of ours already"
    assert {row.value: row.shared_by.name for row in Signal.objects.all()} == {
        SHA256: world.authority.name,
        MD5: world.big_provider.name,
    }


@at_night
def test_what_is_marked_as_deleted_in_an_edited_event_is_withdrawn(authority):
    (told,) = authority("POST", ADD, event(attribute())).json()["Event"]["Attribute"]
    sent = event(told | {"deleted": True}, attribute(MD5, "md5"))
    assert authority("POST", EDIT, sent).status_code == 200
    assert values() == [("md5", MD5, "live"), ("sha256", SHA256, "withdrawn")]
    again = authority("POST", EDIT, event(told | {"deleted": True}))
    assert again.status_code == 200
    assert again.json()["left_out"][0]["type"] == "deleted"


@at_night
def test_an_attribute_and_an_object_are_added_to_an_event_of_ours(authority):
    told = authority("POST", ADD, event(attribute())).json()["Event"]
    one = authority("POST", f"/misp/attributes/add/{told['uuid']}", attribute(MD5, "md5"))
    assert one.json()["Attribute"]["value"] == MD5
    other = authority("POST", f"/misp/objects/add/{told['uuid']}", thing())
    assert other.json()["Object"]["Attribute"][0]["value"] == PDQ
    assert len(values()) == 3
    assert authority("POST", f"/misp/attributes/add/{uuid4()}", attribute()).status_code == 404
    bad = authority("POST", f"/misp/attributes/add/{told['uuid']}", attribute("x", "comment"))
    assert bad.status_code == 422


def test_deleting_an_attribute_withdraws_its_signal_and_nobody_elses(world, client, authority):
    (told,) = authority("POST", ADD, event(attribute())).json()["Event"]["Attribute"]
    path = f"/misp/attributes/delete/{told['uuid']}"
    assert client(world.big_provider)("POST", path, {"hard": 0}).status_code == 403
    assert values() == [("sha256", SHA256, "live")]
    assert authority("POST", path, {"hard": 0}).json()["success"] is True
    assert values() == [("sha256", SHA256, "withdrawn")]
    assert authority("POST", path, {"hard": 0}).status_code == 404


def test_keys_without_the_scope_and_observers_share_nothing(world, client):
    reader = client(world.authority, scopes={Scope.FEED_READ})
    for path in (ADD, EDIT, f"/misp/attributes/delete/{uuid4()}"):
        assert reader("POST", path, event(attribute())).status_code == 403
    assert client(world.observer)("POST", ADD, event(attribute())).status_code == 403
    assert values() == []


def test_what_a_party_may_not_see_it_neither_finds_nor_deletes(world, client):
    shared = world.share(kind="sha256", tlp="red", audience=("big-video",))
    uuid = misp.attribute_uuid(shared.id, crisis=None)
    other = client(world.small_provider)
    assert other("POST", f"/misp/attributes/delete/{uuid}", {}).status_code == 404
    told = other("POST", ADD, event(attribute(uuid=str(uuid)))).json()
    assert told["left_out"] == []  # nothing says that this id is taken
    assert len(values()) == 2


def test_an_event_is_read_before_the_turn_to_write_that_others_wait_for(authority, monkeypatch):
    open_then = []
    really = rules_ready.read_rows

    def noting(bodies, **more):
        open_then.append(len(connection.savepoint_ids))
        return really(bodies, **more)

    monkeypatch.setattr(rules_ready, "read_rows", noting)
    assert authority("POST", ADD, event(attribute())).status_code == 200
    assert (open_then, Signal.objects.count()) == ([0], 1)


@pytest.mark.parametrize("role", ["Orgc", "Org"])
@pytest.mark.parametrize("name", ["be-crisis-centre", "BELGIAN Crisis Centre"])
def test_an_event_of_another_party_is_refused(world, client, role, name):
    sent = event(attribute(), **{role: {"name": name, "uuid": str(uuid4())}})
    answer = client(world.big_provider)("POST", ADD, sent)
    assert (answer.status_code, Signal.objects.exists()) == (422, False)
    assert f"{role}: is be-crisis-centre" in answer.content.decode()


def test_whatever_an_event_says_of_its_maker_its_signals_are_the_posters(world, client):
    made = {"Orgc": {"name": "CIRCL"}, "Org": {"name": world.big_provider.title}, "org_id": "1"}
    sent = event(attribute(), event_creator_email="officer@be-crisis-centre.example", **made)
    answer = client(world.big_provider)("POST", ADD, sent)
    assert answer.status_code == 200, answer.content
    assert Signal.objects.get().shared_by == world.big_provider
    assert "be-crisis-centre" not in answer.content.decode()


@pytest.mark.parametrize("is_approved", [True, False])
def test_what_waits_for_a_second_look_is_left_out_and_travels_once_approved(
    world, authority, monkeypatch, is_approved
):
    let_one_a_day_travel(monkeypatch)
    answer = authority("POST", ADD, event(attribute(), attribute(MD5, "md5")))
    assert answer.status_code == 200, answer.content
    assert values() == [("sha256", SHA256, "live")]
    assert "waits for a second look" in answer.content.decode()
    decide(world, is_approved=is_approved)
    travels = [("md5", MD5, "live")] if is_approved else []
    assert values() == [*travels, ("sha256", SHA256, "live")]
