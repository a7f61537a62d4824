# SPDX-License-Identifier: Apache-2.0
"""Decide which webhooks get an event, and build its content when it is sent.

1 A ledger entry goes to webhooks whose party may know of it. The rules are those of the entry's
  room, or for requests those of their alerts.
2 When an event is sent, it names only rows that its party may see at that moment: withdrawn or
  hidden ones are left out. An event with nothing left is not sent.
3 A body is thin: ids and links, so that a key is needed to read the content.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.alerts.reads import addressees as addressees_reads
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND, RAISES
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.orders.models import Information
from stemtide.hub.rooms.orders.reads import decisions, finality, orders
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.reads import holds, referrals
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.reads import webhooks as reads
from stemtide.protocol import webhook_headers
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.webhooks import EventType, WebhookDeliveryState, WebhookState

MAX_THINGS = 100
"""Rows named in one body, which stays below 20 kB with a hub address of usual length."""

_API = "/api/v1"

_STATE_OF = {
    EventType.SIGNAL_WITHDRAWN: SignalState.WITHDRAWN,
    EventType.SIGNAL_EXPIRED: SignalState.EXPIRED,
}
"""The state of an event's signals; all other events are about live ones."""


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One attempt with its request. headers: signature and CloudEvent."""

    delivery: UUID
    attempt: int
    url: str
    content: bytes
    headers: Mapping[str, str]


def delivery_request(row: Delivery, *, home: str, now: datetime) -> DeliveryRequest | None:
    """Return the request for a delivery now; None if its party may no longer see any of it.

    row: with its webhook, party and key. home: the hub's own address, "" if unknown.
    """
    hook, kind = row.webhook, EventType(row.kind)
    fields = _facts(row, kind=kind, home=home)
    if fields is None:
        return None
    event = {"type": kind.value, "timestamp": row.happened_at.isoformat(), "data": fields}
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    delivery_id = str(row.uid)
    source = f"{home}{_API}/webhooks/{hook.uid}"
    signed = webhook_headers.sign(delivery_id, text, secrets=reads.secrets(hook, now=now), at=now)
    event_headers = webhook_headers.event(
        delivery_id, kind.value, source=source, happened_at=row.happened_at
    )
    return DeliveryRequest(
        delivery=row.uid,
        attempt=row.attempts,
        url=hook.url,
        content=text.encode(),
        headers={**signed, **event_headers},
    )


@needs_no_viewer("the scheduler checks access for each webhook")
def active_webhooks() -> list[Webhook]:
    """Return the active webhooks."""
    rows = Webhook.objects.filter(state=WebhookState.ACTIVE)
    return list(rows.select_related("party", "key").order_by("pk"))


@needs_no_viewer("it returns a time")
def oldest_due() -> datetime | None:
    """Return when the delivery that is overdue for longest was due; None if none waits."""
    states = (WebhookDeliveryState.QUEUED, WebhookDeliveryState.FAILED)
    waiting = Delivery.objects.filter(state__in=states, webhook__state=WebhookState.ACTIVE)
    due: datetime | None = waiting.aggregate(due=Min("next_at"))["due"]
    return due


@needs_no_viewer("it filters for the party of each webhook")
def may_know(
    entry: EntryRow,
    hooks: Iterable[Webhook],
    *,
    addressed_parties: Callable[[], list[Party]],
) -> list[Webhook]:
    """Return those webhooks whose party may know of an entry.

    addressed_parties: returns the entry's addressees; called only for addressed kinds.
    """
    if entry.kind in rules.SIGNALS:
        return list(hooks)  # access to its signals is checked once for many entries
    if entry.kind in rules.ADDRESSED:
        names = {party.pk for party in addressed_parties()}
        return [hook for hook in hooks if hook.party_id in names]
    uid = UUID(entry.subject.partition(":")[2])
    return [hook for hook in hooks if _may_see_crisis(uid, viewer=hook.party)]


@needs_no_viewer("the scheduler reads for all parties")
def addressees(entry: EntryRow) -> list[Party]:
    """Return the parties that an addressed entry is for, which are those of its alerts."""
    matter = addressees_reads.matter(entry)
    parties = [
        party
        for kind in RAISES.get(entry.kind, ())
        for party in addressees_reads.addressees(matter, rule=EVERY_KIND[kind])
    ]
    return list({party.pk: party for party in parties}.values())


def narrow_spans(
    spans: Iterable[list[int]], *, kind: EventType, exercise: bool, party: Party
) -> tuple[list[list[int]], int]:
    """Return spans narrowed to the signals that a party may see, and the number of these.

    Spans without visible signals are left out, which hides their length and place.
    """
    visible_spans: list[list[int]] = []
    count = 0
    for span in spans:
        signals = _signals([span], kind=kind, exercise=exercise, party=party)
        aggregates = signals.aggregate(
            first=Min("position"), last=Max("position"), count=Count("pk")
        )
        if aggregates["count"]:
            visible_spans.append([aggregates["first"], aggregates["last"]])
            count += aggregates["count"]
    return visible_spans, count


def _facts(row: Delivery, *, kind: EventType, home: str) -> dict[str, Any] | None:
    """Return an event's data besides type and time; None if the party may see nothing of it."""
    fields: dict[str, Any] = {
        "webhook": str(row.webhook.uid),
        "hub": home or None,
        "exercise": row.exercise,
    }
    if kind is EventType.WEBHOOK_TEST:
        return fields
    if not rules.may_tell(kind, scopes=row.webhook.key.scopes):
        return None
    if row.spans:
        return _of_signals(row, kind=kind, fields=fields)
    party = row.webhook.party
    things = [thing for ref in row.subjects if (thing := _thing(ref, viewer=party))]
    if not things:
        return None
    return {**fields, "count": len(things) + row.more, "things": things}


