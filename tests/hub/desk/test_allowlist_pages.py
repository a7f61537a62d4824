# SPDX-License-Identifier: Apache-2.0
"""The allow-list at the desk: add with open eyes, search, remove, put back."""

import pytest

from stemtide.hub.rooms.allowlists.models import AllowEntry
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import Role
from tests.hub.desk.test_inbox import said
from tests.world import hex_value, signal_in

pytestmark = pytest.mark.django_db
SHA = hex_value(7)
FORM = {"kind": "sha256", "value": SHA, "source": "Newsroom", "reason": "logo of Newsroom"}


@pytest.fixture
def officer(world):
    return world.desk("agency", Role.DUTY_OFFICER)


def test_an_empty_list_says_so_and_only_an_agency_is_offered_the_form(world, officer):
    page = said(world.desk("authority", Role.DUTY_OFFICER).get("/allowlist"))
    assert "The allow-list is empty." in page
    assert "Add the entry" not in page
    assert "Add the entry" in said(officer.get("/allowlist"))


def test_an_entry_is_added_searched_removed_and_put_back(officer):
    assert "Added." in said(officer.post("/allowlist", FORM, follow=True))
    row = AllowEntry.objects.get()
    assert "logo of Newsroom" in said(officer.get("/allowlist?q=newsroom"))
    assert "No entry matches your search." in said(officer.get("/allowlist?q=nothing"))
    officer.post(f"/allowlist/{row.uid}/remove", {"remove-reason": "it was wrong"})
    assert "it was wrong" in said(officer.get(f"/allowlist/{row.uid}"))
    assert "logo of Newsroom" in said(officer.get("/allowlist?removed=1"))
    page = officer.post(f"/allowlist/{row.uid}/restore", follow=True)
    assert "It is on the list again." in said(page)


def test_whoever_adds_an_entry_over_signals_of_others_is_told_how_many(world, officer):
    body = signal_in(kind="sha256", value=SHA)
    shared = signals.share(body, by=world.party["authority"], now=world.now)
    refused = officer.post("/allowlist", FORM)
    assert refused.status_code == 422
    assert "cover 1 live signals of other parties (1 shared by an authority" in said(refused)
    officer.post("/allowlist", FORM | {"accept_covered": "on"})
    page = officer.get(f"/allowlist/{AllowEntry.objects.get().uid}")
    assert f"/signals/{shared.id}" in page.content.decode()


def test_a_wrong_value_is_named_beside_its_field(officer):
    page = officer.post("/allowlist", FORM | {"kind": "url", "value": "no address"})
    assert page.status_code == 422
    assert 'id="id_value_error"' in page.content.decode()
    assert not AllowEntry.objects.exists()
