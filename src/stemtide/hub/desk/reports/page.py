# SPDX-License-Identifier: Apache-2.0
"""The page of a post-crisis report: one form, every button of which saves the sections."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from stemtide.hub.desk.auth.people import (
    SignedInRequest,
    actor_of,
    carry_out,
    signed_in,
    writers_only,
)
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import is_insisted, personal_kinds, personal_warning
from stemtide.hub.desk.labels import figure
from stemtide.hub.desk.officer import personal
from stemtide.hub.desk.reports.charts import charts_of
from stemtide.hub.desk.reports.forms import FORM, ActionForm, NoteForm, PublishForm
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.reports.reads import reports as reads
from stemtide.hub.rooms.reports.rules import reports as rules
from stemtide.hub.rooms.reports.writes import reports as writes
from stemtide.protocol.messages.reports import MAX_SECTION, ReportOut, SectionIn

_TEXT, _BASIS = "text-", "basis-"
_ROWS, _MOST_ROWS = 4, 24
"""Lines of a text field: as many as its text has, within these."""

_Params = ParamSpec("_Params")
_View = Callable[Concatenate[SignedInRequest, _Params], HttpResponse]


def page(
    request: SignedInRequest,
    uid: UUID,
    *,
    typed: Mapping[str, str] | None = None,
    note_form: NoteForm | None = None,
    action_form: ActionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Return the page of a report.

    typed: texts of sections that were sent and not saved, by name.
    """
    viewer = request.user.party
    report = reads.report(uid, viewer=viewer)
    titles = party_titles()
    owners = sorted(titles.items(), key=lambda owner: owner[1])
    context = {
        "now": datetime.now(UTC),
        "report": report,
        "sections": _sections(report, typed=typed or {}, request=request),
        "has_drafts": bool(reads.stored_drafts(uid, viewer=viewer)),
        "charts": charts_of(report.figures),
        "titles": titles,
        "party": viewer.name,
        "form": FORM,
        "max_section": MAX_SECTION,
        "note_form": note_form or NoteForm(prefix="note"),
        "action_form": action_form or ActionForm(prefix="action", parties=owners),
        "publish_form": PublishForm(),
        **_allowed(request, report),
    }
    return render(request, "desk/report.html", context, status=status)


