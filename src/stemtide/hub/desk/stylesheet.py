# SPDX-License-Identifier: Apache-2.0
"""One stylesheet for all pages, put together from the files in static/desk.

A page loads one file in place of thirty. Its address has a digest of its content, so browsers keep
it until an upgrade changes it.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

_FILES = (
    *("tokens", "page", "bar", "menu", "block", "mark", "table", "form", "message", "figure"),
    *("crisis", "signal", "sighting", "ledger", "situation", "reference", "live", "account"),
    *("sheet", "alert", "verb", "referral", "complaint", "order", "inbox", "answering", "annex"),
    *("palette", "selection", "print"),
    *("share", "room", "cluster", "curve", "bars", "difference", "progress", "yearly", "dsa"),
    "public",
    *("look", "run", "lesson"),
)
"""The files, each after those whose rules it changes."""

_FOLDER = Path(__file__).parent / "static" / "desk"
_FOR_A_YEAR = "public, max-age=31536000, immutable"


@require_safe
def stylesheet(request: HttpRequest, digest: str) -> HttpResponse:  # noqa: ARG001  # it names them
    """Send the rules of all pages. Under the address of another version, they are not cached."""
    response = HttpResponse(_rules(), content_type="text/css; charset=utf-8")
    if digest == _digest():
        response.headers["Cache-Control"] = _FOR_A_YEAR
    return response


def address() -> str:
    """Return the address of the stylesheet."""
    return reverse("stylesheet", kwargs={"digest": _digest()})


@cache
def _rules() -> bytes:
    """Return the content of all files."""
    return b"\n".join((_FOLDER / f"{name}.css").read_bytes() for name in _FILES)


@cache
def _digest() -> str:
    """Return the beginning of the SHA-256 of the rules."""
    return sha256(_rules()).hexdigest()[:16]
