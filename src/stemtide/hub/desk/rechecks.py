# SPDX-License-Identifier: Apache-2.0
"""Re-checks at the desk: is it gone, did it come back, was it uploaded again; a visit now."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.navigation import address
from stemtide.hub.desk.people import SignedInRequest, actor_of, carry_out, signed_in, writing
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import allows
from stemtide.hub.rechecks import reads, rules, writes
from stemtide.protocol.rechecks import RecheckOut
from stemtide.protocol.words_rechecks import RequestKind, Verdict

FILTERS = ("", "returned", "there", "gone", "unclear", "met")
"""What the list can be narrowed to: all, what came back, by last verdict, what agents met again."""


@dataclass(frozen=True, slots=True)
class RecheckRow:
    """One re-check. stands: its last verdict, or that it came back; "" before the first visit.

    address: of its request's page; "" where this hub has none.
    others:  uploads that the parties named met again, most first.
    """

    recheck: RecheckOut
    stands: str
    may_ask: bool
    address: str
    others: list[tuple[str, int]]


def of_request(
    request: SignedInRequest, *, referral: UUID | None = None, order: UUID | None = None
) -> list[RecheckRow]:
    """The re-checks of one referral or order, for the block on its page."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.rechecks(viewer=by.party, referral=referral, order=order)
    return [_row(one, by=by, now=now) for one in found]


@require_safe
@signed_in
def rechecks(request: SignedInRequest) -> HttpResponse:
    """All re-checks that the reader's party may see."""
    return render(request, "desk/rechecks/rechecks.html", _facts(request))


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """The same list, to swap in."""
    return render(request, "desk/rechecks/_list.html", _facts(request))


@require_safe
@signed_in
def recheck(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """One re-check, with every visit."""
    by, now = actor_of(request), datetime.now(UTC)
    row = _row(reads.recheck(uid, viewer=by.party), by=by, now=now)
    facts = {"now": now, "titles": titles_of(request), "row": row, "rechecks": [row]}
    return render(request, "desk/rechecks/recheck.html", facts)


@require_POST
@signed_in
@writing
def ask(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Ask for a visit now, and lead back to the page that it was asked on."""
    by = actor_of(request)
    found = reads.recheck(uid, viewer=by.party)
    carry_out(
        request,
        lambda: writes.ask(uid, by=by, now=datetime.now(UTC)),
        done=_("The hub visits the address within seconds. See here what it finds."),
    )
    there = _address(found) if request.POST.get("back") == "request" else ""
    return redirect(there or address("recheck", uid))


def _facts(request: SignedInRequest) -> dict[str, object]:
    """What the list shows."""
    by, now = actor_of(request), datetime.now(UTC)
    asked = request.GET.get("show", "")
    asked = asked if asked in FILTERS else ""
    verdict = Verdict(asked) if asked in set(Verdict) else None
    returned = True if asked == "returned" else None
    found = reads.rechecks(viewer=by.party, verdict=verdict, returned=returned)
    if not asked:  # what is there, though it was said to be gone, stands on top
        there = reads.rechecks(viewer=by.party, verdict=Verdict.THERE)
        found = [*there, *(one for one in found if one.verdict is not Verdict.THERE)]
    rows = [_row(one, by=by, now=now) for one in found]
    if asked == "met":
        rows = [row for row in rows if row.recheck.met_again and row.recheck.met_again.total]
    return {
        "now": now,
        "titles": titles_of(request),
        "rows": rows,
        "asked": asked,
        "query": request.GET.urlencode(),
    }


def _row(found: RecheckOut, *, by: Actor, now: datetime) -> RecheckRow:
    """A re-check, and what the reader may do with it."""
    may_ask = allows(
        rules.check_ask,
        role=by.role,
        is_side=by.name in {found.requested_by, found.provider},
        is_over=found.ended_at is not None,
        visited_at=found.visits[0].at if found.visits else None,
        next_at=found.next_at,
        now=now,
    )
    stands = found.verdict or ""
    if found.returned_at is not None and stands == Verdict.THERE:
        stands = "returned"
    met = found.met_again.providers if found.met_again else {}
    return RecheckRow(
        recheck=found,
        stands=stands,
        may_ask=may_ask,
        address=_address(found),
        others=sorted(met.items(), key=lambda one: (-one[1], one[0])),
    )


def _address(found: RecheckOut) -> str:
    """The page of a re-check's request."""
    name = "referral" if found.kind is RequestKind.REFERRAL else "order"
    return address(name, found.request)
