# SPDX-License-Identifier: Apache-2.0
"""Endpoints of the transparency log for agents. The log itself is below /log/ (tlog.py)."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.transparency.reads import proofs
from stemtide.hub.rooms.transparency.writes import witnesses
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.agents import Accepted
from stemtide.protocol.sync.proofs import ProofsIn, ProofsOut
from stemtide.protocol.sync.witnesses import CosignatureIn

router = Router(tags=["log"])


@router.post(
    "/log/cosignatures",
    **requires(Scope.FEEDBACK_WRITE),
    response=Accepted,
    operation_id="cosign_head",
)
def cosign(request: HttpRequest, body: CosignatureIn) -> HttpResponse:
    """Cosign a head that the hub offers at /log/offered, as a witness of your party.

    The first cosignature of a key adds it as a witness. Sending one again changes nothing.
    """
    witnesses.add_cosignature(body, by=caller_of(request), now=now())
    return answer(Accepted())


@router.post(
    "/log/proofs",
    **requires(Scope.FEED_READ),
    response=ProofsOut,
    operation_id="prove_signals",
)
def prove(request: HttpRequest, body: ProofsIn) -> HttpResponse:
    """Retrieve proofs that signals of your feed are in a signed head of the log.

    The answer says nothing of signals that you may not see.
    """
    return answer(proofs.prove(body, viewer=caller_of(request).party, now=now()))
