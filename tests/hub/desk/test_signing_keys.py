# SPDX-License-Identifier: Apache-2.0
"""Signing keys at the desk: a party registers, replaces and revokes the keys of its signals."""

import html

import pytest

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signing.models import SigningKey
from stemtide.hub.rooms.signing.writes import add_key, revoke_key
from stemtide.protocol.enums import Role
from stemtide.protocol.signing.messages import SigningKeyIn
from stemtide.protocol.signing.secret_keys import SignerSecret
from tests.rounds import at_night, few

pytestmark = pytest.mark.django_db


def new_key(party="provider"):
    return str(SignerSecret.new(party).public)


def register(world, party="provider"):
    by = Actor(world.party[party], "key:1")
    return add_key(SigningKeyIn(key=new_key(party)), by=by, now=world.now).key


def page_of(desk, path="/signing-keys"):
    return html.unescape(desk.get(path).content.decode())


def test_a_key_is_registered_and_recorded_under_the_person(world):
    desk, key = world.desk("provider", Role.ADMINISTRATOR), new_key()
    assert "your party's signals are not signed" in page_of(desk)
    answer = desk.post("/signing-keys/new", {"key": f" {key}\n", "replaces": ""})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/signing-keys")
    assert key in page_of(desk)
    entry = Entry.objects.get(kind="signing_key.added")
    assert entry.detail["key"] == key
    assert entry.detail["through"].startswith("person:")


@at_night
def test_a_key_replaces_another_one(world):
    desk, old, key = world.desk("provider", Role.COORDINATOR), register(world), new_key()
    desk.post("/signing-keys/new", {"key": key, "replaces": old})
    page = page_of(desk)
    assert "Replaced and revoked (1)" in page
    assert page.index(key) < page.index(old)
    assert SigningKey.objects.get(text=old).end == "replaced"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "is no key of a signer"),
        (new_key("rival"), "is a key of rival, and your party is provider"),
    ],
    ids=["nonsense", "of another party"],
)
def test_what_is_no_key_of_the_party_is_refused_at_its_field(world, text, words):
    desk = world.desk("provider", Role.ADMINISTRATOR)
    answer = desk.post("/signing-keys/new", {"key": text, "replaces": ""})
    assert answer.status_code == 422
    page = html.unescape(answer.content.decode())
    assert words in page
    assert text in page
    assert not SigningKey.objects.exists()


@at_night
def test_a_key_that_ended_is_not_registered_again(world):
    desk, key = world.desk("provider", Role.ADMINISTRATOR), register(world)
    desk.post("/signing-keys/revoke", {"key": key, "confirm": "yes"})
    answer = desk.post("/signing-keys/new", {"key": key, "replaces": ""})
    assert "is there already, or has ended" in html.unescape(answer.content.decode())


def test_a_key_is_revoked_after_a_confirmation_and_only_by_its_party(world):
    own, other = register(world), register(world, "rival")
    desk = world.desk("provider", Role.ADMINISTRATOR)
    desk.post("/signing-keys/revoke", {"key": own})
    assert SigningKey.objects.get(text=own).end == ""
    for key in (own, other):
        desk.post("/signing-keys/revoke", {"key": key, "confirm": "yes"})
    assert SigningKey.objects.get(text=own).end == "revoked"
    assert SigningKey.objects.get(text=other).end == ""


@at_night
def test_keys_of_others_are_shown_without_a_button_to_revoke(world):
    other = register(world, "rival")
    page = page_of(world.desk("provider", Role.ADMINISTRATOR))
    assert "Keys of other parties" in page
    assert other in page
    assert "signing-keys/revoke" not in page


@pytest.mark.parametrize("role", few((1,), of=[Role.DUTY_OFFICER, Role.ANALYST, Role.OBSERVER]))
def test_other_roles_manage_no_signing_keys(world, role):
    """Also by the room itself: no other page or call may lead there."""
    key, by = register(world), world.someone(world.person("provider", role))
    with pytest.raises(NotAllowedError, match="cannot manage signing keys"):
        add_key(SigningKeyIn(key=new_key()), by=by, now=world.now)
    with pytest.raises(NotAllowedError, match="cannot manage signing keys"):
        revoke_key(key, by=by, now=world.now)


def test_a_party_that_shares_no_signals_registers_none(world):
    desk = world.desk("observer", Role.ADMINISTRATOR)
    assert "Register a key" not in page_of(desk)
    assert desk.get("/signing-keys/new").status_code == 403
