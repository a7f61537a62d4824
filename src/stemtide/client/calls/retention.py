# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: retention.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.law.retention import RowClass
    from stemtide.protocol.law.retention.messages import (
        KeptRowOut,
        LegalHoldIn,
        RetentionChangeIn,
        RetentionOverview,
    )


def change_retention(
    body: RetentionChangeIn, *, row_class: RowClass, uid: UUID | str
) -> Call[KeptRowOut]:
    """Keep your party's row until a later date, on another basis or for another purpose.

    row_class: Class of rows that concern content or people.

    Needs a key with the scope retention:manage. raises: HubError. source: POST
    /api/v1/retention/{row_class}/{uid}
    """
    from stemtide.protocol.law.retention.messages import KeptRowOut

    return Call(
        (KeptRowOut,), "POST", f"/api/v1/retention/{part(row_class)}/{part(uid)}", body=body
    )


def hold_row(body: LegalHoldIn, *, row_class: RowClass, uid: UUID | str) -> Call[KeptRowOut]:
    """Stop the erasure of a row.

    row_class: Class of rows that concern content or people.

    Needs a key with the scope retention:manage. raises: HubError. source: POST
    /api/v1/retention/{row_class}/{uid}/hold
    """
    from stemtide.protocol.law.retention.messages import KeptRowOut

    return Call(
        (KeptRowOut,), "POST", f"/api/v1/retention/{part(row_class)}/{part(uid)}/hold", body=body
    )


def read_kept_row(*, row_class: RowClass, uid: UUID | str) -> Call[KeptRowOut]:
    """Return why your party keeps a row, until when, and what stops its erasure.

    row_class: Class of rows that concern content or people.

    Needs a key with the scope retention:manage. raises: HubError. source: GET
    /api/v1/retention/{row_class}/{uid}
    """
    from stemtide.protocol.law.retention.messages import KeptRowOut

    return Call((KeptRowOut,), "GET", f"/api/v1/retention/{part(row_class)}/{part(uid)}")


def read_retention(
    *, row_class: RowClass | None = None, stopped: bool | None = None
) -> Call[RetentionOverview]:
    """Return what your party keeps, and until when. `stopped`: only what something stops.

    Needs a key with the scope retention:manage. raises: HubError. source: GET /api/v1/retention
    """
    from stemtide.protocol.law.retention.messages import RetentionOverview

    return Call(
        (RetentionOverview,),
        "GET",
        "/api/v1/retention",
        query={"row_class": row_class, "stopped": stopped},
    )