def _sections(
    report: ReportOut, *, typed: Mapping[str, str], request: SignedInRequest
) -> list[dict[str, object]]:
    """Return each section with the text for its field, and a newer text saved by somebody else."""
    rows = []
    drafts = reads.stored_drafts(report.id, viewer=request.user.party)
    for section in report.sections:
        text = typed.get(section.name, section.text)
        basis = request.POST.get(_BASIS + section.name, "")
        is_newer = section.name in typed and basis != rules.fingerprint(section.text)
        rows.append(
            {
                "section": section,
                "text": text,
                "rows": min(
                    max(_ROWS, sum(1 + len(line) // 90 for line in text.split("\n")) + 1),
                    _MOST_ROWS,
                ),
                "basis": rules.fingerprint(section.text),
                "is_drafted": bool(section.text) and drafts.get(section.name) == section.text,
                "newer": section.text if is_newer and text != section.text else "",
                "is_personal": section.name in typed and bool(personal_kinds(text)),
                "is_insisted": is_insisted(request.POST, name=_TEXT + section.name),
            }
        )
    return rows


def _allowed(request: SignedInRequest, report: ReportOut) -> dict[str, bool]:
    """Return the actions that the reader may take, by the rules that the writes enforce."""
    by = actor_of(request)
    facts = reads.facts_of(report.id, viewer=by.party)
    actor = {"kind": by.kind, "role": by.role}
    author = rules.Hand(party=by.party.name, ref=by.ref)
    return {
        "may_write": allows(rules.check_write, facts, name=by.party.name, **actor),
        "may_note": allows(rules.check_note, facts, **actor),
        "may_agree": allows(rules.check_agree, facts, by=author, **actor),
        "may_publish": allows(rules.check_publish, facts, name=by.party.name, **actor),
    }


def _saving(view: _View[_Params]) -> _View[_Params]:
    """Save the sections of a request before the view; if refused, show all that was typed."""

    @wraps(view)
    def saved(
        request: SignedInRequest, /, *args: _Params.args, **named: _Params.kwargs
    ) -> HttpResponse:
        uid = cast("UUID", named["uid"])
        typed = {
            name.removeprefix(_TEXT): str(text).replace("\r\n", "\n").strip()
            for name, text in request.POST.items()
            if name.startswith(_TEXT)
        }
        try:
            if typed:
                _save(request, uid, typed=typed)
        except (ConflictError, InvalidError) as error:
            messages.error(request, error_text(error))
            status = 409 if isinstance(error, ConflictError) else 422
            forms = {"note_form": _kept_note(request), "action_form": _kept_action(request)}
            return page(request, uid, typed=typed, status=status, **forms)  # type: ignore[arg-type]  # forms by name
        return view(request, *args, **named)

    return saved


def _save(request: SignedInRequest, uid: UUID, *, typed: Mapping[str, str]) -> None:
    """Save the sections that were changed. raises: NotAllowedError, ConflictError, InvalidError."""
    if long := [name for name, text in typed.items() if len(text) > MAX_SECTION]:
        raise InvalidError(
            long[0], "this is too long: a section has at most {most} characters", most=MAX_SECTION
        )
    _check_personal(request, uid, typed=typed)
    writes.write_sections(
        uid,
        texts={name: SectionIn(text=text) for name, text in typed.items()},
        bases={name: request.POST.get(_BASIS + name, "") for name in typed},
        by=actor_of(request),
        now=datetime.now(UTC),
    )


def _check_personal(request: SignedInRequest, uid: UUID, *, typed: Mapping[str, str]) -> None:
    """Warn of personal data in sections that were changed. raises: InvalidError."""
    report = reads.report(uid, viewer=request.user.party)
    stored = {section.name: section.text for section in report.sections}
    for name, text in typed.items():
        is_changed = text != stored.get(name, "")
        if is_changed and (kinds := personal.kinds_to_warn_of(request, _TEXT + name, text=text)):
            raise InvalidError(name, personal_warning(kinds))


def _kept_note(request: SignedInRequest) -> NoteForm:
    """Return the note's form with the request's data."""
    names = NoteForm.base_fields
    return NoteForm(
        prefix="note", initial={name: request.POST.get(f"note-{name}", "") for name in names}
    )


def _kept_action(request: SignedInRequest) -> ActionForm:
    """Return the action's form with the request's data."""
    names = ActionForm.base_fields
    return ActionForm(
        prefix="action",
        parties=sorted(party_titles().items(), key=lambda owner: owner[1]),
        initial={name: request.POST.get(f"action-{name}", "") for name in names},
    )


def _next(request: SignedInRequest, uid: UUID, *, done: str = "") -> HttpResponse:
    """Go back to the report; show it at once if a note or an action is not yet sent.

    done: the prefix of the form that was carried out, which starts empty again.
    """
    note = action = None
    if done != "note" and request.POST.get("note-text"):
        note = _kept_note(request)
    if done != "action" and (request.POST.get("action-text") or request.POST.get("action-due")):
        action = _kept_action(request)
    if note or action:
        return page(request, uid, note_form=note, action_form=action)
    return redirect("report", uid=uid)


@require_POST
@signed_in
@writers_only
@_saving
def save(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Save every section that was changed."""
    messages.success(request, _("Saved."))
    return _next(request, uid)


@require_POST
@signed_in
@writers_only
@_saving
def draft_again(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Draft again the sections that nobody changed."""
    carry_out(
        request,
        lambda: writes.draft_again(
            uid, by=actor_of(request), now=datetime.now(UTC), title_of=figure
        ),
        done=_("Drafted again. Sections that people changed are as they were."),
    )
    return _next(request, uid)


@require_POST
@signed_in
@writers_only
@_saving
def note(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Add a debrief note."""
    form = NoteForm(request.POST, prefix="note")
    body = form.message()
    if body is None or not carry_out(
        request,
        lambda: writes.add_note(uid, body=body, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Your note stands in the debrief."),
        form=form,
    ):
        return page(request, uid, note_form=form, action_form=_kept_action(request), status=422)
    return _next(request, uid, done="note")


@require_POST
@signed_in
@writers_only
@_saving
def action(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Add an action of the debrief."""
    owners = sorted(party_titles().items(), key=lambda owner: owner[1])
    form = ActionForm(request.POST, prefix="action", parties=owners)
    body = form.message()
    if body is None or not carry_out(
        request,
        lambda: writes.add_action(uid, body=body, by=actor_of(request), now=datetime.now(UTC)),
        done=_("The action has an owner and a day."),
        form=form,
    ):
        return page(request, uid, action_form=form, note_form=_kept_note(request), status=422)
    return _next(request, uid, done="action")


@require_POST
@signed_in
@writers_only
@_saving
def complete(request: SignedInRequest, uid: UUID, action: UUID) -> HttpResponse:
    """Mark an action as done."""
    by = actor_of(request)
    carry_out(
        request,
        lambda: writes.complete_action(uid, action=action, by=by, now=datetime.now(UTC)),
        done=_("Done."),
    )
    return _next(request, uid)


@require_POST
@signed_in
@writers_only
@_saving
def agree(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Agree to a report as the second person."""
    carry_out(
        request,
        lambda: writes.agree(uid, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Agreed. An edit makes a draft of it again."),
    )
    return _next(request, uid)


@require_POST
@signed_in
@writers_only
@_saving
def publish(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Publish a report, and freeze its figures."""
    form = PublishForm(request.POST)
    body = form.message()
    if body is None:
        messages.error(request, _("Choose who reads it."))
        return _next(request, uid)
    carry_out(
        request,
        lambda: writes.publish(uid, body=body, by=actor_of(request), now=datetime.now(UTC)),
        done=_("Published. It stays as it is; the next version may follow it."),
    )
    return _next(request, uid)
