# SPDX-License-Identifier: Apache-2.0
"""Names of content: titles that sharers write, and what the hub proposes without one."""

import re
from dataclasses import replace
from uuid import uuid4

import pytest

from stemtide.fingerprints.values.video import VideoPrint
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.protocol.enums import Role
from tests.hub.desk.test_share import preview, share
from tests.prints import long_value
from tests.rounds import at_night
from tests.world import hex_value

pytestmark = pytest.mark.django_db
TITLE = "Bridge, second camera"


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def name(client, signal, title):
    return client.post(f"/signals/{signal}/do/name", {"name-title": title})


@at_night
def test_a_title_stands_on_the_pages_of_all_who_see_the_signal(world, officer):
    crisis = world.crisis(active=True)
    signal = world.share(crisis=crisis)
    assert name(officer, signal, f"  {TITLE} ").status_code == 302
    agency = world.desk("agency", Role.ANALYST)
    pages = (f"/signals/{signal}", f"/crises/{crisis}", f"/crises/{crisis}/content/{signal}", "/")
    for path in pages:
        assert TITLE in agency.get(path).content.decode(), path


def test_a_title_does_not_travel_and_the_ledger_does_not_hold_it(world, officer):
    signal = world.share()
    name(officer, signal, TITLE)
    page = reads.feed(after=0, viewer=world.party["provider"], limit=10)
    assert TITLE not in str(page)
    entry = Entry.objects.get(kind="signal.named")
    assert TITLE not in str(entry.detail)


def test_only_the_sharer_names_a_signal(world):
    signal = world.share()
    neighbour = world.desk("neighbour", Role.DUTY_OFFICER)
    assert "Give it a title" not in neighbour.get(f"/signals/{signal}").content.decode()
    assert name(neighbour, signal, TITLE).status_code == 403
    assert not Signal.objects.get().title


def test_a_title_with_personal_data_is_refused(world, officer):
    signal = world.share()
    page = name(officer, signal, "by anna@mail.example")
    assert page.status_code == 422
    assert "contains personal data" in page.content.decode()


@at_night
def test_an_empty_title_takes_the_earlier_one_away(world, officer):
    signal = world.share()
    name(officer, signal, TITLE)
    name(officer, signal, "")
    assert "Picture of" in officer.get(f"/signals/{signal}").content.decode()


@at_night
def test_a_proposed_name_says_kind_time_length_and_the_country_of_the_first_report(world, officer):
    crisis = world.crisis(active=True)
    film = replace(VideoPrint.from_bytes(long_value("video")), duration_ms=134_000)
    signal = world.share(crisis=crisis, kind="video", value=film.to_bytes().hex())
    proposed = re.compile(r"Video of [^<]+, 2 min 14 s, reported in BE")
    pages = (f"/signals/{signal}", f"/crises/{crisis}", f"/crises/{crisis}/content/{signal}", "/")
    for path in (*pages, "/signals"):
        assert proposed.search(officer.get(path).content.decode()), path


@at_night
def test_a_proposed_name_says_no_place_for_a_provider_that_is_based_somewhere(world, officer):
    loose = world.share(value=hex_value(3), by="provider")
    page = officer.get(f"/signals/{loose}").content.decode()
    assert "Picture of" in page
    assert "reported in" not in page


@at_night
def test_a_title_is_given_while_sharing_and_numbered(officer):
    page = preview(officer, value=f"{hex_value(7)}\n{hex_value(8)}")
    assert share(officer, page, title="by anna@mail.example").status_code == 422
    assert share(officer, page, title=TITLE).status_code == 302
    assert set(Signal.objects.values_list("title", flat=True)) == {TITLE, f"{TITLE} (2)"}


def test_a_title_of_another_content_id_is_not_found(officer):
    assert name(officer, uuid4(), TITLE).status_code == 404
