# SPDX-License-Identifier: Apache-2.0
"""The search endpoint."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.ledger.writes.reading import note_people_searched
from stemtide.hub.rooms.situation.reads import search as reads
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.search import MAX_QUERY, MIN_TEXT, ResultKind, SearchOut

router = Router(tags=["search"])


@router.get("/search", **requires(Scope.FEED_READ), response=SearchOut, operation_id="search")
def search(
    request: HttpRequest,
    *,
    q: Annotated[str, Query(min_length=MIN_TEXT, max_length=MAX_QUERY)],
    kind: ResultKind | None = None,
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> HttpResponse:
    """Search everything that your party may see for an id, a hash, a URL, a label or words.

    Leads are only found with a key that has the scope leads:write.
    """
    caller = caller_of(request)
    results = reads.search(
        q, viewer=caller.party, kind=kind, page=page, leads=Scope.LEADS_WRITE in caller.scopes
    )
    if any(group.kind is ResultKind.LEADS and group.found for group in results.groups):
        note_people_searched(["leads"], by=caller.actor, now=now())
    return answer(results)
