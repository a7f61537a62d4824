# SPDX-License-Identifier: Apache-2.0
"""Nobody posts in another party's name, and nobody is read under one."""

import json
from uuid import uuid4

import pytest

from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.interop.stix.objects import EXTENSION, stix_time
from tests.hub.stix.conftest import indicator, said_of
from tests.world import NOON, hex_value

KINDS = ("indicator", "note", "opinion", "report", "identity", "sighting", "relationship", "x-odd")


def identity_of(party):
    return reads.party_id(ledger.heads().hub, party.name)


def posted(kind, target, **more):
    """An object of a type, as little of it as is taken."""
    if kind == "indicator":
        return indicator(hex_value(2), **more)
    if kind in {"opinion", "sighting"}:
        return said_of(target, kind, **more)
    at = stix_time(NOON)
    return {"type": kind, "id": f"{kind}--{uuid4()}", "created": at, "modified": at} | more


@pytest.fixture
def target(shelf):
    sent = indicator(hex_value(1))
    shelf.post(sent)
    return sent["id"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_in_another_partys_name_is_refused(shelf, target, kind):
    world = shelf.world
    sent = posted(kind, target, created_by_ref=identity_of(world.authority))
    (failure,) = shelf.post(sent, by=world.big_provider)["failures"]
    assert failure["message"].startswith("created_by_ref: is the identity of be-crisis-centre")
    assert not StixObject.objects.filter(stix_id=sent["id"]).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_in_ones_own_name_is_taken(shelf, target, kind):
    own = identity_of(shelf.world.big_provider)
    sent = posted(kind, target, created_by_ref=own)
    assert shelf.post(sent, by=shelf.world.big_provider)["failure_count"] == 0
    told = shelf.told(shelf.world.big_provider, ids=frozenset({sent["id"]}))
    assert told == [sent]


@pytest.mark.parametrize("kind", KINDS)
def test_an_identity_of_a_program_is_taken_and_its_party_is_told(shelf, target, kind):
    world = shelf.world
    sent = posted(kind, target, created_by_ref=f"identity--{uuid4()}")
    assert shelf.post(sent, by=world.big_provider)["failure_count"] == 0
    (told,) = shelf.told(world.agency, ids=frozenset({sent["id"]}))
    assert told == sent | {"created_by_ref": identity_of(world.big_provider)}


@pytest.mark.parametrize("kind", ["indicator", "note", "opinion"])
def test_what_was_kept_before_is_told_with_its_true_poster(shelf, target, kind):
    world = shelf.world
    claimed = {"created_by_ref": identity_of(world.authority)}
    claimed["extensions"] = {EXTENSION: {"shared_by": world.authority.name, "entity": "x"}}
    sent = posted(kind, target)
    shelf.post(sent, by=world.big_provider)
    StixObject.objects.filter(stix_id=sent["id"]).update(body=json.dumps(sent | claimed))
    (told,) = shelf.told(world.agency, ids=frozenset({sent["id"]}))
    assert told["created_by_ref"] == identity_of(world.big_provider)
    assert told["extensions"][EXTENSION] == {"shared_by": "big-video", "entity": "x"}


@pytest.mark.parametrize(
    ("kind", "field", "named"),
    [
        ("identity", "id", identity_of),
        ("sighting", "where_sighted_refs", lambda party: [identity_of(party)]),
        ("note", "authors", lambda party: ["Somebody", f" {party.title.upper()} "]),
        ("opinion", "authors", lambda party: [party.name]),
    ],
)
def test_no_other_field_names_another_party(shelf, target, kind, field, named):
    sent = posted(kind, target, **{field: named(shelf.world.authority)})
    (failure,) = shelf.post(sent, by=shelf.world.big_provider)["failures"]
    assert failure["message"].startswith(f"{field}: ")
    assert "be-crisis-centre" in failure["message"]


def test_a_newer_version_cannot_change_its_author(shelf):
    sent = indicator()
    shelf.post(sent, by=shelf.world.big_provider)
    other = {"created_by_ref": identity_of(shelf.world.authority), "revoked": True}
    newer = sent | other | {"modified": indicator(minutes=1)["modified"]}
    (failure,) = shelf.post(newer, by=shelf.world.big_provider)["failures"]
    assert failure["message"].startswith("created_by_ref: ")
    assert Signal.objects.get().state == "live"


def test_an_agency_takes_back_an_indicator_of_another_party_as_it_is_told(shelf):
    shelf.world.share()
    (told,) = shelf.indicators()
    assert told["created_by_ref"] == identity_of(shelf.world.authority)
    assert shelf.post(told | {"revoked": True}, by=shelf.world.agency)["failure_count"] == 0
    assert Signal.objects.get().state == "withdrawn"
