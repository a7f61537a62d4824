# SPDX-License-Identifier: Apache-2.0
"""/neighbours/: signed messages of other crisis mechanisms about their activations.

The signature is the authorisation; there is no API key. The answer does not depend on which crises
this hub has.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.api import problems
from stemtide.hub.api.auth import now
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.rooms.crises.known_neighbours import NeighboursFileError, known_neighbours
from stemtide.hub.rooms.crises.writes import arrivals
from stemtide.protocol.activations import MAX_BYTES, UnsignedError, key_text, signing_key, verify
from stemtide.protocol.enums import ArrivalState
from stemtide.protocol.problems import ProblemType


@csrf_exempt
@require_POST
def receive(request: HttpRequest, name: str) -> HttpResponse:
    """Take a signed message; 200 if it was taken, also again, and 422 if it was refused."""
    try:
        row = arrivals.receive(_verified(request, name), now=now())
    except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
        return problems.answer(problems.describe(error))
    if row.state == ArrivalState.REFUSED:
        return problems.answer(problems.describe(ProblemError(ProblemType.INVALID, row.reason)))
    return JsonResponse({"message": row.message, "state": "taken"})


@require_safe
def own_key(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Return the public key of this hub's own messages. Compare it by another channel."""
    text = key_text(signing_key(settings.SECRET_KEY).public_key())
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8")


def _verified(request: HttpRequest, name: str) -> arrivals.Verified:
    """Return a message whose signature is valid. raises: ProblemError."""
    try:
        neighbour = known_neighbours().get(name)
    except NeighboursFileError:
        neighbour = None
    if neighbour is None:
        raise ProblemError(ProblemType.NOT_FOUND, "this hub knows no such neighbour")
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ProblemError(ProblemType.INVALID, f"the body is longer than {MAX_BYTES} bytes")
    headers = {key.lower(): value for key, value in request.headers.items()}
    try:
        message, sent_at = verify(body, headers, keys=neighbour.keys)
    except UnsignedError as error:
        raise ProblemError(ProblemType.UNAUTHENTICATED, str(error)) from error
    return arrivals.Verified(neighbour, message, sent_at, body)


urlpatterns = [
    path("key", own_key, name="neighbour-key"),
    path("<slug:name>/activations", receive, name="neighbour-activations"),
]
