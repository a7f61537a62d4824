# SPDX-License-Identifier: Apache-2.0
"""Send due deliveries through their channels, in a few threads outside every transaction."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from stemtide.hub.platform.jobs import HUB_FAILED, JobRunner
from stemtide.hub.rooms.alerts import enclosures
from stemtide.hub.rooms.alerts.channels import mail, page, webhook
from stemtide.hub.rooms.alerts.channels.channel import (
    OutgoingAlert,
    PostOutcome,
    Result,
    Send,
    SendSettings,
)
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.hub.rooms.alerts.writes import (
    alerts as writes,
    deliveries,
    requests,
)

log = logging.getLogger(__name__)

CHANNELS: Mapping[Channel, Send] = {
    Channel.PAGE: page.send,
    Channel.MAIL: mail.send,
    Channel.WEBHOOK: webhook.send,
}

THREADS = 8
"""Deliveries in progress at once, with at most one webhook of each party."""


def send_settings() -> SendSettings:
    """Return the settings for sending."""
    security = "tls" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "none"
    return SendSettings(
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


def _is_theirs(outgoing: OutgoingAlert, *, post: SendSettings) -> bool:
    """Whether the server that accepted an alert is the addressee's own."""
    return outgoing.channel is Channel.WEBHOOK or post.mail_is_receipt


@dataclass(kw_only=True, eq=False)
class AlertSender(JobRunner[OutgoingAlert]):
    """Sender of due deliveries. jitter: random numbers, injected by the caller."""

    name = "alerts"
    threads: int = THREADS
    post: SendSettings
    home: Home
    jitter: Callable[[], float]

    def claim_due(self, now: datetime, *, limit: int) -> list[OutgoingAlert]:
        """Claim due deliveries."""
        return deliveries.claim_due(now, limit=limit, home=self.home)

    def run(self, job: OutgoingAlert) -> Result:
        """Make one delivery attempt, and record its result."""
        result = attempt(job, post=self.post)
        now = self.now()
        won = deliveries.note(job, result=result, jitter=self.jitter(), now=now)
        if won and result.fate is PostOutcome.SENT and _is_theirs(job, post=self.post):
            requests.note_arrival(job, result=result, now=now)
        if won and result.is_acknowledged:
            writes.acknowledge_by_answer(job.delivery, now=now)
        return result


def attempt(outgoing: OutgoingAlert, *, post: SendSettings) -> Result:
    """Make one delivery attempt; an unexpected exception counts as a failed attempt."""
    try:
        return CHANNELS[outgoing.channel](enclosures.attach(outgoing), post=post)
    except Exception:
        log.exception("channel %s failed for delivery %s", outgoing.channel, outgoing.delivery)
        return Result(PostOutcome.FAILED, HUB_FAILED)
