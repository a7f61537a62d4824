# SPDX-License-Identifier: Apache-2.0
"""Answers to an order by Annex II or III, pre-filled with who the provider is; papers of all."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from stemtide.hub.desk.annex_forms import AnnexForm, language
from stemtide.hub.desk.orders import note_arrival
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in, writing
from stemtide.hub.desk.refusals import filled, without_field
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.orders import reads, reads_drafts, writes_answers
from stemtide.hub.orders.rules_lint import answer_flaws
from stemtide.hub.papers import own
from stemtide.hub.papers.documents import LANGUAGES, form_json, form_pdf
from stemtide.hub.parties.rules import InvalidError
from stemtide.protocol.forms import form
from stemtide.protocol.orders import OrderAnswerIn, OrderOut, Values

_FORMS = {
    "annex-2": (
        "execute",
        writes_answers.execute,
        gettext_lazy("Answered by Annex II. The content is to be preserved for six months."),
    ),
    "annex-3": (
        "suspend",
        writes_answers.suspend,
        gettext_lazy("Answered by Annex III. The clock stands still."),
    ),
}
"""Answers by their names in addresses: the move, the write, and what is said when it is done."""


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writing
def answer(request: SignedInRequest, uid: UUID, name: str) -> HttpResponse:
    """The form of an answer, with what is known of it, and its sending."""
    if name not in _FORMS:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    move, write, done = _FORMS[name]
    found = reads.order(uid, viewer=by.party, now=now)
    if request.method == "GET":
        note_arrival(found, by=by, now=now)
    if move not in reads.moves(reads.find(uid, viewer=by.party), by=by, now=now):
        return redirect("order", uid=uid)
    annex = form(f"tco-{name}")
    known = reads_drafts.start_answer(annex.name, viewer=by.party, now=now)
    asked = request.POST if request.method == "POST" else None
    sent = AnnexForm(asked, annex=annex, values=known, prefix="annex")
    said = _said(sent) if asked is not None and sent.is_valid() else None
    if said is not None:
        try:
            write(uid, body=OrderAnswerIn(annex=said), by=by, now=now)
        except InvalidError as error:
            field = error.field.removeprefix("annex.")
            sent.add_error(field if field in sent.fields else None, without_field(error))
        else:
            messages.success(request, str(done))
            return redirect("order", uid=uid)
    return _show(request, uid, name=name, sent=sent)


def _said(sent: AnnexForm) -> Values | None:
    """What the answer says; None where something is wrong with it: then the form says what."""
    found: Values = {
        one: each for one, each in sent.written().items() if each not in (None, "", [])
    }
    flaws = answer_flaws(found, name=sent.annex.name)
    for one in flaws:
        sent.add_error(
            one.field if one.field in sent.fields else None, filled(one.template, one.facts)
        )
    return None if flaws else found


def _show(request: SignedInRequest, uid: UUID, *, name: str, sent: AnnexForm) -> HttpResponse:
    """The page of the form."""
    now = datetime.now(UTC)
    sent.mark_errors()
    facts = {
        "now": now,
        "titles": titles_of(request),
        "order": reads.order(uid, viewer=request.user.party, now=now),
        "name": name,
        "annex": sent.annex,
        "title": sent.annex.title.within(language()),
        "form": sent,
        "parts": [
            (section.name, section.title.within(language()), [sent[each.name] for each in asked])
            for section in sent.annex.sections
            if (asked := [field for field in section.fields if not field.is_filled_in])
        ],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "desk/orders/answer.html", facts, status=status)


@require_safe
@signed_in
def paper(request: SignedInRequest, uid: UUID, name: str, kind: str) -> HttpResponse:
    """Annex I, or an answer, as a sealed PDF or as JSON. To the addressee it is a receipt."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.order(uid, viewer=by.party, now=now)
    annex, values = _document(found, name)
    if kind not in {"pdf", "json"} or annex is None:
        raise Http404
    if request.method == "GET":
        note_arrival(found, by=by, now=now)
    asked = request.GET.get("language", found.language)
    spoken = asked if asked[:2] in LANGUAGES else language()
    is_draft = found.issued_at is None
    title = f"{found.reference or 'draft'}-{name}"
    if kind == "json":
        body = form_json(
            form(annex),
            values,
            language=spoken,
            reference=found.reference,
            is_exercise=found.exercise,
        )
        return _file(body, name=f"{title}.json", media_type="application/json")
    pdf = form_pdf(
        form(annex),
        values,
        language=spoken,
        reference=found.reference,
        is_exercise=found.exercise,
        is_draft=is_draft,
    )
    made = pdf if is_draft else own.sealed(pdf, reason=title, now=now)
    return _file(made, name=f"{title}.pdf", media_type="application/pdf")


def _document(found: OrderOut, name: str) -> tuple[str | None, Values]:
    """The form that is asked for, and what stands in it; no form where there is none."""
    if name == "annex-1":
        return "tco-annex-1", found.annex
    number = name.removeprefix("answer-")
    if name.startswith("answer-") and number.isdecimal() and len(number) < 4:  # noqa: PLR2004  # digits
        at = int(number) - 1
        if 0 <= at < len(found.answers):
            return found.answers[at].form, found.answers[at].values
    return None, {}


def _file(body: bytes, *, name: str, media_type: str) -> HttpResponse:
    """Something to keep."""
    made = HttpResponse(body, content_type=media_type)
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made
