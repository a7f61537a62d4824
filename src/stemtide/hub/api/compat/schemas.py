# SPDX-License-Identifier: Apache-2.0
"""/schemas/: the JSON Schema of our STIX extension, public."""

from functools import cache
from importlib.resources import files

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from stemtide.interop.stix.objects import SCHEMA_PATH

_MEDIA_TYPE = "application/schema+json"
_A_DAY = "public, max-age=86400"


@require_safe
def signal(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # every view takes one
    """Return the JSON Schema of our property extension."""
    return HttpResponse(_text(), content_type=_MEDIA_TYPE, headers={"Cache-Control": _A_DAY})


@cache
def _text() -> str:
    return files("stemtide.interop.stix").joinpath("extension.json").read_text("utf-8")


urlpatterns = [path(SCHEMA_PATH.removeprefix("/"), signal, name="schema-of-signals")]
