# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: reports.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stemtide.client.call import Call, File, part

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from stemtide.protocol.messages.reports import (
        ActionIn,
        NoteIn,
        PublishIn,
        ReportOut,
        SectionIn,
        TimelineExport,
        TimelinePage,
    )


def add_debrief_action(body: ActionIn, *, uid: UUID | str) -> Call[ReportOut]:
    """Add an action of the debrief.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/reports/{uid}/actions
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "POST", f"/api/v1/reports/{part(uid)}/actions", body=body)


def add_debrief_note(body: NoteIn, *, uid: UUID | str) -> Call[ReportOut]:
    """Add a debrief note.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/reports/{uid}/notes
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "POST", f"/api/v1/reports/{part(uid)}/notes", body=body)


def agree_report(*, uid: UUID | str) -> Call[ReportOut]:
    """Agree to a report that you did not write.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/reports/{uid}/agree
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "POST", f"/api/v1/reports/{part(uid)}/agree")


def complete_debrief_action(*, uid: UUID | str, action: UUID | str) -> Call[ReportOut]:
    """Mark an action of your party as done.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/reports/{uid}/actions/{action}/done
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "POST", f"/api/v1/reports/{part(uid)}/actions/{part(action)}/done")


def export_timeline(
    *, uid: UUID | str, form: Literal["json", "pdf"] | None = None
) -> Call[TimelineExport | File]:
    """Export the complete timeline as JSON or PDF. The export is recorded in the ledger.

    form: If left out: "json".

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/timeline/export
    """
    from stemtide.protocol.messages.reports import TimelineExport

    return Call(
        (
            TimelineExport,
            File,
        ),
        "POST",
        f"/api/v1/crises/{part(uid)}/timeline/export",
        query={"form": form},
    )


def list_reports() -> Call[list[ReportOut]]:
    """List published reports that your party may read, latest first.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/reports
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((list[ReportOut],), "GET", "/api/v1/reports")


def open_report(*, uid: UUID | str) -> Call[ReportOut]:
    """Open the post-crisis report, or the next version of a published one.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/report
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "POST", f"/api/v1/crises/{part(uid)}/report")


def print_report(*, uid: UUID | str) -> Call[File]:
    """Download a report as PDF.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/reports/{uid}/pdf
    """
    return Call((File,), "GET", f"/api/v1/reports/{part(uid)}/pdf")


def publish_report(body: PublishIn, *, uid: UUID | str) -> Call[ReportOut]:
    """Publish an agreed report, which freezes its figures.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/reports/{uid}/publish
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "POST", f"/api/v1/reports/{part(uid)}/publish", body=body)


def read_latest_report(*, uid: UUID | str) -> Call[ReportOut]:
    """Retrieve the latest version of a crisis's report, for its participants.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}/report
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "GET", f"/api/v1/crises/{part(uid)}/report")


def read_report(*, uid: UUID | str) -> Call[ReportOut]:
    """Retrieve a report with its figures.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/reports/{uid}
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call((ReportOut,), "GET", f"/api/v1/reports/{part(uid)}")


def read_timeline(
    *,
    uid: UUID | str,
    after: int | None = None,
    limit: int | None = None,
    thing: list[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Call[TimelinePage]:
    """List the timeline of a crisis after a ledger number, oldest first.

    limit: If left out: 100.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/crises/{uid}/timeline
    """
    from stemtide.protocol.messages.reports import TimelinePage

    return Call(
        (TimelinePage,),
        "GET",
        f"/api/v1/crises/{part(uid)}/timeline",
        query={"after": after, "limit": limit, "thing": thing, "since": since, "until": until},
    )


def write_section(body: SectionIn, *, uid: UUID | str, name: str) -> Call[ReportOut]:
    """Write a section.

    Needs a key with the scope crises:write. raises: HubError. source: PUT
    /api/v1/reports/{uid}/sections/{name}
    """
    from stemtide.protocol.messages.reports import ReportOut

    return Call(
        (ReportOut,), "PUT", f"/api/v1/reports/{part(uid)}/sections/{part(name)}", body=body
    )
