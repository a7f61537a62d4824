# SPDX-License-Identifier: Apache-2.0
"""Pages of exercises: the list of scenarios, a new exercise, the control room, who plays."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.exercises.control import control_context, playing_context
from stemtide.hub.desk.exercises.forms import ObserveForm, RunForm, SayForm, SpeedForm
from stemtide.hub.desk.forms import uuid_or_none
from stemtide.hub.desk.officer import personal
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.exercises import reads, rules, writes
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.protocol.enums.exercises import InstructionKind, RunAct, RunState
from stemtide.protocol.exercises import RunOut
from stemtide.scenarios import reader
from stemtide.scenarios.schema import Scenario

RELOAD_S = "15"
_COMMAND = "STEMTIDE_KEY_FILE=player.key stemtide exercise play --hub {hub}"


@require_safe
@signed_in
def exercises(request: SignedInRequest) -> HttpResponse:
    """List the exercises of the party, and the scenarios to people who may run them."""
    may_direct = allows(rules.check_direct, actor_of(request))
    runs = reads.runs(viewer=request.user.party)
    context = {
        "now": datetime.now(UTC),
        "open": [run for run in runs if run.state is not RunState.ENDED],
        "ended": [run for run in runs if run.state is RunState.ENDED],
        "titles": party_titles(),
        "scenarios": [reader.read(name) for name in reader.shipped()] if may_direct else [],
        "may_direct": may_direct,
        "others": reads.open_of_others(viewer=request.user.party) if may_direct else [],
    }
    return render(request, "desk/exercises/exercises.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: SignedInRequest, name: str) -> HttpResponse:
    """Show the form of a new exercise, and prepare the one that it sends."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_direct(by)
    scenario = _scenario(name)
    form = RunForm(scenario, request.POST if request.method == "POST" else None)
    body = form.message() if request.method == "POST" else None
    if body is not None:
        try:
            run = writes.prepare(body, by=by, now=now)
        except (InvalidError, ConflictError) as error:
            form.add_refusal(error)
        else:
            messages.success(
                request, _("The exercise is ready. Start its player, then the exercise.")
            )
            return redirect("exercise", uid=run.id)
    context = {"form": form, "scenario": scenario}
    status = 422 if form.errors else 200
    return render(request, "desk/exercises/new.html", context, status=status)


