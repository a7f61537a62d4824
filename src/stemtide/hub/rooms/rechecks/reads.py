# SPDX-License-Identifier: Apache-2.0
"""The only readers of re-checks: for those who see the referral or the order."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet, Sum

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.rechecks import rules
from stemtide.hub.rooms.rechecks.models import Recheck, Visit
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.signals.reads import sightings, signals
from stemtide.protocol.enums import Outcome, PartyKind
from stemtide.protocol.enums.rechecks import Reason, Verdict
from stemtide.protocol.messages.rechecks import MatchesSinceRemoval, RecheckOut, VisitOut

MAX_VISITS = 50
"""Maximum number of visits in a re-check's answer, the latest first."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One visit that was begun. taken: which one; is_asked: whether somebody asked for it."""

    uid: UUID
    taken: int
    url: str
    exercise: bool


def rechecks(
    *,
    viewer: Party,
    referral: UUID | None = None,
    order: UUID | None = None,
    verdict: Verdict | None = None,
    returned: bool | None = None,
    limit: int = 200,
) -> list[RecheckOut]:
    """Return the re-checks that a party may see, the latest first.

    referral, order: only those of this request. returned: True for content that came back, False
        for all other.
    """
    visible = _visible(viewer)
    if referral is not None:
        visible = visible.filter(referral__uid=referral)
    if order is not None:
        visible = visible.filter(order__uid=order)
    if verdict is not None:
        visible = visible.filter(verdict=verdict)
    if returned is not None:
        visible = visible.filter(returned_at__isnull=not returned)
    rows = visible.order_by("-since", "place", "-pk")[:limit]
    return [describe(row, viewer=viewer) for row in rows]


def recheck(uid: UUID, *, viewer: Party) -> RecheckOut:
    """Return a re-check that the viewer may see.

    raises: NotFoundError, also for a re-check that the viewer may not see.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Recheck:
    """Return the row of a re-check, for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no re-check {uid} that your party may see", uid=uid)
    return row


def is_side(row: Recheck, *, viewer: Party) -> bool:
    """Whether a party is one of the two sides of a re-check's request."""
    return viewer.pk in {side.pk for side in sides(row)}


def sides(row: Recheck) -> tuple[Party, ...]:
    """Return the requester, unless it is no party, and the provider. by: who reads it."""
    request = row.request
    if isinstance(request, Order):
        return *request.issuers, request.addressee
    return request.sender, request.provider


def visited_at(row: Recheck) -> datetime | None:
    """Return when an address was visited last; None if it was not."""
    latest = row.visits.first()
    return latest.at if latest else None


def errand(row: Recheck) -> Errand:
    """Return a visit that has just begun. by: who makes it."""
    return Errand(uid=row.uid, taken=row.taken, url=row.url, exercise=row.exercise)


def met(request: Referral | Order) -> dict[str, int]:
    """Return how many uploads of a request's linked signals agents have matched, by party."""
    return sightings.match_counts(list(request.signals.values_list("uid", flat=True)))


@needs_no_viewer("the scheduler reads for all parties")
def newly_met() -> list[Recheck]:
    """Return re-checks whose linked signals agents have matched, if that is not recorded yet.

    One query for those of referrals and one for those of orders, however many there are.
    """
    rechecks_met: list[Recheck] = []
    for of in ("referral", "order"):
        signals = f"{of}__signals"
        is_met = ~Q(**{f"{signals}__sightings__outcome": Outcome.REVERSED})
        rows = Recheck.objects.filter(ended_at=None, met_at=None, **{f"{signals}__isnull": False})
        summed = rows.annotate(met=Sum(f"{signals}__sightings__count", filter=is_met))
        rechecks_met += [
            row
            for row in summed.filter(met__gt=0).select_related(of).order_by("pk")
            if row.met > sum(row.met_before.values())
        ]
    return rechecks_met


