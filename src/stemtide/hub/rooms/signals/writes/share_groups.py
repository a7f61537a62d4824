# SPDX-License-Identifier: Apache-2.0
"""Share single signals of several callers in one transaction: one commit for all of them.

1 Only plain shares are stored here. One that is refused, that needs a second look or has a long
  value is left to its caller, who shares it alone and gets the answer. So no share can fail others.
2 All plans are made before anything is stored, under the ledger's lock: each is what the share
  would find alone, but for signals of the same group. The flood guard compares with others' signals
  that were committed before.
3 Positions are given in one block. Each share has a ledger entry of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.ledger import Act
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.reads.sharing import bulk
from stemtide.hub.rooms.signals.reads.sharing.bulk import BulkPlan
from stemtide.hub.rooms.signals.rules import checks, signals as rules
from stemtide.hub.rooms.signals.rules.signals import SignalDraft
from stemtide.hub.rooms.signals.writes import waiting
from stemtide.hub.rooms.signals.writes.signals import content_items
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.messages.signals import SharedSignal, SignalIn


@dataclass(frozen=True, slots=True)
class SingleShare:
    """A signal that a caller shares. key: the prefix of a key whose secret was right."""

    body: SignalIn
    key: str


@dataclass(frozen=True, slots=True)
class _PartyShares:
    """The shares of one party: their places in the group, their callers, and what was found."""

    by: Party
    places: Sequence[int]
    callers: Sequence[Caller]
    plan: BulkPlan
    new: Sequence[SignalDraft]


@transaction.atomic
def share_group(
    take: Callable[[], Sequence[SingleShare]], *, clock: Callable[[], datetime]
) -> list[SharedSignal | None]:
    """Share signals in one transaction; return None for those that must be shared alone.

    take: returns the shares that wait, once this write holds the ledger's lock. Keys are read
          under the lock, too: one that was revoked before shares nothing.

    raises: django.db.Error; then nothing is shared.
    """
    ledger.lock_ledger()
    shares, now = take(), clock()
    working = parties.working_callers({share.key for share in shares}, now=now)
    by_party: dict[int, list[int]] = {}
    for place, share in enumerate(shares):
        caller = working.get(share.key)
        if caller is not None and Scope.SIGNALS_WRITE in caller.scopes:
            by_party.setdefault(caller.party.pk, []).append(place)
    planned = [
        of_party
        for places in by_party.values()
        if (of_party := _plan(shares, places, working=working, now=now)) is not None
    ]
    _place(planned, now=now)
    results: list[SharedSignal | None] = [None] * len(shares)
    for of_party in planned:
        for row, draft in of_party.plan.placed.items():
            if draft.wait is None and draft.long is None:
                results[of_party.places[row]] = SharedSignal(
                    id=draft.uid,
                    position=draft.position,
                    created=row == draft.row and draft.is_new,
                )
    return results


def _plan(
    shares: Sequence[SingleShare],
    places: Sequence[int],
    *,
    working: Mapping[str, Caller],
    now: datetime,
) -> _PartyShares | None:
    """Look up the results for the shares of one party; None if it must share them alone."""
    callers = [working[shares[place].key] for place in places]
    by = callers[0].party
    try:
        rules.check_share(kind=PartyKind(by.kind))
        ready = checks.read([shares[place].body for place in places], now=now)
        plan = bulk.plan(ready, by=by, now=now)
    except RefusalError:
        return None
    new = [draft for draft in plan.new if draft.wait is None and draft.long is None]
    return _PartyShares(by, places, callers, plan, new)


def _place(planned: Sequence[_PartyShares], *, now: datetime) -> None:
    """Give new signals their positions, store them, and append each share to the ledger."""
    drafts = [draft for of_party in planned for draft in of_party.new]
    if not drafts:
        return
    first = ledger.take_positions(len(drafts), now=now)
    for position, draft in enumerate(drafts, start=first):
        draft.position = position
    acts = []
    for of_party in planned:
        if of_party.new:
            _store(of_party, now=now)
            acts += [_act(draft, of_party) for draft in of_party.new]
    ledger.append_many(acts, now=now)


def _store(of_party: _PartyShares, *, now: datetime) -> None:
    """Store the new signals of one party, and count them."""
    by, crises = of_party.by, of_party.plan.context.crises
    waiting.count(of_party.new, by=by, now=now)
    for exercise in (False, True):
        drafts = [draft for draft in of_party.new if draft.body.exercise is exercise]
        if drafts:
            uids = {draft.facts.content for draft in drafts if draft.facts.content}
            items = content_items(uids, exercise=exercise, by=by, now=now)
            bulk_sql.insert(drafts, items=items, crises=crises, by=by, now=now)


def _act(draft: SignalDraft, of_party: _PartyShares) -> Act:
    """Return the ledger entry of one share."""
    return Act(
        kind="signal.shared",
        actor=of_party.by.ref,
        subject=f"signal:{draft.uid}",
        detail={"position": draft.position, "through": of_party.callers[draft.row].ref},
        exercise=draft.body.exercise,
        crisis=draft.body.crisis,
    )
