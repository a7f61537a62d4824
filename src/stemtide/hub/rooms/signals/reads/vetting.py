# SPDX-License-Identifier: Apache-2.0
"""Count a party's signals that others confirmed."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.protocol.enums import Opinion, SignalState
from stemtide.protocol.trust.standing import COUNTING


def count_confirmed(party: Party, *, most: int) -> int:
    """Return how many real signals of a party others confirmed, at most so many.

    A party confirms a signal if it counts, is of another group, and agrees with it, or shares the
    same value later. A value that it had shared before was perhaps copied from it.
    """
    others = _independent(party)
    agreed = OpinionRow.objects.filter(
        signal=OuterRef("pk"), opinion=Opinion.AGREE, party__in=others
    )
    repeated = Signal.objects.filter(
        value=OuterRef("value"),
        kind=OuterRef("kind"),
        exercise=False,
        state=SignalState.LIVE,
        shared_by__in=others,
        shared_at__gt=OuterRef("shared_at"),
    )
    shared = Signal.objects.filter(shared_by=party, exercise=False)
    shared = shared.exclude(state=SignalState.WITHDRAWN)
    confirmed = shared.filter(Q(Exists(agreed)) | Q(Exists(repeated))).order_by()
    return len(confirmed.values_list("pk")[:most])


def _independent(party: Party) -> QuerySet[Party]:
    """Return the parties that count and are independent of this one."""
    others = Party.objects.filter(standing__in=COUNTING).exclude(pk=party.pk)
    return others.exclude(group=party.group) if party.group else others
