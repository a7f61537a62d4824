# SPDX-License-Identifier: Apache-2.0
"""Read facts of removal orders, referrals and holds for alerts: reference and sender."""

from collections.abc import Mapping
from uuid import UUID

from django.db.models import Model

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.orders.models import Finality, Information, Order, Scrutiny
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Batch, Hold, Referral

_ROWS: Mapping[str, tuple[type[Model], str]] = {
    "order": (Order, "issued_by"),
    "information": (Information, "sent_by"),
    "scrutiny": (Scrutiny, "authority"),
    "finality": (Finality, "order__issued_by"),
    "referral": (Referral, "sender"),
    "batch": (Batch, "sender"),
    "hold": (Hold, "holder"),
}
"""The model of each type of subject, and its field for the sender."""

THINGS = frozenset(_ROWS)
"""Types of subjects that this file reads."""


@needs_no_viewer("the scheduler reads for the two sides")
def reference(thing: str, name: str) -> str:
    """Return the file reference of a request; "" if it has none."""
    row = _row(thing, name)
    return str(getattr(row, "shown_reference", getattr(row, "reference", "")))


@needs_no_viewer("the scheduler reads for the two sides")
def senders(thing: str, name: str) -> list[Party]:
    """Return the party that made a request, as a list; empty if no party did."""
    row = _row(thing, name)
    sender = getattr(row, _ROWS[thing][1].rpartition("__")[2]) if row else None
    return [sender] if sender is not None else []


def _row(thing: str, name: str) -> Model | None:
    """Return the row of a request with its sender; None if the subject is no request."""
    if thing not in _ROWS:
        return None
    model, whose = _ROWS[thing]
    return model._default_manager.select_related(whose).filter(uid=UUID(name)).first()  # noqa: SLF001  # Django's own name
