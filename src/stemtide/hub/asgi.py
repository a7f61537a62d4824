# SPDX-License-Identifier: Apache-2.0
"""The hub as an ASGI application: request limits, streams and threads around Django."""

import asyncio
import os
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import IO, Any, cast

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stemtide.hub.settings")
# Only static files are streamed synchronously, and the largest has a few dozen kilobytes.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
_django = get_asgi_application()  # sets up Django, which the rest of the module needs

from stemtide.hub.api.asgi import Application, Receive, Scope, Send, limit_bodies, limit_rates  # noqa: E402
from stemtide.hub.api.client_certificates import read_certificates  # noqa: E402
from stemtide.hub.api.metrics import count_abandoned  # noqa: E402
from stemtide.hub.api.middleware import is_machines  # noqa: E402
from stemtide.hub.api.uploads import admit_uploads, is_upload  # noqa: E402
from stemtide.hub.desk.sharing.uploads import sharing_party  # noqa: E402
from stemtide.hub.platform.disconnects import CallerLeftError, WaitingClient, serving  # noqa: E402
from stemtide.hub.platform.request_threads import (  # noqa: E402
    MAX_IDLE,
    PagesFirst,
    RequestThreads,
    is_refresh,
    one_thread,
    stream_thread,
)
from stemtide.hub.platform.uploads import memory_file  # noqa: E402
from stemtide.hub.wire.app import wire  # noqa: E402
from stemtide.hub.wire.places import LaneFullError, Places, busy  # noqa: E402
from stemtide.hub.wire.roles import limit_roles  # noqa: E402
from stemtide.hub.wire.stream import ADDRESS, stream  # noqa: E402


class _InOneThread(ASGIHandler):
    """Django with all middleware and the view in one step of one thread.

    Otherwise each middleware switches threads twice, which costs more than most responses.
    """

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # Django's
        """Build the synchronous middleware chain."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Respond in the request's thread; pages go before refreshes of open pages.

        Only building the response counts, not sending it: a slow reader delays nobody. API requests
        neither wait nor are waited for, because there may always be some.
        """
        caller = WaitingClient()
        is_page = not is_refresh(request.path) and not is_machines(request.path)
        place = _places.take(request) if self.is_bounded(request) else nullcontext()
        try:
            async with place:
                with _precedence.page() if is_page else nullcontext():
                    return await sync_to_async(self._answer)(request, caller)
        except LaneFullError:
            return busy(request)
        except asyncio.CancelledError:  # Django raises it when the caller disconnects
            caller.has_left = True
            if not caller.is_served:
                count_abandoned("waiting")
            raise

    def is_bounded(self, request: HttpRequest) -> bool:
        """Whether a request needs a place. Refreshes have one thread anyway."""
        return not is_refresh(request.path)

    def _answer(self, request: HttpRequest, caller: WaitingClient) -> HttpResponseBase:
        """Build the response while the caller waits; a refresh first waits for running pages."""
        try:
            with serving(caller):
                if is_refresh(request.path):
                    _precedence.wait_for_pages()
                response = self.get_response(request)
        except CallerLeftError:
            count_abandoned("working")
            raise
        if _threads.in_use > MAX_IDLE and not response.streaming:
            connections.close_all()  # a caller who reads slowly would keep the connection
        return response


class _InMemory(_InOneThread):
    """The same with bodies in memory, for uploads of content, of which few are admitted."""

    def is_bounded(self, request: HttpRequest) -> bool:  # noqa: ARG002  # all alike
        """Return False: films take minutes, and uploads are bounded by themselves."""
        return False

    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> IO[bytes]:
        """Return the whole body, where Django would write it to disk."""
        body = memory_file()
        while (message := await receive())["type"] != "http.disconnect":
            body.write(message.get("body", b""))
            if not message.get("more_body", False):
                body.seek(0)
                return body
        body.close()
        raise RequestAborted


_streams = limit_bodies(cast("Application", _django))
_responses = limit_bodies(cast("Application", _InOneThread()))
_uploads = admit_uploads(cast("Application", _InMemory()), party_of=sharing_party)
_precedence, _threads, _places = PagesFirst(), RequestThreads(), Places()
_places.publish()
_for_refreshes = one_thread("refreshes")

STREAM = "/stream"
"""End of the paths of the desk's streams, the only ones that need Django's async handler."""


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    """Handle one ASGI connection."""
    if scope["type"] != "http":
        await _streams(scope, receive, send)
    # An open stream would keep one of Django's threads and database connections each;
    # a thousand agents hold a thousand streams. Those of the desk share one.
    elif scope["path"] == ADDRESS:
        await stream(scope, receive, send)
    elif scope["path"].endswith(STREAM) and not is_machines(scope["path"]):
        async with ThreadSensitiveContext(executor=stream_thread):
            await _streams(scope, receive, send)
    elif is_refresh(scope["path"]):
        async with ThreadSensitiveContext(executor=_for_refreshes):
            await _responses(scope, receive, send)
    elif is_upload(scope):
        async with _threads.acquire():
            await _uploads(scope, receive, send)
    else:
        async with _threads.acquire():
            await _responses(scope, receive, send)


def _behind_proxies(application: Application) -> Application:
    """Wrap an application so that trusted proxies are believed about callers, and nobody else.

    uvicorn would wrap it from outside, and hide who the proxy is.
    """
    proxies = settings.TRUSTED_PROXIES
    if proxies:
        application = ProxyHeadersMiddleware(application, list(proxies))  # type: ignore[arg-type, assignment]  # of one protocol, in two libraries' words
    return read_certificates(application, proxies=proxies, is_on=settings.READS_CLIENT_CERTIFICATES)


application = _behind_proxies(limit_roles(limit_rates(wire(_application)), settings.ROLES))
"""The hub, for uvicorn."""
