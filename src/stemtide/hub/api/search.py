# SPDX-License-Identifier: Apache-2.0
"""The endpoint of the search."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of
from stemtide.hub.api.machine import needs
from stemtide.hub.situation import reads_search as reads
from stemtide.protocol.search import MAX_QUERY, MIN_TEXT, FoundKind, SearchOut
from stemtide.protocol.words import Scope

router = Router(tags=["search"])


@router.get("/search", **needs(Scope.FEED_READ), response=SearchOut, operation_id="search")
def search(
    request: HttpRequest,
    *,
    q: Annotated[str, Query(min_length=MIN_TEXT, max_length=MAX_QUERY)],
    kind: FoundKind | None = None,
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> HttpResponse:
    """What your party may see that fits an id, a hash, an address, a label or words.

    Leads are found by keys with the scope leads:write alone.
    """
    caller = caller_of(request)
    found = reads.search(
        q, viewer=caller.party, kind=kind, page=page, leads=Scope.LEADS_WRITE in caller.scopes
    )
    return answer(found)
