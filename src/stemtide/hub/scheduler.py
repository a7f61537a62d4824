# SPDX-License-Identifier: Apache-2.0
"""The scheduler: periodic jobs run once, however many hub processes there are.

1 One process of a machine has the scheduler's turn: a lock on a file, which ends with its process.
  On several machines each has one; each row is changed by one of them. So no machine is special,
  and if one is lost, the others take over what it had claimed once its leases end.
2 Between looks at deadlines, jobs run only if the ledger has grown, or if they had something to do
  the last time: a quiet hub asks one number each second. What falls due in time, as a retry, waits
  for the next deadlines; so does a lease of a scheduler that died.
"""

import fcntl
import logging
import os
import random
import threading
from collections.abc import Callable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Self

from django.conf import settings
from django.db import Error as AnyDatabaseError, connection

from stemtide.hub.rooms.adoptions import writes as adoptions
from stemtide.hub.rooms.alerts.sender import AlertSender, home_of_settings, send_settings
from stemtide.hub.rooms.alerts.writes import alerts, drills
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.complaints.writes import complaints, redress
from stemtide.hub.rooms.crises.teller import NeighbourTeller
from stemtide.hub.rooms.crises.writes import moves
from stemtide.hub.rooms.exchanges.runner import ExchangeRunner
from stemtide.hub.rooms.exchanges.writes import withdrawals
from stemtide.hub.rooms.exercises import writes as exercises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.local_features import writes as local_features
from stemtide.hub.rooms.media import writes
from stemtide.hub.rooms.orders.writes import deadlines, entries
from stemtide.hub.rooms.parties.writes import keys, suspensions
from stemtide.hub.rooms.private_matching import writes as private_matching
from stemtide.hub.rooms.propagation import writes as propagation
from stemtide.hub.rooms.rechecks import writes as rechecks
from stemtide.hub.rooms.rechecks.visits import Visitor, way_of_settings
from stemtide.hub.rooms.referrals.writes import holds
from stemtide.hub.rooms.reports.writes import public_figures
from stemtide.hub.rooms.retention.reads.rows import held_ids
from stemtide.hub.rooms.retention.writes import filling, purges
from stemtide.hub.rooms.rights import writes as rights
from stemtide.hub.rooms.signals.writes import disputes, outcomes, signals, vetting
from stemtide.hub.rooms.situation.writes import leads
from stemtide.hub.rooms.snapshots.keys import SigningKeyError
from stemtide.hub.rooms.stix.writes import builder, stix
from stemtide.hub.rooms.transparency.asker import WitnessAsker
from stemtide.hub.rooms.transparency.writes import leaves, witnesses
from stemtide.hub.rooms.transparency.writes.kept_head import KeptHead
from stemtide.hub.rooms.webhooks.sender import sender_from_settings
from stemtide.hub.rooms.webhooks.writes import deliveries, events
from stemtide.hub.vitals import vitals
from stemtide.protocol.law.retention import RowClass

log = logging.getLogger(__name__)

TICK_S = 1.0
"""Seconds between looks at what happened: new entries of the ledger, deliveries."""

DUE_EVERY = 5
"""Ticks between looks at deadlines."""

