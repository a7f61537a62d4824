# SPDX-License-Identifier: Apache-2.0
"""Read open disputes of a party and its group, and decisions that set them all aside."""

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.models import Dismissal, DismissedParty, OpinionRow, Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.rules.disputes import OpenDisputes, check_counts
from stemtide.protocol.enums import Opinion, PartyKind, SignalState, Standing
from stemtide.protocol.trust.disputes import (
    DismissalOut,
    DismissedPartyOut,
    OpenDisputesOut,
    PartyDisputesOut,
)

MAX_LISTED = 200
"""Decisions that are listed."""


def counted_disputes(name: str, *, viewer: Party) -> OpenDisputesOut:
    """Return how many open disputes a party and its group have, to agencies and the party itself.

    raises: NotFoundError, NotAllowedError.
    """
    check_counts(kind=PartyKind(viewer.kind), is_own=viewer.name == name)
    party = parties.party(name)
    counts = open_rows(party, viewer=viewer).order_by("party__name").values("party__name")
    disputing = [
        PartyDisputesOut(party=row["party__name"], count=row["number"])
        for row in counts.annotate(number=Count("pk"))
    ]
    return OpenDisputesOut(
        party=name, group=party.group, count=sum(row.count for row in disputing), parties=disputing
    )


def open_rows(party: Party, *, viewer: Party) -> QuerySet[OpinionRow]:
    """Return the disputes of a party and its group that a viewer may see and that count.

    Disputes of agencies, which nobody sets aside, and of signals of exercises are left out.
    Those that an agency set aside count while it is suspended.
    """
    of_group = Q(party__group=party.group) if party.group else Q(party=party)
    signals = Signal.objects.filter(visible(viewer), state=SignalState.LIVE, exercise=False)
    counting = Q(set_aside_by=None) | Q(set_aside_by__standing=Standing.SUSPENDED)
    rows = OpinionRow.objects.filter(of_group, counting, opinion=Opinion.DISPUTE)
    rows = rows.exclude(party__kind=PartyKind.AGENCY)
    return rows.filter(signal__in=signals.order_by())


def facts(party: Party, *, count: int) -> OpenDisputes:
    """Return the facts about a party's open disputes that the rules need."""
    return OpenDisputes(party=party.name, kind=PartyKind(party.kind), count=count)


def dismissals(*, viewer: Party, party: str | None = None) -> list[DismissalOut]:
    """Return the latest decisions that a party may see: agencies all, others those on their own.

    party: only those on disputes of this party.
    """
    rows = _rows(viewer)
    if party:
        rows = rows.filter(parties__party__name=party)
    return [describe(row, viewer=viewer) for row in rows.distinct()[:MAX_LISTED]]


def dismissal(uid: UUID, *, viewer: Party) -> DismissalOut:
    """Return one decision. raises: NotFoundError, also for one that the viewer may not see."""
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Dismissal:
    """Return the row of a decision, for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = _rows(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no decision {uid} that your party may see", uid=uid)
    return row


def describe(row: Dismissal, *, viewer: Party) -> DismissalOut:
    """Return a decision in its wire format. Each party sees its own part, agencies all."""
    dismissed = row.parties.select_related("party")
    if viewer.kind != PartyKind.AGENCY:
        dismissed = dismissed.filter(party=viewer)
    return DismissalOut(
        id=row.uid,
        party=row.party.name,
        count=row.count if viewer.kind == PartyKind.AGENCY else sum(r.count for r in dismissed),
        parties=[_describe_party(part) for part in dismissed],
        reason=row.reason,
        by=row.by.name,
        at=row.decided_at,
        restored_by=row.restored_by.name if row.restored_by else None,
        restored_at=row.restored_at,
    )


def _describe_party(row: DismissedParty) -> DismissedPartyOut:
    """Return a party's part of a decision."""
    return DismissedPartyOut(
        party=row.party.name, count=row.count, answer=row.answer, answered_at=row.answered_at
    )


def _rows(viewer: Party) -> QuerySet[Dismissal]:
    """Return the decisions that a party may see."""
    rows = Dismissal.objects.select_related("party", "by", "restored_by")
    return rows if viewer.kind == PartyKind.AGENCY else rows.filter(parties__party=viewer)
