# SPDX-License-Identifier: Apache-2.0
"""/log/: the transparency log, as the static files of C2SP's tlog-tiles.

Everybody gets a head that is some hours old, and the tiles that it needs. Parties send an API key
and get the newest. Tiles never change, so that proxies may keep them.
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
from stemtide.hub.rooms.transparency.reads import log
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.tlog.tiles import Tile, TileError

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_FOR_EVER = "max-age=31536000, immutable"
_Rest = ParamSpec("_Rest")
_View = Callable[Concatenate[HttpRequest, _Rest], HttpResponse]


def _door(view: _View[_Rest]) -> _View[_Rest]:
    """Wrap a view: it is only read, and its errors are problem documents."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: _Rest.args, **named: _Rest.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **named)
        except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
            return problems.answer(problems.describe(error))

    return cast("_View[_Rest]", require_safe(guarded))


@_door
def checkpoint(request: HttpRequest) -> HttpResponse:
    """Return the newest signed head that the caller may see."""
    head = log.head(now=now(), is_member=_is_member(request))
    return HttpResponse(head.note, content_type=_TEXT)


@_door
def tile(request: HttpRequest, place: str) -> HttpResponse:
    """Return a tile, or a bundle of leaves, of a head that the caller may see."""
    is_member = _is_member(request)
    try:
        requested = Tile.read(place)
    except TileError as error:
        raise NotFoundError("the log has no tile {path}", path=place[:80]) from error
    if not requested.is_in(log.head(now=now(), is_member=is_member).size):
        raise NotFoundError("the log has no tile {path}", path=place)
    visibility = "private" if is_member else "public"
    headers = {"Cache-Control": f"{visibility}, {_FOR_EVER}"}
    return HttpResponse(log.read_tile(requested), content_type=_BYTES, headers=headers)


@_door
def keys(request: HttpRequest) -> HttpResponse:
    """Return the keys that verify heads, newest first, one a line."""
    _is_member(request)
    return HttpResponse("".join(f"{key}\n" for key in log.log_keys()), content_type=_TEXT)


def _is_member(request: HttpRequest) -> bool:
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
    path("keys", keys, name="log-keys"),
    path("tile/<path:place>", tile, name="log-tile"),
]
