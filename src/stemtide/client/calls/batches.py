# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: batches.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.batches import (
        BatchIn,
        BatchOut,
        CheckRowsIn,
        RowPage,
        RowsIn,
        RowsOut,
    )


def add_rows(body: RowsIn, *, uid: UUID | str) -> Call[RowsOut]:
    """Refer the URLs of up to 1,000 rows. Rows that exist already are returned, not sent again.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/batches/{uid}/rows
    """
    from stemtide.protocol.messages.batches import RowsOut

    return Call((RowsOut,), "POST", f"/api/v1/batches/{part(uid)}/rows", body=body)


def check_rows(body: CheckRowsIn) -> Call[RowsOut]:
    """Check rows without sending: return the result that each would have. Nothing is stored.

    Needs a key with the scope referrals:write. raises: HubError. source: POST /api/v1/batches/check
    """
    from stemtide.protocol.messages.batches import RowsOut

    return Call((RowsOut,), "POST", "/api/v1/batches/check", body=body)


def list_batches() -> Call[list[BatchOut]]:
    """List your party's batches, latest first. Agencies see the batches of all parties.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/batches
    """
    from stemtide.protocol.messages.batches import BatchOut

    return Call((list[BatchOut],), "GET", "/api/v1/batches")


def open_batch(body: BatchIn) -> Call[BatchOut]:
    """Create a batch, or return the existing batch of that name.

    Needs a key with the scope referrals:write. raises: HubError. source: POST /api/v1/batches
    """
    from stemtide.protocol.messages.batches import BatchOut

    return Call((BatchOut,), "POST", "/api/v1/batches", body=body)


def read_batch(*, uid: UUID | str) -> Call[BatchOut]:
    """Retrieve a batch, with the number of rows for each outcome.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/batches/{uid}
    """
    from stemtide.protocol.messages.batches import BatchOut

    return Call((BatchOut,), "GET", f"/api/v1/batches/{part(uid)}")


def read_rows(
    *, uid: UUID | str, after: int | None = None, limit: int | None = None
) -> Call[RowPage]:
    """List the results of a batch's rows, by number.

    limit: If left out: 1000.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/batches/{uid}/rows
    """
    from stemtide.protocol.messages.batches import RowPage

    return Call(
        (RowPage,),
        "GET",
        f"/api/v1/batches/{part(uid)}/rows",
        query={"after": after, "limit": limit},
    )
