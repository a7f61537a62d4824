# SPDX-License-Identifier: Apache-2.0
"""Jobs of all rooms: one scheduler claims a row, and a few threads work."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.platform.jobs import JobRunner, claim
from stemtide.hub.rooms.exchanges.models import Exchange
from tests.world import NOON

LATER = NOON + timedelta(minutes=3)


@pytest.fixture
def rows(world):
    """One due row, as two schedulers have read it."""
    row = Exchange.objects.create(
        uid=uuid4(), party=world.agency, every_s=300, next_at=NOON, added_at=NOON
    )
    return row, Exchange.objects.get(pk=row.pk)


def take(row):
    return claim(row, until=LATER, count="taken", trouble="running")


def test_a_claimed_row_is_due_again_when_its_lease_ends(rows):
    ours, theirs = rows
    assert take(ours)
    theirs.refresh_from_db()
    assert (theirs.next_at, theirs.taken, theirs.trouble) == (LATER, 1, "running")
    assert ours.taken == 1


def test_one_of_two_schedulers_claims_a_row(rows):
    ours, theirs = rows
    assert [take(ours), take(theirs)] == [True, False]


@pytest.mark.parametrize(
    "change", [{"next_at": LATER}, {"next_at": None}, {"taken": 1}, {"trouble": "else"}]
)
def test_a_row_that_changed_since_it_was_read_is_not_claimed(rows, change):
    Exchange.objects.update(**change)
    assert not take(rows[0])
    assert Exchange.objects.values(*change).get() == change


@dataclass(kw_only=True, eq=False)
class Worker(JobRunner[int]):
    name = "test"
    threads: int = 2
    due: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def claim_due(self, now, *, limit):  # noqa: ARG002  # all of them are due
        claimed, self.due = self.due[:limit], self.due[limit:]
        return claimed

    def run(self, job):
        self.release.wait(600)
        if job == 1:
            raise OSError
        self.done.append(job)


def test_no_more_jobs_are_claimed_than_threads_are_idle(caplog):
    worker = Worker(now=lambda: NOON, due=[1, 2, 3])
    started = [worker.start_due(NOON), worker.start_due(NOON)]
    worker.release.set()
    assert (started, worker.due) == ([2, 0], [3])
    worker.settle()
    assert worker.start_due(NOON) == 1
    worker.settle()
    worker.close()
    assert worker.done == [2, 3]
    assert "done again" in caplog.text
