# SPDX-License-Identifier: Apache-2.0
"""The propagation of signals: of one signal to its recipients, and of days by party."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from pydantic import BaseModel, RootModel

from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.signals import names
from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.propagation import reads, rules
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.files.propagation import days_csv, recipients_csv
from stemtide.protocol.sync.propagation import PropagationDayOut

_WEEK = timedelta(days=6)
_Days = RootModel[list[PropagationDayOut]]


class DaysForm(DeskForm):
    """The days of the page, sent as a query string so that each page has a URL."""

    exercise = forms.BooleanField(label=_("Show exercises instead"), required=False)

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(*args, **named)
        day = {"type": "date"}
        self.fields = {
            "from": forms.DateField(label=_("From"), widget=forms.DateInput(day, "%Y-%m-%d")),
            "to": forms.DateField(
                label=_("To (inclusive)"), widget=forms.DateInput(day, "%Y-%m-%d")
            ),
            **self.fields,
        }


@require_safe
@signed_in
@reads_replica
def days(request: SignedInRequest) -> HttpResponse:
    """Show how long shares and withdrawals took to reach agents, by party and day."""
    today = datetime.now(UTC).date()
    default = {"from": (today - _WEEK).isoformat(), "to": today.isoformat()}
    form = DaysForm(default | request.GET.dict())
    rows: list[PropagationDayOut] | None = None
    if form.is_valid():
        query = form.cleaned_data
        try:
            rows = reads.days(
                query["from"], query["to"], viewer=request.user.party, exercise=query["exercise"]
            )
        except RefusalError as error:
            form.add_refusal(error)
    if rows is not None and (download := _download(request, _Days(rows), csv=days_csv(rows))):
        return download
    context = {
        "form": form,
        "rows": rows,
        "titles": party_titles(),
        "query": urlencode({name: value for name, value in form.data.items() if name != "as"}),
    }
    return render(request, "desk/propagation.html", context, status=422 if rows is None else 200)


@require_safe
@signed_in
@reads_replica
def recipients(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show when each recipient that the viewer may see had a signal."""
    viewer = request.user.party
    spread = reads.signal_propagation(uid, viewer=viewer)
    if download := _download(request, spread, csv=recipients_csv(spread)):
        return download
    context = {
        "propagation": spread,
        "content_name": names.signal_name(signals.several([uid], viewer=viewer)[0]),
        "titles": party_titles(),
        "kept_days": rules.KEEP_POSITIONS.days,
    }
    return render(request, "desk/signal_propagation.html", context)


def _download(request: SignedInRequest, rows: BaseModel, *, csv: str) -> HttpResponse | None:
    """Return the file that a request asks for; None if it asks for the page."""
    kind = request.GET.get("as")
    if kind == "csv":
        response = HttpResponse(csv, content_type="text/csv")
    elif kind == "json":
        response = HttpResponse(rows.model_dump_json(), content_type="application/json")
    else:
        return None
    response.headers["Content-Disposition"] = f'attachment; filename="propagation.{kind}"'
    return response
