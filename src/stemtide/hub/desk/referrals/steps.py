# SPDX-License-Identifier: Apache-2.0
"""The timeline of a referral, for the pages of its sender and its provider."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from stemtide.hub.desk.labels.referrals import LABELS
from stemtide.protocol.messages.referrals import ReferralOut


@dataclass(frozen=True, slots=True)
class ReferralStep:
    """One step of a referral. after_s: seconds since it was sent; None if not later than that."""

    title: str
    at: datetime
    after_s: float | None = None
    note: str = ""


def steps_of(referral: ReferralOut) -> list[ReferralStep]:
    """Return the steps that a referral has taken, sorted by time."""
    via = LABELS["receipt_via"].get(referral.received_via or "", "")
    events = [
        (_("assessed"), referral.assessed_at, ""),
        (_("decided"), referral.decided_at, ""),
        (_("met a hold"), referral.held_at, ""),
        (_("the hold was over"), referral.freed_at, ""),
        (_("sent"), referral.sent_at, ""),
        (_("received"), referral.received_at, str(via)),
        (_("acknowledged"), referral.acknowledged_at, ""),
        (_("acted upon"), referral.measure_at, ""),
        (_("answered"), referral.answered_at, ""),
        (_("reinstated"), referral.reinstated_at, ""),
        (_("withdrawn"), referral.withdrawn_at, ""),
    ]
    sent = referral.sent_at
    steps = [
        ReferralStep(
            title,
            at,
            after_s=(at - sent).total_seconds() if sent and at > sent else None,
            note=note,
        )
        for title, at, note in events
        if at is not None
    ]
    return sorted(steps, key=lambda step: step.at)
