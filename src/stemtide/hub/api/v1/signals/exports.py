# SPDX-License-Identifier: Apache-2.0
"""The endpoint that exports signals as a file."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router
from pydantic import AwareDatetime

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import CSV, JSON_LINES
from stemtide.hub.api.v1.feed import MAX_POSITION
from stemtide.hub.platform.postgresql.replica import reading, reading_each
from stemtide.hub.platform.request_threads import pull
from stemtide.hub.rooms.ledger.writes.reading import note_signals_exported
from stemtide.hub.rooms.signals.long_values import Row
from stemtide.hub.rooms.signals.reads import export as export_reads
from stemtide.hub.rooms.signals.reads.export import ExportFilter
from stemtide.protocol.enums import Scope
from stemtide.protocol.files.columns import HUB_HEADER, POSITION_HEADER
from stemtide.protocol.files.signal_rows import csv_heading, csv_rows, json_rows

router = Router(tags=["signals"])


class ExportFormat(StrEnum):
    """Export file format."""

    CSV = "csv"
    JSONL = "jsonl"


_MEDIA_TYPES = {ExportFormat.CSV: f"{CSV}; charset=utf-8", ExportFormat.JSONL: JSON_LINES}
_WRITERS: dict[ExportFormat, Callable[[list[Row]], bytes]] = {
    ExportFormat.CSV: lambda rows: csv_rows(rows).encode(),
    ExportFormat.JSONL: json_rows,
}
_FILE: dict[int, dict[str, Any]] = {
    200: {
        "description": "Signals, one a line, as they stood at the position in the header",
        "headers": {
            HUB_HEADER: {"schema": {"type": "string", "format": "uuid"}},
            POSITION_HEADER: {"schema": {"type": "integer"}},
        },
        "content": {
            JSON_LINES: {"schema": {"type": "object"}},
            CSV: {"schema": {"type": "string"}},
        },
    }
}


@router.get(
    "/signals/export",
    **requires(Scope.FEED_READ, responses=_FILE),
    operation_id="export_signals",
)
def export(
    request: HttpRequest,
    *,
    form: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.JSONL,
    crisis: UUID | None = None,
    kind: Annotated[list[Kind] | None, Query(max_length=len(Kind))] = None,
    after: Annotated[int, Query(ge=0, le=MAX_POSITION)] = 0,
    since: AwareDatetime | None = None,
    withdrawn: bool = False,
    exercise: bool = False,
) -> StreamingHttpResponse:
    """Export the signals that you may see as a file: all live ones, or a selection.

    after: only changes after a feed position; since: only changes after a time; withdrawn=1
    includes ended signals. The handling marks apply to everyone who receives the file.
    """
    selection = ExportFilter(
        crisis=crisis,
        kinds=tuple(kind or ()),
        after=after,
        since=since,
        exercise=exercise,
        ended=withdrawn,
    )
    by = caller_of(request).actor
    with reading():
        export_data = export_reads.export(selection, viewer=by.party)
    note_signals_exported(form.value, by=by, now=now())
    parts = reading_each(export_data.parts)
    first = next(parts, [])  # now, so that trouble is still a problem document
    head = csv_heading().encode() if form is ExportFormat.CSV else b""
    chunks = _serialised(parts, write=_WRITERS[form])
    answer = StreamingHttpResponse(
        pull(head + _WRITERS[form](first), chunks), content_type=_MEDIA_TYPES[form]
    )
    answer.headers[HUB_HEADER] = str(export_data.hub)
    answer.headers[POSITION_HEADER] = str(export_data.position)
    answer.headers["Content-Disposition"] = f'attachment; filename="signals.{form}"'
    return answer


def _serialised(
    parts: Iterator[list[Row]], *, write: Callable[[list[Row]], bytes]
) -> Iterator[bytes]:
    """Yield serialised parts without empty ones, which would be taken for the end."""
    for rows in parts:
        if rows:
            yield write(rows)
