# SPDX-License-Identifier: Apache-2.0
"""Redress at the desk: a party is asked to withdraw a measure after an upheld complaint."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.complaints import grounds
from stemtide.hub.desk.complaints.forms import GrantRedressForm, KeepMeasureForm
from stemtide.hub.desk.error_messages import error_text, field_error_text
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.party_titles import titles_of
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.complaints.reads import redress as reads
from stemtide.hub.rooms.complaints.rules import complaints as rules, redress
from stemtide.hub.rooms.complaints.writes import redress as redress_writes


@require_safe
@signed_in
def request_page(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show a request for redress: the provider's finding, nothing of the uploader."""
    rules.check_read(actor_of(request).role)
    return _page(request, uid)


@require_POST
@signed_in
@writers_only
def answer(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Withdraw the measure, which reaches every agent, or keep it and give the reason."""
    by = actor_of(request)
    reads.find(uid, viewer=by.party)
    kind = {"grant": GrantRedressForm, "keep": KeepMeasureForm}.get(verb)
    if kind is None:
        raise Http404
    form = kind(request.POST, prefix=verb)
    body = form.message()
    if body is None:
        return _page(request, uid, refused={verb: form})
    try:
        redress_writes.answer(uid, body=body, by=by, now=datetime.now(UTC))
    except InvalidError as error:
        form.add_error("reason", field_error_text(error))
        return _page(request, uid, refused={verb: form})
    except ConflictError as error:
        messages.error(request, error_text(error))
    else:
        done = {
            "grant": _("Taken back. Agents undo what they did as they hear of it."),
            "keep": _("Kept. The provider reads your reason."),
        }
        messages.success(request, done[verb])
    return redirect("redress", uid=uid)


def _page(
    request: SignedInRequest, uid: UUID, *, refused: dict[str, MessageForm] | None = None
) -> HttpResponse:
    """Render the page, with forms for the allowed actions; 422 if a form was refused."""
    by, now = actor_of(request), datetime.now(UTC)
    row = reads.find(uid, viewer=by.party)
    redress_out = reads.describe(row, viewer=by.party)
    complaint_facts = reads.facts(row, viewer=by.party)
    for form in (refused or {}).values():
        form.mark_errors()
    may = {
        verb: allows(
            redress.check_author,
            complaint_facts,
            is_kept=verb == "keep",
            name=by.name,
            role=by.role,
        )
        for verb in ("grant", "keep")
    }
    context = {
        "now": now,
        "titles": titles_of(request),
        "redress": redress_out,
        "forms": {
            "grant": GrantRedressForm(prefix="grant"),
            "keep": KeepMeasureForm(prefix="keep"),
            **(refused or {}),
        },
        "may": may,
        **grounds.ground(redress_out.basis, redress_out.ground, by=by, now=now),
    }
    return render(request, "desk/complaints/redress.html", context, status=422 if refused else 200)
