# SPDX-License-Identifier: Apache-2.0
"""Alerts for machines: those of one's own party, and acknowledging one."""

import pytest

from stemtide.hub.rooms.alerts.models import Alert, Receipt
from stemtide.hub.rooms.alerts.writes import drills as writes_drills
from stemtide.protocol.enums import Scope
from tests.rounds import at_night
from tests.world import NOON


@pytest.fixture
def alert(world):
    writes_drills.start([world.big_provider.name], by=None, now=NOON)
    return Alert.objects.get()


def test_a_party_reads_its_own_alerts(world, machine, alert):
    call = machine(world.big_provider)
    (row,) = call("GET", "/api/v1/alerts").json()
    assert row["id"] == str(alert.uid)
    assert row["title"] == "[EXERCISE] Contact drill: please acknowledge"
    assert (row["exercise"], row["state"], row["receipt"]) == (True, "open", None)
    assert call("GET", f"/api/v1/alerts/{alert.uid}").json() == row
    assert call("GET", "/api/v1/alerts?waiting=false").json() == []


def test_a_machine_acknowledges_once(world, machine, alert):
    call = machine(world.big_provider)
    answer = call("POST", f"/api/v1/alerts/{alert.uid}/acknowledge")
    assert answer.json()["receipt"]["via"] == "api"
    assert call("POST", f"/api/v1/alerts/{alert.uid}/acknowledge").status_code == 409
    assert call("GET", "/api/v1/alerts?waiting=true").json() == []
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize("other", ["agency", "authority", "small_provider", "observer"])
def test_the_alert_of_another_party_is_not_there(world, machine, alert, other):
    call = machine(getattr(world, other))
    assert call("GET", "/api/v1/alerts").json() == []
    assert call("GET", f"/api/v1/alerts/{alert.uid}").status_code == 404
    assert call("POST", f"/api/v1/alerts/{alert.uid}/acknowledge").status_code == 404


@pytest.mark.parametrize("scope", [one for one in Scope if one is not Scope.CRISES_WRITE])
def test_no_other_scope_acknowledges(world, machine, alert, scope):
    call = machine(world.big_provider, scopes=[scope])
    assert call("POST", f"/api/v1/alerts/{alert.uid}/acknowledge").status_code == 403


@at_night
def test_metrics_count_ones_own_and_an_agency_all(world, machine, alert):
    alert.exercise = False
    alert.save()
    for party, number in ((world.big_provider, 1), (world.small_provider, 0), (world.agency, 1)):
        text = machine(party)("GET", "/metrics").content.decode()
        assert f'stemtide_alerts{{state="open"}} {number}.0' in text
        queued = f'stemtide_deliveries{{channel="page",state="queued"}} {number}.0'
        assert queued in text
    alert.exercise = True
    alert.save()
    text = machine(world.agency)("GET", "/metrics").content.decode()
    assert 'stemtide_alerts{state="open"} 0.0' in text