_BATCH_READERS = (alerts.FOLLOWER, rechecks.FOLLOWER)
"""Followers of the ledger that read one batch a tick, and may have more to read."""


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Counts of one run of the scheduler.

    expired: signals. erased: rows, and texts of leads and complaints. destroyed: previews. raised,
    escalated: alerts. ended: drills. crisis_deadlines: passed. holds: on referrals, expired.
    rechecks: begun or ended. stix_objects: created. webhook_events: queued. reweighed: signals
    whose disputes count otherwise than before. leaves: added to the transparency log. evaluated:
    signals read for private matching.
    """

    expired: int = 0
    erased: int = 0
    destroyed: int = 0
    raised: int = 0
    escalated: int = 0
    ended: int = 0
    crisis_deadlines: int = 0
    holds: int = 0
    rechecks: int = 0
    stix_objects: int = 0
    webhook_events: int = 0
    reweighed: int = 0
    leaves: int = 0
    evaluated: int = 0

    def __add__(self, other: Self) -> Self:
        """Return the sums of two runs."""
        counts = zip(astuple(self), astuple(other), strict=True)
        return type(self)(*(own + others for own, others in counts))


def run_once(now: datetime, *, kept_head: KeptHead | None = None) -> JobCounts:
    """Run every job that is due. Two schedulers at once are safe: each row is changed by one.

    kept_head: of this machine, which says whether the transparency log may grow.
    """
    return run_deadlines(now) + follow_ledger(now, kept_head=kept_head)


def run_deadlines(now: datetime) -> JobCounts:
    """Run the jobs that a point in time makes due."""
    drills.remind_due(now)
    deadlines.note_due(now)
    entries.drop_unused(now)
    complaints.note_overdue(now)
    redress.lapse_due(now)
    rights.note_overdue(now)
    stix.forget_receipts(now)
    deliveries.forget_old(now)
    outcomes.forget_spans(now)
    suspensions.expire_due(now)
    keys.end_replaced(now)
    approvals.expire_due(now)
    approvals.forget_old(now)
    exercises.end_abandoned(now)
    propagation.sum_due(now)
    propagation.forget_old(now)
    if now.second < DUE_EVERY:  # once a minute: they look at many signals, and at dates
        local_features.forget_ended(now)
        adoptions.limit_due(now)
        public_figures.publish_due(now)
    return JobCounts(
        expired=signals.expire_due(now),
        reweighed=disputes.reweigh_due(now),
        erased=_erase_due(now),
        destroyed=writes.destroy_due(now, except_for=held_ids(RowClass.PREVIEW, now=now)),
        ended=drills.end_due(now),
        crisis_deadlines=moves.note_due(now),
        holds=holds.expire_due(now),
    )


def follow_ledger(now: datetime, *, kept_head: KeptHead | None = None) -> JobCounts:
    """Run the jobs that an entry of the ledger or an act of somebody makes due. As run_once()."""
    vetting.vet_due(now)
    withdrawals.continue_due(now)
    return JobCounts(
        raised=alerts.raise_from_ledger(now),
        escalated=alerts.escalate_due(now),
        rechecks=rechecks.follow_requests(now),
        stix_objects=builder.follow_ledger(now),
        webhook_events=events.follow_ledger(now),
        leaves=_grow_log(now, kept_head),
        evaluated=_evaluate(now, kept_head),  # last: nobody waits for it who is in danger
    )


def _erase_due(now: datetime) -> int:
    """Erase the rows that are due and that no legal hold stops; return how many."""
    filling.fill_in(now)
    count = leads.erase_due_leads(now, except_for=held_ids(RowClass.LEAD, now=now))
    count += complaints.erase_due_words(now, except_for=held_ids(RowClass.COMPLAINT, now=now))
    count += rights.erase_due_references(now, except_for=held_ids(RowClass.RIGHTS, now=now))
    try:
        count += purges.purge_due(now)
    except SigningKeyError as error:
        vitals.record_error(error)
        log.exception("no certificate can be signed: nothing is erased before the next run")
    purges.empty_write_ahead_log(now)
    return count


def _grow_log(now: datetime, kept_head: KeptHead | None) -> int:
    """Add leaves to the transparency log if it is whole, and offer its head to witnesses.

    An error is no reason to send no alerts.
    """
    try:
        if kept_head is not None and not kept_head.may_grow(now):
            return 0
        added = leaves.follow_ledger(now)
        witnesses.offer_head(now)
        if kept_head is not None:
            kept_head.keep()
    except (AnyDatabaseError, SigningKeyError) as error:
        _note_failure(error, kept_head)
        log.exception("the transparency log could not grow; the next run tries again")
        return 0
    return added


def _evaluate(now: datetime, kept_head: KeptHead | None) -> int:
    """Evaluate signals for private matching. An error is no reason to stop another job."""
    try:
        return private_matching.follow_feed(now)
    except Exception as error:
        _note_failure(error, kept_head)
        log.exception("no signal could be evaluated for private matching; the next run tries again")
        return 0


def _note_failure(error: Exception, kept_head: KeptHead | None) -> None:
    """Note that a job failed, and that the database may be another one next."""
    vitals.record_error(error)
    if kept_head is not None and isinstance(error, AnyDatabaseError):
        kept_head.note_outage()


def _has_standbys() -> bool:
    """Whether a standby may have become the database while this process did not look."""
    return settings.STANDBYS > 0 or "," in str(settings.DATABASES["default"].get("HOST", ""))


def now_utc() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class _Turn:
    """The scheduler's turn among the processes that use one data folder."""

    def __init__(self, path: Path, *, on_taken: Callable[[], None]) -> None:
        self._path, self._on_taken = path, on_taken
        self._descriptor: int | None = None

    def is_ours(self) -> bool:
        """Take the turn if no other process has it; return whether this one has it."""
        if self._descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._descriptor = descriptor
            self._on_taken()
        return True

    def give_back(self) -> None:
        """Let another process take the turn."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Scheduler:
    """The scheduler's thread: follows the ledger each second, and looks at deadlines every five."""

    def __init__(self, *, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._stop = threading.Event()
        self._turn = _Turn(settings.DATA_DIR / "scheduler.lock", on_taken=self._begin_turn)
        self._followed: int | None = None
        self._kept_head = KeptHead(Path(settings.DATA_DIR))
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._runners = (
            AlertSender(
                post=send_settings(), home=home_of_settings(), now=now_utc, jitter=random.random
            ),
            sender_from_settings(now=now_utc, jitter=random.random),
            Visitor(way=way_of_settings(), now=now_utc),
            ExchangeRunner(loopback=settings.EXCHANGE_LOOPBACK, now=now_utc, jitter=random.random),
            WitnessAsker(now=now_utc),
            NeighbourTeller(loopback=settings.WEBHOOK_LOOPBACK, now=now_utc),
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after its current run, and close the workers."""
        self._stop.set()
        self._thread.join()
        for runner in self._runners:
            runner.close()
        self._turn.give_back()

    def _begin_turn(self) -> None:
        """Let each machine compare its kept head before this one lets the log grow."""
        if _has_standbys():
            self._kept_head.note_outage()

    def _run(self) -> None:
        """Run the jobs of each tick until stopped."""
        for tick in cycle(range(DUE_EVERY)):
            if self._stop.is_set():
                break
            try:
                if self._turn.is_ours():
                    self.run_jobs(is_deadline=tick == 0)
            except Exception as error:
                vitals.record_error(error)
                # Jobs that are due stay due, so the next run does them.
                log.exception("the clock could not do its work; it tries again")
                connection.close()
                if isinstance(error, AnyDatabaseError):
                    self._followed = None
                    self._kept_head.note_outage()
            self._stop.wait(self._tick_s)
        connection.close()

    def run_jobs(self, *, is_deadline: bool) -> None:
        """Run the jobs of a tick, and start the workers that are due."""
        newest = ledger.heads().entries
        is_working = any(runner.is_working for runner in self._runners)
        if not is_deadline and newest == self._followed and not is_working:
            return
        self._followed = None  # if a job fails, all run again at the next tick
        run = run_once if is_deadline else follow_ledger
        done = run(now_utc(), kept_head=self._kept_head)
        started = sum(runner.start_due(now_utc()) for runner in self._runners)
        is_behind = any(follower.is_behind() for follower in _BATCH_READERS)
        if done == JobCounts() and not started and not is_behind:
            self._followed = newest
        if done.expired:
            log.info("%d signals expired", done.expired)
        if done.crisis_deadlines:
            log.info("%d things fell due in crises", done.crisis_deadlines)
