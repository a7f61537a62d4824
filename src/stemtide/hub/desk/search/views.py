# SPDX-License-Identifier: Apache-2.0
"""The search page, and the results that the palette shows while somebody types."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.search import finders, pages
from stemtide.hub.desk.search.rates import count_heavy_search
from stemtide.hub.desk.search.results import HitKind, KindGroup
from stemtide.hub.desk.selection.offered import offered
from stemtide.hub.platform.errors import InvalidError
from stemtide.protocol.messages.search import (
    MAX_QUERY,
    MIN_TEXT,
    Recognised,
    ResultKind,
    asks_for_similar,
)

QUICK = 5
"""Results of one kind in the palette."""

READ_AS = {
    Recognised.ID: _("ID"),
    Recognised.HASH: _("fingerprint"),
    Recognised.PREFIX: _("beginning of a fingerprint or an ID"),
    Recognised.HOST: _("host"),
    Recognised.ADDRESS: _("web address"),
    Recognised.LABEL: _("label"),
    Recognised.TEXT: _("words"),
}


@require_safe
@signed_in
def search(request: SignedInRequest) -> HttpResponse:
    """Show the findings, or the empty form."""
    query = request.GET.get("q", "")
    context: dict[str, object] = {"now": datetime.now(UTC), "q": query}
    if not query.strip():
        return render(request, "desk/search/search.html", context)
    if asks_for_similar(query):
        count_heavy_search(request)
    kind = request.GET.get("kind", "")
    page = request.GET.get("page", "1")
    try:
        findings = finders.find(
            query,
            by=actor_of(request),
            kind=ResultKind(kind) if kind in set(ResultKind) else None,
            page=int(page) if page.isdigit() and 0 < len(page) < 5 and int(page) else 1,  # noqa: PLR2004  # pages
        )
    except InvalidError as error:
        context["error"] = field_error_text(error)
        return render(request, "desk/search/search.html", context, status=422)
    context |= {
        "bulk_acts": offered(actor_of(request)),
        "found": findings.found,
        "read_as": _("file reference")
        if findings.is_reference
        else READ_AS[findings.found.recognised],
        "groups": findings.groups,
    }
    return render(request, "desk/search/search.html", context)


@require_safe
@signed_in
def quick(request: SignedInRequest) -> HttpResponse:
    """Render the first results of each kind, for the palette: pages alone for a short query."""
    query = request.GET.get("q", "").strip()[:MAX_QUERY]
    by = actor_of(request)
    if len(query) < MIN_TEXT:
        groups = [KindGroup(HitKind.PAGES, pages.by_words(query, by=by))]
    else:
        groups = finders.find(query, by=by, is_quick=True).groups
    shown = [KindGroup(group.kind, group.results[:QUICK]) for group in groups if group.results]
    context = {"q": query, "groups": shown if query else groups}
    return render(request, "desk/search/_results.html", context)
