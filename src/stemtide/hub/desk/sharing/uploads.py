# SPDX-License-Identifier: Apache-2.0
"""Find out who sends an upload, before its body is read."""

from collections.abc import MutableMapping
from io import BytesIO
from typing import Any

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from stemtide.hub.desk.auth.people import lacks_factor
from stemtide.hub.platform.permissions import WRITING_ROLES
from stemtide.protocol.enums import Role


def sharing_party(scope: MutableMapping[str, Any]) -> int | None:
    """Return the party of the person who sends a request; None if they may not share."""
    request = ASGIRequest(scope, BytesIO())
    SessionMiddleware(lambda _: HttpResponse()).process_request(request)
    person = get_user(request)
    if not person.is_authenticated or lacks_factor(request, person):
        return None
    return person.party.pk if Role(person.role) in WRITING_ROLES else None
