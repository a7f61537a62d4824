# SPDX-License-Identifier: Apache-2.0
"""Send due deliveries through their channels, in a few threads outside every transaction."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from django.conf import settings

from stemtide.hub.platform.egress.thread_pool import Crew
from stemtide.hub.rooms.alerts import enclosures
from stemtide.hub.rooms.alerts.channels import mail, page, webhook
from stemtide.hub.rooms.alerts.channels.channel import Fate, Parcel, Post, Result, Send
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.hub.rooms.alerts.writes import (
    alerts as writes,
    deliveries as writes_deliveries,
    requests as writes_requests,
)

log = logging.getLogger(__name__)

CHANNELS: Mapping[Channel, Send] = {
    Channel.PAGE: page.send,
    Channel.MAIL: mail.send,
    Channel.WEBHOOK: webhook.send,
}

THREADS = 8
"""Deliveries in progress at once, with at most one webhook of each party."""


def post_of_settings() -> Post:
    """Return the settings for sending."""
    security = "tls" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "none"
    return Post(
        mail_host=settings.EMAIL_HOST,
        mail_port=settings.EMAIL_PORT,
        mail_user=settings.EMAIL_HOST_USER,
        mail_password=settings.EMAIL_HOST_PASSWORD,
        mail_security=security,
        mail_from=settings.DEFAULT_FROM_EMAIL,
        mail_is_receipt=settings.MAIL_IS_RECEIPT,
        loopback=settings.WEBHOOK_LOOPBACK,
    )


def home_of_settings() -> Home:
    """Return the hub's address and languages from the settings."""
    return Home(
        address=settings.HUB_ADDRESS, languages=frozenset(code for code, _ in settings.LANGUAGES)
    )


def _is_theirs(parcel: Parcel, *, post: Post) -> bool:
    """Whether the server that accepted a parcel is the addressee's own."""
    return parcel.channel is Channel.WEBHOOK or post.mail_is_receipt


class Sending:
    """Sender of due deliveries, a few at a time; its caller never waits for a receiver.

    now, chance: the clock and the random numbers, injected by the caller.
    """

    def __init__(
        self,
        *,
        post: Post,
        home: Home,
        now: Callable[[], datetime],
        chance: Callable[[], float],
        threads: int = THREADS,
    ) -> None:
        self._post = post
        self._home = home
        self._now = now
        self._chance = chance
        self._crew: Crew[Parcel] = Crew(self.send, threads=threads, name="alerts")

    def start_due(self, now: datetime) -> int:
        """Start as many due deliveries as there are free threads; return how many."""
        free = self._crew.free
        if free <= 0:
            return 0
        parcels = writes_deliveries.claim_due(now, limit=free, home=self._home)
        self._crew.start(parcels)
        return len(parcels)

    def settle(self) -> None:
        """Wait for deliveries in progress: for tests and at the end of the process."""
        self._crew.settle()

    def close(self) -> None:
        """Stop after the deliveries in progress; unsent ones stay due."""
        self._crew.close()

    def send(self, parcel: Parcel) -> Result:
        """Make one delivery attempt, and record its result."""
        result = attempt(parcel, post=self._post)
        now = self._now()
        won = writes_deliveries.note(parcel, result=result, chance=self._chance(), now=now)
        if won and result.fate is Fate.SENT and _is_theirs(parcel, post=self._post):
            writes_requests.note_arrival(parcel, result=result, now=now)
        if won and result.is_acknowledged:
            writes.acknowledge_by_answer(parcel.delivery, now=now)
        return result


def attempt(parcel: Parcel, *, post: Post) -> Result:
    """Make one delivery attempt; an unexpected exception counts as a failed attempt."""
    try:
        return CHANNELS[parcel.channel](enclosures.enclose(parcel), post=post)
    except Exception:
        log.exception("channel %s failed for delivery %s", parcel.channel, parcel.delivery)
        return Result(Fate.FAILED, "the hub itself failed; its operator finds why in its log")
