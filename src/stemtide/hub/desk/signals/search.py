# SPDX-License-Identifier: Apache-2.0
"""The search page, over everything that its reader may see."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.searches import count_heavy_search
from stemtide.hub.desk.situation.leads import may_read_leads
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.situation.reads import search as reads
from stemtide.protocol.messages.search import Recognised, ResultKind, asks_for_similar

KINDS = {
    ResultKind.CRISES: _("Crises"),
    ResultKind.SIGNALS: _("Signals"),
    ResultKind.MESSAGES: _("Messages of situation logs"),
    ResultKind.LEADS: _("Leads to a threat to life"),
}
TAKEN_FOR = {
    Recognised.ID: _("an id"),
    Recognised.HASH: _("a fingerprint"),
    Recognised.ADDRESS: _("a web address, in whatever spelling"),
    Recognised.LABEL: _("a label"),
    Recognised.TEXT: _("text"),
}


@require_safe
@signed_in
def search(request: SignedInRequest) -> HttpResponse:
    """Show the findings, or the empty form."""
    query = request.GET.get("q", "")
    context: dict[str, object] = {"now": datetime.now(UTC), "q": query}
    if not query.strip():
        return render(request, "desk/search.html", context)
    if asks_for_similar(query):
        count_heavy_search(request)
    kind = request.GET.get("kind", "")
    page = request.GET.get("page", "1")
    try:
        search_out = reads.search(
            query,
            viewer=request.user.party,
            leads=may_read_leads(actor_of(request)),
            kind=ResultKind(kind) if kind in set(ResultKind) else None,
            page=int(page) if page.isdigit() and 0 < len(page) < 5 and int(page) else 1,  # noqa: PLR2004  # pages
        )
    except InvalidError as error:
        return render(
            request, "desk/search.html", context | {"error": field_error_text(error)}, status=422
        )
    context |= {
        "found": search_out,
        "taken_for": TAKEN_FOR[search_out.recognised],
        "groups": [(KINDS[group.kind], group) for group in search_out.groups],
    }
    return render(request, "desk/search.html", context)
