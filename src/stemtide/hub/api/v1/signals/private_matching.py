# SPDX-License-Identifier: Apache-2.0
"""Endpoints for private matching: the epoch, evaluations and buckets.

Digests travel in bodies, and only blinded: no address, log or row of the hub holds any.
"""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.private_matching import reads, writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.private_match.messages import (
    BlindedIn,
    BucketsIn,
    BucketsOut,
    EvaluatedOut,
    PrivateMatchOut,
)

router = Router(tags=["private_matching"])


@router.get(
    "/private-match",
    **requires(Scope.PRIVATE_MATCH),
    response=PrivateMatchOut,
    operation_id="get_private_match",
)
def describe(request: HttpRequest) -> HttpResponse:
    """Read the epoch in use, its public key and the limits of private matching.

    The hub evaluates its digests only while parties ask. After a week without any, the first
    answer is 503.
    """
    party, moment = caller_of(request).party, now()
    writes.note_request(by=party, now=moment)
    return answer(reads.describe(viewer=party, now=moment))


@router.post(
    "/private-match/evaluations",
    **requires(Scope.PRIVATE_MATCH),
    response=EvaluatedOut,
    operation_id="evaluate_blinded",
)
def evaluate(request: HttpRequest, body: BlindedIn) -> HttpResponse:
    """Evaluate blinded digests with the key of the epoch (RFC 9497, mode VOPRF).

    The hub learns how many there are. They count towards the party's limit of a day.
    """
    return answer(writes.evaluate(body, by=caller_of(request).party, now=now()))


@router.post(
    "/private-match/buckets",
    **requires(Scope.PRIVATE_MATCH),
    response=BucketsOut,
    operation_id="read_buckets",
)
def read_buckets(request: HttpRequest, body: BucketsIn) -> HttpResponse:
    """Read buckets of sealed rows, of live signals that your party may see.

    A row opens for the output of its own digest alone: to a signal's id, and the strongest action
    that its marks allow.
    """
    return answer(reads.buckets(body, viewer=caller_of(request).party, now=now()))
