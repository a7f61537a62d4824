# SPDX-License-Identifier: Apache-2.0
"""Roles and tasks at the desk: the room, the page of tasks, the hand-over, the to-do list."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.crises.models import RoleHolding
from stemtide.hub.rooms.tasks.models import Task
from stemtide.protocol.enums import Role
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


@pytest.fixture
def crisis(world):
    return world.crisis(active=True, joined=["provider"])


def act(client, crisis, name, role, **fields):
    sent = {f"{name}-{role}-{key}": value for key, value in fields.items()}
    return client.post(f"/crises/{crisis}/do/{name}", {"target": role, **sent})


def add(client, crisis, **fields):
    sent = {"title": "Call the forum", "owner": "provider", "due_in": "4"} | fields
    return client.post(f"/crises/{crisis}/tasks", {f"task-{k}": v for k, v in sent.items()})


@at_night
def test_a_role_is_taken_and_offered_with_a_note_that_the_next_shift_reads(world, officer, crisis):
    assert act(officer, crisis, "take-role", "media").status_code == 302
    other = world.desk("provider", Role.DUTY_OFFICER)
    sent = act(officer, crisis, "give-role", "media", to="provider", note="Press call at six.")
    assert sent.status_code == 302
    assert "Press call at six." in other.get(f"/crises/{crisis}").content.decode()
    assert "Media liaison" in other.get("/to-do").content.decode()
    assert act(other, crisis, "accept-role", "media").status_code == 302
    page = officer.get(f"/crises/{crisis}/hand-over").content.decode()
    assert "The provider" in page
    assert "Press call at six." in page
    assert RoleHolding.objects.filter(ended_at=None).count() == 1


@at_night
def test_a_role_for_nobody_is_an_error_at_the_field(officer, crisis):
    sent = act(officer, crisis, "give-role", "media", to="nobody")
    assert sent.status_code == 422
    assert "give-role-media-to_error" in sent.content.decode()


def test_a_task_is_added_in_the_room_waits_for_its_owner_and_is_done(world, officer, crisis):
    other = world.desk("provider", Role.DUTY_OFFICER)
    assert add(officer, crisis).status_code == 302
    titles = [item.title for item in other.get("/to-do").context["items"]]
    assert "Call the forum" in titles
    assert "Call the forum" in officer.get(f"/crises/{crisis}/hand-over").content.decode()
    task = Task.objects.get()
    other.post(f"/crises/{crisis}/tasks/{task.uid}", {"state": "done", "page": "1"})
    task.refresh_from_db()
    assert (task.state, task.ended_by) == ("done", world.party["provider"])
    page = other.get(f"/crises/{crisis}/tasks").content.decode()
    assert "Reopen" in page


@at_night
def test_open_tasks_come_by_due_time_and_say_when_they_are_overdue(world, officer, crisis):
    add(officer, crisis, title="Later", due_in="24")
    add(officer, crisis, title="Sooner", due_in="1")
    add(officer, crisis, title="Overdue")
    Task.objects.filter(title="Overdue").update(due_at=world.now - timedelta(hours=1))
    rows = officer.get(f"/crises/{crisis}/tasks").context["tasks"]["open"]
    assert [row.task.title for row in rows] == ["Overdue", "Sooner", "Later"]
    assert "overdue" in officer.get(f"/crises/{crisis}").content.decode()


@at_night
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"owner": "nobody"}, "owner"),
        ({"due_in": "", "due_at": ""}, "due_at"),
        ({"link": "https://elsewhere.example/signals/7"}, "link"),
        ({"link": "/signals/00000000-0000-0000-0000-000000000000"}, "link"),
    ],
)
def test_a_task_that_is_wrong_is_shown_again_with_the_reason(officer, crisis, fields, field):
    sent = add(officer, crisis, **fields)
    assert sent.status_code == 422
    assert f"id_task-{field}_error" in sent.content.decode()


@at_night
def test_a_task_leads_to_what_it_is_about_for_those_who_see_it(world, officer, crisis):
    shared = world.share(crisis=crisis, tlp="red", audience=["agency"])
    add(officer, crisis, link=f"http://testserver/signals/{shared}")
    assert f"/signals/{shared}" in officer.get(f"/crises/{crisis}/tasks").content.decode()
    other = world.desk("provider", Role.DUTY_OFFICER)
    page = other.get(f"/crises/{crisis}/tasks").content.decode()
    assert "Call the forum" in page
    assert f"/signals/{shared}" not in page
