# SPDX-License-Identifier: Apache-2.0
"""Endpoints for signed snapshots: what there is, the whole, what changed, and whose keys sign."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.snapshots import making
from stemtide.hub.snapshots.keeping import BusyError
from stemtide.protocol.feed import History
from stemtide.protocol.snapshots import MEDIA_TYPE, HubKey, HubKeys, SnapshotOffer
from stemtide.protocol.words import Scope

router = Router(tags=["snapshots"])

MAX_VERSION = 2**63 - 1
_PART_BYTES = 256 * 1024
_FROM = re.compile(r"bytes=(\d{1,18})-")

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _file(what: str) -> dict[str, Any]:
    """The answers of an endpoint that gives a file."""
    return {"responses": {200: {"description": what, "content": {MEDIA_TYPE: _BINARY}}}}


_WHOLE = _file("Gzip of JSON lines: a WholeHead, then FeedSignals, lowest position first")
_DELTA = _file("Gzip of JSON lines: a DeltaHead, then Tombstones, then FeedSignals")


@router.get("/keys", **needs(None), response=HubKeys, operation_id="read_keys")
def keys(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # the same for everybody
    """The public keys that this hub signs snapshots with, newest first."""
    each = making.hub_keys().public
    found = [HubKey(key=str(one), fingerprint=one.fingerprint) for one in each]
    return answer(HubKeys(hub=ledger.heads().hub, keys=found))


@router.get(
    "/snapshots",
    **needs(Scope.FEED_READ),
    response=SnapshotOffer,
    operation_id="find_snapshot",
)
def offer(
    request: HttpRequest,
    *,
    have: Annotated[int, Query(ge=0, le=MAX_VERSION)] = 0,
    exercise: bool = False,
) -> HttpResponse:
    """The newest snapshot of what you may see. have: the version that you have."""
    viewer = caller_of(request).party
    kept = making.newest(viewer=viewer, exercise=exercise, now=now(), at_least=have)
    made = kept.manifest
    return answer(
        SnapshotOffer(
            version=made.version,
            made_at=made.made_at,
            signals=made.signals,
            sha256=made.sha256,
            view=made.view,
            file_bytes=kept.path.stat().st_size,
            oldest_base=kept.note.oldest,
        )
    )


@router.get(
    "/snapshots/latest",
    **needs(Scope.FEED_READ, **_WHOLE),
    operation_id="read_latest_snapshot",
)
def latest(request: HttpRequest, *, exercise: bool = False) -> HttpResponseBase:
    """The newest snapshot, whole and signed; send its ETag as If-None-Match to hear of no news."""
    viewer = caller_of(request).party
    kept = making.newest(viewer=viewer, exercise=exercise, now=now())
    return _send(request, kept.path)


@router.get(
    "/snapshots/delta",
    **needs(Scope.FEED_READ, **_DELTA),
    operation_id="read_delta",
)
def delta(
    request: HttpRequest,
    *,
    base: Annotated[int, Query(alias="from", ge=0, le=MAX_VERSION)],
    view: Annotated[str, Query(pattern=r"^[0-9a-f]{32}$")],
    exercise: bool = False,
    history: History = "",
) -> HttpResponseBase:
    """What changed from a version to the newest, signed.

    view, history: as that version's manifest says them.

    409 and 410 mean: take the whole snapshot.
    """
    viewer = caller_of(request).party
    kept = making.newest(viewer=viewer, exercise=exercise, now=now(), at_least=base)
    cut = making.delta(kept, base=base, view=view, history=history)
    given = StreamingHttpResponse(_parts(cut.body, cut.head), content_type=MEDIA_TYPE)
    given.headers["Content-Length"] = str(len(cut.head) + cut.body_bytes)
    return given


@router.get(
    "/snapshots/{version}",
    **needs(Scope.FEED_READ, **_WHOLE),
    operation_id="read_snapshot_version",
)
def version(
    request: HttpRequest,
    version: Annotated[int, Path(ge=0, le=MAX_VERSION)],
    *,
    exercise: bool = False,
) -> HttpResponseBase:
    """One of the last two snapshots; with a Range, the rest of one that was cut off."""
    viewer = caller_of(request).party
    return _send(request, making.file_of(version, viewer=viewer, exercise=exercise))


def _send(request: HttpRequest, path: Any) -> HttpResponseBase:  # noqa: ANN401  # pathlib's, ninja's has the name
    """A file, or the end of it that is asked for (RFC 9110 sections 13 and 14)."""
    tag = f'"{path.name.split(".")[0]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise BusyError from error  # it was replaced meanwhile
    size = path.stat().st_size
    begin = _begin(request, tag=tag, size=size)
    file.seek(begin)
    given = StreamingHttpResponse(_parts(file), content_type=MEDIA_TYPE)
    told = {"ETag": tag, "Accept-Ranges": "bytes", "Content-Length": str(size - begin)}
    for name, value in told.items():
        given.headers[name] = value
    if begin:
        given.status_code = 206
        given.headers["Content-Range"] = f"bytes {begin}-{size - 1}/{size}"
    return given


def _begin(request: HttpRequest, *, tag: str, size: int) -> int:
    """Where to begin: at a Range's beginning, if it is of these very bytes."""
    asked = _FROM.fullmatch(request.headers.get("Range", ""))
    if not asked or request.headers.get("If-Range", tag) != tag:
        return 0
    begin = int(asked[1])
    return begin if begin < size else 0


async def _parts(file: BinaryIO, head: bytes = b"") -> AsyncIterator[bytes]:
    """Hand a file on, no faster than it leaves, and close it."""
    try:
        if head:
            yield head
        while part := await sync_to_async(file.read)(_PART_BYTES):
            yield part
    finally:
        file.close()
