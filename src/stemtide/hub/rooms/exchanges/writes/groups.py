# SPDX-License-Identifier: Apache-2.0
"""Put signals with an audience into sharing groups of a MISP, and take them out. Decision 0230.

1 Events whose group others can read now are noted as over, and deleted there.
2 Their signals are checked again, as new ones. A signal with an audience is held back until there
  is a group that fits it; then it gets a place in an event of that group.
3 The place is written before anything is sent, so that an event that may have arrived is known.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.exchanges.models import Exchange, GroupEvent, Outgoing
from stemtide.hub.rooms.exchanges.reads import exchanges as reads, groups as groups_reads
from stemtide.hub.rooms.exchanges.reads.exchanges import ClaimedRun
from stemtide.hub.rooms.exchanges.rules import groups as rules
from stemtide.hub.rooms.exchanges.writes.exchanges import write_line
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.rules.signals import unpack_audience, uuid_at
from stemtide.interop.exchanges import ExchangeOut, OutgoingState, Terms
from stemtide.interop.misp.groups import SharingGroup
from stemtide.interop.misp.pushed import SIGNALS_OF_EVENT
from stemtide.protocol.enums import ExchangeKind, SignalState

PLACED_AT_ONCE = 1_000
"""Signals of one transaction, so that other writers are not blocked."""


@transaction.atomic
def match_organisation(
    name: str, uuid: UUID, *, party: Party | None, actor: str, now: datetime
) -> ExchangeOut:
    """Note which party an organisation of a MISP is; None for no party.

    All signals are checked again at the next run.

    raises: NotFoundError, InvalidError.
    """
    ledger.lock_ledger()
    row = reads.find(name)
    terms = Terms.model_validate(row.terms)
    organisations = dict(terms.organisations)
    organisations.pop(uuid, None)
    if party is not None:
        organisations[uuid] = party.name
    rules.check_organisations(kind=ExchangeKind(row.kind), count=len(organisations))
    changed = terms.model_copy(update={"organisations": organisations})
    row.terms, row.pushed_to = changed.model_dump(mode="json"), 0
    row.taken += 1  # a run in progress knows the organisations of before
    row.next_at = row.next_at and now
    row.save(update_fields=["terms", "pushed_to", "taken", "next_at"])
    detail: dict[str, object] = {
        "organisation": str(uuid),
        "party": party.ref if party else None,
    }
    ledger.append("exchange.changed", actor=actor, subject=row.ref, now=now, detail=detail)
    return reads.describe(row)


@needs_no_entry("what is deleted there is recorded")
@part()
def end_events(run: ClaimedRun, groups: Mapping[int, SharingGroup]) -> list[GroupEvent]:
    """Note which events others can read, or may; return all that are to be deleted there.

    A group counts as the one that was chosen only if its number and its UUID are the same.
    """
    row = reads.claimed_exchange(run)
    if row is None:
        return []
    parties = Terms.model_validate(row.terms).organisations
    seeing = groups_reads.seeing_parties(row)
    for event in row.group_events.filter(is_over=False):
        group = groups.get(event.group)
        readers = unpack_audience(event.readers) & seeing
        is_same = group is not None and group.uuid == event.group_uuid
        if not (is_same and group and rules.fits(group, parties=parties, readers=readers)):
            event.is_over = True
            event.save(update_fields=["is_over"])
    return list(row.group_events.filter(is_over=True).order_by("pk"))


@transaction.atomic
def note_deleted(run: ClaimedRun, event: GroupEvent, *, now: datetime) -> bool:
    """Record that an event was deleted there; return False if another run is on.

    Its live signals are checked again, as if they were new; the others are withdrawn with it.
    """
    ledger.lock_ledger()
    row = reads.claimed_exchange(run)
    if row is None:
        return False
    queued = event.outgoing.exclude(state=OutgoingState.ENDED)
    count = queued.count()
    live = queued.filter(signal__state=SignalState.LIVE)
    first = live.aggregate(Min("signal__position"))["signal__position__min"]
    if first is not None:
        row.pushed_to = min(row.pushed_to, first - 1)
        row.save(update_fields=["pushed_to"])
    live.delete()
    queued.update(state=OutgoingState.ENDED, next_at=None)
    event.delete()
    words = f"deleted there: an event with {count} signals: others than their audience may read"
    write_line(row, f"{words} in sharing group {event.group}", now=now)
    detail: dict[str, object] = {"taken": count, "refused": 0}
    ledger.append("exchange.pushed", actor=CLOCK, subject=row.ref, now=now, detail=detail)
    return True


@needs_no_entry("what is sent is recorded")
@part()
def place_held(run: ClaimedRun, groups: Mapping[int, SharingGroup], *, now: datetime) -> bool:
    """Give signals that are held back a place in a group that fits; return whether there is more.

    The group that reaches most of an audience is chosen.
    """
    row = reads.claimed_exchange(run)
    if row is None:
        return False
    parties = Terms.model_validate(row.terms).organisations
    left = PLACED_AT_ONCE
    for audience in groups_reads.held_audiences(row):
        group = rules.choose(groups.values(), parties=parties, readers=audience.readers)
        if group is None:
            continue
        queued = list(groups_reads.held_for(row, audience).select_related("signal")[:left])
        _place(row, queued, group=group, readers=audience.packed, now=now)
        left -= len(queued)
        if left == 0:
            return True
    return False


def _place(
    row: Exchange,
    queued: Iterable[Outgoing],
    *,
    group: SharingGroup,
    readers: str,
    now: datetime,
) -> None:
    """Queue signals of one audience for events in a group."""
    pks: dict[tuple[str, int], list[int]] = {}
    for outgoing in queued:
        key = outgoing.signal.tlp, outgoing.signal_id // SIGNALS_OF_EVENT
        pks.setdefault(key, []).append(outgoing.pk)
    for (tlp, block), placed in pks.items():
        event, _ = GroupEvent.objects.get_or_create(
            exchange=row,
            group=group.number,
            group_uuid=group.uuid,
            tlp=tlp,
            block=block,
            readers=readers,
            is_over=False,
            defaults={"uuid": uuid_at(now)},
        )
        Outgoing.objects.filter(pk__in=placed).update(
            event=event, state=OutgoingState.WAITING, next_at=now
        )
