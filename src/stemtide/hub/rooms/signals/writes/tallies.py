# SPDX-License-Identifier: Apache-2.0
"""Prove the numbers that the database keeps of signals, and correct them. Decision 0135."""

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.signals.models import MispBlock, OutcomeTally, SignalTally
from stemtide.hub.rooms.signals.reads.caches import recount
from stemtide.hub.rooms.signals.reads.caches.recount import Difference
from stemtide.hub.rooms.signals.reads.signals import TALLIED


@needs_no_entry("it changes numbers only, to what the signals say")
@transaction.atomic
def check(*, repair: bool = False) -> list[Difference]:
    """Return the kept numbers that are wrong; with repair, keep what was counted from now on.

    It holds the lock of the ledger, so that no signal changes between the two.
    """
    ledger.lock_ledger()
    wrong = recount.differences()
    if wrong and repair:
        SignalTally.objects.all().delete()
        MispBlock.objects.all().delete()
        OutcomeTally.objects.all().delete()
        SignalTally.objects.bulk_create(
            SignalTally(**_columns((*recount.MARKS, *TALLIED), (*key, *numbers)))
            for key, numbers in recount.counted_tallies().items()
        )
        MispBlock.objects.bulk_create(
            MispBlock(**_columns((*recount.OF_BLOCK, "stamp_s", "since"), (*key, *ends)))
            for key, ends in recount.counted_blocks().items()
        )
        OutcomeTally.objects.bulk_create(
            OutcomeTally(**_columns((*recount.OF_OUTCOME, "count", "last_at"), (*key, *sums)))
            for key, sums in recount.counted_outcomes().items()
        )
    return wrong


def _columns(names: tuple[str, ...], values: tuple[object, ...]) -> dict[str, object]:
    """Return values by column; those of foreign keys are primary keys."""
    columns = {name: f"{name}_id" for name in ("shared_by", "crisis", "party")}
    return {columns.get(name, name): value for name, value in zip(names, values, strict=True)}
