# SPDX-License-Identifier: Apache-2.0
"""Admit uploads of content: only of people who may share, and few at a time, for memory is scarce.

1 An upload to the share page that Django would write to disk waits here until it is admitted.
2 Its sender must be signed in; the page itself checks everything else once more.
3 A party has one upload at a time, the hub MOST_UPLOADS. Each needs up to twice its size in memory.
"""

from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.conf import settings

from stemtide.hub.api.asgi import (
    Application,
    Receive,
    Scope,
    Send,
    content_length,
    drain,
    limit_bodies,
    send_plain,
)
from stemtide.hub.platform.uploads import MAX_UPLOAD_BYTES, SHARE_PATH
from stemtide.protocol.problems import ProblemType, problem

MOST_UPLOADS = 2
"""Uploads at a time of all parties."""

_FORM_BYTES = 34 << 20
"""Bytes of an upload beside its file: fingerprints of earlier files."""

_STRANGER = problem(ProblemType.NOT_ALLOWED, "sign in at the desk, and upload the file again")
_BUSY = problem(
    ProblemType.TOO_MANY,
    "another file of your party, or of too many others, is being fingerprinted: try again in a"
    " minute",
)


def is_upload(scope: Scope) -> bool:
    """Whether a request may bring a file that Django would write to disk."""
    if scope["method"] != "POST" or scope["path"] != SHARE_PATH:
        return False
    length = content_length(scope)
    return not length or length > settings.FILE_UPLOAD_MAX_MEMORY_SIZE


def admit_uploads(
    application: Application, *, party_of: Callable[[Scope], int | None]
) -> Application:
    """Wrap an application so that it gets uploads of people who may share, few at a time.

    party_of: returns the party of the person who sends a request; None if they may not share.
    """
    limited = limit_bodies(application, most_bytes=MAX_UPLOAD_BYTES + _FORM_BYTES)
    uploading: set[int] = set()

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        party = await sync_to_async(party_of)(scope)
        if party is None:
            await send_plain(_STRANGER, send)
            return
        if party in uploading or len(uploading) >= MOST_UPLOADS:
            await drain(receive)
            await send_plain(_BUSY, send)
            return
        uploading.add(party)
        try:
            await limited(scope, receive, send)
        finally:
            uploading.discard(party)

    return gate
