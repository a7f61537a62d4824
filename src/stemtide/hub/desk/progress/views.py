# SPDX-License-Identifier: Apache-2.0
"""Statistics of referrals and, on a page of its own, of orders: figures, charts, CSV."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language_info, gettext as _
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.desk.labels import ideology_title, progress as labels_progress
from stemtide.hub.desk.progress import charts
from stemtide.hub.desk.progress.forms import ProgressForm, default_query
from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.parties.reads.parties import Viewer, party_titles
from stemtide.hub.rooms.reports.reads import orders as orders_reads, referrals as referrals_reads
from stemtide.hub.rooms.reports.rules import dsa, progress as rules, yearly
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.progress import ProgressBy, ProgressOf
from stemtide.protocol.files.progress import progress_csv
from stemtide.protocol.messages.progress import (
    OrderFigures,
    OrderProgress,
    ProgressQuery,
    ReferralFigures,
    ReferralProgress,
    Times,
)

Progress = ReferralProgress | OrderProgress
Figures = ReferralFigures | OrderFigures


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """One row of the table. cells: its counts in the order of the heads; took: durations."""

    name: str
    cells: list[int | None]
    took: Times


@require_safe
@signed_in
@reads_replica
def referrals(request: SignedInRequest) -> HttpResponse:
    """Show the statistics of referrals."""
    return _page(request, "referrals", subject=rules.REFERRALS, read=referrals_reads.referrals)


@require_safe
@signed_in
@reads_replica
def orders(request: SignedInRequest) -> HttpResponse:
    """Show the statistics of removal orders, apart from referrals."""
    return _page(request, "orders", subject=rules.ORDERS, read=orders_reads.orders)


def _page(
    request: SignedInRequest,
    subject_name: str,
    *,
    subject: rules.Subject,
    read: Callable[..., Progress],
) -> HttpResponse:
    """Render the requested figures; or the form with its errors."""
    now, kind = datetime.now(UTC), PartyKind(request.user.party.kind)
    zone = timezone.get_current_timezone_name()
    default = default_query(kind, subject=subject, today=timezone.localdate(now))
    query = request.GET if "from" in request.GET else default | request.GET.dict()
    form = ProgressForm(query, owns=kind in subject.own)
    progress: Progress | None = None
    if form.is_valid():
        try:
            progress = read(form.query(zone=zone), viewer=request.user.party, now=now)
        except RefusalError as error:
            form.add_refusal(error)
    if progress is not None and request.GET.get("as") == "csv":
        return _csv(progress, subject_name)
    context: dict[str, object] = {"form": form, "what": subject_name, "now": now, "found": progress}
    context["has_yearly"] = allows(yearly.form_for, kind)
    context["has_dsa"] = allows(dsa.check_party, kind)
    if progress is not None:
        earlier = _before(progress.asked, read=read, viewer=request.user.party, now=now)
        context |= _figures_context(progress, titles=party_titles(), earlier=earlier) | {
            "query": request.GET.urlencode(),
            "earlier": earlier,
        }
    return render(request, "desk/progress/page.html", context, status=200 if progress else 422)


def _before(
    query: ProgressQuery, *, read: Callable[..., Progress], viewer: Viewer, now: datetime
) -> Progress | None:
    """Return the figures to compare with; None if there are none.

    They are of the same days a year before, or for all parties of the quarter before.
    """
    if query.of is ProgressOf.ALL:
        first, last = rules.last_quarter(query.first)
    else:
        first, last = _year_before(query.first), _year_before(query.last)
    try:
        changes = {"first": first, "last": last, "by": None}
        return read(query.model_copy(update=changes), viewer=viewer, now=now)
    except RefusalError:
        return None


def _year_before(day: date) -> date:
    """Return the same day a year before; the 28th for 29 February."""
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


def _csv(progress: Progress, subject_name: str) -> HttpResponse:
    """Return the figures as a CSV download."""
    rows = [row.model_dump() for row in progress.rows]
    response = HttpResponse(
        progress_csv(progress.total.model_dump(), rows), content_type="text/csv"
    )
    name = f"{subject_name}-{progress.asked.first}-{progress.asked.last}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _figures_context(
    progress: Progress, *, titles: Mapping[str, str], earlier: Progress | None
) -> dict[str, object]:
    """Return the template context of the figures."""
    total = progress.total
    before = _counts(earlier.total) if earlier is not None else {}
    if isinstance(total, ReferralFigures):
        steps, outcomes = labels_progress.REFERRAL_STEPS, labels_progress.REFERRAL_OUTCOMES
        extra_labels = labels_progress.REFERRAL_BESIDE
        whole, took, reasons = total.referred, total.to_removal, total.refusals
        times = [(_("Until acknowledged"), total.to_acknowledge), (_("Until removed"), took)]
    else:
        steps, outcomes = labels_progress.ORDER_STEPS, labels_progress.ORDER_OUTCOMES
        extra_labels = labels_progress.ORDER_BESIDE
        whole, took, reasons = total.issued, total.to_execute, total.grounds
        times = [(_("From receipt to execution"), took)]
    counts = _counts(total)
    return {
        "total": total,
        "is_empty": not any(count != 0 for count in _visible_counts(counts, steps).values()),
        "steps": charts.bars(steps, _visible_counts(counts, steps), whole=None, before=before),
        "outcomes": charts.bars(outcomes, counts, whole=whole, before=before),
        "beside": [
            (word, count)
            for name, word in extra_labels.items()
            for count in _extra_count(counts, name)
        ],
        "times": times,
        "reasons": charts.bars(
            {
                reason.name: labels_progress.REASONS.get(reason.name, reason.name or _("not said"))
                for reason in reasons
            },
            {reason.name: reason.count for reason in reasons},
            whole=None,
        ),
        "columns": charts.columns(progress.spans),
        "heads": [word for name, word in steps.items() if name in _visible_counts(counts, steps)],
        "rows": [_row(row, progress, steps=list(steps), titles=titles) for row in progress.rows],
        "sum": _row(total, progress, steps=list(steps), titles=titles),
        "is_withheld": not progress.spans and any(counts[name] is None for name in outcomes),
        "by": labels_progress.BY[progress.asked.by] if progress.asked.by else "",
    }


def _counts(figures: Figures) -> dict[str, int | None]:
    """Return counts by name, with removed and disabled added up."""
    counts = {
        name: value
        for name, value in figures.model_dump().items()
        if value is None or isinstance(value, int)
    }
    if isinstance(figures, ReferralFigures):
        is_visible = figures.removed is not None and figures.disabled is not None
        counts["gone"] = (figures.removed or 0) + (figures.disabled or 0) if is_visible else None
    return counts


def _visible_counts(
    counts: Mapping[str, int | None], steps: Mapping[str, object]
) -> dict[str, int | None]:
    """Return the counts of the steps; without those before sending if they are withheld."""
    hides = counts.get("assessed", 0) is None
    return {name: counts[name] for name in steps if not (hides and name in {"assessed", "decided"})}


def _extra_count(counts: Mapping[str, int | None], name: str) -> list[int | None]:
    """Return a count outside the steps as a list of one; empty if withheld or not measured."""
    is_senders = counts.get("assessed", 0) is None and name == "not_referred"
    is_unseen = name == "came_back" and counts[name] is None
    return [] if is_senders or is_unseen else [counts[name]]


def _row(
    figures: Figures, progress: Progress, *, steps: list[str], titles: Mapping[str, str]
) -> ProgressRow:
    """Return figures as a row of the table."""
    counts = _counts(figures)
    visible = _visible_counts(_counts(progress.total), dict.fromkeys(steps))
    took = figures.to_removal if isinstance(figures, ReferralFigures) else figures.to_execute
    name = _name(figures.name, progress.asked.by, titles=titles)
    return ProgressRow(name=name, cells=[counts[step] for step in visible], took=took)


def _name(name: str, by: ProgressBy | None, *, titles: Mapping[str, str]) -> str:
    """Return the display name of a row."""
    if not name:
        return _("not known")
    if by in {ProgressBy.PROVIDER, ProgressBy.AUTHORITY}:
        return titles.get(name, name)
    if by is ProgressBy.CONTENT_TYPE:
        return str(labels_progress.CONTENT_TYPES.get(name, name))
    return ideology_title(name) if by is ProgressBy.IDEOLOGY else _language(name)


def _language(code: str) -> str:
    """Return a language's name and code; the code alone if Django has no name for it."""
    try:
        return f"{get_language_info(code)['name_translated']} ({code})"
    except KeyError:
        return code
