# SPDX-License-Identifier: Apache-2.0
"""Responses of the TAXII server: media type, headers, paging.

source: OASIS, TAXII Version 2.1 (10 June 2021), sections 1.6.8, 3.2 to 3.6.
"""

import json
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse

from stemtide.hub.api.error_formats import TAXII
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.rooms.stix.reads.pages import Page, PageEntry
from stemtide.interop.stix.objects import stix_time
from stemtide.protocol.problems import ProblemType

MEDIA_TYPE = TAXII.media_type

_ACCEPTED = {"*/*", "application/*", "application/taxii+json"}
_SENT = "application/taxii+json"


def answer(body: object, *, status: int = 200) -> HttpResponse:
    """Return a TAXII resource as a response."""
    return HttpResponse(json.dumps(body), status=status, content_type=MEDIA_TYPE)


def envelope(page: Page) -> HttpResponse:
    """Return a page of objects. Objects stored as text are not parsed and serialised again."""
    objects = ",".join(entry.body for entry in page.objects)
    parts = [*_more(page), *([f'"objects":[{objects}]'] if objects else [])]
    return _paged(f"{{{','.join(parts)}}}", page.objects)


def manifest(page: Page) -> HttpResponse:
    """Return the metadata of a page's objects."""
    rows = [
        {
            "id": entry.id,
            "date_added": stix_time(entry.added_at),
            "version": entry.version,
            "media_type": entry.media_type,
        }
        for entry in page.objects
    ]
    parts = [*_more(page), *([f'"objects":{json.dumps(rows)}'] if rows else [])]
    return _paged(f"{{{','.join(parts)}}}", page.objects)


def versions(page: Page) -> HttpResponse:
    """Return the versions of an object."""
    names = [entry.version for entry in page.objects]
    parts = [*_more(page), *([f'"versions":{json.dumps(names)}'] if names else [])]
    return _paged(f"{{{','.join(parts)}}}", page.objects)


def next_token(rank: int) -> str:
    """Return the token of the next page. It is valid forever, with any limit and filter."""
    return f"r{rank}" if rank >= 0 else f"s{-rank}"


def read_token(text: str) -> int:
    """Return the rank in a token. raises: ProblemError for an invalid token."""
    sign, digits = text[:1], text[1:]
    if sign not in {"r", "s"} or not digits.isdecimal() or len(digits) > 18:  # noqa: PLR2004  # of 64 bits
        raise ProblemError(
            ProblemType.MALFORMED, "next: is none that this hub gave: leave it out to begin again"
        )
    return int(digits) if sign == "r" else -int(digits)


def check_accept(request: HttpRequest) -> None:
    """Refuse a client that does not accept our media type. raises: ProblemError."""
    accepted = request.headers.get("Accept") or "*/*"
    for media_range in accepted.split(","):
        kind, *parameters = (part.strip().lower() for part in media_range.split(";"))
        normalised = [part.replace(" ", "").replace('"', "") for part in parameters]
        wanted_versions = [part for part in normalised if part.startswith("version=")]
        if kind in _ACCEPTED and (not wanted_versions or "version=2.1" in wanted_versions):
            return
    raise ProblemError(ProblemType.NOT_ACCEPTABLE, f"only {MEDIA_TYPE} is spoken here: accept it")


def check_sent(request: HttpRequest) -> None:
    """Refuse a body of another media type. raises: ProblemError."""
    kind, *parameters = (
        part.strip().lower() for part in request.headers.get("Content-Type", "").split(";")
    )
    versions = [part for part in parameters if part.startswith("version")]
    is_ours = all(part.replace(" ", "").replace('"', "") == "version=2.1" for part in versions)
    if kind != _SENT or not is_ours:
        raise ProblemError(ProblemType.WRONG_MEDIA_TYPE, f"send the body as {MEDIA_TYPE}")


def _more(page: Page) -> list[str]:
    """Return the paging fields. Clients that get no position repeat the first page."""
    if page.next_rank is None:
        return ['"more":false']
    return ['"more":true', f'"next":"{next_token(page.next_rank)}"']


def _paged(body: str, objects: Sequence[PageEntry]) -> HttpResponse:
    """Return a page as a response, with the times of its first and last entry."""
    response = HttpResponse(body, content_type=MEDIA_TYPE)
    if objects:
        response.headers["X-TAXII-Date-Added-First"] = stix_time(objects[0].added_at)
        response.headers["X-TAXII-Date-Added-Last"] = stix_time(objects[-1].added_at)
    return response
