# SPDX-License-Identifier: Apache-2.0
"""Read the orders and holds of others on the addresses and content of an order.

Content is the same where a signal of the same value, or of the same content item, is attached to an
order or a hold.

source: Regulation (EU) 2021/784 recital 36 and Art. 14(1).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.rooms.orders.models import Order, OrderAddress
from stemtide.hub.rooms.orders.reads.entries import BY_ISSUER
from stemtide.hub.rooms.orders.rules.findings import Interest, InterestKind
from stemtide.hub.rooms.orders.rules.orders import IN_EFFECT
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import contacts
from stemtide.hub.rooms.referrals.models import Hold
from stemtide.hub.rooms.referrals.reads import search
from stemtide.hub.rooms.signals.reads import similar


@dataclass(frozen=True, slots=True)
class RelatedRows:
    """Rows around an order, each with the address that it shares; "" for the same content."""

    orders: tuple[tuple[Order, str], ...]
    holds: tuple[tuple[Hold, str], ...]


def overlaps(row: Order, *, viewer: Party, now: datetime) -> RelatedRows:
    """Return orders in effect and holds on the same addresses or content as an order.

    viewer: its issuer, whose signals of it say what the content is.
    """
    urls = dict(row.addresses.exclude(digest="").values_list("digest", "url"))
    uids = list(row.signals.values_list("uid", flat=True))
    near = similar.same_content(uids, viewer=viewer, exercise=row.exercise)
    holds = search.open_holds(list(urls), near=near, exercise=row.exercise, now=now)
    return RelatedRows(
        orders=tuple(_orders(row, urls=urls, near=near)),
        holds=tuple((hold, urls.get(hold.digest, "")[:200]) for hold in holds),
    )


def interests(row: Order, *, viewer: Party, now: datetime) -> tuple[Interest, ...]:
    """Return the interests of others, as the issuer of an order may see them."""
    nearby = overlaps(row, viewer=viewer, now=now)
    interests_found = [
        _of_order(order, url, viewer=viewer, now=now) for order, url in nearby.orders
    ]
    interests_found += [_of_hold(hold, url) for hold, url in nearby.holds]
    return tuple(dict.fromkeys(interests_found))


def _orders(
    row: Order, *, urls: dict[str, str], near: frozenset[int]
) -> Iterator[tuple[Order, str]]:
    """Yield other orders in effect on the same addresses, then those on the same content."""
    others = Order.objects.filter(
        BY_ISSUER, issued_by__isnull=False, state__in=IN_EFFECT, exercise=row.exercise
    ).exclude(pk=row.pk)
    same = OrderAddress.objects.filter(digest__in=list(urls), order__in=others)
    listed = set()
    for address in same.select_related("order__issued_by").order_by("order", "place"):
        listed.add(address.order_id)
        yield address.order, urls[address.digest][:200]
    alike = others.filter(signals__in=near).select_related("issued_by")
    for order in alike.distinct().order_by("pk"):
        if order.pk not in listed:
            yield order, ""


def _of_order(order: Order, url: str, *, viewer: Party, now: datetime) -> Interest:
    """Return an order in effect as an interest; for others' orders with the contact to call."""
    issuer = order.issuer
    if issuer.pk == viewer.pk:
        return Interest(InterestKind.OWN, url=url, reference=order.reference)
    steps = contacts.ladder(issuer, viewer=viewer, now=now)
    return Interest(
        InterestKind.ORDERED,
        party=issuer.title,
        country=issuer.country,
        contact=steps[0].contact.address if steps else "",
        url=url,
    )


def _of_hold(hold: Hold, url: str) -> Interest:
    """Return a hold as an interest: whose it is, until when, and the contact that it names."""
    return Interest(
        InterestKind.HELD,
        party=hold.holder.title,
        country=hold.holder.country,
        contact=hold.contact,
        url=url,
        until=hold.until,
    )
