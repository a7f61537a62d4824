# SPDX-License-Identifier: Apache-2.0
"""How a person reads: the language and the time zone of every page, and the page to choose them."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo, available_timezones

from asgiref.sync import iscoroutinefunction
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.forms import MarkedForm
from stemtide.hub.desk.people import SignedInRequest, signed_in
from stemtide.hub.parties import writes_people

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from stemtide.hub.parties.reads import Someone

_MACHINES = ("/api/", "/health", "/metrics", "/static/")

_Next = Callable[[HttpRequest], HttpResponseBase]
_NextLater = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def as_they_read(
    respond: _Next | _NextLater,
) -> _Next | _NextLater:
    """Middleware: pages in the person's language and on their clock.

    1. What the person chose.
    2. For the language, what the browser asks for, then English; for the clock, UTC.

    Machines are answered in English and UTC, always.
    """
    if iscoroutinefunction(respond):
        respond_later = cast("_NextLater", respond)

        async def later(request: HttpRequest) -> HttpResponseBase:
            if request.path.startswith(_MACHINES):
                return await respond_later(request)
            with _reading_as(request, await request.auser()):
                return _marked(await respond_later(request))

        return later

    respond_now = cast("_Next", respond)

    def at_once(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(_MACHINES):
            return respond_now(request)
        with _reading_as(request, request.user):
            return _marked(respond_now(request))

    return at_once


@contextmanager
def _reading_as(request: HttpRequest, user: "Someone | AnonymousUser") -> Iterator[None]:
    """Make the reader's language and time zone the ones that are active."""
    language = getattr(user, "language", "") or translation.get_language_from_request(request)
    zone = getattr(user, "time_zone", "") or "UTC"
    with translation.override(language), timezone.override(_zone(zone)):
        yield


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    """A time zone; UTC for one that this machine's tz database has not, or no longer.

    Its list is read from the disk, which takes longer than most pages: once for each name.
    """
    return ZoneInfo(name if name in available_timezones() else "UTC")


def _marked(answer: HttpResponseBase) -> HttpResponseBase:
    """Say in which language the answer is, and that it depends on what was asked for."""
    answer.headers.setdefault("Content-Language", translation.get_language() or "en")
    patch_vary_headers(answer, ("Accept-Language",))
    return answer


class PreferencesForm(MarkedForm):
    """Language and time zone."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=[("", gettext_lazy("As my browser asks for")), *settings.LANGUAGES],
        required=False,
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Times are shown on this clock, with its zone."),
        choices=lambda: [("", "UTC"), *((one, one) for one in sorted(available_timezones()))],
        required=False,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def preferences(request: SignedInRequest) -> HttpResponse:
    """The page to choose them on."""
    user = request.user
    form = PreferencesForm(
        request.POST if request.method == "POST" else None,
        initial={"language": user.language, "time_zone": user.time_zone},
    )
    if request.method == "POST" and form.is_valid():
        writes_people.set_preferences(user, **form.cleaned_data)
        with translation.override(form.cleaned_data["language"] or translation.get_language()):
            messages.success(request, _("Kept. Every page is shown so from now on."))
        return redirect("preferences")
    form.mark_errors()
    status = 422 if form.errors else 200
    return render(request, "desk/preferences.html", {"form": form}, status=status)
