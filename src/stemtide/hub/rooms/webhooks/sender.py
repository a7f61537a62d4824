# SPDX-License-Identifier: Apache-2.0
"""Takes deliveries that are due to their webhooks: outside every transaction, in a few threads."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from stemtide.hub.platform.egress.posts import Fate, Verdict, post
from stemtide.hub.platform.egress.thread_pool import Crew
from stemtide.hub.rooms.webhooks.models import Delivery
from stemtide.hub.rooms.webhooks.reads import events as reads_events
from stemtide.hub.rooms.webhooks.writes import deliveries as writes_sending
from stemtide.hub.rooms.webhooks.writes.deliveries import Taken

log = logging.getLogger(__name__)

THREADS = 8
"""Deliveries that are under way at once, apart from those of alerts."""

TIMEOUT_S = 15.0
"""How long all of one attempt may take, from the first connection to the end of the answer."""


class Calling:
    """Calls what is due, a few at a time; who starts it never waits for a receiver.

    now, chance: the clock and the dice, of the door that made it. home: the hub's own address.
    """

    def __init__(
        self,
        *,
        home: str,
        loopback: bool,
        now: Callable[[], datetime],
        chance: Callable[[], float],
        threads: int = THREADS,
    ) -> None:
        self._home = home
        self._loopback = loopback
        self._now = now
        self._chance = chance
        self._crew: Crew[Taken] = Crew(self.call, threads=threads, name="webhooks")

    def start_due(self, now: datetime) -> int:
        """Begin with as many due deliveries as there are free threads; returns how many."""
        free = self._crew.free
        if free <= 0:
            return 0
        taken = writes_sending.claim_due(now, limit=free)
        self._crew.start(taken)
        return len(taken)

    def settle(self) -> None:
        """Wait for what is under way: tests and the end of the process."""
        self._crew.settle()

    def close(self) -> None:
        """End, after what is under way; what is not sent stays due."""
        self._crew.close()

    def call(self, taken: Taken) -> Verdict | None:
        """Try one delivery, and note what became of it; None where nothing was left to tell."""
        verdict = self._try(taken)
        writes_sending.note(taken, verdict=verdict, chance=self._chance(), now=self._now())
        return verdict

    def _try(self, taken: Taken) -> Verdict | None:
        """Try one delivery; what goes wrong unexpectedly is a failure like others."""
        try:
            return self._post(taken)
        except Exception:
            log.exception("delivery %s failed inside the hub", taken.delivery)
            return Verdict(Fate.FAILED, "the hub itself failed; its operator finds why in its log")

    def _post(self, taken: Taken) -> Verdict | None:
        """Make the event as its party may see it now, and post it."""
        rows = Delivery.objects.select_related("webhook__party", "webhook__key")
        row = rows.filter(uid=taken.delivery).first()
        if row is None:
            return None
        now = self._now()
        made = reads_events.call(row, by=writes_sending.CLOCK, home=self._home, now=now)
        if made is None:
            return None
        return post(
            made.url,
            content=made.content,
            headers=made.headers,
            loopback=self._loopback,
            timeout_s=TIMEOUT_S,
            now=now,
        )


def calling_of_settings(*, now: Callable[[], datetime], chance: Callable[[], float]) -> Calling:
    """How this hub calls, as its settings say."""
    return Calling(
        home=settings.HUB_ADDRESS, loopback=settings.WEBHOOK_LOOPBACK, now=now, chance=chance
    )
