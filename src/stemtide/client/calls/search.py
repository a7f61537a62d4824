# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: search.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call

if TYPE_CHECKING:
    from stemtide.protocol.search import FoundKind, SearchOut


def search(*, q: str, kind: FoundKind | None = None, page: int | None = None) -> Call[SearchOut]:
    """What your party may see that fits an id, a hash, an address, a label or words.

    Leads are found by keys with the scope leads:write alone.

    page: If left out: 1.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/search
    """
    from stemtide.protocol.search import SearchOut

    return Call((SearchOut,), "GET", "/api/v1/search", query={"q": q, "kind": kind, "page": page})
