# SPDX-License-Identifier: Apache-2.0
"""Notes beside a request in a mail and on the page of a link: deadline, contact, how to answer.

They contain no address of content, and no free text about it.
"""

from datetime import UTC, datetime
from typing import TypeAlias

from django.utils.translation import gettext as _

from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.messages.orders import OrderOut

Note: TypeAlias = tuple[str, str]
"""Heading and text."""


def order_notes(order: OrderOut) -> tuple[Note, ...]:
    """Return the notes for the addressee of a removal order."""
    feedback_contact = _line(order.annex.get("feedback_contact"))
    instructions = _(
        "By the link, without an account; or send Annex II or Annex III of the Regulation to:"
        " %(contact)s"
    )
    notes = [(_("Deadline"), _clock(order)), ask_note(*_issuer(order))]
    if feedback_contact and order.state in {
        OrderState.ISSUED,
        OrderState.RECEIVED,
        OrderState.SUSPENDED,
    }:
        notes.append((_("How to answer"), instructions % {"contact": feedback_contact}))
    return tuple(notes)


def copy_notes(order: OrderOut) -> tuple[Note, ...]:
    """Return the notes for an authority with an order's copy, and for an issuer with an answer."""
    return (ask_note(*_issuer(order)),)


def referral_notes(*sender: str) -> tuple[Note, ...]:
    """Return the notes for the addressee of a referral. sender: name and addresses to ask."""
    no_deadline = _("None runs. A referral is voluntary: you may also leave it unanswered.")
    instructions = _("By the link, without an account, by the API, or at the desk.")
    return ((_("Deadline"), no_deadline), ask_note(*sender), (_("How to answer"), instructions))


def ask_note(*sender: str) -> Note:
    """Return the note with the person to ask, and how to reach them."""
    return (_("Contact"), ", ".join(detail for detail in sender if detail))


def _clock(order: OrderOut) -> str:
    """Return the state of an order's hour. source: Regulation (EU) 2021/784 Art. 3(3), (7), (8)."""
    if order.exercise:
        return _("It is an exercise: no time limit has any effect.")
    if order.state is OrderState.ISSUED:
        return _(
            "One hour from receipt. It is received once somebody presses the button behind the"
            " link, opens the order at the desk, or a machine of yours takes it."
        )
    if order.state is OrderState.RECEIVED and order.received_at and order.due_at:
        times = {"received": _moment(order.received_at), "due": _moment(order.due_at)}
        return _("Received on %(received)s. To be executed by %(due)s.") % times
    if order.state is OrderState.SUSPENDED:
        return _("It stands still since you answered by Annex III.")
    if order.executed_at:
        return _("Executed on %(at)s.") % {"at": _moment(order.executed_at)}
    return _("None runs any more: the order has no effect.")


def _issuer(order: OrderOut) -> tuple[str, ...]:
    """Return the issuer of an order, as in its Annex I."""
    names = ("authority_name", "authority_phone", "authority_mail")
    return tuple(_line(order.annex.get(name)) for name in names)


def _line(value: object) -> str:
    """Return the text of a field in one line."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def _moment(at: datetime) -> str:
    """Return a time in UTC, which both sides share."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
