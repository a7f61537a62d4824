# SPDX-License-Identifier: Apache-2.0
"""Makes events from the ledger: one for what happens together, however much it is.

1 Webhooks whose key has ended are disabled.
2 In turn, the entries after the cursor, oldest first; each is bundled for the webhooks it is for.
3 A bundle joins the event of its kind that waits and was never tried, or becomes one of its own: so
  that a webhook has one waiting event of a kind at most, whatever floods the hub.
4 The cursor moves in the same transaction: an entry is never read twice, nor skipped.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import uuid4

from django.db import transaction
from django.db.models import Q

from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Cursor, Delivery, Webhook
from stemtide.hub.rooms.webhooks.reads import events as reads_events
from stemtide.hub.rooms.webhooks.rules import Bundle, Why
from stemtide.hub.rooms.webhooks.writes.deliveries import disable
from stemtide.protocol.messages.webhooks import EventType, WebhookDeliveryState, WebhookState

CLOCK = "clock"

ENTRIES = 500
"""Ledger entries that one transaction reads, so that other writers get their turn."""

_KINDS = {**rules.SIGNALS, **rules.CRISES, **rules.ADDRESSED}


class _Place(NamedTuple):
    """What is bundled together."""

    webhook: int
    kind: EventType
    exercise: bool


def follow_ledger(now: datetime) -> int:
    """Make what webhooks are to be told since the last time; how many events were made or grew.

    Two clocks at once are safe: one waits for the other, and finds nothing left to do. While no
    webhook listens, nothing is read.
    """
    made = 0
    _disable_without_key(now)
    while reads_events.listening(by=CLOCK) and _is_behind():
        made += _read_on(now)
    return made


def _disable_without_key(now: datetime) -> None:
    """Step 1: whoever stole a key is told nothing any more once it is revoked."""
    ended = Q(key__revoked_at__isnull=False) | Q(key__expires_at__lte=now)
    for row in Webhook.objects.filter(ended, state=WebhookState.ACTIVE):
        disable(row, why=Why.KEY, now=now)


def _is_behind() -> bool:
    """Whether the ledger has entries that were not read; asked without anybody's turn."""
    cursor = Cursor.objects.first()
    return ledger_reads.heads().entries > (cursor.number if cursor else 0)


@transaction.atomic
def _read_on(now: datetime) -> int:
    """Steps 2 to 4 for some entries."""
    ledger.take_turn()
    cursor, _ = Cursor.objects.get_or_create(pk=1)
    hooks = {one.pk: one for one in reads_events.listening(by=CLOCK)}
    entries = ledger_reads.unabridged(after=cursor.number, limit=ENTRIES, by=CLOCK)
    bundles: dict[_Place, Bundle] = {}
    for entry in entries:
        if entry.kind in _KINDS:
            _bundle(entry, hooks.values(), bundles=bundles)
    made = 0
    for place, bundle in bundles.items():
        if _narrow(bundle, place, party=hooks[place.webhook].party):
            _queue(place, bundle, now=now)
            made += 1
    if entries:
        cursor.number = entries[-1].number
        cursor.save(update_fields=["number"])
    return made


def _bundle(entry: EntryRow, hooks: Iterable[Webhook], *, bundles: dict[_Place, Bundle]) -> None:
    """Put an entry into the bundles of the webhooks that it is for."""
    kind, span = _KINDS[entry.kind], rules.span_of(entry.detail)
    if entry.kind in rules.SIGNALS and span is None:
        return  # an opinion that moved nothing
    asked = [
        hook
        for hook in hooks
        if hook.since < entry.number
        and (hook.exercise or not entry.exercise)
        and rules.wants(hook.event_types, kind)
        and rules.may_tell(kind, scopes=hook.key.scopes)
    ]
    told = cache(lambda: reads_events.addressees(entry, by=CLOCK))
    for one in reads_events.may_know(entry, asked, by=CLOCK, told=told) if asked else ():
        place = _Place(one.pk, kind, entry.exercise)
        bundle = bundles.setdefault(place, Bundle(entry.recorded_at))
        if entry.kind in rules.SIGNALS and span is not None:
            bundle.add_span(*span, at=entry.recorded_at)
        else:
            bundle.add_subject(entry.subject, at=entry.recorded_at)


def _narrow(bundle: Bundle, place: _Place, *, party: Party) -> bool:
    """Keep of a bundle what its party may see; whether anything is left, else no time is told."""
    if not bundle.spans:
        return True
    bundle.spans, bundle.more = reads_events.shown(
        bundle.spans, kind=place.kind, exercise=place.exercise, party=party
    )
    return bool(bundle.spans)


def _queue(place: _Place, bundle: Bundle, *, now: datetime) -> None:
    """Step 3. Only what no clock has taken grows: what has left once stays as it was."""
    same = Delivery.objects.filter(
        webhook_id=place.webhook,
        kind=place.kind,
        exercise=place.exercise,
        state=WebhookDeliveryState.QUEUED,
    )
    if (row := same.first()) is not None:
        whole = Bundle(row.happened_at, row.spans, row.subjects, row.more)
        whole.add(bundle)
        if same.filter(pk=row.pk).update(**_columns(whole)):
            return
    Delivery.objects.create(
        uid=uuid4(),
        webhook_id=place.webhook,
        kind=place.kind,
        exercise=place.exercise,
        state=WebhookDeliveryState.QUEUED,
        queued_at=now,
        next_at=now,
        **_columns(bundle),
    )


def _columns(bundle: Bundle) -> dict[str, object]:
    """A bundle as a row holds it."""
    return {
        "happened_at": bundle.happened_at,
        "spans": bundle.spans,
        "subjects": bundle.subjects,
        "more": bundle.more,
    }
