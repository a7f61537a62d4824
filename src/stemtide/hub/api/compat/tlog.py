# SPDX-License-Identifier: Apache-2.0
"""/log/: the transparency log, as the static files of C2SP's tlog-tiles.

Everybody gets a head that is some hours old, and the tiles that it needs. Parties send an API key
and get the newest. Tiles never change, so that proxies may keep them: the log that a restore opens
has a folder of its own.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from stemtide.hub.api import problems, rate_limits
from stemtide.hub.api.auth import Key, now
from stemtide.hub.api.problems import NEEDS_KEY, ProblemError
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.transparency.reads import log, purges as erasures, witnesses
from stemtide.hub.rooms.transparency.reads.restarts import restarts
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.tlog.statements import folder_of
from stemtide.protocol.tlog.tiles import Tile, TileError

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
FOR_EVER = "max-age=31536000, immutable"
"""How long proxies keep files that never change."""

_Rest = ParamSpec("_Rest")
_View = Callable[Concatenate[HttpRequest, _Rest], HttpResponse]


def read_only(view: _View[_Rest]) -> _View[_Rest]:
    """Wrap a view: it is only read, and its errors are problem documents."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: _Rest.args, **named: _Rest.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **named)
        except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
            return problems.answer(problems.describe(error))

    return cast("_View[_Rest]", require_safe(guarded))


@read_only
def checkpoint(request: HttpRequest, folder: str = "") -> HttpResponse:
    """Return the newest signed head that the caller may see."""
    _check_folder(folder, is_head=True)
    head = log.head(now=now(), is_member=comes_with_key(request))
    return HttpResponse(head.note, content_type=_TEXT)


@read_only
def tile(request: HttpRequest, place: str, folder: str = "") -> HttpResponse:
    """Return a tile, or a bundle of leaves, of a head that the caller may see."""
    _check_folder(folder)
    is_member = comes_with_key(request)
    try:
        requested = Tile.read(place)
    except TileError as error:
        raise NotFoundError("the log has no tile {path}", path=place[:80]) from error
    if not requested.is_in(log.head(now=now(), is_member=is_member).size):
        raise NotFoundError("the log has no tile {path}", path=place)
    visibility = "private" if is_member else "public"
    headers = {"Cache-Control": f"{visibility}, {FOR_EVER}"}
    return HttpResponse(log.read_tile(requested), content_type=_BYTES, headers=headers)


@read_only
def offered(request: HttpRequest) -> HttpResponse:
    """Return the signed head that witnesses are asked to cosign; only for parties."""
    if not comes_with_key(request):
        raise ProblemError(ProblemType.UNAUTHENTICATED, NEEDS_KEY)
    return HttpResponse(witnesses.offered(), content_type=_TEXT)


@read_only
def cosigned(request: HttpRequest) -> HttpResponse:
    """Return the newest cosigned head that the caller may see, with its cosignatures."""
    note = witnesses.cosigned(now=now(), is_member=comes_with_key(request))
    return HttpResponse(note, content_type=_TEXT)


@read_only
def witness_keys(request: HttpRequest) -> HttpResponse:
    """Return the keys of the witnesses that the caller may see, one a line."""
    rows = witnesses.witnesses(is_member=comes_with_key(request))
    return HttpResponse("".join(f"{row.key}\n" for row in rows), content_type=_TEXT)


@read_only
def keys(request: HttpRequest) -> HttpResponse:
    """Return the keys that verify heads, newest first, one a line."""
    comes_with_key(request)
    return HttpResponse("".join(f"{key}\n" for key in log.log_keys()), content_type=_TEXT)


@read_only
def restores(request: HttpRequest) -> HttpResponse:
    """Return the restores from backups that began a new log, the latest first, one a line."""
    comes_with_key(request)
    lines = [f"{row.origin} {row.state}\n" for row in restarts()]
    return HttpResponse("".join(lines), content_type=_TEXT)


@read_only
def purges(request: HttpRequest) -> HttpResponse:
    """Return what was erased under the head that the caller may see: entry, class and count."""
    rows = erasures.purges(now=now(), is_member=comes_with_key(request))
    lines = [f"{row['entry']} {row['class']} {row['erased']}\n" for row in rows]
    return HttpResponse("".join(lines), content_type=_TEXT)


@read_only
def purge(request: HttpRequest, entry: int) -> HttpResponse:
    """Return the certificate of an erasure, with what is needed to check it."""
    content = erasures.purge(entry, now=now(), is_member=comes_with_key(request))
    return HttpResponse(content, content_type="application/json")


def _check_folder(folder: str, *, is_head: bool = False) -> None:
    """Refuse files of a log that a restore ended: proxies may have them, under the same paths.

    is_head: /log/checkpoint is always the newest log's. raises: NotFoundError.
    """
    facts = log.facts()
    current = folder_of(facts.origin).rstrip("/") if facts else ""
    if folder != current and (folder or not is_head):
        raise NotFoundError(
            "this log ended with a restore of the hub: read {path}", path=f"/log/{current}/"
        )


def comes_with_key(request: HttpRequest) -> bool:
    """Whether the caller has an API key; who has none is counted by address.

    raises: UnknownKeyError, ProblemError.
    """
    if "Authorization" in request.headers:
        if not Key()(request):
            raise ProblemError(ProblemType.UNAUTHENTICATED, NEEDS_KEY)
        return True
    address = str(request.META.get("REMOTE_ADDR", ""))
    if too_many := rate_limits.count_stranger(address, request):
        raise ProblemError.of(too_many)
    return False


urlpatterns = [
    path("checkpoint", checkpoint, name="log-checkpoint"),
    path("offered", offered, name="log-offered"),
    path("cosigned", cosigned, name="log-cosigned"),
    path("witnesses", witness_keys, name="log-witnesses"),
    path("keys", keys, name="log-keys"),
    path("restores", restores, name="log-restores"),
    path("purges", purges, name="log-purges"),
    path("purges/<int:entry>", purge, name="log-purge"),
    path("tile/<path:place>", tile, name="log-tile"),
    path("<slug:folder>/checkpoint", checkpoint, name="log-named-checkpoint"),
    path("<slug:folder>/tile/<path:place>", tile, name="log-named-tile"),
]