def _of_signals(row: Delivery, *, kind: EventType, fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the data of an event of signals; too many to list are linked in the feed."""
    signals = _signals(row.spans, kind=kind, exercise=row.exercise, party=row.webhook.party)
    count = signals.count()
    if not count:
        return None
    listed = (
        signals.order_by("position").values_list("uid", "position") if count <= MAX_THINGS else ()
    )
    after, until = row.spans[0][0] - 1, row.spans[-1][1]
    return {
        **fields,
        "count": count,
        "things": [
            {"thing": "signal", "id": str(uid), "position": at, "href": f"{_API}/signals/{uid}"}
            for uid, at in listed
        ],
        "after": after,
        "until": until,
        "href": f"{_API}/feed?after={after}" + ("&exercise=true" if row.exercise else ""),
    }


def _signals(
    spans: Iterable[list[int]], *, kind: EventType, exercise: bool, party: Party
) -> QuerySet[Signal]:
    """Return the signals at these feed positions that a party may see, in their present state.

    A signal that changed since has a later position, and a later event.
    """
    positions = reduce(or_, (Q(position__gte=first, position__lte=last) for first, last in spans))
    state = _STATE_OF.get(kind, SignalState.LIVE)
    return Signal.objects.filter(positions, visible(party), state=state, exercise=exercise)


def _may_see_crisis(uid: UUID, *, viewer: Party) -> bool:
    """Whether a party may see a crisis."""
    return _sees(lambda: crises.find(uid, viewer=viewer))


def _thing(ref: str, *, viewer: Party) -> dict[str, str] | None:
    """Return a row as named in an event; None if the viewer may not see it now."""
    thing, _, name = ref.partition(":")
    uid = UUID(name)
    if not _MAY_SEE[thing](uid, viewer):
        return None
    return {"thing": thing, "id": name, "href": f"{_API}{_PATHS[thing].format(uid)}"}


def _sees(find: Callable[[], object]) -> bool:
    """Whether a room finds a row for its viewer."""
    try:
        find()
    except NotFoundError:
        return False
    return True


def _sees_batch(uid: UUID, viewer: Party) -> bool:
    """Whether a provider was sent any referral of a batch."""
    return Referral.objects.filter(batch__uid=uid, provider=viewer, sent_at__isnull=False).exists()


def _sees_information(uid: UUID, viewer: Party) -> bool:
    """Whether a provider was sent this information before a first order."""
    return Information.objects.filter(uid=uid, sent_to=viewer).exists()


_MAY_SEE: Mapping[str, Callable[[UUID, Party], bool]] = {
    "crisis": lambda uid, viewer: _may_see_crisis(uid, viewer=viewer),
    "order": lambda uid, viewer: _sees(lambda: orders.find(uid, viewer=viewer)),
    "referral": lambda uid, viewer: _sees(lambda: referrals.find(uid, viewer=viewer)),
    "hold": lambda uid, viewer: _sees(lambda: holds.find_hold(uid, viewer=viewer)),
    "batch": _sees_batch,
    "information": _sees_information,
    "scrutiny": lambda uid, viewer: decisions.was_sent(uid, viewer=viewer),
    "finality": lambda uid, viewer: finality.may_see(uid, viewer=viewer),
}
"""Checks whether a party may see a row, by the type in its ledger name."""

_PATHS: Mapping[str, str] = {
    "crisis": "/crises/{}",
    "order": "/orders/{}",
    "referral": "/referrals/{}",
    "hold": "/holds/{}",
    "batch": "/referrals?batch={}",
    "information": "/order-information",
    "scrutiny": "/scrutiny-decisions",
    "finality": "/final-orders",
}
"""API paths by type."""
