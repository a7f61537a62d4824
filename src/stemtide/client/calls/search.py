# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: search.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call

if TYPE_CHECKING:
    from stemtide.protocol.messages.search import ResultKind, SearchOut


def search(*, q: str, kind: ResultKind | None = None, page: int | None = None) -> Call[SearchOut]:
    """Search everything that your party may see for an id, a hash, a URL, a label or words.

    Leads are only found with a key that has the scope leads:write.

    page: If left out: 1.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/search
    """
    from stemtide.protocol.messages.search import SearchOut

    return Call((SearchOut,), "GET", "/api/v1/search", query={"q": q, "kind": kind, "page": page})
