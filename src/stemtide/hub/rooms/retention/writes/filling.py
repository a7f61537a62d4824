# SPDX-License-Identifier: Apache-2.0
"""Fill in basis, purpose and date of rows that have none: those of older code, in batches.

They get the default of their kind, and keep the note that they got it later. Their date is the end
of a month, and not before a grace period is over.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.retention.columns import basis_columns, preservation_columns
from stemtide.hub.rooms.orders.models import Preservation
from stemtide.hub.rooms.retention.reads.rows import KINDS, RowKind
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.orders import PreservationBasis
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import FILLED, RowClass, erase_due, retention

AT_ONCE = 2000
"""Rows that one transaction fills in."""

_OWN_DATES = (RowClass.LEAD, RowClass.COMPLAINT, RowClass.PREVIEW, RowClass.RIGHTS)


@needs_no_entry("it fills in what the rules say; nobody acts")
def fill_in(now: datetime) -> int:
    """Fill in some rows of each class; return how many. The next run goes on."""
    return sum(_fill_some(kind, now=now) for kind in KINDS.values()) + _fill_preservations()


@needs_no_lock("nothing but an extension changes these columns, and it needs a rule first")
@transaction.atomic
def _fill_some(kind: RowKind, *, now: datetime) -> int:
    """Fill in rows of one class."""
    rows = kind.rows.filter(retention_rule=None).order_by("pk")
    facts = list(rows.values_list("pk", f"{kind.party}__kind", kind.since)[:AT_ONCE])
    groups: dict[tuple[str, datetime | None], list[int]] = defaultdict(list)
    for pk, party_kind, since in facts:
        groups[party_kind or PartyKind.AUTHORITY.value, _date(kind, since, now=now)].append(pk)
    for (party_kind, date), pks in groups.items():
        columns: dict[str, Any] = basis_columns(kind.row_class, kind=party_kind)
        columns["retention_rule"] += FILLED
        if date is not None:
            columns[kind.date] = date
        for begin in range(0, len(pks), 500):
            kind.rows.filter(pk__in=pks[begin : begin + 500]).update(**columns)
    return len(facts)


def _date(kind: RowKind, since: datetime, *, now: datetime) -> datetime | None:
    """Return when an older row is erased; None if it has a date already."""
    if kind.row_class in _OWN_DATES:
        return None
    version = retention()
    grace_ends = now + timedelta(days=version.grace_days)
    # What ends before it is erased, as live signals do, has the whole grace until it ends.
    earliest = months_after(grace_ends, version.classes[kind.row_class].after_end)
    due = max(erase_due(kind.row_class, since=since), earliest)
    return months_after(due.replace(day=1, hour=0, minute=0, second=0, microsecond=0), 1)


@needs_no_lock("nothing changes these columns")
@transaction.atomic
def _fill_preservations() -> int:
    """Fill in preservations, whose law is their basis."""
    rows = list(Preservation.objects.filter(retention_rule=None)[:AT_ONCE])
    for row in rows:
        kind = row.entered_by.kind if row.entered_by else PartyKind.PROVIDER.value
        columns = preservation_columns(PreservationBasis(row.basis), kind=kind)
        columns["retention_rule"] += FILLED
        Preservation.objects.filter(pk=row.pk).update(**columns)
    return len(rows)
