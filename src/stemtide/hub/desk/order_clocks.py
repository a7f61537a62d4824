# SPDX-License-Identifier: Apache-2.0
"""The clocks of an order on its page: what is due when, and what was when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from stemtide.hub.desk.order_words import PHRASES
from stemtide.protocol import clocks
from stemtide.protocol.orders import OrderOut
from stemtide.protocol.words_orders import OrderState, ScrutinyState

_OVER = frozenset({OrderState.WITHDRAWN, OrderState.ANNULLED, OrderState.REINSTATED})
_UNDECIDED = frozenset({ScrutinyState.OPENED, ScrutinyState.ANNOUNCED})


@dataclass(frozen=True, slots=True)
class Deadline:
    """One deadline. article: of the Regulation, where it stands."""

    title: str
    at: datetime
    article: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    title: str
    at: datetime
    note: str = ""


def deadlines(order: OrderOut) -> list[Deadline]:
    """What is due for an order, the hour apart: in the order of time."""
    found = []
    if order.state not in _OVER and order.state is not OrderState.UNDONE:
        if order.received_at and order.copies and not order.scrutinies:
            until = clocks.ask_scrutiny_until(order.received_at)
            found.append(Deadline(_("The provider may ask for scrutiny until"), until, "Art. 4(4)"))
        found += [
            Deadline(
                _("An authority with a copy may examine it until"), copy.scrutiny_until, "Art. 4(3)"
            )
            for copy in order.copies
            if copy.scrutiny_until and not order.scrutinies
        ]
    found += [
        Deadline(_("Scrutiny is decided by"), scrutiny.due_at, "Art. 4(3)")
        for scrutiny in order.scrutinies
        if scrutiny.state in _UNDECIDED
    ]
    if order.secret_until and order.state not in _OVER:
        told = _("The content provider is not told before")
        found.append(Deadline(told, order.secret_until, "Art. 11(3)"))
    kept = order.preservation
    if kept and kept.destroyed_at is None:
        found.append(Deadline(_("What was removed is preserved until"), kept.until, "Art. 6"))
    return sorted(found, key=lambda one: one.at)


def steps(order: OrderOut, *, titles: Mapping[str, str]) -> list[Moment]:
    """What happened to an order, in the order of time. titles: parties' titles by name."""
    told: list[tuple[str, datetime | None, str]] = [
        (_("drafted"), order.drafted_at, ""),
        (_("issued"), order.issued_at, ""),
        *[
            (_("arrived"), receipt.at, str(PHRASES["order_via"][receipt.via]))
            for receipt in order.receipts
        ],
        *[
            (_("copy received"), copy.received_at, titles.get(copy.to, copy.to))
            for copy in order.copies
        ],
        (_("acknowledged"), order.acknowledged_at, ""),
        (_("the hour had passed"), order.missed_at, ""),
        (_("content acted upon"), order.executed_at, _("as the provider says")),
        (_("order lost its effect"), order.ended_at, ""),
        (_("content reinstated"), order.reinstated_at, ""),
    ]
    for answer in order.answers:
        told.append((str(PHRASES["annex"][answer.form]), answer.answered_at, ""))
        told.append((_("the hour began anew"), answer.resumed_at, ""))
    for one in order.scrutinies:
        told.append(
            (_("scrutiny opened"), one.opened_at, str(PHRASES["scrutiny_basis"][one.basis]))
        )
        told.append((_("infringement announced"), one.announced_at, ""))
        told.append((_("scrutiny decided"), one.decided_at, str(PHRASES["scrutiny"][one.state])))
    made = [Moment(title, at, note) for title, at, note in told if at is not None]
    return sorted(made, key=lambda one: one.at)