def describe(row: Recheck, *, viewer: Party) -> RecheckOut:
    """Return a re-check as the message of the API."""
    request = row.request
    return RecheckOut(
        id=row.uid,
        kind=row.kind,
        request=request.uid,
        reference=request.reference,
        requested_by=request.issuer_name if isinstance(request, Order) else request.sender.name,
        entered_by=request.entered_by if isinstance(request, Order) else "",
        provider=sides(row)[-1].name,
        url=row.url,
        since=row.since,
        verdict=Verdict(row.verdict) if row.verdict else None,
        reason=Reason(row.reason) if row.reason else None,
        gone_at=row.gone_at,
        returned_at=row.returned_at,
        next_at=row.next_at,
        ended_at=row.ended_at,
        exercise=row.exercise,
        met_again=_met_again(row, viewer=viewer),
        visits=[_visit(visit) for visit in list(row.visits.all())[:MAX_VISITS]],
    )


def _met_again(row: Recheck, *, viewer: Party) -> MatchesSinceRemoval | None:
    """Return how often agents met the linked signals since the removal.

    A provider sees itself and the total, as with every sighting. Who may not see all of the signals
    learns of no count, and not that there are any.
    """
    request = row.request
    if not request.signals.exists() or not _sees_signals(request, viewer=viewer):
        return None
    since = {name: count - int(row.met_before.get(name, 0)) for name, count in met(request).items()}
    shown = viewer.kind in COORDINATING
    return MatchesSinceRemoval(
        total=sum(since.values()),
        noted_at=row.met_at,
        providers={
            name: count
            for name, count in sorted(since.items())
            if count > 0 and (shown or name == viewer.name)
        },
    )


def told_of_met(row: Recheck) -> list[Party]:
    """Return the sides that are notified when agents meet the linked signals."""
    return [side for side in sides(row) if _sees_signals(row.request, viewer=side)]


def _sees_signals(request: Referral | Order, *, viewer: Party) -> bool:
    """Whether a party may see all signals that a request is linked to."""
    linked = set(request.signals.values_list("uid", flat=True))
    return signals.visible_by_uid(linked, viewer=viewer).keys() == linked


def _visit(row: Visit) -> VisitOut:
    """Return a visit as the message of the API."""
    return VisitOut(
        at=row.at,
        verdict=Verdict(row.verdict),
        reason=Reason(row.reason),
        status=row.status,
        hops=row.hops,
        size_bytes=row.size_bytes,
        digest=row.digest,
        content_type=row.content_type,
        asked_by=row.asked_by,
    )


def _visible(viewer: Party) -> QuerySet[Recheck]:
    """Return the re-checks that a party sees."""
    mine = Q(referral__sender=viewer) | Q(referral__provider=viewer)
    mine |= Q(order__issued_by=viewer) | Q(order__addressee=viewer)
    copied = Q(order__in=Order.objects.filter(copies__sent_to=viewer))
    if viewer.kind == PartyKind.AGENCY:  # which sees every referral, so that two are not sent
        mine |= Q(referral__isnull=False)
    return (
        Recheck.objects.filter(mine | copied)
        .select_related(
            *("referral__sender", "referral__provider", "order__issued_by", "order__addressee"),
            "order__entry__entered_by",
        )
        .prefetch_related(Prefetch("visits", Visit.objects.order_by("-at", "-pk")))
    )


@needs_no_viewer("the scheduler reads for all parties")
def claims(subjects: Collection[str]) -> list[Referral | Order]:
    """Return the requests that ledger subjects name. by: who reads for everyone."""
    named: dict[str, list[str]] = {"referral": [], "order": []}
    for subject in subjects:
        thing, _, uid = subject.partition(":")
        if thing in named:
            named[thing].append(uid)
    referrals = Referral.objects.filter(uid__in=named["referral"])
    orders = Order.objects.filter(uid__in=named["order"])
    return [
        *referrals.select_related("sender", "provider"),
        *orders.select_related("issued_by", "addressee", "entry").prefetch_related("addresses"),
    ]


def is_claimed(request: Referral | Order) -> bool:
    """Whether a provider says now that the content of a request is gone.

    An order that one side alone entered sends the hub to nobody's server.
    """
    if isinstance(request, Order):
        return request.state in rules.GONE_ORDERS and not request.is_of_one_side
    return request.state in rules.GONE_REFERRALS
