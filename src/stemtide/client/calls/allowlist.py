# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: allowlist.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.sync.agents import Accepted
    from stemtide.protocol.sync.allowlists import (
        AllowEntryOut,
        AllowlistAddedOut,
        AllowlistIn,
        AllowlistPage,
        AllowMatchesIn,
        AllowRemoveIn,
    )
    from stemtide.protocol.sync.signatures import Signed


def add_allow_entries(body: AllowlistIn, *, dry_run: bool | None = None) -> Call[AllowlistAddedOut]:
    """Add up to 20,000 entries, all or none. Only agencies may.

    Refused with 409 if they cover live signals of other parties, unless accept_covered is true.
    With dry_run=1 nothing is added: the response says what would be.

    Needs a key with the scope signals:write. raises: HubError. source: POST /api/v1/allowlist
    """
    from stemtide.protocol.sync.allowlists import AllowlistAddedOut

    return Call(
        (AllowlistAddedOut,), "POST", "/api/v1/allowlist", query={"dry_run": dry_run}, body=body
    )


def list_allow_entries(
    *,
    search: str | None = None,
    removed: bool | None = None,
    before: UUID | str | None = None,
    limit: int | None = None,
) -> Call[AllowlistPage]:
    """List entries of the hub's allow-list, newest first. removed=1: those that have left it.

    limit: If left out: 100.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/allowlist
    """
    from stemtide.protocol.sync.allowlists import AllowlistPage

    return Call(
        (AllowlistPage,),
        "GET",
        "/api/v1/allowlist",
        query={"search": search, "removed": removed, "before": before, "limit": limit},
    )


def read_allow_entry(*, uid: UUID | str) -> Call[AllowEntryOut]:
    """Retrieve an entry, on the list or removed.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/allowlist/{uid}
    """
    from stemtide.protocol.sync.allowlists import AllowEntryOut

    return Call((AllowEntryOut,), "GET", f"/api/v1/allowlist/{part(uid)}")


def read_allowlist_file() -> Call[Signed]:
    """Download the whole list, signed. Send its ETag as If-None-Match to get 304.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/allowlist/file
    """
    from stemtide.protocol.sync.signatures import Signed

    return Call((Signed,), "GET", "/api/v1/allowlist/file")


def remove_allow_entry(body: AllowRemoveIn, *, uid: UUID | str) -> Call[AllowEntryOut]:
    """Remove an entry. Agents act again on what it covered, from the next upload on.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/allowlist/{uid}/remove
    """
    from stemtide.protocol.sync.allowlists import AllowEntryOut

    return Call((AllowEntryOut,), "POST", f"/api/v1/allowlist/{part(uid)}/remove", body=body)


def report_allow_matches(body: AllowMatchesIn, *, agent: str) -> Call[Accepted]:
    """Report how often an agent has met content of entries that a signal matched as well.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT
    /api/v1/allowlist/matches/{agent}
    """
    from stemtide.protocol.sync.agents import Accepted

    return Call((Accepted,), "PUT", f"/api/v1/allowlist/matches/{part(agent)}", body=body)
