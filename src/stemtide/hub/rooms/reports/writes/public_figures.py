# SPDX-License-Identifier: Apache-2.0
"""Publish the figures of completed quarters, once: decision 0195.

Signals are counted before the lock is taken, as that takes seconds where there are millions, and
no later act changes what was true at the end of a quarter.
"""

from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_lock
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.reports.models import PublishedFigures
from stemtide.hub.rooms.reports.reads.public import figures as reads
from stemtide.hub.rooms.reports.reads.public.requests import (
    OpenedDispute,
    count_requests,
    opened_disputes,
)
from stemtide.hub.rooms.reports.reads.public.signals import count_signals
from stemtide.hub.rooms.reports.rules.public_figures import Collected
from stemtide.hub.rooms.reports.rules.public_tables import publish
from stemtide.protocol.figures.messages import digest_of, to_text
from stemtide.protocol.figures.quarters import Quarter


@needs_no_lock("publish_quarter takes it, and looks again")
def publish_due(now: datetime) -> int:
    """Publish the figures of each quarter that is due; return how many were."""
    count = 0
    for quarter in reads.due(now):
        collected, disputes = Collected(count_signals(quarter)), opened_disputes(quarter)
        count += _publish_quarter(quarter, collected=collected, disputes=disputes, now=now)
    return count


@transaction.atomic
def _publish_quarter(
    quarter: Quarter, *, collected: Collected, disputes: list[OpenedDispute], now: datetime
) -> bool:
    """Publish the figures of a quarter, if no other scheduler has; return whether it did."""
    ledger.lock_ledger()
    if PublishedFigures.objects.filter(first=quarter.first).exists():
        return False
    collected = count_requests(quarter, disputes=disputes, into=collected)
    head = ledger_reads.heads().entries
    before = reads.shown_before(quarter)
    body = to_text(publish(collected, quarter=quarter, head=head, before=before))
    digest = digest_of(body)
    entry = ledger.append(
        "figures.published",
        actor=CLOCK,
        subject=f"figures:{quarter.name}",
        now=now,
        detail={"first": quarter.first.isoformat(), "digest": digest},
    )
    PublishedFigures.objects.create(
        first=quarter.first,
        last=quarter.last,
        body=body,
        digest=digest,
        entry=entry.number,
        published_at=now,
    )
    return True
