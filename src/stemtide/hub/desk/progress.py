# SPDX-License-Identifier: Apache-2.0
"""How far referrals came and, on a page of its own, how far orders did: figures, charts, CSV."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language_info, gettext as _
from django.views.decorators.http import require_safe

from stemtide.hub.desk import progress_charts as charts, progress_words as words
from stemtide.hub.desk.people import SignedInRequest, signed_in
from stemtide.hub.desk.progress_forms import ProgressForm, usual
from stemtide.hub.desk.refusals import in_words
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.desk.words import ideology_title
from stemtide.hub.parties.rules import RefusalError
from stemtide.hub.reports import (
    reads_orders,
    reads_referrals,
    rules_progress as rules,
    rules_yearly,
)
from stemtide.protocol.progress import (
    OrderFigures,
    OrderProgress,
    ReferralFigures,
    ReferralProgress,
    Times,
)
from stemtide.protocol.progress_table import progress_csv
from stemtide.protocol.words import PartyKind
from stemtide.protocol.words_progress import ProgressBy

Progress = ReferralProgress | OrderProgress
Figures = ReferralFigures | OrderFigures


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. cells: its counts in the order of the heads; took: the times."""

    name: str
    cells: list[int | None]
    took: Times


@require_safe
@signed_in
def referrals(request: SignedInRequest) -> HttpResponse:
    """How far referrals came."""
    return _page(request, "referrals", subject=rules.REFERRALS, read=reads_referrals.referrals)


@require_safe
@signed_in
def orders(request: SignedInRequest) -> HttpResponse:
    """How far removal orders came: apart from referrals."""
    return _page(request, "orders", subject=rules.ORDERS, read=reads_orders.orders)


def _page(
    request: SignedInRequest, what: str, *, subject: rules.Subject, read: Callable[..., Progress]
) -> HttpResponse:
    """The figures that were asked for; or the form, with what is wrong with it."""
    now, kind = datetime.now(UTC), PartyKind(request.user.party.kind)
    zone = timezone.get_current_timezone_name()
    default = usual(kind, subject=subject, today=timezone.localdate(now))
    sent = request.GET if "from" in request.GET else default | request.GET.dict()
    form = ProgressForm(sent, owns=kind in subject.own)
    found: Progress | None = None
    if form.is_valid():
        try:
            found = read(form.asked(zone=zone), viewer=request.user.party, now=now)
        except RefusalError as error:
            form.add_error(None, in_words(error))
    form.mark_errors()
    if found is not None and request.GET.get("as") == "csv":
        return _csv(found, what)
    facts: dict[str, object] = {"form": form, "what": what, "now": now, "found": found}
    facts["has_yearly"] = rules_yearly.allows(rules_yearly.form_for, kind)
    if found is not None:
        facts |= _facts(found, titles=titles_of(request)) | {"query": request.GET.urlencode()}
    return render(request, "desk/progress/page.html", facts, status=200 if found else 422)


def _csv(found: Progress, what: str) -> HttpResponse:
    """The figures as a table to take along."""
    rows = [row.model_dump() for row in found.rows]
    answer = HttpResponse(progress_csv(found.total.model_dump(), rows), content_type="text/csv")
    name = f"{what}-{found.asked.first}-{found.asked.last}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _facts(found: Progress, *, titles: Mapping[str, str]) -> dict[str, object]:
    """What the page shows of figures."""
    total = found.total
    if isinstance(total, ReferralFigures):
        steps, outcomes, beside = (
            *(words.REFERRAL_STEPS, words.REFERRAL_OUTCOMES),
            words.REFERRAL_BESIDE,
        )
        whole, took, reasons = total.referred, total.to_removal, total.refusals
        times = [(_("Until acknowledged"), total.to_acknowledge), (_("Until removed"), took)]
    else:
        steps, outcomes, beside = words.ORDER_STEPS, words.ORDER_OUTCOMES, words.ORDER_BESIDE
        whole, took, reasons = total.issued, total.to_execute, total.grounds
        times = [(_("From receipt to execution"), took)]
    counts = _counts(total)
    return {
        "total": total,
        "is_empty": not any(one != 0 for one in _told(counts, steps).values()),
        "steps": charts.bars(steps, _told(counts, steps), whole=None),
        "outcomes": charts.bars(outcomes, counts, whole=whole),
        "beside": [
            (word, count) for name, word in beside.items() for count in _beside(counts, name)
        ],
        "times": times,
        "reasons": charts.bars(
            {
                reason.name: words.REASONS.get(reason.name, reason.name or _("not said"))
                for reason in reasons
            },
            {reason.name: reason.count for reason in reasons},
            whole=None,
        ),
        "columns": charts.columns(found.spans),
        "heads": [word for name, word in steps.items() if name in _told(counts, steps)],
        "rows": [_row(row, found, steps=list(steps), titles=titles) for row in found.rows],
        "sum": _row(total, found, steps=list(steps), titles=titles),
        "is_withheld": not found.spans and any(counts[name] is None for name in outcomes),
        "by": words.BY[found.asked.by] if found.asked.by else "",
    }


def _counts(figures: Figures) -> dict[str, int | None]:
    """The counts of figures by name, with those that were removed or disabled together."""
    told = {
        name: value
        for name, value in figures.model_dump().items()
        if value is None or isinstance(value, int)
    }
    if isinstance(figures, ReferralFigures):
        is_told = figures.removed is not None and figures.disabled is not None
        told["gone"] = (figures.removed or 0) + (figures.disabled or 0) if is_told else None
    return told


def _told(counts: Mapping[str, int | None], steps: Mapping[str, object]) -> dict[str, int | None]:
    """The counts of the steps; without what went before sending, where that is not the reader's."""
    hides = counts.get("assessed", 0) is None
    return {name: counts[name] for name in steps if not (hides and name in {"assessed", "decided"})}


def _beside(counts: Mapping[str, int | None], name: str) -> list[int | None]:
    """A count that stands by itself, if it is the reader's, and if anybody looked."""
    is_senders = counts.get("assessed", 0) is None and name == "not_referred"
    is_unseen = name == "came_back" and counts[name] is None
    return [] if is_senders or is_unseen else [counts[name]]


def _row(figures: Figures, found: Progress, *, steps: list[str], titles: Mapping[str, str]) -> Row:
    """Figures as a row of the table."""
    counts = _counts(figures)
    shown = _told(_counts(found.total), dict.fromkeys(steps))
    took = figures.to_removal if isinstance(figures, ReferralFigures) else figures.to_execute
    name = _name(figures.name, found.asked.by, titles=titles)
    return Row(name=name, cells=[counts[step] for step in shown], took=took)


def _name(name: str, by: ProgressBy | None, *, titles: Mapping[str, str]) -> str:
    """What people read for the name of a row."""
    if not name:
        return _("not known")
    if by in {ProgressBy.PROVIDER, ProgressBy.AUTHORITY}:
        return titles.get(name, name)
    if by is ProgressBy.CONTENT_TYPE:
        return str(words.CONTENT_TYPES.get(name, name))
    return ideology_title(name) if by is ProgressBy.IDEOLOGY else _language(name)


def _language(code: str) -> str:
    """A language by its name and its code; by its code alone where Django knows no name."""
    try:
        return f"{get_language_info(code)['name_translated']} ({code})"
    except KeyError:
        return code
