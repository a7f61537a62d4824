# SPDX-License-Identifier: Apache-2.0
"""Whom an event is told to, and what it says: asked when it is made, and again when it leaves.

1 An entry of the ledger is told to webhooks whose party may know of it: whose rules those are is
  the room's that the entry comes from, or for requests that of their alerts.
2 When an event leaves, it names what its party may see at that moment, and nothing else: what was
  withdrawn, or is out of its sight by now, is left out. What has nothing left to tell is moot.
3 A body is thin: ids and where to read them, so that what it says needs a key to be read.
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
from stemtide.hub.rooms.alerts.reads import addressees as reads_addressees
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND, RAISES
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.orders.models import Information
from stemtide.hub.rooms.orders.reads import decisions, orders
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.reads import holds, referrals
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.reads import webhooks as reads
from stemtide.protocol import webhook_headers as webhooks
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.webhooks import EventType, WebhookState

CLOCK = "clock"

MAX_THINGS = 100
"""Named in one body: with a hub's address of usual length it stays below 20 kB."""

_API = "/api/v1"

_STATE_OF = {
    EventType.SIGNAL_WITHDRAWN: SignalState.WITHDRAWN,
    EventType.SIGNAL_EXPIRED: SignalState.EXPIRED,
}
"""Of the signals that an event tells of; the others tell of live ones."""


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt, with all that it takes. headers: signed, and those of a CloudEvent."""

    delivery: UUID
    attempt: int
    url: str
    content: bytes
    headers: Mapping[str, str]


def call(row: Delivery, *, by: str, home: str, now: datetime) -> Call | None:
    """What leaves for a delivery now; None where its party may see none of it any more.

    row: with its webhook, party and key. home: the hub's own address, "" where it does not know it.
    """
    hook, kind = row.webhook, EventType(row.kind)
    facts = _facts(row, kind=kind, home=home)
    if facts is None:
        return None
    whole = {"type": kind.value, "timestamp": row.happened_at.isoformat(), "data": facts}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    name = str(row.uid)
    source = f"{home}{_API}/webhooks/{hook.uid}"
    signed = webhooks.sign(name, text, secrets=reads.secrets(hook, by=by, now=now), at=now)
    told = webhooks.event(name, kind.value, source=source, happened_at=row.happened_at)
    return Call(
        delivery=row.uid,
        attempt=row.attempts,
        url=hook.url,
        content=text.encode(),
        headers={**signed, **told},
    )


def listening(*, by: str) -> list[Webhook]:  # noqa: ARG001  # the clock, which asks of each what it may know
    """The webhooks that are told of what happens now."""
    rows = Webhook.objects.filter(state=WebhookState.ACTIVE)
    return list(rows.select_related("party", "key").order_by("pk"))


def may_know(
    entry: EntryRow,
    hooks: Iterable[Webhook],
    *,
    told: Callable[[], list[Party]],
    by: str,  # noqa: ARG001  # the clock, for every party
) -> list[Webhook]:
    """Those of some webhooks whose party an entry is told to.

    told: the parties that the entry is for, asked where it is addressed.
    """
    if entry.kind in rules.SIGNALS:
        return list(hooks)  # which of its signals each may see is one question for many entries
    if entry.kind in rules.ADDRESSED:
        names = {party.pk for party in told()}
        return [hook for hook in hooks if hook.party_id in names]
    uid = UUID(entry.subject.partition(":")[2])
    return [hook for hook in hooks if _may_see_crisis(uid, viewer=hook.party)]


def addressees(entry: EntryRow, *, by: str) -> list[Party]:
    """The parties that an addressed entry is for: those that its alerts are for."""
    matter = reads_addressees.matter(entry, by=by)
    told = [
        party
        for kind in RAISES.get(entry.kind, ())
        for party in reads_addressees.addressees(matter, rule=EVERY_KIND[kind], by=by)
    ]
    return list({party.pk: party for party in told}.values())


def shown(
    spans: Iterable[list[int]], *, kind: EventType, exercise: bool, party: Party
) -> tuple[list[list[int]], int]:
    """Feed positions, from the first to the last signal there that a party may see, and how many.

    A span without any is left out: neither its length nor its place is told.
    """
    found: list[list[int]] = []
    count = 0
    for span in spans:
        some = _signals([span], kind=kind, exercise=exercise, party=party)
        facts = some.aggregate(first=Min("position"), last=Max("position"), count=Count("pk"))
        if facts["count"]:
            found.append([facts["first"], facts["last"]])
            count += facts["count"]
    return found, count


def _facts(row: Delivery, *, kind: EventType, home: str) -> dict[str, Any] | None:
    """What an event says beside its type and time; None where there is nothing left to say."""
    facts: dict[str, Any] = {
        "webhook": str(row.webhook.uid),
        "hub": home or None,
        "exercise": row.exercise,
    }
    if kind is EventType.WEBHOOK_TEST:
        return facts
    if not rules.may_tell(kind, scopes=row.webhook.key.scopes):
        return None
    if row.spans:
        return _of_signals(row, kind=kind, facts=facts)
    party = row.webhook.party
    things = [one for ref in row.subjects if (one := _thing(ref, viewer=party))]
    if not things:
        return None
    return {**facts, "count": len(things) + row.more, "things": things}


def _of_signals(row: Delivery, *, kind: EventType, facts: dict[str, Any]) -> dict[str, Any] | None:
    """What an event of signals says. Where they are too many to name, the feed after it does."""
    found = _signals(row.spans, kind=kind, exercise=row.exercise, party=row.webhook.party)
    count = found.count()
    if not count:
        return None
    named = found.order_by("position").values_list("uid", "position") if count <= MAX_THINGS else ()
    after, until = row.spans[0][0] - 1, row.spans[-1][1]
    return {
        **facts,
        "count": count,
        "things": [
            {"thing": "signal", "id": str(uid), "position": at, "href": f"{_API}/signals/{uid}"}
            for uid, at in named
        ],
        "after": after,
        "until": until,
        "href": f"{_API}/feed?after={after}" + ("&exercise=true" if row.exercise else ""),
    }


def _signals(
    spans: Iterable[list[int]], *, kind: EventType, exercise: bool, party: Party
) -> QuerySet[Signal]:
    """The signals at some feed positions that a party may see, as they stand now.

    A signal that changed since stands elsewhere in the feed, where a later event tells of it.
    """
    there = reduce(or_, (Q(position__gte=first, position__lte=last) for first, last in spans))
    state = _STATE_OF.get(kind, SignalState.LIVE)
    return Signal.objects.filter(there, visible(party), state=state, exercise=exercise)


def _may_see_crisis(uid: UUID, *, viewer: Party) -> bool:
    """Whether a party may see a crisis."""
    return _sees(lambda: crises.find(uid, viewer=viewer))


def _thing(ref: str, *, viewer: Party) -> dict[str, str] | None:
    """A row as an event names it; None where the viewer may not see it, now."""
    thing, _, name = ref.partition(":")
    uid = UUID(name)
    if not _SEEN[thing](uid, viewer):
        return None
    return {"thing": thing, "id": name, "href": f"{_API}{_PLACES[thing].format(uid)}"}


def _sees(find: Callable[[], object]) -> bool:
    """Whether a room finds something for its viewer."""
    try:
        find()
    except NotFoundError:
        return False
    return True


def _sees_batch(uid: UUID, viewer: Party) -> bool:
    """Whether a provider was sent any referral of a batch."""
    return Referral.objects.filter(batch__uid=uid, provider=viewer, sent_at__isnull=False).exists()


def _sees_information(uid: UUID, viewer: Party) -> bool:
    """Whether a provider was told what is told before a first order."""
    return Information.objects.filter(uid=uid, sent_to=viewer).exists()


_SEEN: Mapping[str, Callable[[UUID, Party], bool]] = {
    "crisis": lambda uid, viewer: _may_see_crisis(uid, viewer=viewer),
    "order": lambda uid, viewer: _sees(lambda: orders.find(uid, viewer=viewer)),
    "referral": lambda uid, viewer: _sees(lambda: referrals.find(uid, viewer=viewer)),
    "hold": lambda uid, viewer: _sees(lambda: holds.find_hold(uid, viewer=viewer)),
    "batch": _sees_batch,
    "information": _sees_information,
    "scrutiny": lambda uid, viewer: decisions.was_sent(uid, viewer=viewer),
}
"""Whether a party may see a row, by what stands before the colon of its name in the ledger."""

_PLACES: Mapping[str, str] = {
    "crisis": "/crises/{}",
    "order": "/orders/{}",
    "referral": "/referrals/{}",
    "hold": "/holds/{}",
    "batch": "/referrals?batch={}",
    "information": "/order-information",
    "scrutiny": "/scrutiny-decisions",
}
"""Where each is read."""
