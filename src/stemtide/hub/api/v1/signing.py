# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the keys with which parties sign the signals that they share."""

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.signing import reads, writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.signing.messages import SigningKeyIn, SigningKeyOut, SigningKeyRevokeIn

router = Router(tags=["signing"])

_Keys = RootModel[list[SigningKeyOut]]


@router.get(
    "/signing-keys",
    **requires(None),
    response=list[SigningKeyOut],
    operation_id="list_signing_keys",
)
def list_keys(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # the same for everybody
    """List the public keys with which parties sign signals, those that ended included."""
    return answer(_Keys(reads.describe_all()))


@router.post(
    "/signing-keys",
    **requires(Scope.SIGNALS_WRITE),
    response={201: SigningKeyOut},
    operation_id="add_signing_key",
)
def add(request: HttpRequest, body: SigningKeyIn) -> HttpResponse:
    """Add a public key of your party, in place of another one if you name it.

    Signals that are signed with the other one keep their signatures.
    """
    by = caller_of(request).actor
    return answer(writes.add_key(body, by=by, now=now()), status=201)


@router.post(
    "/signing-keys/revoke",
    **requires(Scope.SIGNALS_WRITE),
    response=SigningKeyOut,
    operation_id="revoke_signing_key",
)
def revoke(request: HttpRequest, body: SigningKeyRevokeIn) -> HttpResponse:
    """Revoke a key of your party. Agents believe the keys of their own files: tell providers."""
    return answer(writes.revoke_key(body.key, by=caller_of(request).actor, now=now()))
