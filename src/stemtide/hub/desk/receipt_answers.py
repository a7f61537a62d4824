# SPDX-License-Identifier: Apache-2.0
"""Answers by the link in a message: Annex II and III, and answers to referrals. No account needed.

What may be answered the rooms say, as to a machine of the party. Decision 0059.
"""

from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from stemtide.hub.alerts import writes_links
from stemtide.hub.alerts.reads_links import Linked
from stemtide.hub.desk import receipts
from stemtide.hub.desk.annex_forms import language
from stemtide.hub.desk.receipt_forms import ByLink, ReferralsForm, annex_of, body_of, form_for
from stemtide.hub.desk.receipt_words import ACTS
from stemtide.hub.desk.refusals import in_words, without_field
from stemtide.hub.parties.rules import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.protocol.referrals import AnswerIn


@csrf_exempt  # the token itself says who may; no session is asked, so none can be misused
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str, verb: str) -> HttpResponseBase:
    """The form of one act, and its doing. To open it changes nothing."""
    if verb not in ACTS:
        raise Http404
    now = datetime.now(UTC)
    try:
        found = receipts.linked(token, now=now)
    except NotFoundError:
        return receipts.unknown(request)
    if found.is_expired or verb not in found.may:
        return receipts.page(request, found, now=now, refused=_closed(found))
    data = request.POST if request.method == "POST" else None
    filled = form_for(verb, found, data=data, now=now)
    try:
        is_done = request.method == "POST" and _do(found, verb, filled=filled, now=now)
    except (ConflictError, NotAllowedError) as error:
        found = receipts.linked(token, now=now)
        return receipts.page(request, found, now=now, refused=in_words(error))
    if not is_done:
        return _form(request, found, verb=verb, filled=filled)
    found = receipts.linked(token, now=now)
    return receipts.page(request, found, now=now, done=str(ACTS[verb][2]))


def _do(found: Linked, verb: str, *, filled: ByLink, now: datetime) -> bool:
    """Have the room do it; False where the form says what is wrong.

    raises: ConflictError, NotAllowedError.
    """
    body = body_of(filled) if filled.is_valid() else None
    if not filled.is_valid():  # also where its body was refused
        return False
    try:
        if isinstance(filled, ReferralsForm) and isinstance(body, AnswerIn):
            writes_links.answer_referrals(found.token, uids=filled.chosen(), body=body, now=now)
        else:
            writes_links.act_on_order(found.token, verb, body=body, now=now)
    except InvalidError as error:
        field = error.field.removeprefix("annex.")
        filled.add_error(field if field in filled.fields else None, without_field(error))
        return False
    return True


def _closed(found: Linked) -> str:
    """Why a link does not do what it was asked for; an expired one says so by itself."""
    return "" if found.is_expired else _("That cannot be done any more: see where it stands.")


def _form(request: HttpRequest, found: Linked, *, verb: str, filled: ByLink) -> HttpResponse:
    """The page of a form."""
    filled.mark_errors()
    annex = annex_of(filled)
    title, button, _done = ACTS[verb]
    asks_answer = isinstance(filled, ReferralsForm)
    parts = [] if asks_answer else [(title, "", list(filled.visible_fields()))]
    if annex is not None:
        parts = [
            (section.title.within(language()), section.name, [filled[each.name] for each in asked])
            for section in annex.sections
            if (asked := [field for field in section.fields if not field.is_filled_in])
        ]
    facts = {
        "linked": found,
        "alert": found.alert,
        "verb": verb,
        "title": annex.title.within(language()) if annex else title,
        "button": button,
        "form": filled,
        "parts": parts,
        "asks_answer": asks_answer,
        "from_memory": annex is not None and annex.from_memory,
    }
    status = 422 if request.method == "POST" else 200
    return receipts.private(
        render(request, "desk/alerts/receipt_answer.html", facts, status=status)
    )
