# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: records.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call

if TYPE_CHECKING:
    from stemtide.protocol.enums.rights import DataLaw
    from stemtide.protocol.law.records.messages import RecordsOut


def read_processing_records(*, law: DataLaw | None = None) -> Call[RecordsOut]:
    """Return your party's records of processing activities, by the law that binds it.

    Needs a key with the scope retention:manage. raises: HubError. source: GET
    /api/v1/processing-records
    """
    from stemtide.protocol.law.records.messages import RecordsOut

    return Call((RecordsOut,), "GET", "/api/v1/processing-records", query={"law": law})
