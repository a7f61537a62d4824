# SPDX-License-Identifier: Apache-2.0
"""Acts on content that have a form of their own, with that form filled in: refer, order, hold.

The page of a signal, of a cluster and of a crisis shows them. An act that a rule forbids is shown
with the reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.actions import why_not
from stemtide.hub.desk.labels import Words
from stemtide.hub.desk.orders.drafts import check_issuer
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.rules import holds, referrals
from stemtide.hub.rooms.referrals.rules.referrals import REFERRING


@dataclass(frozen=True, slots=True)
class ActedContent:
    """What the forms are filled in with. own: those of the signals that the reader's party shared.

    signals: the live ones. crisis: its id; None for none.
    """

    signals: tuple[UUID, ...] = ()
    own: tuple[UUID, ...] = ()
    crisis: UUID | None = None
    exercise: bool = False
    url: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContentAct:
    """A way to a form that is filled in. reason: why the reader cannot use it; "" if they can."""

    name: str
    title: Words
    address: str
    reason: str


MAX_SIGNALS = 50
"""Signals that an address names: more would be longer than a browser sends."""


def content_acts(content: ActedContent, *, by: Actor) -> list[ContentAct]:
    """Return what authorities and agencies may do about content, with a reason where not."""
    if by.kind not in REFERRING:
        return []
    first = next(iter(content.signals), "")
    return [
        ContentAct(
            "refer",
            _("Refer it to a provider"),
            _address("referral-new", content, url=content.url, signals=content.signals),
            why_not(referrals.check_assess, kind=by.kind, role=by.role),
        ),
        ContentAct(
            "order",
            _("Order its removal"),
            _address("order-new", content, urls=content.url, signals=content.own),
            why_not(check_issuer, by),
        ),
        ContentAct(
            "hold",
            _("Ask for a hold"),
            _address("hold-new", content, url="" if first else content.url, signal=first),
            why_not(holds.check_place, kind=by.kind, role=by.role),
        ),
    ]


def _address(name: str, content: ActedContent, **fields: str | UUID | Iterable[UUID]) -> str:
    """Return the address of a form with its fields filled in."""
    query: list[tuple[str, str]] = []
    for field, value in fields.items():
        values = (value,) if isinstance(value, str | UUID) else tuple(value)[:MAX_SIGNALS]
        text = " ".join(map(str, values))
        query += [(field, text)] if text else []
    query += [("labels", label) for label in content.labels if name == "referral-new"]
    query += [("crisis", str(content.crisis))] if content.crisis else []
    query += [("exercise", "1")] if content.exercise else []
    address = reverse(name)
    return f"{address}?{urlencode(query)}" if query else address