@require_safe
@signed_in
def exercise(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the control room to the director, and their own page to those who play."""
    run = reads.run(uid, viewer=request.user.party)
    template = "control.html" if _directs(request, run) else "playing.html"
    context = {
        **_context(request, run),
        "say_form": SayForm(members=run.members),
        "observe_form": ObserveForm(members=run.members),
        "speed_form": SpeedForm(initial={"speed": f"{run.speed:g}"}),
        "command": _COMMAND.format(hub=request.build_absolute_uri("/").rstrip("/")),
    }
    page = render(request, f"desk/exercises/{template}", context)
    if request.GET.get("every") == RELOAD_S:
        page.headers["Refresh"] = RELOAD_S
    return page


@require_safe
@signed_in
def blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render what changes on the page of an exercise, for HTMX to swap in."""
    run = reads.run(uid, viewer=request.user.party)
    template = "_control.html" if _directs(request, run) else "_playing.html"
    return render(request, f"desk/exercises/{template}", _context(request, run))


@require_safe
@signed_in
def lesson(request: SignedInRequest) -> HttpResponse:
    """Render the hints of a guided exercise, for HTMX to swap in; nothing once it has ended."""
    hints = reads.lesson(
        viewer=request.user.party, now=datetime.now(UTC), language=get_language() or "en"
    )
    if hints is None:
        return HttpResponse()
    return render(request, "desk/exercises/_lesson.html", {"lesson": hints})


@require_safe
@signed_in
def file(request: SignedInRequest, uid: UUID, number: int) -> HttpResponse:
    """Download a file of an exercise, for the party that is to upload it."""
    name, content = reads.file(uid, number, viewer=request.user.party)
    response = HttpResponse(content, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=f"EXERCISE-{name}"
    )
    return response


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Carry out an act of the director, or note an observation."""
    find = reads.find_to_end if verb == "end" else reads.find
    find(uid, viewer=request.user.party)
    if verb not in _ACTS:
        raise Http404
    write, done = _ACTS[verb]
    if verb == "observe" and (form := _observe_form(request, uid)).errors:
        return personal.show_again(request, form)
    carry_out(request, lambda: write(request, uid), done=done())
    if not reads.is_visible(uid, viewer=request.user.party):  # an agency ended another's
        return redirect("exercises")
    return redirect("exercise", uid=uid)


def _directs(request: SignedInRequest, run: RunOut) -> bool:
    """Whether the reader directs the exercise: others of the party see what their party plays."""
    facts = rules.RunFacts(run.state, directed_by=run.directed_by)
    return allows(rules.check_directs, facts, by=actor_of(request))


def _context(request: SignedInRequest, run: RunOut) -> dict[str, object]:
    """Return the template context of an exercise for its reader."""
    build = control_context if _directs(request, run) else playing_context
    return build(run.id, viewer=request.user.party, now=datetime.now(UTC))


def _scenario(name: str) -> Scenario:
    """Return a scenario that ships. raises: Http404."""
    if name not in reader.shipped():
        raise Http404
    return reader.read(name)


_Write = Callable[[SignedInRequest, UUID], object]


def _run_act(verb: RunAct) -> _Write:
    """Return the write of an act on a run."""
    return lambda request, uid: writes.act(uid, verb, by=actor_of(request), now=datetime.now(UTC))


def _end(request: SignedInRequest, uid: UUID) -> object:
    """End an exercise, if the box is ticked. raises: InvalidError."""
    if not request.POST.get("confirm"):
        raise InvalidError("confirm", "tick the box to confirm, then send again")
    return _run_act(RunAct.END)(request, uid)


def _interrupt(request: SignedInRequest, uid: UUID) -> object:
    """Pause an exercise for a real crisis. raises: InvalidError."""
    crisis = uuid_or_none(request.POST.get("crisis"))
    if crisis is None:
        raise InvalidError("crisis", "choose the real crisis")
    return writes.act(uid, RunAct.PAUSE, by=actor_of(request), now=datetime.now(UTC), crisis=crisis)


def _instruct(kind: InstructionKind) -> _Write:
    """Return the write that gives an instruction of a kind."""

    def write(request: SignedInRequest, uid: UUID) -> object:
        sent = request.POST
        speed = SpeedForm(sent)
        return writes.instruct(
            uid,
            kind,
            by=actor_of(request),
            now=datetime.now(UTC),
            step=sent.get("step", "")[:60],
            member=sent.get("member", "")[:60],
            text=sent.get("text", "")[:2000],
            speed=speed.cleaned_data["speed"] if speed.is_valid() else None,
        )

    return write


def _observe_form(request: SignedInRequest, uid: UUID) -> ObserveForm:
    """Return the form of an observation with the data that was sent, checked."""
    run = reads.run(uid, viewer=request.user.party)
    form = ObserveForm(request.POST, members=run.members)
    form.message()
    return form


def _observe(request: SignedInRequest, uid: UUID) -> object:
    """Note an observation. raises: InvalidError."""
    body = _observe_form(request, uid).message()
    if body is None:
        raise InvalidError("text", "is empty: write what you observed")
    return writes.observe(uid, body=body, by=actor_of(request), now=datetime.now(UTC))


_ACTS: dict[str, tuple[_Write, Callable[[], str]]] = {
    "start": (_run_act(RunAct.START), lambda: _("The exercise has started.")),
    "pause": (_run_act(RunAct.PAUSE), lambda: _("The exercise is paused.")),
    "resume": (_run_act(RunAct.RESUME), lambda: _("The exercise goes on.")),
    "end": (_end, lambda: _("The exercise has ended. Its bots can no longer act.")),
    "interrupt": (
        _interrupt,
        lambda: _("The exercise is paused. Those who play are alerted that the crisis is real."),
    ),
    "inject": (_instruct(InstructionKind.INJECT), lambda: _("The player does it now.")),
    "skip": (_instruct(InstructionKind.SKIP), lambda: _("The player skips it.")),
    "speed": (_instruct(InstructionKind.SPEED), lambda: _("The speed is changed.")),
    "say": (_instruct(InstructionKind.SAY), lambda: _("The bot posts it.")),
    "observe": (_observe, lambda: _("Observation noted.")),
}
"""What the pages of an exercise send, with the message that follows."""
