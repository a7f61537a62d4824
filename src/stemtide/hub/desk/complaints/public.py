# SPDX-License-Identifier: Apache-2.0
"""Pages for uploaders, without an account: complain through a link, and follow the complaint.

No account, no cookie, no script. The link or the code is the authorisation; no session is used, so
none can be misused. Wrong and expired links look the same: decision 0058.
"""

import time
from datetime import UTC, datetime
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.debug import sensitive_post_parameters

from stemtide.hub.desk.complaints.public_forms import (
    ComplainForm,
    ComplaintCodeForm,
    WithdrawComplaintForm,
)
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.public_pages import languages, public_page
from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.platform.networks import network_of
from stemtide.hub.platform.rate_windows import Limit, RatePolicy, windows
from stemtide.hub.rooms.complaints.reads import complaints as reads
from stemtide.hub.rooms.complaints.rules import complaints as rules
from stemtide.hub.rooms.complaints.writes import complaints as writes
from stemtide.protocol.enums.complaints import ComplaintBasis, ComplaintState
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.complaints import ComplaintStatusOut

TRIES = RatePolicy("complaint-code", 30)
"""Attempts with a code a minute per network address, in each process of the hub.

A code has 80 bits and cannot be guessed; the limit protects the database. The address is kept for
that minute, in memory only.
"""

WAIT_S = 60
"""Seconds after which another code is accepted (Retry-After)."""


@public_page
def complain(request: HttpRequest, token: str) -> HttpResponse:
    """Show where a link leads: the form to complain, or the state of the complaint.

    GET changes nothing, because programs that check mail open links.
    """
    now = datetime.now(UTC)
    try:
        standing = reads.linked(token, now=now)
        if standing.state is not None:
            return _follow_up(request, token, standing=standing, now=now)
        return _complain(request, token, standing=standing, now=now)
    except NotFoundError as error:
        context = {"exception": error_text(error), **languages()}
        return render(request, "desk/complain/unknown.html", context, status=HTTPStatus.NOT_FOUND)
    except ConflictError:
        # Somebody was faster, with the same link or at the provider: reload to show the new state.
        return redirect(request.get_full_path())


def _complain(
    request: HttpRequest, token: str, *, standing: ComplaintStatusOut, now: datetime
) -> HttpResponse:
    """Show the form to complain, and file the complaint that it sends."""
    initial = {"language": (translation.get_language() or "en")[:2]}
    form = ComplainForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        form_data = form.cleaned_data
        writes.file_by_link(token, text=form_data["text"], language=form_data["language"], now=now)
        return redirect(request.get_full_path())
    context = {"told": standing, "form": form, "due_at": rules.answer_due(now)}
    context |= _retention() | languages()
    return render(request, "desk/complain/complain.html", context, status=_status(form))


def _follow_up(
    request: HttpRequest, token: str, *, standing: ComplaintStatusOut, now: datetime
) -> HttpResponse:
    """Show the state of the complaint behind a link, and withdraw it on request."""
    form = WithdrawComplaintForm(request.POST if "withdraw" in request.POST else None)
    if form.is_bound and form.is_valid():
        # The link gives the same rights as the complaint's code.
        writes.withdraw(reads.link_code(token, now=now), now=now)
        return redirect(request.get_full_path())
    if request.method == "POST" and not form.is_bound:
        # Sent twice, or by two people: the first complaint stays unchanged.
        return redirect(request.get_full_path())
    code = reads.link_code(token, now=now)
    return _standing(request, standing, extra={"code": code, "withdraw_form": form}, now=now)


@sensitive_post_parameters("code")
@public_page
def look_up(request: HttpRequest) -> HttpResponse:
    """Show the state of a complaint by its code, for people who no longer have the link.

    The code is sent in the body, never in the URL: browsers and proxies keep URLs.
    """
    form = ComplaintCodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if _is_over_limit(request):
            return _too_many_tries(request)
        try:
            return _answer(request, form.cleaned_data["code"], now=datetime.now(UTC))
        except NotFoundError as error:
            form.add_error("code", error_text(error))
    context = {"form": form, **languages()}
    return render(request, "desk/complain/ask.html", context, status=_status(form))


def _answer(request: HttpRequest, code: str, *, now: datetime) -> HttpResponse:
    """Show the state of the complaint behind a code, and withdraw it on request.

    raises: NotFoundError if no complaint has the code.
    """
    standing = reads.state_of(code)
    form = WithdrawComplaintForm(request.POST if "withdraw" in request.POST else None)
    if form.is_bound and form.is_valid() and _may_withdraw(standing):
        standing = writes.withdraw(code, now=now)
    context = {"sent_code": code, "withdraw_form": form}
    return _standing(request, standing, extra=context, now=now)


def _standing(
    request: HttpRequest, standing: ComplaintStatusOut, *, extra: dict[str, object], now: datetime
) -> HttpResponse:
    """Render the page with the state of a complaint."""
    form = extra["withdraw_form"]
    assert isinstance(form, WithdrawComplaintForm)  # noqa: S101  # both callers put it there
    context = {
        "told": standing,
        "is_late": standing.decided_at is None
        and standing.due_at is not None
        and standing.due_at < now,
        "may_withdraw": _may_withdraw(standing),
        "is_upheld": standing.state == ComplaintState.UPHELD,
        "is_rejected": standing.state == ComplaintState.REJECTED,
        "is_ordered": standing.basis == ComplaintBasis.ORDER,
        **_retention(),
        **languages(),
        **extra,
    }
    return render(request, "desk/complain/standing.html", context, status=_status(form))


def _may_withdraw(standing: ComplaintStatusOut) -> bool:
    """Whether the complaint can still be withdrawn."""
    return "withdraw" in machine("complaint").open_to(str(standing.state), side="complainant")


def _is_over_limit(request: HttpRequest) -> bool:
    """Count an attempt with a code; whether its address made too many."""
    network = network_of(str(request.META.get("REMOTE_ADDR", ""))) or "unknown"
    (state,) = windows.take((Limit(TRIES, network),), now=time.monotonic())
    return state.is_over


def _too_many_tries(request: HttpRequest) -> HttpResponse:
    """Answer 429: this address tried too many codes."""
    page = render(
        request, "desk/complain/wait.html", languages(), status=HTTPStatus.TOO_MANY_REQUESTS
    )
    page.headers["Retry-After"] = str(WAIT_S)
    return page


def _retention() -> dict[str, object]:
    """Return for how many months texts are kept, for the template."""
    return {"months": rules.ERASE_MONTHS, "most_months": rules.ERASE_AT_LAST_MONTHS}


def _status(form: DeskForm) -> int:
    """Return the HTTP status for a page with a form: 422 if the form has errors."""
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
