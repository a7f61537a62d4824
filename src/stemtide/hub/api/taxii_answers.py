# SPDX-License-Identifier: Apache-2.0
"""How the TAXII door answers: its one media type, its headers, its own shape of errors.

source: OASIS, TAXII Version 2.1 (10 June 2021), sections 1.6.8, 3.2 to 3.6.
"""

import json
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse

from stemtide.hub.api.problems import ProblemError
from stemtide.hub.api.tongues import TAXII
from stemtide.hub.stix.reads_pages import Page, Told
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.stix import stix_time

MEDIA_TYPE = TAXII.media_type

_ACCEPTED = {"*/*", "application/*", "application/taxii+json"}
_SENT = "application/taxii+json"


def answer(body: object, *, status: int = 200) -> HttpResponse:
    """A TAXII resource as an answer."""
    return HttpResponse(json.dumps(body), status=status, content_type=MEDIA_TYPE)


def envelope(page: Page) -> HttpResponse:
    """A page of objects. What is kept as text is not read and written once more."""
    objects = ",".join(one.body for one in page.objects)
    parts = [*_more(page), *([f'"objects":[{objects}]'] if objects else [])]
    return _paged(f"{{{','.join(parts)}}}", page.objects)


def manifest(page: Page) -> HttpResponse:
    """The same, with what is told of each object and not the object."""
    rows = [
        {
            "id": one.id,
            "date_added": stix_time(one.added_at),
            "version": one.version,
            "media_type": one.media_type,
        }
        for one in page.objects
    ]
    parts = [*_more(page), *([f'"objects":{json.dumps(rows)}'] if rows else [])]
    return _paged(f"{{{','.join(parts)}}}", page.objects)


def versions(page: Page) -> HttpResponse:
    """The versions of one object."""
    names = [one.version for one in page.objects]
    parts = [*_more(page), *([f'"versions":{json.dumps(names)}'] if names else [])]
    return _paged(f"{{{','.join(parts)}}}", page.objects)


def next_token(rank: int) -> str:
    """Where to go on, as clients keep it: it holds for ever, and for any limit and filter."""
    return f"r{rank}" if rank >= 0 else f"s{-rank}"


def read_token(text: str) -> int:
    """The rank in a token. raises: ProblemError for what we never gave."""
    sign, digits = text[:1], text[1:]
    if sign not in {"r", "s"} or not digits.isdecimal() or len(digits) > 18:  # noqa: PLR2004  # of 64 bits
        raise ProblemError(
            ProblemType.MALFORMED, "next: is none that this hub gave: leave it out to begin again"
        )
    return int(digits) if sign == "r" else -int(digits)


def check_accept(request: HttpRequest) -> None:
    """Refuse a client that does not take what we send. raises: ProblemError."""
    given = request.headers.get("Accept") or "*/*"
    for one in given.split(","):
        kind, *parameters = (part.strip().lower() for part in one.split(";"))
        said = [part.replace(" ", "").replace('"', "") for part in parameters]
        wanted = [part for part in said if part.startswith("version=")]
        if kind in _ACCEPTED and (not wanted or "version=2.1" in wanted):
            return
    raise ProblemError(ProblemType.NOT_ACCEPTABLE, f"only {MEDIA_TYPE} is spoken here: accept it")


def check_sent(request: HttpRequest) -> None:
    """Refuse a body of another kind. raises: ProblemError."""
    kind, *parameters = (
        part.strip().lower() for part in request.headers.get("Content-Type", "").split(";")
    )
    versions = [part for part in parameters if part.startswith("version")]
    is_ours = all(part.replace(" ", "").replace('"', "") == "version=2.1" for part in versions)
    if kind != _SENT or not is_ours:
        raise ProblemError(ProblemType.WRONG_MEDIA_TYPE, f"send the body as {MEDIA_TYPE}")


def _more(page: Page) -> list[str]:
    """Whether there is more, and where; a client that gets no place repeats the first page."""
    if page.next_rank is None:
        return ['"more":false']
    return ['"more":true', f'"next":"{next_token(page.next_rank)}"']


def _paged(body: str, objects: Sequence[Told]) -> HttpResponse:
    """A page as an answer, with the moments of its first and last entry."""
    found = HttpResponse(body, content_type=MEDIA_TYPE)
    if objects:
        found.headers["X-TAXII-Date-Added-First"] = stix_time(objects[0].added_at)
        found.headers["X-TAXII-Date-Added-Last"] = stix_time(objects[-1].added_at)
    return found
