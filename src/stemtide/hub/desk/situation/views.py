# SPDX-License-Identifier: Apache-2.0
"""Situation log and public statements of a crisis: pages, fragments and forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    actor_of,
    carry_out,
    signed_in,
    writers_only,
)
from stemtide.hub.desk.forms import uuid_or_none
from stemtide.hub.desk.labels.situation import LABELS
from stemtide.hub.desk.officer import personal
from stemtide.hub.desk.situation.forms import LogMessageForm, StatementForm, VoteForm
from stemtide.hub.platform.errors import ConflictError, InvalidError, RateLimitError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.situation.reads import situation as reads
from stemtide.hub.rooms.situation.rules import situation as rules
from stemtide.hub.rooms.situation.writes import situation as writes
from stemtide.protocol.enums import MessageKind
from stemtide.protocol.messages.situation import PublicStatementOut

ROWS = 50
"""Messages on one page of the log."""


@dataclass(frozen=True, slots=True)
class LineRow:
    """A public statement, with the actions that the reader may take."""

    line: PublicStatementOut
    may_vote: bool
    may_withdraw: bool


def room_of(request: SignedInRequest, uid: UUID) -> rules.RoomFacts:
    """Return the rules' input about a room."""
    viewer = request.user.party
    return reads.room_facts(reads.find_room(uid, viewer=viewer))


