# SPDX-License-Identifier: Apache-2.0
"""What stands beside a request in a mail and on the page of a link: its clock, whom to ask, how.

No address of content stands there, and no word that somebody wrote about it.
"""

from datetime import UTC, datetime
from typing import TypeAlias

from django.utils.translation import gettext as _

from stemtide.protocol.orders import OrderOut
from stemtide.protocol.words_orders import OrderState

Note: TypeAlias = tuple[str, str]
"""What it is about, and what is to be known of it."""


def order_notes(order: OrderOut) -> tuple[Note, ...]:
    """What the addressee of a removal order must know at once."""
    back = _line(order.annex.get("feedback_contact"))
    how = _(
        "By the link, without an account; or send Annex II or Annex III of the Regulation to:"
        " %(contact)s"
    )
    notes = [(_("Clock"), _clock(order)), ask_note(*_issuer(order))]
    if back and order.state in {OrderState.ISSUED, OrderState.RECEIVED, OrderState.SUSPENDED}:
        notes.append((_("How to answer"), how % {"contact": back}))
    return tuple(notes)


def copy_notes(order: OrderOut) -> tuple[Note, ...]:
    """What an authority must know with its copy, and an issuer with an answer."""
    return (ask_note(*_issuer(order)),)


def referral_notes(*asked: str) -> tuple[Note, ...]:
    """What the addressee of a referral must know. asked: who is to be asked, and how."""
    free = _("None runs. A referral is voluntary: you may also leave it unanswered.")
    how = _("By the link, without an account, by the API, or at the desk.")
    return ((_("Clock"), free), ask_note(*asked), (_("How to answer"), how))


def ask_note(*asked: str) -> Note:
    """Whom to ask, and how they are reached."""
    return (_("Whom to ask"), ", ".join(one for one in asked if one))


def _clock(order: OrderOut) -> str:
    """Where the hour of an order stands. source: Regulation (EU) 2021/784 Art. 3(3), (7), (8)."""
    if order.exercise:
        return _("It is an exercise: no time limit has any effect.")
    if order.state is OrderState.ISSUED:
        return _(
            "One hour from receipt. It is received once somebody presses the button behind the"
            " link, opens the order at the desk, or a machine of yours takes it."
        )
    if order.state is OrderState.RECEIVED and order.received_at and order.due_at:
        told = {"received": _moment(order.received_at), "due": _moment(order.due_at)}
        return _("Received on %(received)s. To be executed by %(due)s.") % told
    if order.state is OrderState.SUSPENDED:
        return _("It stands still since you answered by Annex III.")
    if order.executed_at:
        return _("Executed on %(at)s.") % {"at": _moment(order.executed_at)}
    return _("None runs any more: the order has no effect.")


def _issuer(order: OrderOut) -> tuple[str, ...]:
    """Who issued an order, as its Annex I says."""
    names = ("authority_name", "authority_phone", "authority_mail")
    return tuple(_line(order.annex.get(name)) for name in names)


def _line(value: object) -> str:
    """What stands in a field of text, in one line."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def _moment(at: datetime) -> str:
    """A moment in the one clock that both sides share."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
