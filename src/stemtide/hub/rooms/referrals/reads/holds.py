# SPDX-License-Identifier: Apache-2.0
"""Read holds, for holders and agencies. Others find them with a search."""

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import marked_for
from stemtide.hub.rooms.referrals.models import Hold
from stemtide.hub.rooms.referrals.rules.holds import HoldFacts
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.referrals import HoldReason, HoldState, ReferralState
from stemtide.protocol.messages.holds import HoldOut


def hold(uid: UUID, *, viewer: Party) -> HoldOut:
    """Return a hold that the viewer may see.

    raises: NotFoundError, also for a hold that the viewer may not see.
    """
    return describe_hold(find_hold(uid, viewer=viewer), viewer=viewer)


def find_hold(uid: UUID, *, viewer: Party) -> Hold:
    """Return the row of a hold, for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no hold {uid} that your party may see", uid=uid)
    return row


def by_reference(reference: str, *, viewer: Party) -> list[HoldOut]:
    """Return the holds with a file reference that a party may see."""
    rows = _visible(viewer).filter(reference=reference)
    return [describe_hold(row, viewer=viewer) for row in rows]


def holds(*, viewer: Party, is_open: bool | None = None, limit: int = 200) -> list[HoldOut]:
    """Return the holds that a party may see.

    Open ones come first, by their end; then the others, the latest first.
    """
    rows = _visible(viewer)
    standing = rows.filter(state=HoldState.PLACED).order_by("until", "pk")
    over = rows.exclude(state=HoldState.PLACED).order_by("-ended_at", "-pk")
    listed = [] if is_open is False else list(standing[:limit])
    if is_open is not True:
        listed += list(over[: limit - len(listed)])
    return [describe_hold(row, viewer=viewer) for row in listed]


def hold_facts(row: Hold) -> HoldFacts:
    """Return the facts that the rules need of a hold."""
    return HoldFacts(state=HoldState(row.state), holder=row.holder.name)


def describe_hold(row: Hold, *, viewer: Party) -> HoldOut:
    """Return a hold as the message of the API. Only its holder sees its case."""
    met = row.meetings.aggregate(
        waiting=Count("pk", filter=Q(is_overridden=False, referral__state=ReferralState.HELD)),
        overridden=Count("pk", filter=Q(is_overridden=True)),
    )
    return HoldOut(
        id=row.uid,
        reference=row.reference,
        state=HoldState(row.state),
        holder=row.holder.name,
        digest=row.digest,
        signal=row.signal.uid if row.signal else None,
        until=row.until,
        reason=HoldReason(row.reason),
        contact=row.contact,
        case_reference=row.case_reference if row.holder_id == viewer.pk else "",
        exercise=row.exercise,
        placed_at=row.placed_at,
        ended_at=row.ended_at,
        met=met["waiting"],
        overridden=met["overridden"],
    )


def _visible(viewer: Party) -> QuerySet[Hold]:
    """Return the holds that a party may see, as rules.holds.may_see() decides it."""
    rows = marked_for(viewer, Hold.objects.select_related("holder", "signal"))
    return rows if viewer.kind == PartyKind.AGENCY else rows.filter(holder=viewer)
