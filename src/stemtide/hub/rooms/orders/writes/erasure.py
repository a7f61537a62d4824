# SPDX-License-Identifier: Apache-2.0
"""Erase what removal orders say; their references, dates and states stay for the figures."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Model

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.orders.models import (
    Access,
    Appeal,
    EnteredDocument,
    EnteredOrder,
    Order,
    OrderAddress,
    OrderAnswer,
    OrderDoubt,
    Preservation,
    Receipt,
    Scrutiny,
)


@needs_no_entry("the purge, its caller, records itself")
@needs_no_lock("the purge, its caller, holds it")
def erase(rows: Sequence[Order], *, now: datetime) -> None:
    """Erase the forms, addresses and texts of orders, and of what hangs on them."""
    pks = [row.pk for row in rows]
    for model in (OrderAddress, OrderDoubt):
        model._default_manager.filter(order__in=pks).delete()  # noqa: SLF001  # Django's documented way
    Access.objects.filter(preservation__order__in=pks).delete()
    _empty(Preservation, pks, "law", "authority", "reviewed_by", "reference", "production", "court")
    _empty(Preservation, pks, "reason")
    _empty(OrderAnswer, pks, "clarification", annex={})
    _empty(Scrutiny, pks, "reasons", "announcement", "decision")
    _empty(Appeal, pks, "body", "reference", "decision")
    _empty(Receipt, pks, "proof")
    _empty(EnteredOrder, pks, "issuer_name", "issuer_contact", "note")
    documents = EnteredDocument.objects.filter(entry__order__in=pks)
    documents.update(name="", ciphertext=b"", size_bytes=0, seals=[], values={})
    for row in rows:
        row.signals.clear()
    texts = dict.fromkeys(("emergency", "despite", "end_reason"), "")
    Order.objects.filter(pk__in=pks).update(**texts, annex={}, erased_at=now)


def _empty(model: type[Model], orders: Sequence[int], *names: str, **values: object) -> None:
    """Empty texts of the rows that hang on orders."""
    rows = model._default_manager.filter(order__in=orders)  # noqa: SLF001  # Django's documented way
    rows.update(**dict.fromkeys(names, ""), **values)
