# SPDX-License-Identifier: Apache-2.0
"""Read a provider's inbox: batches as one row each, waiting referrals, and earlier answers.

The name of a batch is for its sender only; the provider does not see it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Max, Min, Q, QuerySet, Value, When

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.reads.referrals import describe_all, whole
from stemtide.hub.rooms.referrals.rules.referrals import AWAITING
from stemtide.hub.rooms.signals.models import Sighting
from stemtide.hub.rooms.signals.reads import similar
from stemtide.protocol.enums import Outcome
from stemtide.protocol.enums.referrals import Answer, ReferralState, RefusalReason
from stemtide.protocol.messages.referrals import ReferralOut

_TURN = Case(
    When(state=ReferralState.SENT, then=Value(0)),
    When(state__in=AWAITING, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)
"""The order of referrals: unacknowledged, acknowledged but undecided, decided."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The part of a batch that was sent to one provider.

    first, last: file references. sent_at: when the first part came; latest_at: when the last did.
    counts:      how many of its referrals stand in each state.
    """

    uid: UUID
    sender: str
    exercise: bool
    first: str
    last: str
    sent_at: datetime
    latest_at: datetime
    counts: dict[ReferralState, int]

    @property
    def count(self) -> int:
        """Return how many referrals it has."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Return how many of its referrals are not decided."""
        return sum(count for state, count in self.counts.items() if state in AWAITING)

    @property
    def new(self) -> int:
        """Return how many of its referrals nobody has acknowledged."""
        return self.counts.get(ReferralState.SENT, 0)

    @property
    def decided(self) -> int:
        """Return how many of its referrals were answered, or need no answer any more."""
        return self.count - self.waiting


@dataclass(frozen=True, slots=True)
class OpenReferrals:
    """How many referrals wait for a provider. new: those that nobody has acknowledged."""

    number: int
    new: int


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """The last answer of a provider about the same address, to any sender."""

    answer: Answer
    answered_at: datetime
    measure_at: datetime | None
    countries: list[str]
    reason: RefusalReason | None


