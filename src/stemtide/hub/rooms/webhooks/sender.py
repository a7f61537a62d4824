# SPDX-License-Identifier: Apache-2.0
"""Send due deliveries to their webhooks, in a few threads outside every transaction."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from stemtide.hub.platform.egress.posts import PostOutcome, PostResult, post
from stemtide.hub.platform.egress.thread_pool import ThreadPool
from stemtide.hub.rooms.webhooks.models import Delivery
from stemtide.hub.rooms.webhooks.reads import events
from stemtide.hub.rooms.webhooks.writes import deliveries
from stemtide.hub.rooms.webhooks.writes.deliveries import ClaimedDelivery

log = logging.getLogger(__name__)

THREADS = 8
"""Deliveries in progress at once, apart from those of alerts."""

TIMEOUT_S = 15.0
"""Longest duration of one attempt, from connecting to the end of the response."""


class WebhookSender:
    """Sender of due deliveries, a few at a time; its caller never waits for a receiver.

    now, jitter: the clock and the random numbers, injected by the caller. home: the hub's own
    address.
    """

    def __init__(
        self,
        *,
        home: str,
        loopback: bool,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        threads: int = THREADS,
    ) -> None:
        self._home = home
        self._loopback = loopback
        self._now = now
        self._chance = jitter
        self._pool: ThreadPool[ClaimedDelivery] = ThreadPool(
            self.call, threads=threads, name="webhooks"
        )

    def start_due(self, now: datetime) -> int:
        """Start as many due deliveries as there are free threads; return how many."""
        free = self._pool.free
        if free <= 0:
            return 0
        claimed = deliveries.claim_due(now, limit=free)
        self._pool.start(claimed)
        return len(claimed)

    def settle(self) -> None:
        """Wait for deliveries in progress: for tests and at the end of the process."""
        self._pool.settle()

    def close(self) -> None:
        """Stop after the deliveries in progress; unsent ones stay due."""
        self._pool.close()

    def call(self, claimed: ClaimedDelivery) -> PostResult | None:
        """Make one delivery attempt and record its result; None if nothing was left to tell."""
        result = self._try(claimed)
        deliveries.note(claimed, result=result, jitter=self._chance(), now=self._now())
        return result

    def _try(self, claimed: ClaimedDelivery) -> PostResult | None:
        """Make one delivery attempt; an unexpected exception counts as a failed attempt."""
        try:
            return self._post(claimed)
        except Exception:
            log.exception("delivery %s failed inside the hub", claimed.delivery)
            return PostResult(
                PostOutcome.FAILED, "the hub itself failed; its operator finds why in its log"
            )

    def _post(self, claimed: ClaimedDelivery) -> PostResult | None:
        """Build the event as its party may see it now, and post it."""
        rows = Delivery.objects.select_related("webhook__party", "webhook__key")
        row = rows.filter(uid=claimed.delivery).first()
        if row is None:
            return None
        now = self._now()
        request = events.delivery_request(row, by=deliveries.CLOCK, home=self._home, now=now)
        if request is None:
            return None
        return post(
            request.url,
            content=request.content,
            headers=request.headers,
            loopback=self._loopback,
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
