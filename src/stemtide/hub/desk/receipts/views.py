# SPDX-License-Identifier: Apache-2.0
"""Pages of one-time links in messages: the request, its documents, one button; no account.

Opening a link changes nothing, because programs that check mail open links. Decision 0059.
"""

from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.labels.alerts import LABELS
from stemtide.hub.desk.labels.receipts import LINK_ACTIONS
from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.letters import Received, receipt_pdf
from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.rooms.alerts import enclosures
from stemtide.hub.rooms.alerts.channels.channel import Attachment
from stemtide.hub.rooms.alerts.rules.alerts import Via
from stemtide.hub.rooms.alerts.texts import alerts
from stemtide.hub.rooms.orders.reads import authenticity
from stemtide.hub.rooms.requests import reads, writes
from stemtide.hub.rooms.requests.reads import LinkedAlert
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import ReferralState
from stemtide.protocol.messages.documents import OrderAuthenticity

_EXPIRED, _LATE, _UNKNOWN = 410, 409, 404


@csrf_exempt  # the token is the authorisation; no session is used, so none can be misused
@require_http_methods(["GET", "HEAD", "POST"])
def receipt(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show the request behind a link on GET, and acknowledge it on POST."""
    now = datetime.now(UTC)
    try:
        link = linked(token, now=now)
        if request.method != "POST" or link.is_expired:
            return page(request, link, now=now)
        if not link.alert.is_waiting:
            return page(request, link, now=now, status=_LATE)
        writes.acknowledge_as_shown(token, now=now)
    except NotFoundError:
        return unknown(request)
    except ConflictError:  # somebody else was faster
        return page(request, linked(token, now=now), now=now, status=_LATE)
    done = _("Acknowledged. Nobody else of your party is asked.")
    return page(request, linked(token, now=now), now=now, done=done)


@csrf_exempt  # as above
@require_POST
def renew(request: HttpRequest, token: str) -> HttpResponseBase:
    """Send a new link in place of an expired one, to the same address."""
    now = datetime.now(UTC)
    try:
        writes.send_new_link(token, now=now)
    except NotFoundError:
        return unknown(request)
    except ConflictError as error:
        link = linked(token, now=now)
        return page(request, link, now=now, status=_LATE, refused=error_text(error))
    done = _("A new link is on its way to the address that this one went to.")
    return page(request, linked(token, now=now), now=now, status=200, done=done)


@require_safe
def file(request: HttpRequest, token: str, name: str) -> HttpResponse:  # noqa: ARG001  # from the URL
    """Download a document or file of the request behind a link. A download is not a receipt."""
    now = datetime.now(UTC)
    try:
        link = linked(token, now=now)
    except NotFoundError as error:
        raise Http404(error_text(error)) from error
    enclosed = None if link.is_expired else _file(link, name, now=now)
    if enclosed is None:
        raise Http404(_("there is no such file behind this link"))
    response = HttpResponse(enclosed.content, content_type=enclosed.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{enclosed.name}"'
    return private(response)


def linked(token: str, *, now: datetime) -> LinkedAlert:
    """Return the request behind a link, in the active language.

    raises: NotFoundError.
    """
    language = (get_language() or "en")[:2]
    return reads.alert_behind(token, now=now, language=language)


def _file(link: LinkedAlert, file_name: str, *, now: datetime) -> Attachment | None:
    """Return one file, generated now; None if there is none of that name.

    raises: SealFileError.
    """
    posted = link.request
    if posted is None:
        return None
    if file_name == "paper" and posted.draws is not None:
        return enclosures.paper(posted, outgoing=link.outgoing)
    if file_name in {"content", "signature"}:
        name = f"{posted.name}-as-shown.json"
        content, signature = enclosures.signed(name, posted.keeps(), outgoing=link.outgoing)
        return content if file_name == "content" else signature
    if file_name == "table" and posted.lists is not None:
        return Attachment(f"{posted.name}.csv", posted.lists(), "text/csv; charset=utf-8")
    if file_name == "receipt" and link.alert.receipt is not None:
        return _receipt_document(link, now=now)
    return None


def _receipt_document(link: LinkedAlert, *, now: datetime) -> Attachment | None:
    """Return the receipt as a sealed PDF; None before the request is received."""
    posted, receipt_row = link.request, link.alert.receipt
    if posted is None or receipt_row is None:
        return None
    received = Received(
        what=link.alert.title,
        about=link.alert.text,
        party=link.party.title,
        at=receipt_row.received_at,
        way=str(LABELS["alert-via"][receipt_row.via]),
        shown=receipt_row.shown,
        name=f"{posted.name}-as-shown.json",
        exercise=link.alert.exercise,
    )
    pdf = receipt_pdf(received, language=link.outgoing.language)
    sealed = hub_seal.sealed(pdf, reason=f"{posted.name}-receipt", now=now)
    return Attachment(f"{posted.name}-receipt.pdf", sealed, "application/pdf")


def page(
    request: HttpRequest,
    link: LinkedAlert,
    *,
    now: datetime,
    status: int = 0,
    done: str = "",
    refused: str = "",
) -> HttpResponse:
    """Render the page of a link. done, refused: messages above the content."""
    posted = link.request
    context = {
        "now": now,
        "linked": link,
        "alert": link.alert,
        "request_name": posted.name if posted else "",
        "notes": posted.notes if posted else (),
        "has_table": posted is not None and posted.lists is not None,
        "has_paper": posted is not None and posted.draws is not None,
        "digest": posted.digest if posted else "",
        "authentic": _authentic(link, now=now),
        "acts": [(verb, LINK_ACTIONS[verb][0]) for verb in link.may] if posted else (),
        "standing": _why_settled(link),
        "said": _last_words_of_issuer(link),
        "done": done,
        "refused": refused,
        "is_by_link": bool(link.alert.receipt and link.alert.receipt.via == Via.LINK),
        "urgency": alerts.URGENCIES[link.alert.urgency],
    }
    name = "desk/alerts/receipt_ended.html" if link.is_expired else "desk/alerts/receipt.html"
    default_status = _EXPIRED if link.is_expired else _LATE if refused else 200
    return private(render(request, name, context, status=status or default_status))


def _authentic(link: LinkedAlert, *, now: datetime) -> OrderAuthenticity | None:
    """Return the evidence that an order is authentic: its recipient may know this page alone."""
    if link.order is None or link.request is None:
        return None
    return authenticity.authenticity(link.order.id, viewer=link.party, now=now)


def unknown(request: HttpRequest) -> HttpResponse:
    """Answer 404 for a link that this hub never created."""
    return private(render(request, "desk/alerts/receipt_unknown.html", status=_UNKNOWN))


def private(response: HttpResponse) -> HttpResponse:
    """Keep the secret URL of a page out of referrers and search engines."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _why_settled(link: LinkedAlert) -> str:
    """Return why no answer is needed any more, with advice; "" if one is needed."""
    if link.alert.is_waiting or link.alert.receipt:
        return ""
    if link.order is not None:
        state = link.order.state
        if state is OrderState.UNDONE:
            return _("The order lost its effect after it was executed: put the content back.")
        if state in {OrderState.WITHDRAWN, OrderState.ANNULLED, OrderState.REINSTATED}:
            return _(
                "The order has no effect any more: nothing is left to do. If you removed content"
                " because of it, put it back."
            )
        if state is OrderState.EXECUTED:
            return _("The order was executed already: nothing is left to acknowledge.")
    if link.request and link.request.request.get("state") == ReferralState.WITHDRAWN:
        return _("The referral was withdrawn: nothing is asked of you any more.")
    return _("No answer is needed: a later act has settled it.")


def _last_words_of_issuer(link: LinkedAlert) -> str:
    """Return the issuer's last words about an order: why it ended, or its clarification."""
    order = link.order
    if order is None:
        return ""
    if order.end_reason:
        return order.end_reason
    return next(
        (answer.clarification for answer in order.answers[::-1] if answer.clarification), ""
    )
