# SPDX-License-Identifier: Apache-2.0
"""The hub as an ASGI application: the stream and the size of bodies here, the rest by Django."""

import os
import warnings
from typing import cast

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stemtide.hub.settings")
# Only static files are read so, and the largest of them is a few dozen kilobytes.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
_people = get_asgi_application()  # makes Django ready, which what follows needs

from stemtide.hub.api.door import is_machines  # noqa: E402
from stemtide.hub.api.stream import ADDRESS, stream  # noqa: E402
from stemtide.hub.api.wire import Application, Receive, Scope, Send, weighed  # noqa: E402


class _InOneThread(ASGIHandler):
    """Django with all middleware and the view in one step of one thread.

    Otherwise each middleware changes threads twice, which costs more than most answers.
    """

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # Django's
        """Chain the middleware for threads."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the request's own thread."""
        return await sync_to_async(self.get_response)(request)


_streams = weighed(cast("Application", _people))
_answers = weighed(cast("Application", _InOneThread()))

STREAM = "/stream"
"""How the addresses of the desk's streams end: those alone need Django's asynchronous half."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one connection."""
    if scope["type"] != "http":
        await _streams(scope, receive, send)
    # An open stream would keep one of Django's threads and database connections each;
    # a thousand agents hold a thousand streams.
    elif scope["path"] == ADDRESS:
        await stream(scope, receive, send)
    elif scope["path"].endswith(STREAM) and not is_machines(scope["path"]):
        await _streams(scope, receive, send)
    else:
        await _answers(scope, receive, send)
