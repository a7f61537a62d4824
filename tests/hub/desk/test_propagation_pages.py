# SPDX-License-Identifier: Apache-2.0
"""The pages about the propagation of signals, and their files."""

import csv
import io
import json
from datetime import timedelta

import pytest

from stemtide.hub.rooms.parties.models import Agent
from stemtide.hub.rooms.propagation import writes
from stemtide.hub.rooms.propagation.reads import ReachedPosition
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums.propagation import PropagationStage
from tests.hub.desk.test_board import text
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def signal(world):
    """A signal that the provider's agent applied after two seconds, and no other one."""
    for party in ("provider", "rival", "neighbour", "agency"):
        world.agent(party)
    writes.sum_due(world.now)
    uid = world.share()
    position = signals.signal(uid, viewer=world.party["authority"]).position
    at = world.now + timedelta(seconds=2)
    reached = ReachedPosition(world.party["provider"].pk, "uploads", position, at)
    writes.store_positions(PropagationStage.APPLIED, [reached], now=at)
    writes.sum_due(world.now + timedelta(minutes=11))
    return uid


def day_of(world):
    day = world.now.date().isoformat()
    return {"from": day, "to": day}


def test_a_signal_shows_its_sums_to_its_sharer_and_recipients_to_none_of_others(world, signal):
    desk = world.desk("authority")
    assert "1 of 4" in text(desk.get(f"/signals/{signal}"))
    page = text(desk.get(f"/signals/{signal}/propagation"))
    assert "2.00 s" in page
    assert "The provider" not in page
    assert "Your party has no agent" in page


def test_an_agency_sees_each_recipient(world, signal):
    Agent.objects.filter(party=world.party["rival"]).update(position=99)
    page = text(world.desk("agency").get(f"/signals/{signal}/propagation"))
    assert "The provider" in page
    assert "yes, time not known" in page


@at_night
def test_a_party_that_may_not_see_sums_is_told_who_does(world, signal):
    page = text(world.desk("provider").get(f"/signals/{signal}"))
    assert "Sums are shown to the sharer" in page
    assert "1 of 4" not in page


@at_night
@pytest.mark.usefixtures("signal")
def test_days_are_shown_by_party(world):
    page = text(world.desk("agency").get("/propagation", day_of(world)))
    assert "All parties" in page
    assert "over 10 min" in page
    own = text(world.desk("provider").get("/propagation", day_of(world)))
    assert "The provider" in own
    assert "The rival" not in own


def test_a_signal_and_days_are_files(world, signal):
    desk = world.desk("agency")
    for address, query in ((f"/signals/{signal}/propagation", {}), ("/propagation", day_of(world))):
        table = desk.get(address, query | {"as": "csv"})
        assert "attachment" in table["Content-Disposition"]
        assert len(list(csv.DictReader(io.StringIO(table.content.decode())))) > 1
        assert json.loads(desk.get(address, query | {"as": "json"}).content)


def test_days_that_make_no_sense_are_refused_beside_the_field(world):
    page = world.desk("agency").get("/propagation", {"from": "2026-11-25", "to": "2026-11-24"})
    assert page.status_code == 422
    assert "is before the first day" in text(page)
