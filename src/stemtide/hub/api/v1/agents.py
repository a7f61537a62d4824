# SPDX-License-Identifier: Apache-2.0
"""Endpoints for agents: identity, keys, status, outcomes."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.parties.reads import review_pages as review_page_reads
from stemtide.hub.rooms.parties.writes import keys, parties, review_pages
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.keys import KeyReplacedOut, KeyReplaceIn
from stemtide.protocol.sync.agents import (
    AGENT_NAME,
    AgentStatusIn,
    OutcomeReportIn,
    OutcomeReportOut,
    ReviewPageIn,
    ReviewPageOut,
    StatusTaken,
    Whoami,
)

router = Router(tags=["agents"])


@router.get("/whoami", **requires(None), response=Whoami, operation_id="whoami")
def whoami(request: HttpRequest) -> HttpResponse:
    """Retrieve the party and the scopes of your API key."""
    caller = caller_of(request)
    return answer(
        Whoami(
            party=caller.party.name,
            kind=PartyKind(caller.party.kind),
            key=caller.key,
            scopes=sorted(caller.scopes),
        )
    )


@router.post(
    "/keys/replace",
    **requires(None),
    response={201: KeyReplacedOut},
    operation_id="replace_key",
)
def replace_key(request: HttpRequest, body: KeyReplaceIn) -> HttpResponse:
    """Replace your API key by one with the same name and scopes. The new key is shown once.

    The old key goes on for an overlap. The new key expires when the old one would have.
    """
    by = caller_of(request)
    done = keys.replace_calling_key(overlap_hours=body.overlap_hours, by=by, now=now())
    replaced = KeyReplacedOut(
        key=done.text,
        key_prefix=done.key.prefix,
        name=done.key.name,
        scopes=sorted(map(Scope, done.key.scopes)),
        expires_at=done.key.expires_at,
        old=done.old.prefix,
        old_expires_at=done.old_expires_at,
    )
    return answer(replaced, status=201)


@router.put(
    "/agents/{name}",
    **requires(Scope.FEEDBACK_WRITE),
    response=StatusTaken,
    operation_id="report_status",
)
def status(
    request: HttpRequest,
    name: Annotated[str, Path(pattern=AGENT_NAME)],
    body: AgentStatusIn,
) -> HttpResponse:
    """Report an agent's status. Without a report every few seconds it counts as disconnected."""
    caller = caller_of(request)
    parties.report_status(name, by=caller.party, status=body, now=now(), key=caller.key)
    return answer(StatusTaken())


@router.put(
    "/agents/{name}/review-page",
    **requires(Scope.FEEDBACK_WRITE),
    response=ReviewPageOut,
    operation_id="register_review_page",
)
def review_page(
    request: HttpRequest,
    name: Annotated[str, Path(pattern=AGENT_NAME)],
    body: ReviewPageIn,
) -> HttpResponse:
    """Let people of your party sign in to your agent's review page through the hub.

    The address must be of the agent's own machine. Registering it again changes nothing.
    """
    caller = caller_of(request)
    client = review_pages.register_review_page(
        name, address=body.address, by=caller.actor, now=now()
    )
    people = review_page_reads.reviewers(caller.party)
    return answer(ReviewPageOut(client_id=client, people=people))


@router.post(
    "/outcomes",
    **requires(Scope.FEEDBACK_WRITE),
    response=OutcomeReportOut,
    operation_id="report_outcomes",
)
def outcomes(request: HttpRequest, body: OutcomeReportIn) -> HttpResponse:
    """Report outcomes of matched content. A report counts once, however often it is sent."""
    caller = caller_of(request)
    return answer(signals.report_outcomes(body, by=caller.party, now=now(), actor_ref=caller.ref))
