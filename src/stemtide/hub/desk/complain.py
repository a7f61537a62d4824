# SPDX-License-Identifier: Apache-2.0
"""The pages for whoever was hit: they complain with a link, and see with it where it stands.

No account, no cookie, no script. The link or the code says who may; no session is asked, so none
can be misused. What opens nothing looks alike, whether it is wrong or too old: decision 0058.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from stemtide.hub.complaints import reads, rules, writes
from stemtide.hub.complaints.reads import COMPLAINANT
from stemtide.hub.desk.complain_forms import CodeForm, ComplainForm, WithdrawComplaintForm
from stemtide.hub.desk.forms import MarkedForm
from stemtide.hub.desk.refusals import in_words
from stemtide.hub.parties.rules import ConflictError, NotFoundError
from stemtide.protocol.complaints import StandingOut
from stemtide.protocol.machines import machine
from stemtide.protocol.words_complaints import ComplaintBasis, ComplaintState

_Rest = ParamSpec("_Rest")

TRIES = {"complaint_code": "30/m/ip"}
"""Codes that one address asks with, in each process of the hub.

Nobody guesses eighty bits: this keeps the database free. The address is kept for that minute, in
memory alone.
"""

WAIT_S = 60
"""After so many seconds another code is taken."""


def for_anybody(
    view: Callable[Concatenate[HttpRequest, _Rest], HttpResponse],
) -> Callable[Concatenate[HttpRequest, _Rest], HttpResponse]:
    """A page without an account: in the language that its address names, told to nobody.

    Without one it is the browser's. No cookie keeps it: links and forms of the page carry it on.
    """

    @wraps(view)
    def shown(request: HttpRequest, /, *args: _Rest.args, **named: _Rest.kwargs) -> HttpResponse:
        asked = request.GET.get("language", "")
        chosen = asked if asked in dict(settings.LANGUAGES) else translation.get_language() or "en"
        with translation.override(chosen):
            page = view(request, *args, **named)
        page.headers["Content-Language"] = chosen
        page.headers["Referrer-Policy"] = "no-referrer"
        return page

    return csrf_exempt(require_http_methods(["GET", "HEAD", "POST"])(shown))


@for_anybody
def complain(request: HttpRequest, token: str) -> HttpResponse:
    """Where a link leads: what was done and the form to complain, or where the complaint stands.

    GET changes nothing, because programs that check mail open links.
    """
    now = datetime.now(UTC)
    try:
        told = reads.linked(token, by=COMPLAINANT, now=now)
        if told.state is not None:
            return _follow(request, token, told=told, now=now)
        return _complain(request, token, told=told, now=now)
    except NotFoundError as error:
        facts = {"exception": in_words(error), **_languages()}
        return render(request, "desk/complain/unknown.html", facts, status=HTTPStatus.NOT_FOUND)
    except ConflictError:
        # Somebody was faster, with the same link or at the provider: the page says so now.
        return redirect(request.get_full_path())


def _complain(
    request: HttpRequest, token: str, *, told: StandingOut, now: datetime
) -> HttpResponse:
    """The form to complain, and what it sends."""
    start = {"language": (translation.get_language() or "en")[:2]}
    form = ComplainForm(request.POST if request.method == "POST" else None, initial=start)
    if form.is_bound and form.is_valid():
        said = form.cleaned_data
        writes.file_by_link(token, text=said["text"], language=said["language"], now=now)
        return redirect(request.get_full_path())
    form.mark_errors()
    facts = {"told": told, "form": form, "due_at": rules.answer_due(now)}
    facts |= _kept() | _languages()
    return render(request, "desk/complain/complain.html", facts, status=_status(form))


def _follow(request: HttpRequest, token: str, *, told: StandingOut, now: datetime) -> HttpResponse:
    """Where the complaint of a link stands, and taking it back."""
    form = WithdrawComplaintForm(request.POST if "withdraw" in request.POST else None)
    if form.is_bound and form.is_valid():
        # The link opens what its code opens.
        writes.withdraw(reads.link_code(token, by=COMPLAINANT, now=now), now=now)
        return redirect(request.get_full_path())
    if request.method == "POST" and not form.is_bound:
        # Sent twice, or by two: nothing is added to what was said first.
        return redirect(request.get_full_path())
    code = reads.link_code(token, by=COMPLAINANT, now=now)
    return _standing(request, told, facts={"code": code, "withdraw_form": form}, now=now)


@sensitive_post_parameters("code")
@for_anybody
def ask(request: HttpRequest) -> HttpResponse:
    """Where the complaint stands that a code goes with, for those who have the link no more.

    The code is sent, never part of an address: addresses are kept by browsers and proxies.
    """
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if not ratelimit.consume(request, app="stemtide", action="complaint_code", config=TRIES):
            return _wait(request)
        try:
            return _answer(request, form.cleaned_data["code"], now=datetime.now(UTC))
        except NotFoundError as error:
            form.add_error("code", in_words(error))
    form.mark_errors()
    facts = {"form": form, **_languages()}
    return render(request, "desk/complain/ask.html", facts, status=_status(form))


def _answer(request: HttpRequest, code: str, *, now: datetime) -> HttpResponse:
    """Where the complaint of a code stands, and taking it back.

    raises: NotFoundError for a code that goes with none.
    """
    told = reads.standing(code, by=COMPLAINANT)
    form = WithdrawComplaintForm(request.POST if "withdraw" in request.POST else None)
    if form.is_bound and form.is_valid() and _may_withdraw(told):
        told = writes.withdraw(code, now=now)
    facts = {"sent_code": code, "withdraw_form": form}
    return _standing(request, told, facts=facts, now=now)


def _standing(
    request: HttpRequest, told: StandingOut, *, facts: dict[str, object], now: datetime
) -> HttpResponse:
    """The page that says where a complaint stands."""
    form = facts["withdraw_form"]
    assert isinstance(form, WithdrawComplaintForm)  # noqa: S101  # both callers put it there
    form.mark_errors()
    shown = {
        "told": told,
        "is_late": told.decided_at is None and told.due_at is not None and told.due_at < now,
        "may_withdraw": _may_withdraw(told),
        "is_upheld": told.state == ComplaintState.UPHELD,
        "is_rejected": told.state == ComplaintState.REJECTED,
        "is_ordered": told.basis == ComplaintBasis.ORDER,
        **_kept(),
        **_languages(),
        **facts,
    }
    return render(request, "desk/complain/standing.html", shown, status=_status(form))


def _may_withdraw(told: StandingOut) -> bool:
    """Whether there is still something to take back."""
    return "withdraw" in machine("complaint").open_to(str(told.state), by="complainant")


def _wait(request: HttpRequest) -> HttpResponse:
    """Somebody tried many codes."""
    page = render(
        request, "desk/complain/wait.html", _languages(), status=HTTPStatus.TOO_MANY_REQUESTS
    )
    page.headers["Retry-After"] = str(WAIT_S)
    return page


def _kept() -> dict[str, object]:
    """For how long words are kept, in months."""
    return {"months": rules.ERASE_MONTHS, "most_months": rules.ERASE_AT_LAST_MONTHS}


def _languages() -> dict[str, object]:
    """The languages to choose from."""
    return {"languages": settings.LANGUAGES}


def _status(form: MarkedForm) -> int:
    """How a page with a form is answered."""
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
