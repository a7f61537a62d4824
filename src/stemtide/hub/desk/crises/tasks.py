# SPDX-License-Identifier: Apache-2.0
"""Tasks of a crisis: their page, their block in the room, and the acts on them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    actor_of,
    carry_out,
    signed_in,
    writers_only,
)
from stemtide.hub.desk.crises.task_form import TaskForm, owner_choices
from stemtide.hub.platform.errors import InvalidError, RateLimitError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.tasks import reads, rules, writes
from stemtide.protocol.enums.response import TaskState
from stemtide.protocol.messages.situation import TaskMoveIn, TaskOut


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task, and the states that the reader may move it to."""

    task: TaskOut
    moves: tuple[TaskState, ...]


def tasks_context(
    uid: UUID, *, by: Actor, now: datetime, form: TaskForm | None = None, link: str = ""
) -> dict[str, object]:
    """Return the template context of a crisis' tasks. form: one that was refused."""
    facts = crises.facts_of(uid, viewer=by.party)
    rows = [
        TaskRow(task, moves=_moves(task, facts=facts, by=by))
        for task in reads.tasks(uid, viewer=by.party)
    ]
    may_give = allows(rules.check_give, facts, by=by)
    empty_form = (
        TaskForm(prefix="task", owners=owner_choices(facts, by=by), initial={"link": link})
        if may_give
        else None
    )
    return {
        "now": now,
        "titles": party_titles(),
        "tasks": {
            "crisis": uid,
            "open": [row for row in rows if row.task.state is TaskState.OPEN],
            "ended": [row for row in rows if row.task.state is not TaskState.OPEN],
            "form": form or empty_form,
        },
    }


def _moves(task: TaskOut, *, facts: CrisisFacts, by: Actor) -> tuple[TaskState, ...]:
    """Return the states that an actor may move a task to."""
    of_task = rules.TaskFacts(task.state, given_by=task.given_by, owner=task.party or "")
    return tuple(
        state for state in TaskState if allows(rules.check_move, facts, of_task, by=by, to=state)
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def tasks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the tasks of a crisis, with the form to add one; add the task that it sends."""
    if request.method == "POST":
        return _give(request, uid)
    return _page(request, uid)


@writers_only
def _give(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Add a task; the page shows the form again if it is refused."""
    by, now = actor_of(request), datetime.now(UTC)
    facts = crises.facts_of(uid, viewer=by.party)
    rules.check_give(facts, by=by)
    form = TaskForm(request.POST, prefix="task", owners=owner_choices(facts, by=by), now=now)
    body = form.message()
    if body is not None:
        try:
            writes.give(uid, body=body, by=by, now=now)
        except (InvalidError, RateLimitError) as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("The task is added."))
            return redirect("crisis-tasks" if request.POST.get("page") else "crisis", uid=uid)
    return _page(request, uid, form=form)


@require_POST
@signed_in
@writers_only
def move(request: SignedInRequest, uid: UUID, task: UUID) -> HttpResponse:
    """Finish, drop or reopen a task."""
    state = request.POST.get("state", "")
    if state in set(TaskState):
        body = TaskMoveIn(state=TaskState(state))
        carry_out(
            request,
            lambda: writes.move(task, body=body, by=actor_of(request), now=datetime.now(UTC)),
            done=_("Noted. You can change it again under “All tasks”."),
        )
    return redirect("crisis-tasks" if request.POST.get("page") else "crisis", uid=uid)


def _page(request: SignedInRequest, uid: UUID, *, form: TaskForm | None = None) -> HttpResponse:
    """Render the page of tasks; 422 if the form was refused."""
    by, now = actor_of(request), datetime.now(UTC)
    link = request.GET.get("link", "")[:300]
    context = tasks_context(uid, by=by, now=now, form=form, link=link)
    context["crisis"] = crises.crisis(uid, viewer=by.party)
    return render(request, "desk/tasks.html", context, status=422 if form else 200)
