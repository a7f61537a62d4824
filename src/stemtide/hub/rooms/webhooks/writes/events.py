# SPDX-License-Identifier: Apache-2.0
"""Create events from the ledger: one for everything that happens together.

1 Webhooks of a replaced key get its replacement, and go back if that is revoked while the old key
  is valid. Those whose key has ended are disabled.
2 Under the lock, unread entries are read, oldest first, and bundled for webhooks.
3 A bundle is added to the waiting event of its kind if that was never tried, or becomes a new one:
  a webhook therefore has at most one waiting event of a kind, even under a flood of entries.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import uuid4

from django.db.models import Q

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.ledger.writes.followers import LedgerFollower
from stemtide.hub.rooms.parties.models import ApiKey, Party
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.reads import events
from stemtide.hub.rooms.webhooks.rules import Bundle, DisableReason
from stemtide.hub.rooms.webhooks.writes.deliveries import disable
from stemtide.protocol.messages.webhooks import EventType, WebhookDeliveryState, WebhookState

FOLLOWER = LedgerFollower("webhooks", batch=500)

_KINDS = {**rules.SIGNALS, **rules.CRISES, **rules.ADDRESSED}


class _BundleKey(NamedTuple):
    """The key by which entries are bundled."""

    webhook: int
    kind: EventType
    exercise: bool


@needs_no_entry("it follows from what the ledger holds already")
def follow_ledger(now: datetime) -> int:
    """Create the events of new ledger entries; return how many were created or grew.

    Concurrent schedulers are safe: one waits for the other, and finds nothing left to do. Without
    active webhooks nothing is read.
    """
    changed = 0
    _disable_without_key(now)
    while events.active_webhooks() and FOLLOWER.is_behind():
        changed += _read_entries(now)
    return changed


def _disable_without_key(now: datetime) -> None:
    """Run step 1, so that a stolen key gets no events once it is revoked."""
    ended = Q(key__revoked_at__isnull=False) | Q(key__expires_at__lte=now)
    lost = Webhook.objects.filter(key__revoked_at__isnull=False, key__replaces__revoked_at=None)
    for row in lost.filter(key__replaces__expires_at__gt=now, state=WebhookState.ACTIVE):
        _move(row, to=row.key.replaces)
    for row in Webhook.objects.filter(key__replaced_at__isnull=False):
        _move(row, to=ApiKey.objects.filter(replaces=row.key_id, revoked_at=None).first())
    for row in Webhook.objects.filter(ended, state=WebhookState.ACTIVE):
        disable(row, why=DisableReason.KEY, now=now)


def _move(row: Webhook, *, to: ApiKey | None) -> None:
    """Let a webhook go on with another key."""
    if to is not None:
        row.key = to
        row.save(update_fields=["key"])


def _read_entries(now: datetime) -> int:
    """Run steps 2 and 3 for a batch of entries."""
    changed = 0
    with FOLLOWER.next_entries() as entries:
        hooks = {hook.pk: hook for hook in events.active_webhooks()}
        bundles: dict[_BundleKey, Bundle] = {}
        for entry in entries:
            if entry.kind in _KINDS:
                _bundle(entry, hooks.values(), bundles=bundles)
        for place, bundle in bundles.items():
            if _narrow(bundle, place, party=hooks[place.webhook].party):
                _queue(place, bundle, now=now)
                changed += 1
    return changed


def _bundle(
    entry: EntryRow, hooks: Iterable[Webhook], *, bundles: dict[_BundleKey, Bundle]
) -> None:
    """Add an entry to the bundles of the webhooks that it is for."""
    kind, span = _KINDS[entry.kind], rules.span_of(entry.detail)
    if entry.kind in rules.SIGNALS and span is None:
        return  # an opinion that moved no signal
    candidates = [
        hook
        for hook in hooks
        if hook.since < entry.number
        and (hook.exercise or not entry.exercise)
        and rules.wants(hook.event_types, kind)
        and rules.may_tell(kind, scopes=hook.key.scopes)
    ]
    addressed_parties = cache(lambda: events.addressees(entry))
    for hook in (
        events.may_know(entry, candidates, addressed_parties=addressed_parties)
        if candidates
        else ()
    ):
        place = _BundleKey(hook.pk, kind, entry.exercise)
        bundle = bundles.setdefault(place, Bundle(entry.recorded_at))
        if entry.kind in rules.SIGNALS and span is not None:
            bundle.add_span(*span, at=entry.recorded_at)
        else:
            bundle.add_subject(entry.subject, at=entry.recorded_at)


def _narrow(bundle: Bundle, place: _BundleKey, *, party: Party) -> bool:
    """Narrow a bundle to the signals that its party may see; return whether any is left."""
    if not bundle.spans:
        return True
    bundle.spans, bundle.more = events.narrow_spans(
        bundle.spans, kind=place.kind, exercise=place.exercise, party=party
    )
    return bool(bundle.spans)


def _queue(place: _BundleKey, bundle: Bundle, *, now: datetime) -> None:
    """Run step 3. Only events that no scheduler has claimed grow: a sent event never changes."""
    queued = Delivery.objects.filter(
        webhook_id=place.webhook,
        kind=place.kind,
        exercise=place.exercise,
        state=WebhookDeliveryState.QUEUED,
    )
    if (row := queued.first()) is not None:
        merged = Bundle(row.happened_at, row.spans, row.subjects, row.more)
        merged.add(bundle)
        if queued.filter(pk=row.pk).update(**_columns(merged)):
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
    """Return a bundle as columns of a row."""
    return {
        "happened_at": bundle.happened_at,
        "spans": bundle.spans,
        "subjects": bundle.subjects,
        "more": bundle.more,
    }
