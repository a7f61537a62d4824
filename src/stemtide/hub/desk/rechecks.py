# SPDX-License-Identifier: Apache-2.0
"""Re-checks at the desk: whether content is gone, came back or was uploaded again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.actions import (
    Action,
    Offer,
    action_table,
    available,
    itself_blocked,
    itself_if,
    perform,
    sent_offer,
    why_not_yet,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.navigation import address
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.rechecks import reads, rules, writes
from stemtide.protocol.enums.rechecks import RequestKind, Verdict
from stemtide.protocol.messages.rechecks import RecheckOut

FILTERS = ("", "returned", "there", "gone", "unclear", "met")
"""Filters of the list: all, content that returned, by last verdict, content uploaded again."""


@dataclass(frozen=True, slots=True)
class RecheckRow:
    """One re-check. `status`: its last verdict, "returned", or "" before the first visit.

    address: of its request's page; "" if this hub has none.
    others:  providers that saw it uploaded again, most uploads first.
    """

    recheck: RecheckOut
    status: str
    offers: list[Offer]
    address: str
    others: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _PageFacts:
    """What the rules need of a re-check."""

    recheck: RecheckOut
    by: Actor
    now: datetime

    def check_visit(self) -> None:
        """Refuse a visit that the reader may not ask for now."""
        recheck = self.recheck
        rules.check_ask(
            role=self.by.role,
            is_side=self.by.name in {recheck.requested_by, recheck.provider},
            is_over=recheck.ended_at is not None,
            visited_at=recheck.visits[0].at if recheck.visits else None,
            next_at=recheck.next_at,
            now=self.now,
        )


ACTIONS = action_table(
    Action(
        "visit",
        MessageForm,
        writes.ask,
        gettext_lazy("The hub visits the address within seconds. See here what it finds."),
        itself_if(lambda page: allows(page.check_visit)),
        title=gettext_lazy("Check now"),
        blocked=itself_blocked(lambda page: why_not_yet(page.check_visit)),
    )
)


def of_request(
    request: SignedInRequest, *, referral: UUID | None = None, order: UUID | None = None
) -> list[RecheckRow]:
    """Return the re-checks of one referral or order, for the block on its page."""
    by, now = actor_of(request), datetime.now(UTC)
    recheck_rows = reads.rechecks(viewer=by.party, referral=referral, order=order)
    return [_row(recheck, by=by, now=now) for recheck in recheck_rows]


@require_safe
@signed_in
def rechecks(request: SignedInRequest) -> HttpResponse:
    """List all re-checks that the reader's party may see."""
    return render(request, "desk/rechecks/rechecks.html", _context(request))


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """Render the list, for HTMX to swap in."""
    return render(request, "desk/rechecks/_list.html", _context(request))


@require_safe
@signed_in
def recheck(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one re-check, with every visit."""
    by, now = actor_of(request), datetime.now(UTC)
    row = _row(reads.recheck(uid, viewer=by.party), by=by, now=now)
    context = {"now": now, "titles": party_titles(), "row": row, "rechecks": [row]}
    return render(request, "desk/rechecks/recheck.html", context)


@require_POST
@signed_in
@writers_only
def ask(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Ask for a visit now, and return to the page that it was asked on."""
    recheck_out = reads.recheck(uid, viewer=request.user.party)
    perform(request, sent_offer(request, ACTIONS, "visit"), uid)
    request_url = _address(recheck_out) if request.POST.get("back") == "request" else ""
    return redirect(request_url or address("recheck", uid))


def _context(request: SignedInRequest) -> dict[str, object]:
    """Return the template context of the list."""
    by, now = actor_of(request), datetime.now(UTC)
    requested = request.GET.get("show", "")
    requested = requested if requested in FILTERS else ""
    verdict = Verdict(requested) if requested in set(Verdict) else None
    returned = True if requested == "returned" else None
    recheck_rows = reads.rechecks(viewer=by.party, verdict=verdict, returned=returned)
    if not requested:  # content that is online although reported gone comes first
        present = reads.rechecks(viewer=by.party, verdict=Verdict.THERE)
        recheck_rows = [
            *present,
            *(recheck for recheck in recheck_rows if recheck.verdict is not Verdict.THERE),
        ]
    rows = [_row(recheck, by=by, now=now) for recheck in recheck_rows]
    if requested == "met":
        rows = [row for row in rows if row.recheck.met_again and row.recheck.met_again.total]
    return {
        "now": now,
        "titles": party_titles(),
        "rows": rows,
        "asked": requested,
        "query": request.GET.urlencode(),
    }


def _row(recheck_out: RecheckOut, *, by: Actor, now: datetime) -> RecheckRow:
    """Return a re-check with the actions that the reader may take."""
    page = _PageFacts(recheck_out, by, now)
    status = recheck_out.verdict or ""
    if recheck_out.returned_at is not None and status == Verdict.THERE:
        status = "returned"
    uploads = recheck_out.met_again.providers if recheck_out.met_again else {}
    return RecheckRow(
        recheck=recheck_out,
        status=status,
        offers=available(ACTIONS.values(), page),
        address=_address(recheck_out),
        others=sorted(uploads.items(), key=lambda upload: (-upload[1], upload[0])),
    )


def _address(recheck_out: RecheckOut) -> str:
    """Return the URL of the referral or order that a re-check belongs to."""
    name = "referral" if recheck_out.kind is RequestKind.REFERRAL else "order"
    return address(name, recheck_out.request)
