# SPDX-License-Identifier: Apache-2.0
"""Write exchanges that two coordinators add at the desk. Decision 0127."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.rooms.exchanges.models import Exchange
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.rules import proposals as rules
from stemtide.hub.rooms.exchanges.writes import exchanges as writes
from stemtide.hub.rooms.exchanges.writes.exchanges import NewExchange
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import independence, joining, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules.proposals import PROPOSED_FOR
from stemtide.interop.exchanges import ExchangeOut, Terms
from stemtide.protocol.enums import PartyKind


@transaction.atomic
def propose(
    draft: NewExchange, *, terms: Terms, party: str, by: Actor, now: datetime
) -> ExchangeOut:
    """Propose an exchange. It does not run before another person confirms it.

    party: the name of the party in whose name it shares.

    raises: NotAllowedError, NotFoundError, InvalidError, ConflictError.
    """
    rules.check_propose(by=by)
    rules.check_kind(draft.kind)
    ledger.lock_ledger()
    sharer = parties.party(party)
    _check_lent_name(sharer)
    row = writes.create(draft, terms=terms, party=sharer, now=now, proposed_by=by.ref)
    detail = {**reads.entry_detail(row), "act": "add_exchange"}
    ledger.append_by("exchange.proposed", by=by, subject=row.ref, now=now, detail=detail)
    return reads.describe(row)


@transaction.atomic
def confirm(name: str, *, by: Actor, now: datetime) -> ExchangeOut:
    """Confirm the proposal of another person; the first run is due at once.

    raises: NotFoundError, NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(name)
    rules.check_confirm(author=row.proposed_by, proposed_at=row.added_at, by=by, now=now)
    independence.check_second_person(by, first=row.proposed_by)
    _check_lent_name(row.party)
    row.proposed_by, row.is_paused, row.next_at, row.added_at = "", False, now, now
    row.save(update_fields=["proposed_by", "is_paused", "next_at", "added_at"])
    detail = reads.entry_detail(row)
    ledger.append_by("exchange.added", by=by, subject=row.ref, now=now, detail=detail)
    return reads.describe(row)


@transaction.atomic
def decline(name: str, *, by: Actor, now: datetime) -> None:
    """Decline the proposal of another person, or withdraw one's own; its secret is deleted.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(name)
    rules.check_decline(author=row.proposed_by, by=by)
    ledger.append_by("exchange.declined", by=by, subject=row.ref, now=now)
    row.delete()


@transaction.atomic
def expire(*, now: datetime) -> int:
    """Delete proposals that nobody confirmed in time, with their secrets; return how many."""
    expired = Exchange.objects.filter(removed_at=None, added_at__lte=now - PROPOSED_FOR).exclude(
        proposed_by=""
    )
    if not expired.exists():
        return 0
    ledger.lock_ledger()
    rows = list(expired)
    for row in rows:
        ledger.append("exchange.expired", actor=CLOCK, subject=row.ref, now=now)
        row.delete()
    return len(rows)


def _check_lent_name(party: Party) -> None:
    """Refuse a party that somebody speaks for. raises: InvalidError."""
    is_claimed = party.people.exists() or joining.has_keys(party)
    rules.check_lent_name(kind=PartyKind(party.kind), is_claimed=is_claimed)
