# SPDX-License-Identifier: Apache-2.0
"""Erase what signals match and say; what agents need to forget them stays. Decision 0190.

The row keeps its id, place in the feed, state and marks: an agent that was away for a year still
learns that the signal ended.
"""

from collections.abc import Sequence
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.signals import long_values
from stemtide.hub.rooms.signals.models import (
    EarlierUploadSum,
    LongValue,
    OpinionRow,
    Outlier,
    RunawayDecision,
    RunawayReport,
    Sighting,
    Signal,
    SignalQuestion,
    SignalSpan,
)
from stemtide.hub.rooms.signals.rules.content import EMPTY

_HANGING = (
    *(OpinionRow, SignalQuestion, Sighting, SignalSpan, EarlierUploadSum),
    *(Outlier, RunawayReport, RunawayDecision),
)


@needs_no_entry("the purge, its caller, records itself")
@needs_no_lock("the purge, its caller, holds it")
def erase(rows: Sequence[Signal], *, now: datetime) -> None:
    """Erase signals that have ended, and the rows that hang on them."""
    pks = [row.pk for row in rows]
    for model in _HANGING:
        model._default_manager.filter(signal__in=pks).delete()  # noqa: SLF001  # Django's documented way
    Signal.objects.filter(pk__in=pks).update(**EMPTY, erased_at=now)
    _erase_long_values({row.value for row in rows if row.value})
    approvals.forget_signals([row.uid for row in rows])


def _erase_long_values(digests: set[str]) -> None:
    """Erase values as long as their content that no other signal has."""
    for batch in long_values.batches(sorted(digests)):
        used = Signal.objects.filter(value__in=batch).values_list("value", flat=True)
        LongValue.objects.filter(digest__in=set(batch) - set(used)).delete()
