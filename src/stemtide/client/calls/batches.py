# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: batches.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.batches import BatchIn, BatchOut, CheckRowsIn, RowPage, RowsIn, RowsOut


def add_rows(body: RowsIn, *, uid: UUID | str) -> Call[RowsOut]:
    """Refer the addresses of up to 1,000 rows. A row that is there already is told, not sent.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/batches/{uid}/rows
    """
    from stemtide.protocol.batches import RowsOut

    return Call((RowsOut,), "POST", f"/api/v1/batches/{part(uid)}/rows", body=body)


def check_rows(body: CheckRowsIn) -> Call[RowsOut]:
    """A dry run: what would become of rows. Nothing is stored, and nobody learns of it.

    Needs a key with the scope referrals:write. raises: HubError. source: POST /api/v1/batches/check
    """
    from stemtide.protocol.batches import RowsOut

    return Call((RowsOut,), "POST", "/api/v1/batches/check", body=body)


def list_batches() -> Call[list[BatchOut]]:
    """Your party's batches, the latest first; agencies see all of them.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/batches
    """
    from stemtide.protocol.batches import BatchOut

    return Call((list[BatchOut],), "GET", "/api/v1/batches")


def open_batch(body: BatchIn) -> Call[BatchOut]:
    """Open a batch, or find the one of that name.

    Needs a key with the scope referrals:write. raises: HubError. source: POST /api/v1/batches
    """
    from stemtide.protocol.batches import BatchOut

    return Call((BatchOut,), "POST", "/api/v1/batches", body=body)


def read_batch(*, uid: UUID | str) -> Call[BatchOut]:
    """One batch, with how many rows met each outcome.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/batches/{uid}
    """
    from stemtide.protocol.batches import BatchOut

    return Call((BatchOut,), "GET", f"/api/v1/batches/{part(uid)}")


def read_rows(
    *, uid: UUID | str, after: int | None = None, limit: int | None = None
) -> Call[RowPage]:
    """What became of each row, by number.

    limit: If left out: 1000.

    Needs a key with the scope requests:read. raises: HubError. source: GET
    /api/v1/batches/{uid}/rows
    """
    from stemtide.protocol.batches import RowPage

    return Call(
        (RowPage,),
        "GET",
        f"/api/v1/batches/{part(uid)}/rows",
        query={"after": after, "limit": limit},
    )
