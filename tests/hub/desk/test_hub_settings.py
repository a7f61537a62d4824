# SPDX-License-Identifier: Apache-2.0
"""Settings at the desk: two coordinators change one, one goes back; what is in force is used."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import hub_settings as reads
from stemtide.hub.rooms.ledger.reads.rate_limits import check_limit
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import hub_settings as writes
from stemtide.protocol.enums import Role
from tests.hub.desk.test_inbox import said

pytestmark = pytest.mark.django_db


def coordinator(world, number=1, *, party="agency", role=Role.COORDINATOR):
    return Actor(party=world.party[party], ref=f"person:9{number}", role=role)


def propose(world, name="media_max_days", value=30, *, by=None):
    by = by or coordinator(world)
    return writes.propose_value(name, value, reason="A court asked.", by=by, now=world.now)


def change(world, name, value):
    """Have two coordinators change a setting."""
    propose(world, name, value)
    writes.confirm_value(name, value=value, by=coordinator(world, 2), now=world.now)


@pytest.fixture
def desk(world):
    return world.desk("agency", Role.COORDINATOR)


def test_a_value_holds_once_another_coordinator_has_confirmed_it(world, desk):
    data = {"value": "30", "reason": "A court asked."}
    desk.post("/hub-settings/media_max_days/propose", data)
    page = said(desk.get("/hub-settings"))
    assert "Proposed: 30" in page
    assert "A court asked." in page
    assert reads.longest_preview() == timedelta(days=14)
    assert desk.post("/hub-settings/media_max_days/confirm", data).status_code == 403
    writes.confirm_value("media_max_days", value=30, by=coordinator(world), now=world.now)
    assert reads.longest_preview() == timedelta(days=30)
    entry = Entry.objects.get(kind="setting.changed")
    assert (entry.actor, entry.subject) == ("party:agency", "setting:media_max_days")
    assert (entry.detail["value"], entry.detail["was"]) == (30, None)


def test_the_page_shows_value_default_and_who_changed_it_and_one_person_goes_back(world, desk):
    change(world, "media_max_days", 30)
    page = said(desk.get("/hub-settings"))
    assert "Default: 14" in page
    assert f"last changed by {world.party['agency'].title}" in page
    desk.post("/hub-settings/media_max_days/reset")
    assert reads.longest_preview() == timedelta(days=14)
    assert Entry.objects.last().kind == "setting.restored"
    with pytest.raises(ConflictError):
        writes.reset_value("media_max_days", by=coordinator(world), now=world.now)


def test_what_is_confirmed_is_what_the_page_showed(world, desk):
    propose(world)
    desk.post("/hub-settings/media_max_days/confirm", {"value": "31"})
    assert reads.value("media_max_days") == 14
    desk.post("/hub-settings/media_max_days/confirm", {"value": "30"})
    assert reads.value("media_max_days") == 30


def test_a_proposal_is_dropped_and_expires(world, desk):
    propose(world)
    with pytest.raises(ConflictError, match="waits already"):
        propose(world, value=31)
    desk.post("/hub-settings/media_max_days/drop")
    propose(world)
    later = world.now + timedelta(hours=24)
    with pytest.raises(NotFoundError):
        writes.confirm_value("media_max_days", value=30, by=coordinator(world, 2), now=later)
    assert reads.rows(now=later)[0].proposed is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("media_max_days", 0),
        ("media_max_days", 91),
        ("rate_reading", 1),
        ("acts_warning", 14),
        ("office_opens", 17),
        ("office_closes", 9),
    ],
)
def test_no_value_stops_others_or_makes_no_sense(world, name, value):
    with pytest.raises(InvalidError):
        propose(world, name, value)


@pytest.mark.parametrize(
    ("party", "role"),
    [
        ("agency", Role.ADMINISTRATOR),
        ("agency", None),
        ("authority", Role.COORDINATOR),
        ("provider", Role.COORDINATOR),
    ],
)
def test_only_coordinators_of_an_agency_change_settings(world, party, role):
    by = coordinator(world, 2, party=party, role=role)
    with pytest.raises(NotAllowedError):
        propose(world, by=by)
    change(world, "media_max_days", 30)
    with pytest.raises(NotAllowedError):
        writes.reset_value("media_max_days", by=by, now=world.now)
    propose(world, value=40)
    with pytest.raises(NotAllowedError):
        writes.confirm_value("media_max_days", value=40, by=by, now=world.now)
    with pytest.raises(NotAllowedError):
        writes.drop_value("media_max_days", by=by, now=world.now)


def test_a_changed_quota_counts_in_place_of_the_environments(world, settings):
    settings.ALERTING_ACTS = {}
    change(world, "acts_warning", 15)
    arguments = {"actor": "party:agency", "now": world.now, "is_person": True, "exercise": False}
    assert reads.value("acts_warning") == 15
    assert reads.value("acts_lead") is None
    check_limit("crisis.warned", weight=1, **arguments)


def test_office_hours_say_when_a_contact_point_is_open(world):
    change(world, "office_closes", 20)
    assert reads.office_hours() == (9, 20)
