# SPDX-License-Identifier: Apache-2.0
"""The page of the search, over everything that its reader may see."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from stemtide.hub.desk.leads import reads_them
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.refusals import without_field
from stemtide.hub.parties.rules import InvalidError
from stemtide.hub.situation import reads_search as reads
from stemtide.protocol.search import FoundKind, Recognised

KINDS = {
    FoundKind.CRISES: _("Crises"),
    FoundKind.SIGNALS: _("Signals"),
    FoundKind.MESSAGES: _("Messages of situation logs"),
    FoundKind.LEADS: _("Leads to a threat to life"),
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
    """What was found, or the empty form."""
    query = request.GET.get("q", "")
    facts: dict[str, object] = {"now": datetime.now(UTC), "q": query}
    if not query.strip():
        return render(request, "desk/search.html", facts)
    kind = request.GET.get("kind", "")
    page = request.GET.get("page", "1")
    try:
        found = reads.search(
            query,
            viewer=request.user.party,
            leads=reads_them(actor_of(request)),
            kind=FoundKind(kind) if kind in set(FoundKind) else None,
            page=int(page) if page.isdigit() and 0 < len(page) < 5 and int(page) else 1,  # noqa: PLR2004  # pages
        )
    except InvalidError as error:
        return render(
            request, "desk/search.html", facts | {"error": without_field(error)}, status=422
        )
    facts |= {
        "found": found,
        "taken_for": TAKEN_FOR[found.recognised],
        "groups": [(KINDS[one.kind], one) for one in found.groups],
    }
    return render(request, "desk/search.html", facts)
