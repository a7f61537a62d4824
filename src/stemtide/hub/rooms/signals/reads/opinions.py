# SPDX-License-Identifier: Apache-2.0
"""Read opinions: who confirms the signals of a feed, and which ones its reader disputes."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import Row, batches
from stemtide.hub.rooms.signals.models import OpinionRow
from stemtide.protocol.enums import Opinion

_WEIGHTY = (Opinion.AGREE, Opinion.DISPUTE)


def add_opinions(feed_rows: Iterable[dict[str, Any]], viewer: Party) -> list[Row]:
    """Replace the counts of opinions on rows of a feed by what its reader learns of them.

    These are confirmed_by, the names of the parties that confirm the signal, and disputed_by_you.
    Only signals that somebody confirms or disputes cost a query.
    """
    rows = list(feed_rows)
    judged = [row["id"] for row in rows if row["confirmations"] or row["disputes"]]
    confirmed_by, own_disputes = _opinions(judged, viewer=viewer)
    for row in rows:
        del row["confirmations"], row["disputes"]
        row["confirmed_by"] = confirmed_by.get(row["id"], [])
        row["disputed_by_you"] = row["id"] in own_disputes
    return list(rows)


def _opinions(
    uids: Iterable[UUID], *, viewer: Party
) -> tuple[dict[UUID, list[str]], frozenset[UUID]]:
    """Return the confirming parties of each of these signals, and those that the viewer disputes.

    The sharer's own agreement confirms nothing.
    """
    confirmed_by: dict[UUID, list[str]] = {}
    own_disputes: set[UUID] = set()
    for batch in batches(uids):
        opinions = OpinionRow.objects.filter(signal__uid__in=batch, opinion__in=_WEIGHTY)
        columns = ("signal__uid", "signal__shared_by", "party", "party__name", "opinion")
        for uid, sharer, party, name, opinion in opinions.order_by("party__name").values_list(
            *columns
        ):
            if opinion == Opinion.AGREE and party != sharer:
                confirmed_by.setdefault(uid, []).append(name)
            elif opinion == Opinion.DISPUTE and party == viewer.pk:
                own_disputes.add(uid)
    return confirmed_by, frozenset(own_disputes)
