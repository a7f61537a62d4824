# SPDX-License-Identifier: Apache-2.0
"""The endpoint of a party's records of processing activities."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.retention.reads.records import records_of
from stemtide.protocol.enums import Scope
from stemtide.protocol.enums.rights import DataLaw
from stemtide.protocol.law.records.messages import RecordsOut

router = Router(tags=["records"])


@router.get(
    "/processing-records",
    **requires(Scope.RETENTION_MANAGE),
    response=RecordsOut,
    operation_id="read_processing_records",
)
def read(request: HttpRequest, *, law: DataLaw | None = None) -> HttpResponse:
    """Return your party's records of processing activities, by the law that binds it."""
    return answer(records_of(viewer=caller_of(request).party, now=now(), law=law))
