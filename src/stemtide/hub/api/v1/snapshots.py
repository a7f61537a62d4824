# SPDX-License-Identifier: Apache-2.0
"""Endpoints for signed snapshots: files, deltas, segments, and the signing keys."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from stemtide.hub.api.app import SCHEMAS, requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import JSON, answer
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.snapshots import builder, segments
from stemtide.hub.rooms.snapshots.cache import SnapshotBusyError
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.feed import History
from stemtide.protocol.sync.segments import MEDIA_TYPE as SEGMENT_TYPE, SegmentName
from stemtide.protocol.sync.snapshots import MEDIA_TYPE, HubKey, HubKeys, SnapshotOffer

router = Router(tags=["snapshots"])

MAX_VERSION = 2**63 - 1
_PART_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{1,18})-")

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _file(description: str) -> dict[str, Any]:
    """Return the schema of a response that is a file."""
    return {"responses": {200: {"description": description, "content": {MEDIA_TYPE: _BINARY}}}}


_WHOLE = _file("Gzip of JSON lines: a WholeHead, then FeedSignals, lowest position first")
_DELTA = _file("Gzip of JSON lines: a DeltaHead, then Tombstones, then FeedSignals")
_LIST = {
    200: {
        "description": "A Signed, whose manifest is a SegmentManifest as JSON text",
        "content": {JSON: {"schema": {"$ref": f"{SCHEMAS}Signed"}}},
    }
}
_SEGMENT = {
    200: {
        "description": "An encrypted segment; the list of its reader has the key",
        "content": {SEGMENT_TYPE: _BINARY},
    }
}


@router.get("/keys", **requires(None), response=HubKeys, operation_id="read_keys")
def keys(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # the same for everybody
    """List the public keys that this hub signs snapshots with, newest first."""
    public_keys = builder.hub_keys().public
    hub_keys = [HubKey(key=str(key), fingerprint=key.fingerprint) for key in public_keys]
    return answer(HubKeys(hub=ledger.heads().hub, keys=hub_keys))


@router.get(
    "/snapshots",
    **requires(Scope.FEED_READ),
    response=SnapshotOffer,
    operation_id="find_snapshot",
)
def offer(
    request: HttpRequest,
    *,
    have: Annotated[int, Query(ge=0, le=MAX_VERSION)] = 0,
    exercise: bool = False,
) -> HttpResponse:
    """Retrieve the newest snapshot that is available to you. have: the version that you have."""
    viewer = caller_of(request).party
    snapshot = builder.newest(viewer=viewer, exercise=exercise, now=now(), at_least=have)
    snapshot_manifest = snapshot.manifest
    return answer(
        SnapshotOffer(
            version=snapshot_manifest.version,
            made_at=snapshot_manifest.made_at,
            signals=snapshot_manifest.signals,
            sha256=snapshot_manifest.sha256,
            view=snapshot_manifest.view,
            file_bytes=snapshot.path.stat().st_size,
            oldest_base=snapshot.note.oldest,
        )
    )


@router.get(
    "/snapshots/latest",
    **requires(Scope.FEED_READ, **_WHOLE),
    operation_id="read_latest_snapshot",
)
def latest(request: HttpRequest, *, exercise: bool = False) -> HttpResponseBase:
    """Download the newest full snapshot, signed. Send its ETag as If-None-Match to get 304."""
    viewer = caller_of(request).party
    snapshot = builder.newest(viewer=viewer, exercise=exercise, now=now())
    return _send(request, snapshot.path)


@router.get(
    "/snapshots/delta",
    **requires(Scope.FEED_READ, **_DELTA),
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
    """Download the changes from a version to the newest one, signed.

    view, history: from that version's manifest.

    On 409 and 410, download the full snapshot.
    """
    viewer = caller_of(request).party
    snapshot = builder.newest(viewer=viewer, exercise=exercise, now=now(), at_least=base)
    changes = builder.delta(snapshot, base=base, view=view, history=history)
    response = StreamingHttpResponse(_parts(changes.body, changes.head), content_type=MEDIA_TYPE)
    response.headers["Content-Length"] = str(len(changes.head) + changes.body_bytes)
    return response


@router.get(
    "/snapshots/{version}",
    **requires(Scope.FEED_READ, **_WHOLE),
    operation_id="read_snapshot_version",
)
def version(
    request: HttpRequest,
    version: Annotated[int, Path(ge=0, le=MAX_VERSION)],
    *,
    exercise: bool = False,
) -> HttpResponseBase:
    """Download one of the last two snapshots; with a Range, the rest of an interrupted download."""
    viewer = caller_of(request).party
    return _send(request, builder.file_of(version, viewer=viewer, exercise=exercise))


@router.get(
    "/segments",
    **requires(Scope.FEED_READ, responses=_LIST),
    operation_id="list_segments",
)
def list_segments(request: HttpRequest, *, exercise: bool = False) -> HttpResponse:
    """Retrieve the signed list of the segments that make up your newest snapshot.

    It has the keys of the segments: keep it to yourself. Then follow the feed from its version.
    """
    viewer = caller_of(request).party
    return answer(segments.manifest(viewer=viewer, exercise=exercise, now=now()))


@router.get(
    "/segments/{name}",
    **requires(Scope.FEED_READ, responses=_SEGMENT),
    operation_id="read_segment",
)
def segment(
    request: HttpRequest,
    name: Annotated[SegmentName, Path()],
) -> HttpResponseBase:
    """Download a segment; with a Range, the rest of an interrupted download."""
    return _send(request, segments.file_of(name), media_type=SEGMENT_TYPE)


def _send(request: HttpRequest, path: Any, *, media_type: str = MEDIA_TYPE) -> HttpResponseBase:  # noqa: ANN401  # pathlib's, ninja's has the name
    """Return a file, or the requested range of it (RFC 9110 sections 13 and 14)."""
    tag = f'"{path.name.split(".")[0]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise SnapshotBusyError from error  # it was replaced meanwhile
    size = path.stat().st_size
    begin = _begin(request, tag=tag, size=size)
    file.seek(begin)
    response = StreamingHttpResponse(_parts(file), content_type=media_type)
    response_headers = {"ETag": tag, "Accept-Ranges": "bytes", "Content-Length": str(size - begin)}
    for name, value in response_headers.items():
        response.headers[name] = value
    if begin:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {begin}-{size - 1}/{size}"
    return response


def _begin(request: HttpRequest, *, tag: str, size: int) -> int:
    """Return the start of the requested range if it applies to these bytes, else 0."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if not match or request.headers.get("If-Range", tag) != tag:
        return 0
    begin = int(match[1])
    return begin if begin < size else 0


async def _parts(file: BinaryIO, head: bytes = b"") -> AsyncIterator[bytes]:
    """Yield a file's bytes, no faster than they are sent, then close it."""
    try:
        if head:
            yield head
        while part := await sync_to_async(file.read)(_PART_BYTES):
            yield part
    finally:
        file.close()
