# SPDX-License-Identifier: Apache-2.0
"""Serve the site of the documentation, which `make docs` puts into the package."""

import mimetypes
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_safe

SITE = Path(__file__).with_name("site")
FIRST_PAGE = "README.html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from elsewhere; the search reads pages of the site."""

_NOT_BUILT = (
    "This hub has no documentation: it runs from a checkout. Run `make docs` there, and start the"
    " hub again.\n"
)


@require_safe
def documentation(request: HttpRequest, name: str = "") -> HttpResponse:  # noqa: ARG001 - it names them
    """Send a file of the site. Everybody may read it, without signing in."""
    if not name and _files():
        return HttpResponseRedirect(reverse("documentation", args=[FIRST_PAGE]))
    file = _files().get(name)
    if file is None:
        text = "The documentation has no such page.\n" if _files() else _NOT_BUILT
        return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8")
    response = HttpResponse(file.read_bytes(), content_type=_content_type(name))
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "public, max-age=600"
    return response


@cache
def _files() -> dict[str, Path]:
    """Return the files of the site by name. A name that leads out of the site is not among them."""
    return {file.relative_to(SITE).as_posix(): file for file in SITE.rglob("*") if file.is_file()}


def _content_type(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


urlpatterns = [
    path("docs/", documentation, name="documentation"),
    path("docs/<path:name>", documentation, name="documentation"),
]
