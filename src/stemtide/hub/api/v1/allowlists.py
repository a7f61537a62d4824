# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the hub's allow-list: read, add, remove, the signed file, counts of matches."""

import threading
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from stemtide.hub.api.app import SCHEMAS, requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import JSON, answer
from stemtide.hub.rooms.allowlists import reads, writes
from stemtide.hub.rooms.signals.writes import allowlists
from stemtide.hub.rooms.snapshots import builder
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.agents import AGENT_NAME, Accepted
from stemtide.protocol.sync.allowlists import (
    AllowEntryOut,
    AllowlistAddedOut,
    AllowlistIn,
    AllowlistPage,
    AllowMatchesIn,
    AllowRemoveIn,
)
from stemtide.protocol.sync.signatures import sign

router = Router(tags=["allowlist"])

_FILE = {
    200: {
        "description": "A Signed, whose manifest is an AllowlistManifest as JSON text",
        "content": {JSON: {"schema": {"$ref": f"{SCHEMAS}Signed"}}},
    }
}


@router.get(
    "/allowlist",
    **requires(Scope.FEED_READ),
    response=AllowlistPage,
    operation_id="list_allow_entries",
)
def read_all(
    request: HttpRequest,  # noqa: ARG001  # the same for everybody
    *,
    search: Annotated[str, Query(max_length=200)] = "",
    removed: bool = False,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=reads.MAX_PAGE)] = 100,
) -> HttpResponse:
    """List entries of the hub's allow-list, newest first. removed=1: those that have left it."""
    return answer(reads.page(search=search, is_removed=removed, before=before, limit=limit))


@router.post(
    "/allowlist",
    **requires(Scope.SIGNALS_WRITE),
    response={201: AllowlistAddedOut, 200: AllowlistAddedOut},
    operation_id="add_allow_entries",
)
def add(request: HttpRequest, body: AllowlistIn, *, dry_run: bool = False) -> HttpResponse:
    """Add up to 20,000 entries, all or none. Only agencies may.

    Refused with 409 if they cover live signals of other parties, unless accept_covered is true.
    With dry_run=1 nothing is added: the response says what would be.
    """
    by = caller_of(request).actor
    if dry_run:
        return answer(allowlists.check(body, by=by, now=now()))
    return answer(allowlists.add(body, by=by, now=now()), status=201)


@router.get(
    "/allowlist/file",
    **requires(Scope.FEED_READ, responses=_FILE),
    operation_id="read_allowlist_file",
)
def file(request: HttpRequest) -> HttpResponse:
    """Download the whole list, signed. Send its ETag as If-None-Match to get 304."""
    tag = f'"{reads.version()}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    tag, body = _signed_file()
    return HttpResponse(body, content_type=JSON, headers={"ETag": tag})


@router.get(
    "/allowlist/{uid}",
    **requires(Scope.FEED_READ),
    response=AllowEntryOut,
    operation_id="read_allow_entry",
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:  # noqa: ARG001  # the same for everybody
    """Retrieve an entry, on the list or removed."""
    return answer(reads.describe(reads.find(uid)))


@router.post(
    "/allowlist/{uid}/remove",
    **requires(Scope.SIGNALS_WRITE),
    response=AllowEntryOut,
    operation_id="remove_allow_entry",
)
def remove(request: HttpRequest, uid: UUID, body: AllowRemoveIn) -> HttpResponse:
    """Remove an entry. Agents act again on what it covered, from the next upload on."""
    return answer(writes.remove(uid, body=body, by=caller_of(request).actor, now=now()))


@router.put(
    "/allowlist/matches/{agent}",
    **requires(Scope.FEEDBACK_WRITE),
    response=Accepted,
    operation_id="report_allow_matches",
)
def count_matches(
    request: HttpRequest,
    agent: Annotated[str, Path(pattern=AGENT_NAME)],
    body: AllowMatchesIn,
) -> HttpResponse:
    """Report how often an agent has met content of entries that a signal matched as well."""
    writes.count_matches(agent, body=body, by=caller_of(request).party, now=now())
    return answer(Accepted())


_lock = threading.Lock()
_latest: dict[tuple[str, ...], tuple[str, bytes]] = {}


def _signed_file() -> tuple[str, bytes]:
    """Return the ETag and the body of the file, which is signed once for each version."""
    keys = builder.hub_keys()
    cache_key = (reads.version(), *(key.name for key in keys.public))
    with _lock:
        if cache_key not in _latest or not cache_key[0]:
            manifest = reads.manifest(now())
            body = sign(manifest, keys=keys.private).model_dump_json().encode()
            _latest.clear()
            _latest[manifest.version, *cache_key[1:]] = f'"{manifest.version}"', body
        return next(iter(_latest.values()))
