# SPDX-License-Identifier: Apache-2.0
"""Register the review pages of agents as clients of the hub's OpenID provider. Decision 0171."""

from datetime import datetime

from allauth.idp.oidc.models import Client, Token
from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Agent
from stemtide.hub.rooms.parties.reads import review_pages as reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import review_pages as rules


@transaction.atomic
def register_review_page(name: str, *, address: str, by: Actor, now: datetime) -> str:
    """Let people sign in to the review page of a party's own agent; return its client id.

    The agent keeps no secret: its address is on the machine of the person who signs in, and a code
    is worth nothing without the verifier that the agent keeps (RFC 7636, RFC 8252).

    raises: InvalidError, NotFoundError.
    """
    rules.check_address(address)
    Token.objects.expired().delete()
    agent = Agent.objects.filter(party=by.party, name=name).first()
    if agent is None:
        raise NotFoundError(
            "your party has no agent {name!r}: it must report its status first", name=name
        )
    client = reads.client_id(agent)
    if Client.objects.filter(pk=client, redirect_uris=address).exists():
        return client
    ledger.lock_ledger()
    Client.objects.update_or_create(
        pk=client,
        defaults={
            "name": name,
            "type": Client.Type.PUBLIC,
            "scopes": "openid",
            "redirect_uris": address,
            "skip_consent": True,
        },
    )
    ledger.append_by("review_page.registered", by=by, subject=agent.ref, now=now)
    return client
