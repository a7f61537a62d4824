# SPDX-License-Identifier: Apache-2.0
"""The page of a signal says that its sharer sent local features, and removes them."""

import pytest

from stemtide.hub.rooms.local_features.models import LocalFeatures
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import Role
from tests.hub.desk.test_board import text
from tests.rounds import at_night, few

pytestmark = pytest.mark.django_db


def send(uid, *, now):
    row = Signal.objects.get(uid=uid)
    LocalFeatures.objects.create(signal=row, value=b"age", tlp=row.tlp, size_bytes=9, sent_at=now)


@at_night
def test_a_page_says_that_local_features_were_sent_and_what_they_show(world):
    uid = world.share()
    desk = world.desk("authority")
    assert "Local features" not in text(desk.get(f"/signals/{uid}"))
    send(uid, now=world.now)
    page = text(desk.get(f"/signals/{uid}"))
    assert "Local features" in page
    assert "They show more of it than its hash." in page
    assert "Lokale Merkmale" in text(desk.get(f"/signals/{uid}", headers={"Accept-Language": "de"}))


@at_night
def test_the_page_of_a_signal_whose_features_were_removed_says_nothing(world):
    uid = world.share()
    send(uid, now=world.now)
    LocalFeatures.objects.update(value=b"", removed_at=world.now)
    assert "Local features" not in text(world.desk("authority").get(f"/signals/{uid}"))


@pytest.mark.parametrize(
    ("party", "role", "removes"),
    few(
        (0, 2),
        of=[
            ("authority", Role.ANALYST, True),
            ("agency", Role.DUTY_OFFICER, True),
            ("authority", Role.OBSERVER, False),
            ("provider", Role.DUTY_OFFICER, False),
        ],
    ),
)
def test_the_sharer_and_an_agency_remove_local_features_on_the_page(world, party, role, removes):
    uid = world.share()
    send(uid, now=world.now)
    desk = world.desk(party, role)
    assert ("Remove its local features" in text(desk.get(f"/signals/{uid}"))) is removes
    desk.post(f"/signals/{uid}/do/remove-local", {})
    assert LocalFeatures.objects.filter(removed_at=None).exists() is not removes
    assert "Remove its local features" not in text(desk.get(f"/signals/{uid}")) or not removes