@dataclass(frozen=True, slots=True)
class Met:
    """Outcomes of a provider's own agents for content of a referral.

    counts: how often, by outcome. first_at, last_at: of those that were blocked, if any were.
    """

    counts: dict[Outcome, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None


def waiting(*, viewer: Party) -> OpenReferrals:
    """Count the referrals that wait for a provider's answer, and those nobody has acknowledged."""
    rows = _to(viewer).filter(state__in=AWAITING)
    totals = rows.aggregate(number=Count("pk"), new=Count("pk", Q(state=ReferralState.SENT)))
    return OpenReferrals(number=totals["number"], new=totals["new"])


def parcels(*, viewer: Party) -> list[Parcel]:
    """Return the batches that were sent to a provider.

    Those with undecided referrals come first, then the latest.
    """
    received = _parcels(_to(viewer).filter(batch__isnull=False))
    latest = sorted(received, key=lambda parcel: parcel.sent_at, reverse=True)
    return sorted(latest, key=lambda parcel: parcel.waiting == 0)


def parcel(uid: UUID, *, viewer: Party) -> Parcel:
    """Return a batch with those of its referrals that were sent to the viewer.

    raises: NotFoundError, also for a batch of which nothing was sent to the viewer.
    """
    parcels = _parcels(_to(viewer).filter(batch__uid=uid))
    if not parcels:
        raise NotFoundError("your party received no batch {uid}", uid=uid)
    return parcels[0]


def singles(
    *,
    viewer: Party,
    states: Collection[ReferralState] = (),
    reference: str = "",
    limit: int = 50,
    page: int = 1,
) -> tuple[list[ReferralOut], bool]:
    """Return a page of a provider's referrals outside batches, and whether there are more.

    Unacknowledged ones come first, then others that wait, then the decided; of each the latest
    first.

    reference: the sender's or the provider's own; it finds referrals of batches too.
    """
    rows = _to(viewer)
    if reference:
        rows = rows.filter(Q(reference=reference) | Q(provider_reference=reference))
    else:
        rows = rows.filter(batch__isnull=True)
    if states:
        rows = rows.filter(state__in=states)
    ordered = rows.annotate(turn=_TURN).order_by("turn", "-sent_at", "-pk")
    return _page(ordered, viewer=viewer, limit=limit, page=page)


def of_parcel(
    uid: UUID,
    *,
    viewer: Party,
    states: Collection[ReferralState] = (),
    limit: int = 100,
    page: int = 1,
) -> tuple[list[ReferralOut], bool]:
    """Return a page of a batch's referrals to the viewer, and whether there are more.

    Undecided ones come first; of each, by file reference.
    """
    rows = _to(viewer).filter(batch__uid=uid)
    if states:
        rows = rows.filter(state__in=states)
    ordered = rows.annotate(turn=_TURN).order_by("turn", "pk")
    return _page(ordered, viewer=viewer, limit=limit, page=page)


def undecided(
    *, viewer: Party, uids: Collection[UUID] = (), batch: UUID | None = None
) -> list[UUID]:
    """Return the referrals that wait for a provider's answer, oldest first.

    uids, batch: among these, or in this batch.
    """
    rows = _to(viewer).filter(state__in=AWAITING).order_by("pk")
    rows = rows.filter(batch__uid=batch) if batch is not None else rows.filter(uid__in=list(uids))
    return list(rows.values_list("uid", flat=True))


def last_decision(row: Referral, *, viewer: Party) -> SaidBefore | None:
    """Return the last decision of a provider about the address of a referral, if it made one."""
    decided = _to(viewer).filter(digest=row.digest, exercise=row.exercise, reinstated_at=None)
    decision = decided.exclude(Q(pk=row.pk) | Q(answered_at=None)).order_by("-answered_at").first()
    if decision is None:
        return None
    return SaidBefore(
        answer=Answer(decision.answer),
        answered_at=decision.answered_at or decision.assessed_at,
        measure_at=decision.measure_at,
        countries=decision.countries,
        reason=RefusalReason(decision.refusal_reason) if decision.refusal_reason else None,
    )


def own_outcomes(row: Referral, *, viewer: Party) -> Met:
    """Return the outcomes of a party's own agents for the linked signals or for the address."""
    of_address = similar.by_url_digest([row.digest], exercise=row.exercise)
    signals = {*row.signals.values_list("pk", flat=True), *of_address}
    rows = Sighting.objects.filter(signal__in=signals, party=viewer).order_by()
    counts: dict[Outcome, int] = {}
    for sighting in rows:
        counts[Outcome(sighting.outcome)] = (
            counts.get(Outcome(sighting.outcome), 0) + sighting.count
        )
    at = rows.filter(outcome=Outcome.BLOCKED).aggregate(first=Min("first_at"), last=Max("last_at"))
    return Met(counts=counts, first_at=at["first"], last_at=at["last"])


def _to(viewer: Party) -> QuerySet[Referral]:
    """Return the referrals that were sent to a provider."""
    return Referral.objects.filter(provider=viewer, sent_at__isnull=False)


def _parcels(rows: QuerySet[Referral]) -> list[Parcel]:
    """Group referrals by batch."""
    summed = (
        rows.order_by()
        .values_list("batch__uid", "batch__exercise", "sender__name", "state")
        .annotate(Count("pk"), Min("reference"), Max("reference"), Min("sent_at"), Max("sent_at"))
    )
    groups: dict[UUID, list[_Sum]] = {}
    for row in summed:
        group = _Sum(*row)
        groups.setdefault(group.uid, []).append(group)
    return [_parcel(parts) for parts in groups.values()]


@dataclass(frozen=True, slots=True)
class _Sum:
    """The referrals of one batch in one state."""

    uid: UUID
    exercise: bool
    sender: str
    state: str
    count: int
    first: str
    last: str
    sent_at: datetime
    latest_at: datetime


def _parcel(parts: list[_Sum]) -> Parcel:
    """Return a batch from its sums by state."""
    return Parcel(
        uid=parts[0].uid,
        sender=parts[0].sender,
        exercise=parts[0].exercise,
        first=min(part.first for part in parts),
        last=max(part.last for part in parts),
        sent_at=min(part.sent_at for part in parts),
        latest_at=max(part.latest_at for part in parts),
        counts={ReferralState(part.state): part.count for part in parts},
    )


def _page(
    rows: QuerySet[Referral], *, viewer: Party, limit: int, page: int
) -> tuple[list[ReferralOut], bool]:
    """Return a page of referrals as messages, and whether there are more."""
    first = (max(page, 1) - 1) * limit
    fetched = list(whole(rows, viewer=viewer)[first : first + limit + 1])
    return describe_all(fetched[:limit], viewer=viewer), len(fetched) > limit
