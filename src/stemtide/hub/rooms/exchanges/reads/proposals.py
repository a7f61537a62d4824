# SPDX-License-Identifier: Apache-2.0
"""Read who proposed an exchange, and the parties in whose name one may share."""

from stemtide.hub.rooms.exchanges.models import Exchange
from stemtide.hub.rooms.exchanges.rules import proposals as rules
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import joining
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules.parties import COORDINATING


def author_of(name: str, *, viewer: Party) -> str:
    """Return who proposed an exchange, as the ledger names them; "" if it waits for nobody."""
    if viewer.kind not in COORDINATING:
        return ""
    rows = Exchange.objects.filter(name=name, removed_at=None)
    return rows.values_list("proposed_by", flat=True).first() or ""


def nameable(*, by: Actor) -> list[tuple[str, str]]:
    """Return names and titles of parties in whose name a new exchange may share.

    raises: NotAllowedError.
    """
    rules.check_propose(by=by)
    used = Exchange.objects.filter(removed_at=None).values_list("party", flat=True)
    rows = joining.unclaimed(viewer=by.party).filter(kind__in=rules.KINDS).exclude(pk__in=used)
    return list(rows.values_list("name", "title"))
