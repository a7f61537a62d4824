# SPDX-License-Identifier: Apache-2.0
"""Language and time zone: the middleware that applies them, and the page to choose them."""

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

from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.desk.forms import DeskForm, TimeZoneField
from stemtide.hub.rooms.parties.writes import people

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from stemtide.hub.rooms.parties.reads.parties import Someone

_MACHINE_PATHS = ("/api/", "/health", "/metrics", "/static/")

_Next = Callable[[HttpRequest], HttpResponseBase]
_NextLater = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def localise(
    get_response: _Next | _NextLater,
) -> _Next | _NextLater:
    """Set the reader's language and time zone for each request.

    1. The person's own choice.
    2. Otherwise, the browser's language or English; and UTC.

    Machines always get English and UTC.
    """
    if iscoroutinefunction(get_response):
        get_response_async = cast("_NextLater", get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            if request.path.startswith(_MACHINE_PATHS):
                return await get_response_async(request)
            with _localised(request, await request.auser()):
                return _with_language_headers(await get_response_async(request))

        return later

    get_response_sync = cast("_Next", get_response)

    def at_once(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(_MACHINE_PATHS):
            return get_response_sync(request)
        with _localised(request, request.user):
            return _with_language_headers(get_response_sync(request))

    return at_once


@contextmanager
def _localised(request: HttpRequest, user: "Someone | AnonymousUser") -> Iterator[None]:
    """Activate the reader's language and time zone."""
    language = getattr(user, "language", "") or translation.get_language_from_request(request)
    zone = getattr(user, "time_zone", "") or "UTC"
    with translation.override(language), timezone.override(_zone(zone)):
        yield


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    """Return a time zone; UTC if this machine's tz database does not have it.

    Listing the database reads the disk, which takes longer than most pages: cached per name.
    """
    return ZoneInfo(name if name in available_timezones() else "UTC")


def _with_language_headers(response: HttpResponseBase) -> HttpResponseBase:
    """Set Content-Language, and Vary on Accept-Language."""
    response.headers.setdefault("Content-Language", translation.get_language() or "en")
    patch_vary_headers(response, ("Accept-Language",))
    return response


class PreferencesForm(DeskForm):
    """Language, time zone and keys."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=[("", gettext_lazy("Same as my browser")), *settings.LANGUAGES],
        required=False,
    )
    time_zone = TimeZoneField()
    letter_keys = forms.BooleanField(
        label=gettext_lazy("Use single letters as keyboard shortcuts"),
        help_text=gettext_lazy("Press ? on a page to see them. Ctrl+K always opens the search."),
        required=False,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def preferences(request: SignedInRequest) -> HttpResponse:
    """Show and save the person's language, time zone and keys."""
    user = request.user
    form = PreferencesForm(
        request.POST if request.method == "POST" else None,
        initial={
            "language": user.language,
            "time_zone": user.time_zone,
            "letter_keys": user.letter_keys,
        },
    )
    if request.method == "POST" and form.is_valid():
        people.set_preferences(user, **form.cleaned_data)
        with translation.override(form.cleaned_data["language"] or translation.get_language()):
            messages.success(request, _("Saved."))
        return redirect("preferences")
    status = 422 if form.errors else 200
    return render(request, "desk/preferences.html", {"form": form}, status=status)
