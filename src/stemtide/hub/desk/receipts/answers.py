# SPDX-License-Identifier: Apache-2.0
"""Answers through a one-time link: Annexes II and III, and answers to referrals; no account.

The rooms decide which answers are allowed, as for a machine of the party. Decision 0059.
"""

from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.labels.receipts import LINK_ACTIONS
from stemtide.hub.desk.orders.annex_forms import language
from stemtide.hub.desk.receipts import views
from stemtide.hub.desk.receipts.forms import ByLink, ReferralsForm, annex_of, body_of, form_for
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.requests import writes
from stemtide.hub.rooms.requests.reads import LinkedAlert
from stemtide.protocol.messages.referrals import AnswerIn


@csrf_exempt  # the token is the authorisation; no session is used, so none can be misused
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str, verb: str) -> HttpResponseBase:
    """Show the form of one action, and carry it out on POST. GET changes nothing."""
    if verb not in LINK_ACTIONS:
        raise Http404
    now = datetime.now(UTC)
    try:
        linked = views.linked(token, now=now)
    except NotFoundError:
        return views.unknown(request)
    if linked.is_expired or verb not in linked.may:
        return views.page(request, linked, now=now, refused=_closed_text(linked))
    post_data = request.POST if request.method == "POST" else None
    form = form_for(verb, linked, data=post_data, now=now)
    try:
        is_done = request.method == "POST" and _carry_out(linked, verb, form=form, now=now)
    except (ConflictError, NotAllowedError) as error:
        linked = views.linked(token, now=now)
        return views.page(request, linked, now=now, refused=error_text(error))
    if not is_done:
        return _form(request, linked, verb=verb, form=form)
    linked = views.linked(token, now=now)
    return views.page(request, linked, now=now, done=str(LINK_ACTIONS[verb][2]))


def _carry_out(linked: LinkedAlert, verb: str, *, form: ByLink, now: datetime) -> bool:
    """Carry out the action. Return False if the form is invalid; the form then shows why.

    raises: ConflictError, NotAllowedError.
    """
    body = body_of(form) if form.is_valid() else None
    if not form.is_valid():  # making the body may add errors
        return False
    try:
        if isinstance(form, ReferralsForm) and isinstance(body, AnswerIn):
            writes.answer_referrals(linked.token, uids=form.chosen(), body=body, now=now)
        else:
            writes.act_on_order(linked.token, verb, body=body, now=now)
    except InvalidError as error:
        form.add_refusal(error)
        return False
    return True


def _closed_text(linked: LinkedAlert) -> str:
    """Return why a link does not allow an action; "" for an expired link, whose page says so."""
    return "" if linked.is_expired else _("That cannot be done any more: see where it stands.")


def _form(request: HttpRequest, linked: LinkedAlert, *, verb: str, form: ByLink) -> HttpResponse:
    """Render the page of a form."""
    annex = annex_of(form)
    title, button, _done = LINK_ACTIONS[verb]
    asks_answer = isinstance(form, ReferralsForm)
    parts = [] if asks_answer else [(title, "", list(form.visible_fields()))]
    if annex is not None:
        parts = [
            (section.title.within(language()), section.name, [form[field.name] for field in fields])
            for section in annex.sections
            if (fields := [field for field in section.fields if not field.is_filled_in])
        ]
    context = {
        "linked": linked,
        "alert": linked.alert,
        "verb": verb,
        "title": annex.title.within(language()) if annex else title,
        "button": button,
        "form": form,
        "parts": parts,
        "asks_answer": asks_answer,
        "from_memory": annex is not None and annex.from_memory,
    }
    status = 422 if request.method == "POST" else 200
    return views.private(render(request, "desk/alerts/receipt_answer.html", context, status=status))
