# SPDX-License-Identifier: Apache-2.0
"""The steps that a referral has taken, as the pages of both its sides show them."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from stemtide.hub.desk.referral_words import PHRASES
from stemtide.protocol.referrals import ReferralOut


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a referral. after_s: seconds since it was sent; None before that."""

    title: str
    at: datetime
    after_s: float | None = None
    note: str = ""


def steps_of(found: ReferralOut) -> list[Step]:
    """The steps that a referral has taken, in the order of time."""
    via = PHRASES["receipt_via"].get(found.received_via or "", "")
    each = [
        (_("assessed"), found.assessed_at, ""),
        (_("decided"), found.decided_at, ""),
        (_("met a hold"), found.held_at, ""),
        (_("the hold was over"), found.freed_at, ""),
        (_("sent"), found.sent_at, ""),
        (_("received"), found.received_at, str(via)),
        (_("acknowledged"), found.acknowledged_at, ""),
        (_("acted upon"), found.measure_at, ""),
        (_("answered"), found.answered_at, ""),
        (_("reinstated"), found.reinstated_at, ""),
        (_("withdrawn"), found.withdrawn_at, ""),
    ]
    sent = found.sent_at
    made = [
        Step(
            title,
            at,
            after_s=(at - sent).total_seconds() if sent and at > sent else None,
            note=note,
        )
        for title, at, note in each
        if at is not None
    ]
    return sorted(made, key=lambda one: one.at)
