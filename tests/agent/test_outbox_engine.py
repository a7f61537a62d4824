# SPDX-License-Identifier: Apache-2.0
"""The engine of the outboxes: when it sends, when it waits, and what it says meanwhile."""

import asyncio

import pytest

from stemtide.agent.outbox.engine import LONGEST_WAIT_S, Engine


class AwayError(Exception):
    """The receiver is away. wait_s: the wait that it asks for; 0 for none."""

    def __init__(self, words, *, wait_s=0.0):
        super().__init__(words)
        self.wait_s = wait_s


class Letters(Engine):
    """An engine whose batches end as a list says: True, False or an error."""

    title = "letters wait"
    failures = (AwayError,)

    def __init__(self, ends):
        super().__init__(store=None)
        self.ends = list(ends)
        self.troubles = []

    async def _send_batch(self):
        self.troubles.append(self.trouble)
        if not self.ends:
            raise asyncio.CancelledError
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


@pytest.fixture
def waits(monkeypatch):
    """The seconds that an engine waits, each without waiting; woken ones as text."""
    waits = []

    async def sleep(seconds):
        if seconds:
            waits.append(seconds)

    async def wait_woken(_event, *, within_s):
        waits.append(f"woken or {within_s:.0f}")

    monkeypatch.setattr("stemtide.agent.outbox.engine.asyncio.sleep", sleep)
    monkeypatch.setattr("stemtide.agent.outbox.engine.wait_woken", wait_woken)
    return waits


def run(ends):
    letters = Letters(ends)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(letters.run())
    return letters


def test_what_is_left_is_sent_at_once_and_then_the_next_wake_is_awaited(waits):
    run([True, True, False])
    assert waits == [f"woken or {LONGEST_WAIT_S:.0f}"]


def test_the_waits_after_failures_grow_up_to_a_bound_and_begin_anew_after_a_success(waits):
    run([AwayError("away")] * 12 + [True, AwayError("away")])
    full = [min(5.0, 0.25 * 2**number) for number in range(12)] + [0.25]
    assert len(waits) == len(full)
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, full, strict=True))


def test_no_wake_shortens_the_wait_after_a_failure(waits):
    letters = Letters([AwayError("away")] * 3)
    letters.wake()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(letters.run())
    assert all(isinstance(wait, float) for wait in waits)
    assert len(waits) == 3


def test_a_receiver_that_asks_for_a_wait_gets_it(waits):
    run([AwayError("busy", wait_s=3600.0)])
    assert waits == [3600.0]


@pytest.mark.usefixtures("waits")
def test_the_trouble_is_named_until_something_is_sent(caplog):
    letters = run([AwayError("away"), AwayError("away"), True])
    assert letters.troubles == ["", "away", "away", ""]
    assert [record.getMessage() for record in caplog.records] == ["letters wait: away"]
