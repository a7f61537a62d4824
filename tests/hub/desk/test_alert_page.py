# SPDX-License-Identifier: Apache-2.0
"""The page of one alert: assigned, snoozed, muted, or why not."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.alerts.models import Alert, MutedKind
from stemtide.hub.rooms.alerts.writes.alerts import AlertDraft, create_alert
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.protocol.enums import Role
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def alert_of(world, kind, party="authority"):
    draft = AlertDraft(
        kind=kind,
        party=world.party[party],
        subject="crisis:none",
        parameters={"by": "A party", "name": "Attack", "crisis": "Attack", "reasons": ""},
    )
    return create_alert(draft, now=world.now)


def act(client, alert, verb, **fields):
    sent = {f"{verb}-{name}": value for name, value in fields.items()}
    return client.post(f"/alerts/{alert.uid}/do/{verb}", sent)


def counted(client):
    return client.get("/to-do").context["items"], client.get("/alerts/_bar").content.decode()


def test_an_alert_is_assigned_to_a_colleague_and_the_ledger_says_so(world, desk):
    alert = alert_of(world, "lapsed")
    colleague = world.person("authority", Role.ANALYST)
    assert act(desk, alert, "assign", person=colleague.email).status_code == 302
    entry = Entry.objects.get(kind="alert.assigned")
    assert entry.detail["person"] == colleague.ref
    assert colleague.email in desk.get("/to-do").content.decode()


def test_an_alert_is_not_assigned_to_a_stranger(world, desk):
    alert, stranger = alert_of(world, "lapsed"), world.person("rival", Role.ANALYST)
    assert act(desk, alert, "assign", person=stranger.email).status_code == 422
    assert Alert.objects.get(pk=alert.pk).assigned_to is None


@at_night
def test_a_snoozed_alert_is_not_counted_until_its_time(world, desk):
    alert = alert_of(world, "lapsed")
    assert act(desk, alert, "snooze", hours="4").status_code == 302
    items, bar = counted(desk)
    assert items == []
    assert "No alerts" in bar
    assert Entry.objects.filter(kind="alert.snoozed").exists()
    Alert.objects.update(snoozed_until=world.now - timedelta(days=1))
    items, bar = counted(desk)
    assert len(items) == 1
    assert "1 alert waits" in bar


@at_night
def test_a_kind_is_muted_for_oneself_alone_and_shown_again(world, desk):
    alert = alert_of(world, "lapsed")
    assert act(desk, alert, "mute", days="7").status_code == 302
    assert counted(desk)[0] == []
    assert len(counted(world.desk("authority", Role.ANALYST))[0]) == 1
    assert act(desk, alert, "unmute").status_code == 302
    assert not MutedKind.objects.exists()


@pytest.mark.parametrize("verb", ["snooze", "mute"])
def test_what_needs_an_answer_at_once_is_never_set_aside_and_says_why(world, desk, verb):
    alert = alert_of(world, "order_missed")
    assert act(desk, alert, verb, hours="4", days="7").status_code == 403
    page = " ".join(desk.get(f"/alerts/{alert.uid}").content.decode().split())
    assert "Not possible now: an alert of this kind needs an answer now" in page
    assert len(counted(desk)[0]) == 1


def test_an_alert_of_another_party_is_not_there(world, desk):
    alert = alert_of(world, "lapsed", party="rival")
    assert desk.get(f"/alerts/{alert.uid}").status_code == 404
    assert act(desk, alert, "mute", days="1").status_code == 404