def log_context(
    request: SignedInRequest, uid: UUID, *, query: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return the template context of the log's block, for its own page and others.

    query: which part of the log to show; by default the query string of the request.
    """
    query = request.GET if query is None else query
    viewer, by = request.user.party, actor_of(request)
    room = room_of(request, uid)
    before = query.get("before", "")
    kind = query.get("kind", "")
    kind = kind if kind in set(MessageKind) else ""
    before_number = int(before) if before.isdigit() and len(before) < 10 else None  # noqa: PLR2004  # fits
    entries = reads.latest(uid, viewer=viewer, limit=ROWS + 1, before=before_number, kind=kind)
    return {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "log": {
            "crisis": uid,
            "messages": entries[:ROWS],
            "pinned": reads.log(uid, viewer=viewer, pinned=True).messages,
            "older": entries[ROWS - 1].number if len(entries) > ROWS else None,
            "before": before_number,
            "kind": kind,
            "kinds": list(LABELS["message"].items()),
            "party": viewer.name,
            "may_post": allows(rules.check_post, room, kind=by.kind, role=by.role),
            "may_pin": allows(rules.check_pin, room, kind=by.kind, name=viewer.name, role=by.role),
        },
    }


def lines_context(request: SignedInRequest, uid: UUID) -> dict[str, object]:
    """Return the template context of the public statements' block, for its own page and others."""
    viewer, by = request.user.party, actor_of(request)
    room = room_of(request, uid)
    rows = [
        LineRow(
            line=line,
            may_vote=allows(
                rules.check_vote,
                _line_facts(line),
                room,
                kind=by.kind,
                name=viewer.name,
                role=by.role,
            ),
            may_withdraw=allows(
                rules.check_withdraw_line, _line_facts(line), name=viewer.name, role=by.role
            ),
        )
        for line in reads.lines(uid, viewer=viewer)
    ]
    return {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "lines": {
            "crisis": uid,
            "rows": rows,
            "usable": [row for row in rows if row.line.usable],
            "may_propose": allows(rules.check_propose, room, kind=by.kind, role=by.role),
        },
    }


def _line_facts(line: PublicStatementOut) -> rules.LineFacts:
    """Return the rules' input about a public statement."""
    return rules.LineFacts(state=line.state, proposed_by=line.proposed_by)


@require_safe
@signed_in
def log(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the log, with the form to write into it."""
    return _log_page(request, uid)


@require_safe
@signed_in
def log_block(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the log alone, for HTMX to swap in."""
    return render(request, "desk/room/_log.html", log_context(request, uid))


def _log_page(
    request: SignedInRequest, uid: UUID, *, form: LogMessageForm | None = None
) -> HttpResponse:
    """Render the log's page; 422 if the form was refused."""
    empty_form = LogMessageForm(
        prefix="message",
        parties=_choices(request, uid),
        initial={
            name: uuid_or_none(request.GET.get(name)) for name in ("answers", "corrects", "signal")
        }
        | {"kind": request.GET.get("kind", MessageKind.OBSERVATION)},
    )
    context = log_context(request, uid)
    context |= {"crisis": crises.crisis(uid, viewer=request.user.party), "form": form or empty_form}
    context |= {name: uuid_or_none(request.GET.get(name)) for name in ("answers", "corrects")}
    return render(request, "desk/log.html", context, status=422 if form else 200)


def _choices(request: SignedInRequest, uid: UUID) -> list[tuple[str, str]]:
    """Return the parties that a message in a crisis can be for, sorted by title.

    Those that bots play are only for crises of exercises.
    """
    exercise = crises.crisis(uid, viewer=request.user.party).exercise
    rows = parties.present(exercise=exercise)
    return sorted(((row.name, row.title) for row in rows), key=lambda choice: choice[1])


@require_POST
@signed_in
@writers_only
def post(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Write a message into the log."""
    form = LogMessageForm(
        request.POST,
        prefix="message",
        parties=_choices(request, uid),
        host=request.get_host(),
    )
    body = form.message()
    if body is None:
        return _log_page(request, uid, form=form)
    try:
        writes.post(uid, body=body, by=actor_of(request), now=datetime.now(UTC))
    except (InvalidError, RateLimitError) as error:
        form.add_refusal(error)
        return _log_page(request, uid, form=form)
    except ConflictError as error:
        form.add_refusal(error)
        return personal.show_again(request, form)
    messages.success(request, _("Your message stands in the log."))
    return redirect("crisis-log", uid=uid)


@require_POST
@signed_in
@writers_only
def pin(request: SignedInRequest, uid: UUID, message: UUID) -> HttpResponse:
    """Pin or unpin a message."""
    is_pinned = request.POST.get("pinned") == "1"
    writes.pin(message, is_pinned=is_pinned, by=actor_of(request), now=datetime.now(UTC))
    return redirect("crisis-log", uid=uid)


@require_safe
@signed_in
def lines(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the public statements, with the form to propose one."""
    return _lines_page(request, uid)


@require_safe
@signed_in
def lines_block(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the public statements alone, for HTMX to swap in."""
    return render(request, "desk/room/_lines.html", lines_context(request, uid))


def _lines_page(
    request: SignedInRequest, uid: UUID, *, form: StatementForm | None = None
) -> HttpResponse:
    """Render the page of public statements; 422 if the form was refused."""
    replaces = uuid_or_none(request.GET.get("replaces"))
    context = lines_context(request, uid)
    context |= {
        "crisis": crises.crisis(uid, viewer=request.user.party),
        "form": form or StatementForm(prefix="line", initial={"replaces": replaces}),
        "replaces": replaces,
    }
    return render(request, "desk/lines.html", context, status=422 if form else 200)


@require_POST
@signed_in
@writers_only
def propose(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Propose a public statement."""
    form = StatementForm(request.POST, prefix="line")
    body = form.message()
    if body is None:
        return _lines_page(request, uid, form=form)
    done = _("Proposed. It may be used once others agree.")
    is_taken = carry_out(
        request,
        lambda: writes.propose_line(uid, body=body, by=actor_of(request), now=datetime.now(UTC)),
        done=done,
        form=form,
    )
    return redirect("crisis-lines", uid=uid) if is_taken else _lines_page(request, uid, form=form)


@require_POST
@signed_in
@writers_only
def vote(request: SignedInRequest, uid: UUID, line: UUID) -> HttpResponse:
    """Agree or object to a public statement."""
    form = VoteForm(request.POST)
    body = form.message()
    if body is None or not carry_out(
        request,
        lambda: writes.vote(line, body=body, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Your party's word is noted."),
        form=form,
    ):
        return personal.show_again(request, form)
    return redirect("crisis-lines", uid=uid)


@require_POST
@signed_in
@writers_only
def withdraw(request: SignedInRequest, uid: UUID, line: UUID) -> HttpResponse:
    """Withdraw a public statement of one's own party."""
    carry_out(
        request,
        lambda: writes.withdraw_line(line, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Withdrawn. It may not be used any more."),
    )
    return redirect("crisis-lines", uid=uid)
