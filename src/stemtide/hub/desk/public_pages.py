# SPDX-License-Identifier: Apache-2.0
"""What public pages have in common: no session, and a language that the URL names."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

_Params = ParamSpec("_Params")


def public_page(
    view: Callable[Concatenate[HttpRequest, _Params], HttpResponse],
) -> Callable[Concatenate[HttpRequest, _Params], HttpResponse]:
    """Make a view public: no session, in the language that its URL names.

    Without ?language= the browser's language applies. No cookie stores it: the page's links and
    forms carry it on.
    """

    @wraps(view)
    def shown(
        request: HttpRequest, /, *args: _Params.args, **named: _Params.kwargs
    ) -> HttpResponse:
        requested = request.GET.get("language", "")
        language = (
            requested
            if requested in dict(settings.LANGUAGES)
            else translation.get_language() or "en"
        )
        with translation.override(language):
            response = view(request, *args, **named)
        response.headers["Content-Language"] = language
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return csrf_exempt(require_http_methods(["GET", "HEAD", "POST"])(shown))


def languages() -> dict[str, object]:
    """Return the languages to choose from, for the template."""
    return {"languages": settings.LANGUAGES}
