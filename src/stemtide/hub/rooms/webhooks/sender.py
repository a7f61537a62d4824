# SPDX-License-Identifier: Apache-2.0
"""Send due deliveries to their webhooks, in a few threads outside every transaction."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from stemtide.egress.posts import PostOutcome, PostResult, post
from stemtide.hub.platform.jobs import HUB_FAILED, JobRunner
from stemtide.hub.rooms.webhooks.models import Delivery
from stemtide.hub.rooms.webhooks.reads import events
from stemtide.hub.rooms.webhooks.writes import deliveries
from stemtide.hub.rooms.webhooks.writes.deliveries import ClaimedDelivery

log = logging.getLogger(__name__)

THREADS = 8
"""Deliveries in progress at once, apart from those of alerts."""

TIMEOUT_S = 15.0
"""Longest duration of one attempt, from connecting to the end of the response."""


@dataclass(kw_only=True, eq=False)
class WebhookSender(JobRunner[ClaimedDelivery]):
    """Sender of due deliveries.

    home: the hub's own address. jitter: random numbers, injected by the caller.
    """

    name = "webhooks"
    threads: int = THREADS
    home: str
    loopback: bool
    jitter: Callable[[], float]

    def claim_due(self, now: datetime, *, limit: int) -> list[ClaimedDelivery]:
        """Claim due deliveries."""
        return deliveries.claim_due(now, limit=limit)

    def run(self, job: ClaimedDelivery) -> PostResult | None:
        """Make one delivery attempt and record its result; None if nothing was left to tell."""
        result = self._try(job)
        deliveries.note(job, result=result, jitter=self.jitter(), now=self.now())
        return result

    def _try(self, claimed: ClaimedDelivery) -> PostResult | None:
        """Make one delivery attempt; an unexpected exception counts as a failed attempt."""
        try:
            return self._post(claimed)
        except Exception:
            log.exception("delivery %s failed inside the hub", claimed.delivery)
            return PostResult(PostOutcome.FAILED, HUB_FAILED)

    def _post(self, claimed: ClaimedDelivery) -> PostResult | None:
        """Build the event as its party may see it now, and post it."""
        rows = Delivery.objects.select_related("webhook__party", "webhook__key")
        row = rows.filter(uid=claimed.delivery).first()
        if row is None:
            return None
        now = self.now()
        request = events.delivery_request(row, home=self.home, now=now)
        if request is None:
            return None
        return post(
            request.url,
            content=request.content,
            headers=request.headers,
            loopback=self.loopback,
            timeout_s=TIMEOUT_S,
            now=now,
        )


def sender_from_settings(
    *, now: Callable[[], datetime], jitter: Callable[[], float]
) -> WebhookSender:
    """Return a sender with the hub's settings."""
    return WebhookSender(
        home=settings.HUB_ADDRESS, loopback=settings.WEBHOOK_LOOPBACK, now=now, jitter=jitter
    )
