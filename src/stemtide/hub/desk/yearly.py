# SPDX-License-Identifier: Apache-2.0
"""The yearly report of one's party: what its rows tell, and what people write into it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in, writing
from stemtide.hub.desk.refusals import without_field
from stemtide.hub.desk.yearly_forms import AskedForm, LinesForm
from stemtide.hub.parties.rules import InvalidError
from stemtide.hub.reports import paper, reads_yearly, rules_yearly as rules, writes_yearly
from stemtide.protocol.words import PartyKind, Role
from stemtide.protocol.yearly import YearlyReport
from stemtide.protocol.yearly_table import yearly_csv

FILES = ("pdf", "csv", "json")
"""Forms in which a report is taken along."""


@require_safe
@signed_in
def yearly(request: SignedInRequest) -> HttpResponse:
    """The report of a year, as a page or as a file to take along."""
    now, zone = datetime.now(UTC), timezone.get_current_timezone_name()
    form = rules.form_for(PartyKind(request.user.party.kind))
    asked = _asked(request.GET, now=now, zone=zone)
    if not asked.is_valid():
        return render(request, "desk/progress/yearly.html", {"asked": asked}, status=422)
    found = _found(request, asked, now=now, zone=zone)
    if (as_ := request.GET.get("as")) in FILES:
        return _file(request, found, as_=as_)
    return _page(request, found, asked=asked, lines=LinesForm(form=form, found=found))


@require_POST
@signed_in
@writing
def write(request: SignedInRequest) -> HttpResponse:
    """Write what the hub cannot count."""
    now, zone = datetime.now(UTC), timezone.get_current_timezone_name()
    form = rules.form_for(PartyKind(request.user.party.kind))
    asked = _asked(request.POST, now=now, zone=zone)
    if not asked.is_valid():
        return render(request, "desk/progress/yearly.html", {"asked": asked}, status=422)
    lines = LinesForm(request.POST, form=form)
    year, is_exercise = asked.year, asked.is_exercise
    if lines.is_valid():
        try:
            writes_yearly.write_lines(
                year,
                lines=lines.lines(),
                by=actor_of(request),
                now=now,
                zone=zone,
                is_exercise=is_exercise,
            )
        except InvalidError as error:
            lines.add_error(error.field, without_field(error))
        else:
            messages.success(request, _("Written."))
            query = f"?year={year}" + ("&exercise=on" if is_exercise else "")
            return redirect(reverse("progress-yearly") + query)
    lines.mark_errors()
    found = _found(request, asked, now=now, zone=zone)
    return _page(request, found, asked=asked, lines=lines, status=422)


def _asked(sent: Mapping[str, object], *, now: datetime, zone: str) -> AskedForm:
    """Which year is asked for: the last one that is over, where nobody says."""
    years = rules.years(zone=zone, now=now)
    return AskedForm(
        sent if "year" in sent else {"year": years[min(1, len(years) - 1)]}, years=years
    )


def _found(request: SignedInRequest, asked: AskedForm, *, now: datetime, zone: str) -> YearlyReport:
    """The report that was asked for."""
    viewer = request.user.party
    return reads_yearly.yearly(
        asked.year, viewer=viewer, now=now, zone=zone, is_exercise=asked.is_exercise
    )


def _page(
    request: SignedInRequest,
    found: YearlyReport,
    *,
    asked: AskedForm,
    lines: LinesForm,
    status: int = 200,
) -> HttpResponse:
    """The report as a page."""
    facts = {
        "asked": asked,
        "found": found,
        "lines": lines,
        "files": FILES,
        "query": urlencode({"year": found.year} | ({"exercise": "on"} if found.exercise else {})),
        "has_yearly": True,
        "what": "yearly",
        "may_write": rules.allows(
            rules.check_write,
            kind=PartyKind(request.user.party.kind),
            role=Role(request.user.role),
        ),
    }
    return render(request, "desk/progress/yearly.html", facts, status=status)


def _file(request: SignedInRequest, found: YearlyReport, *, as_: str) -> HttpResponse:
    """The report to take along."""
    if as_ == "pdf":
        made = HttpResponse(
            paper.yearly_pdf(found, title=request.user.party.title), content_type="application/pdf"
        )
    elif as_ == "csv":
        made = HttpResponse(yearly_csv(found), content_type="text/csv")
    else:
        made = HttpResponse(found.model_dump_json(indent=2), content_type="application/json")
    name = f"{found.form}-{found.year}.{as_}"
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made
