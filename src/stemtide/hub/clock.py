# SPDX-License-Identifier: Apache-2.0
"""The door for time: what is due gets done, once, however many clocks run."""

import logging
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from stemtide.hub.alerts import writes as alerts, writes_drills as drills
from stemtide.hub.alerts.sending import Sending, home_of_settings, post_of_settings
from stemtide.hub.complaints import writes as complaints, writes_redress as redress
from stemtide.hub.crises import writes_moves as crises
from stemtide.hub.exchanges.running import Running, way_of_settings as exchange_way
from stemtide.hub.media import writes as media
from stemtide.hub.orders import writes_due as orders
from stemtide.hub.rechecks import writes as rechecks
from stemtide.hub.rechecks.visiting import Visiting, way_of_settings
from stemtide.hub.referrals import writes_holds as holds
from stemtide.hub.signals import writes as signals
from stemtide.hub.situation import writes_leads as leads
from stemtide.hub.stix import writes as stix, writes_making as making
from stemtide.hub.vitals import vitals
from stemtide.hub.webhooks import writes_events as events, writes_sending
from stemtide.hub.webhooks.sending import calling_of_settings

log = logging.getLogger(__name__)

TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """What one look at the clock did.

    expired: signals that ran out. erased: words of leads and complaints. destroyed: previews.
    raised, escalated: alerts made, and taken a step further. ended: drills.
    noted: what fell due in crises. holds: that ran out, of referrals.
    followed: requests whose re-checks were begun or ended. made: STIX objects.
    told: events for webhooks.
    """

    expired: int
    erased: int
    destroyed: int = 0
    raised: int = 0
    escalated: int = 0
    ended: int = 0
    noted: int = 0
    holds: int = 0
    followed: int = 0
    made: int = 0
    told: int = 0


def run_once(now: datetime) -> Done:
    """Do everything that is due. Two clocks at once are safe: each row is changed by one."""
    drills.remind_due(now)
    orders.note_due(now)
    complaints.note_overdue(now)
    redress.lapse_due(now)
    stix.forget_receipts(now)
    writes_sending.forget_old(now)
    return Done(
        expired=signals.expire_due(now),
        erased=leads.erase_due_leads(now) + complaints.erase_due_words(now),
        destroyed=media.destroy_due(now),
        raised=alerts.raise_from_ledger(now),
        escalated=alerts.escalate_due(now),
        ended=drills.end_due(now),
        noted=crises.note_due(now),
        holds=holds.expire_due(now),
        followed=rechecks.follow_requests(now),
        made=making.follow_ledger(now),
        told=events.follow_ledger(now),
    )


def now_utc() -> datetime:
    """The time, read at the door."""
    return datetime.now(UTC)


class Clock:
    """Looks at the clock every second, in a thread of its own, until it is stopped."""

    def __init__(self, *, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._sending = Sending(
            post=post_of_settings(),
            home=home_of_settings(),
            now=now_utc,
            chance=random.random,
        )
        self._calling = calling_of_settings(now=now_utc, chance=random.random)
        self._visiting = Visiting(way=way_of_settings(), now=now_utc)
        self._running = Running(way=exchange_way(), now=now_utc, chance=random.random)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the work in hand."""
        self._stop.set()
        self._thread.join()
        self._sending.close()
        self._calling.close()
        self._visiting.close()
        self._running.close()

    def _run(self) -> None:
        """Tick."""
        while not self._stop.is_set():
            try:
                done = run_once(now_utc())
                if done.expired:
                    log.info("%d signals expired", done.expired)
                self._sending.start_due(now_utc())
                self._calling.start_due(now_utc())
                self._visiting.start_due(now_utc())
                self._running.start_due(now_utc())
                if done.noted:
                    log.info("%d things fell due in crises", done.noted)
            except Exception as error:
                vitals.note(error)
                # What is due stays due, so the next tick does it.
                log.exception("the clock could not do its work; it tries again")
                connection.close()
            self._stop.wait(self._tick_s)
        connection.close()
