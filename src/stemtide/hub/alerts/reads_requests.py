# SPDX-License-Identifier: Apache-2.0
"""What alerts must know of removal orders, referrals and holds: their reference, whose they are."""

from collections.abc import Mapping
from uuid import UUID

from django.db.models import Model

from stemtide.hub.orders.models import Information, Order, Scrutiny
from stemtide.hub.parties.models import Party
from stemtide.hub.referrals.models import Batch, Hold, Referral

_ROWS: Mapping[str, tuple[type[Model], str]] = {
    "order": (Order, "issued_by"),
    "information": (Information, "sent_by"),
    "scrutiny": (Scrutiny, "authority"),
    "referral": (Referral, "sender"),
    "batch": (Batch, "sender"),
    "hold": (Hold, "holder"),
}
"""By what stands before the colon of a subject: the rows, and whose request each is."""

THINGS = frozenset(_ROWS)
"""Subjects that this file knows."""


def reference(thing: str, name: str, *, by: str) -> str:  # noqa: ARG001  # the clock, for the two sides
    """The file reference of a request; "" where it has none."""
    row = _row(thing, name)
    return str(getattr(row, "shown_reference", getattr(row, "reference", "")))


def senders(thing: str, name: str, *, by: str) -> list[Party]:  # noqa: ARG001  # the clock, for the two sides
    """Whose request it is: one party, or nobody where it is no request."""
    row = _row(thing, name)
    return [getattr(row, _ROWS[thing][1])] if row else []


def _row(thing: str, name: str) -> Model | None:
    """The row of a request, with whose it is; None for what is no request."""
    if thing not in _ROWS:
        return None
    model, whose = _ROWS[thing]
    return model._default_manager.select_related(whose).filter(uid=UUID(name)).first()  # noqa: SLF001  # Django's own name
