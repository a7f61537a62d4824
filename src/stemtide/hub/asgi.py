# SPDX-License-Identifier: Apache-2.0
"""The hub as an ASGI application: the stream and the size of bodies here, the rest by Django."""

import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stemtide.hub.settings")
_pages = get_asgi_application()  # makes Django ready, which what follows needs

from stemtide.hub.api.stream import ADDRESS, stream  # noqa: E402
from stemtide.hub.api.wire import Application, Receive, Scope, Send, weighed  # noqa: E402

_django = weighed(cast("Application", _pages))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one connection."""
    # An open stream would keep one of Django's threads and database connections each;
    # a thousand agents hold a thousand streams.
    is_stream = scope["type"] == "http" and scope["path"] == ADDRESS
    await (stream if is_stream else _django)(scope, receive, send)
