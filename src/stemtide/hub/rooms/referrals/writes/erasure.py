# SPDX-License-Identifier: Apache-2.0
"""Erase what referrals say; their dates, answers and states stay for the figures."""

from collections.abc import Sequence
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.referrals.models import BatchRow, Question, Referral

_EMPTY = {
    **dict.fromkeys(("url", "terms", "reason", "drop_note", "override", "despite"), ""),
    **dict.fromkeys(("answer_note", "provider_reference", "reinstate_note"), ""),
    "take_back_note": "",
}


@needs_no_entry("the purge, its caller, records itself")
@needs_no_lock("the purge, its caller, holds it")
def erase(rows: Sequence[Referral], *, now: datetime) -> None:
    """Erase address, reasons and notes of referrals, and the questions about them."""
    pks = [row.pk for row in rows]
    Question.objects.filter(referral__in=pks).delete()
    BatchRow.objects.filter(referral__in=pks).update(url="", message="")
    for row in rows:
        row.signals.clear()
        # The database allows a sender one running referral for each digest: this one is of nothing.
        Referral.objects.filter(pk=row.pk).update(digest=row.uid.hex)
    Referral.objects.filter(pk__in=pks).update(**_EMPTY, erased_at=now)
