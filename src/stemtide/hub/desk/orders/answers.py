# SPDX-License-Identifier: Apache-2.0
"""Answers to an order by Annex II or III, prefilled; and downloads of all its documents."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.error_messages import fill_template
from stemtide.hub.desk.orders.annex_forms import AnnexForm, language
from stemtide.hub.desk.orders.deadlines import hour_context
from stemtide.hub.desk.orders.views import note_arrival
from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.forms import LANGUAGES, file_name, form_json, form_pdf
from stemtide.hub.platform.documents.seal_notes import SealNotes
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.orders.reads import drafts, orders as reads
from stemtide.hub.rooms.orders.rules.entries import author_of
from stemtide.hub.rooms.orders.rules.lint import answer_flaws
from stemtide.hub.rooms.orders.writes import answers
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.orders import OrderAnswerIn, OrderOut, Values

_FORMS = {
    "annex-2": (
        "execute",
        answers.execute,
        gettext_lazy("Answered by Annex II. The content is to be preserved for six months."),
    ),
    "annex-3": (
        "suspend",
        answers.suspend,
        gettext_lazy("Answered by Annex III. The clock stands still."),
    ),
}
"""Answers by their names in URLs: the move, the write, and the confirmation."""


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def answer(request: SignedInRequest, uid: UUID, name: str) -> HttpResponse:
    """Show the form of an answer, prefilled, and send the answer."""
    if name not in _FORMS:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    move, write, done = _FORMS[name]
    order = reads.order(uid, viewer=by.party, now=now)
    if request.method == "GET":
        note_arrival(order, by=by, now=now)
    if move not in reads.moves(reads.find(uid, viewer=by.party), by=by, now=now):
        return redirect("order", uid=uid)
    annex = form(f"tco-{name}")
    prefilled = drafts.start_answer(annex.name, viewer=by.party, now=now)
    post_data = request.POST if request.method == "POST" else None
    annex_form = AnnexForm(post_data, annex=annex, values=prefilled, prefix="annex")
    values = _answer_values(annex_form) if post_data is not None and annex_form.is_valid() else None
    if values is not None:
        try:
            write(uid, body=OrderAnswerIn(annex=values), by=by, now=now)
        except InvalidError as error:
            annex_form.add_refusal(error)
        else:
            messages.success(request, str(done))
            return redirect("order", uid=uid)
    return _page(request, uid, name=name, annex_form=annex_form)


def _answer_values(annex_form: AnnexForm) -> Values | None:
    """Return the values of an answer; None if the lint finds errors (the form shows them)."""
    values: Values = {
        name: value for name, value in annex_form.written().items() if value not in (None, "", [])
    }
    flaws = answer_flaws(values, name=annex_form.annex.name)
    for flaw in flaws:
        annex_form.add_error(
            flaw.field if flaw.field in annex_form.fields else None,
            fill_template(flaw.template, flaw.facts),
        )
    return None if flaws else values


def _page(request: SignedInRequest, uid: UUID, *, name: str, annex_form: AnnexForm) -> HttpResponse:
    """Render the page of the form."""
    now = datetime.now(UTC)
    order = reads.order(uid, viewer=request.user.party, now=now)
    context = {
        "now": now,
        "titles": party_titles(),
        "order": order,
        **hour_context(order, now=now),
        "name": name,
        "annex": annex_form.annex,
        "title": annex_form.annex.title.within(language()),
        "form": annex_form,
        "parts": [
            (
                section.name,
                section.title.within(language()),
                [annex_form[field.name] for field in fields],
            )
            for section in annex_form.annex.sections
            if (fields := [field for field in section.fields if not field.is_filled_in])
        ],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "desk/orders/answer.html", context, status=status)


@require_safe
@signed_in
def paper(request: SignedInRequest, uid: UUID, name: str, kind: str) -> HttpResponse:
    """Download Annex I or an answer, as sealed PDF or JSON; for the addressee this is receipt."""
    by, now = actor_of(request), datetime.now(UTC)
    order = reads.order(uid, viewer=by.party, now=now)
    annex, values = _document(order, name)
    if kind not in {"pdf", "json"} or annex is None:
        raise Http404
    if request.method == "GET":
        note_arrival(order, by=by, now=now)
    language_code = _language_of(request, order)
    is_draft = order.issued_at is None
    title = f"{file_name(order.reference or 'draft')}-{name}"
    if kind == "json":
        body = form_json(
            form(annex),
            values,
            language=language_code,
            reference=order.reference,
            is_exercise=order.exercise,
            entered=order.entry,
        )
        return _file(body, name=f"{title}.json", media_type="application/json")

    def draw(notes: SealNotes) -> bytes:
        return form_pdf(
            form(annex),
            values,
            language=language_code,
            reference=order.reference,
            is_exercise=order.exercise,
            is_draft=is_draft,
            seals=notes,
            entered=order.entry,
        )

    if is_draft:
        content = draw(SealNotes())
    elif author := author_of(order, annex):
        content = hub_seal.sealed_form(draw, author=author, reason=title, now=now)
    else:
        content = hub_seal.sealed(draw(SealNotes()), reason=title, now=now)
    return _file(content, name=f"{title}.pdf", media_type="application/pdf")


def _language_of(request: SignedInRequest, order: OrderOut) -> str:
    """Return the language of a document: as asked for, or the order's, if the desk has it."""
    requested = request.GET.get("language", order.language)
    return requested if requested[:2] in LANGUAGES else language()


def _document(order: OrderOut, name: str) -> tuple[str | None, Values]:
    """Return the requested annex and its values; (None, {}) if the order has none."""
    if name == "annex-1":
        return "tco-annex-1", order.annex
    number = name.removeprefix("answer-")
    if name.startswith("answer-") and number.isdecimal() and len(number) < 4:  # noqa: PLR2004  # digits
        index = int(number) - 1
        if 0 <= index < len(order.answers):
            return order.answers[index].form, order.answers[index].values
    return None, {}


def _file(body: bytes, *, name: str, media_type: str) -> HttpResponse:
    """Return a response that downloads a file."""
    response = HttpResponse(body, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
