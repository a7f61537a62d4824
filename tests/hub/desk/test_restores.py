# SPDX-License-Identifier: Apache-2.0
"""A coordinator of an agency learns at the desk that the hub was restored, and confirms it."""

import pytest
from django.test import Client

from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.hub.scheduler import run_once
from stemtide.protocol.enums import Role
from stemtide.protocol.tlog.notes import Checkpoint
from tests.hub.desk.test_inbox import said
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def origin(world):
    """The name of the log after a restore; three entries are known to be lost."""
    leaves.follow_ledger(world.now)
    last = Checkpoint("stemtide/lost", ledger.heads().entries + 4, bytes(32))
    return leaves.restart(last=last, backup="b", actor="operator", now=world.now).origin


def test_agencies_are_alerted_and_a_coordinator_confirms(world, origin):
    run_once(world.now)
    alert = Alert.objects.get(kind="restore_waits")
    assert alert.party.name == "agency"

    desk = world.desk("agency", Role.COORDINATOR)
    page = said(desk.get("/hub-settings"))
    entry = next(ledger.of_kinds({"log.restarted"})).number
    assert f"Entries {entry} to {entry + 2} of the ledger are lost" in page
    assert origin in page
    page = said(desk.post("/hub-settings/restore", {"origin": origin}, follow=True))
    assert "Confirmed" in page
    assert "not confirmed yet" not in page
    assert "Confirm the restore" not in said(desk.get("/hub-settings"))
    run_once(world.now)
    alert.refresh_from_db()
    assert alert.state == "overtaken"


@at_night
def test_others_read_of_it_or_not_and_cannot_confirm(world, origin):
    desk = world.desk("agency", Role.DUTY_OFFICER)
    page = said(desk.get("/hub-settings"))
    assert "not confirmed yet" in page
    assert "Confirm the restore" not in page
    for someone in (desk, world.desk("authority", Role.COORDINATOR)):
        assert someone.post("/hub-settings/restore", {"origin": origin}).status_code == 403
    assert f"{origin} not confirmed yet" in Client().get("/log/restores").content.decode()
