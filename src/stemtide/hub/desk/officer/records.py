# SPDX-License-Identifier: Apache-2.0
"""Records of processing activities: shown, and downloaded as JSON or CSV. Decision 0201."""

import csv
import io
from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.labels import label
from stemtide.hub.platform.permissions import check_may_see_rights_requests
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.retention.reads.records import records_of
from stemtide.protocol.enums.rights import DataLaw
from stemtide.protocol.law.records.messages import ActivityOut, RecordsOut
from stemtide.protocol.law.rights import rights


@require_safe
@signed_in
@reads_replica
def records(request: SignedInRequest) -> HttpResponse:
    """Show the records of the party; ?law= of another law, ?as=csv or ?as=json as a file."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_see_rights_requests(by.role)
    named, laws = request.GET.get("law", ""), rights().laws_of(by.kind)
    law = DataLaw(named) if named in laws else None
    record = records_of(viewer=by.party, now=now, law=law)
    file_format = request.GET.get("as", "")
    if file_format == "json":
        body = record.model_dump_json(indent=1)
        return _file(body, name=f"records-{by.name}.json", media_type="application/json")
    if file_format == "csv":
        return _file(_csv(record), name=f"records-{by.name}.csv", media_type="text/csv")
    context = {"record": record, "laws": laws}
    return render(request, "desk/officer/records.html", context)


def _csv(record: RecordsOut) -> str:
    """Return the records as CSV (RFC 4180) in the reader's language, one activity a line."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(
        [
            *(_("Controller"), _("Data protection officers"), _("Law"), _("Activity")),
            *(_("Purpose"), _("Legal basis"), _("Data subjects"), _("Personal data")),
            *(_("Recipients"), _("Months"), _("Months after the end"), _("Source")),
            *(_("Measures"), _("Records now"), _("Profiling")),
        ]
    )
    for activity in record.activities:
        writer.writerow(_line(record, activity))
    return out.getvalue()


def _line(record: RecordsOut, activity: ActivityOut) -> list[object]:
    """Return the cells of an activity."""
    return [
        record.title,
        "; ".join(record.officers),
        record.source,
        label(activity.row_class, "row-class"),
        label(activity.purpose, "retention-purpose"),
        "; ".join(
            f"{label(basis, 'legal-basis')} ({source})"
            for basis, source in zip(activity.bases, activity.basis_sources, strict=True)
        ),
        "; ".join(label(subject, "record-subject") for subject in activity.subjects),
        "; ".join(label(data, "record-data") for data in activity.data),
        "; ".join(label(kind, "party") for kind in activity.recipients),
        activity.months,
        activity.after_end,
        activity.term_source,
        "; ".join(label(measure, "record-measure") for measure in activity.measures),
        activity.rows,
        _("none") if record.profiling is False else "",
    ]


def _file(body: str, *, name: str, media_type: str) -> HttpResponse:
    """Return a response that downloads a file."""
    response = HttpResponse(body.encode(), content_type=f"{media_type}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
