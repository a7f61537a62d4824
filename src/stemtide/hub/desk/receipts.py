# SPDX-License-Identifier: Apache-2.0
"""The page of a link in a message: what came, its papers, and one button. No account is needed.

To open it changes nothing, because programs that check mail open links. Decision 0059.
"""

from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.alerts import enclosures, reads_links, words, writes_links
from stemtide.hub.alerts.channels.port import Enclosed
from stemtide.hub.alerts.reads_links import Linked
from stemtide.hub.alerts.rules import Via
from stemtide.hub.desk.alert_words import PHRASES
from stemtide.hub.desk.receipt_words import ACTS
from stemtide.hub.desk.refusals import in_words
from stemtide.hub.papers import own
from stemtide.hub.papers.letters import Received, receipt_pdf
from stemtide.hub.parties.rules import ConflictError, NotFoundError
from stemtide.protocol.words_orders import OrderState
from stemtide.protocol.words_referrals import ReferralState

HOLDER = "holder of a link"

_EXPIRED, _LATE, _UNKNOWN = 410, 409, 404


@csrf_exempt  # the token itself says who may; no session is asked, so none can be misused
@require_http_methods(["GET", "HEAD", "POST"])
def receipt(request: HttpRequest, token: str) -> HttpResponseBase:
    """The page of a link: GET shows what came, POST acknowledges it."""
    now = datetime.now(UTC)
    try:
        found = linked(token, now=now)
        if request.method != "POST" or found.is_expired:
            return page(request, found, now=now)
        if not found.alert.is_waiting:
            return page(request, found, now=now, status=_LATE)
        writes_links.acknowledge_as_shown(token, now=now)
    except NotFoundError:
        return unknown(request)
    except ConflictError:  # somebody else was quicker
        return page(request, linked(token, now=now), now=now, status=_LATE)
    done = _("Acknowledged. Nobody else of your party is asked.")
    return page(request, linked(token, now=now), now=now, done=done)


@csrf_exempt  # as above
@require_POST
def renew(request: HttpRequest, token: str) -> HttpResponseBase:
    """Send a new link to where this one went, which has expired."""
    now = datetime.now(UTC)
    try:
        writes_links.send_anew(token, now=now)
    except NotFoundError:
        return unknown(request)
    except ConflictError as error:
        found = linked(token, now=now)
        return page(request, found, now=now, status=_LATE, refused=in_words(error))
    done = _("A new link is on its way to the address that this one went to.")
    return page(request, linked(token, now=now), now=now, status=200, done=done)


@require_safe
def file(request: HttpRequest, token: str, what: str) -> HttpResponse:  # noqa: ARG001  # Django gives it
    """A paper or a file of what a link leads to. To fetch one is no receipt."""
    now = datetime.now(UTC)
    try:
        found = linked(token, now=now)
    except NotFoundError as error:
        raise Http404(in_words(error)) from error
    one = None if found.is_expired else _file(found, what, now=now)
    if one is None:
        raise Http404(_("there is no such file behind this link"))
    answer = HttpResponse(one.content, content_type=one.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{one.name}"'
    return private(answer)


def linked(token: str, *, now: datetime) -> Linked:
    """What a link leads to, in the language that is active. raises: NotFoundError."""
    language = (get_language() or "en")[:2]
    return reads_links.linked(token, by=HOLDER, now=now, language=language)


def _file(found: Linked, what: str, *, now: datetime) -> Enclosed | None:
    """One file, made now. raises: SealFileError."""
    made = found.request
    if made is None:
        return None
    if what == "paper" and made.draws is not None:
        return enclosures.paper(made, parcel=found.parcel)
    if what in {"content", "signature"}:
        name = f"{made.name}-as-shown.json"
        content, signature = enclosures.signed(name, made.keeps(), parcel=found.parcel)
        return content if what == "content" else signature
    if what == "table" and made.lists is not None:
        return Enclosed(f"{made.name}.csv", made.lists(), "text/csv; charset=utf-8")
    if what == "receipt" and found.alert.receipt is not None:
        return _receipt_paper(found, now=now)
    return None


def _receipt_paper(found: Linked, *, now: datetime) -> Enclosed | None:
    """That it was received, on paper and under the seal."""
    made, known = found.request, found.alert.receipt
    if made is None or known is None:
        return None
    told = Received(
        what=found.alert.title,
        about=found.alert.text,
        party=found.party.title,
        at=known.received_at,
        way=str(PHRASES["alert-via"][known.via]),
        shown=known.shown,
        name=f"{made.name}-as-shown.json",
        exercise=found.alert.exercise,
    )
    pdf = receipt_pdf(told, language=found.parcel.language)
    sealed = own.sealed(pdf, reason=f"{made.name}-receipt", now=now)
    return Enclosed(f"{made.name}-receipt.pdf", sealed, "application/pdf")


def page(
    request: HttpRequest,
    found: Linked,
    *,
    now: datetime,
    status: int = 0,
    done: str = "",
    refused: str = "",
) -> HttpResponse:
    """The page as it stands now. done, refused: what is said above it."""
    made = found.request
    facts = {
        "now": now,
        "linked": found,
        "alert": found.alert,
        "request_name": made.name if made else "",
        "notes": made.notes if made else (),
        "has_table": made is not None and made.lists is not None,
        "has_paper": made is not None and made.draws is not None,
        "digest": made.digest if made else "",
        "acts": [(verb, ACTS[verb][0]) for verb in found.may] if made else (),
        "standing": _standing(found),
        "said": _said(found),
        "done": done,
        "refused": refused,
        "is_by_link": bool(found.alert.receipt and found.alert.receipt.via == Via.LINK),
        "urgency": words.URGENCIES[found.alert.urgency],
    }
    name = "desk/alerts/receipt_ended.html" if found.is_expired else "desk/alerts/receipt.html"
    usual = _EXPIRED if found.is_expired else _LATE if refused else 200
    return private(render(request, name, facts, status=status or usual))


def unknown(request: HttpRequest) -> HttpResponse:
    """What is said of a link that this hub never made."""
    return private(render(request, "desk/alerts/receipt_unknown.html", status=_UNKNOWN))


def private(answer: HttpResponse) -> HttpResponse:
    """The address of a page or a file is a secret: it is told to nobody, and listed nowhere."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _standing(found: Linked) -> str:
    """Why nobody waits for an answer any more, and what follows."""
    if found.alert.is_waiting or found.alert.receipt:
        return ""
    if found.order is not None:
        state = found.order.state
        if state is OrderState.UNDONE:
            return _("The order lost its effect after it was executed: put the content back.")
        if state in {OrderState.WITHDRAWN, OrderState.ANNULLED, OrderState.REINSTATED}:
            return _(
                "The order has no effect any more: nothing is left to do. If you removed content"
                " because of it, put it back."
            )
        if state is OrderState.EXECUTED:
            return _("The order was executed already: nothing is left to acknowledge.")
    if found.request and found.request.request.get("state") == ReferralState.WITHDRAWN:
        return _("The referral was withdrawn: nothing is asked of you any more.")
    return _("It needs no answer any more: a later act made it moot.")


def _said(found: Linked) -> str:
    """What the issuer of an order wrote last: why it ended, or what it clarified."""
    order = found.order
    if order is None:
        return ""
    if order.end_reason:
        return order.end_reason
    return next(
        (answer.clarification for answer in order.answers[::-1] if answer.clarification), ""
    )
