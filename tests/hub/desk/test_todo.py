# SPDX-License-Identifier: Apache-2.0
"""The to-do list: every kind of thing that waits, in order, with its act."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from stemtide.hub.desk.todo.items import TodoItem, TodoKind, in_order, merge
from stemtide.hub.rooms.alerts.reads.alerts import AlertRow
from stemtide.hub.rooms.alerts.rules.alerts import AlertState
from stemtide.protocol.enums import Role, Urgency
from tests import scene
from tests.rounds import at_night

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def item(name, **fields):
    return TodoItem(TodoKind.COMPLAINT, name, f"/{name}", NOW, **fields)


def alert_about(subject, kind, urgency):
    state, what = AlertState.OPEN, {"title": kind, "text": "", "exercise": False, "crisis": None}
    times = {"created_at": NOW, "step": 0, "step_due": None, "receipt": None}
    return AlertRow(
        uid=uuid4(), kind=kind, subject=subject, urgency=urgency, state=state, **what, **times
    )


def test_the_most_urgent_comes_first_then_what_is_due_first():
    later, soon = NOW + timedelta(days=2), NOW + timedelta(days=1)
    rows = [
        item("routine", urgency=Urgency.ROUTINE),
        item("undated"),
        item("later", due_at=later),
        item("soon", due_at=soon),
        item("now", urgency=Urgency.NOW),
    ]
    assert [row.title for row in in_order(rows, now=NOW)] == [
        *("now", "soon", "later", "undated", "routine")
    ]


def test_what_is_due_within_an_hour_is_as_urgent_as_what_waits_for_an_answer():
    due = item("due", due_at=NOW + timedelta(minutes=59))
    later = item("later", due_at=NOW + timedelta(minutes=61))
    ordered = in_order([later, due], now=NOW)
    assert [row.urgency for row in ordered] == [Urgency.NOW, Urgency.SOON]


def shown(client):
    answer = client.get("/to-do")
    return answer, answer.context["items"]


@pytest.fixture
def furnished(world):
    return scene.assemble(world)


@at_night
@pytest.mark.django_db
def test_a_provider_sees_orders_referrals_and_complaints_with_their_acts(world, furnished):
    answer, rows = shown(world.desk("provider", Role.DUTY_OFFICER))
    kinds = [row.kind for row in rows]
    assert kinds[0] is TodoKind.ORDER
    assert {TodoKind.REFERRALS, TodoKind.COMPLAINT} <= set(kinds)
    assert f"/orders/{furnished['order']}" in answer.content.decode()


@at_night
@pytest.mark.django_db
def test_an_alert_about_an_entry_is_acknowledged_there_and_not_listed_twice(world, furnished):
    _, rows = shown(world.desk("provider", Role.DUTY_OFFICER))
    orders = [row for row in rows if row.subject == f"order:{furnished['order']}"]
    assert [row.kind for row in orders] == [TodoKind.ORDER]


def test_merging_keeps_alerts_that_no_entry_is_about():
    first = item("complaint", subject="complaint:1")
    alert = alert_about("complaint:1", "complaint", Urgency.NOW)
    other = alert_about("signal:2", "signal_disputed", Urgency.SOON)
    merged = merge([first], [alert, other])
    assert [row.kind for row in merged] == [TodoKind.COMPLAINT, TodoKind.ALERT]
    assert merged[0].alert is alert
    assert merged[0].urgency is Urgency.NOW


@at_night
@pytest.mark.django_db
@pytest.mark.usefixtures("furnished")
def test_an_observer_who_may_do_nothing_has_no_acts(world):
    _, rows = shown(world.desk("authority", Role.OBSERVER))
    assert {row.kind for row in rows} <= {TodoKind.ALERT}
