# SPDX-License-Identifier: Apache-2.0
"""What the agent's review page costs with a long queue: python -m benchmarks.review.

    python -m benchmarks.review [--held 10000] [--blocked 100000]

Fills an agent's file with content that is held for 500 signals, beside content that is blocked, and
measures what each page reads: the queue, whether the queue changed (what an open page asks every
five seconds), an item, and one decision for all copies of it.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.config.settings import Config
from stemtide.agent.review.account import read_account
from stemtide.agent.review.decisions import ReviewVerdict, decide_items, utc
from stemtide.agent.review.queue import queue_state, read_queue, same_items
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store
from stemtide.protocol.sync.feed import FeedSignal

SIGNALS = 500
TIMES = 5


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--held", type=int, default=10_000)
    options.add_argument("--blocked", type=int, default=100_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        review = ReviewSettings(enabled=True)
        config = Config(
            name="bench", hub_url="http://127.0.0.1", data_dir=Path(folder), key="k", review=review
        )
        with Store(config.data_dir) as store:
            _fill(store, held=chosen.held, blocked=chosen.blocked)
            print(f"{chosen.held:,} held, {chosen.blocked:,} blocked; CPU ms")
            _measure(store, config)


def _fill(store, *, held, blocked):
    signals = [_signal(number) for number in range(SIGNALS)]
    now = time.time()
    with store.write() as tx:
        tx.executemany(
            "INSERT INTO signals (id, kind, value, exercise, disputed, body)"
            " VALUES (?, 'sha256', ?, 0, 0, ?)",
            [
                (str(signal.id), bytes.fromhex(signal.value), signal.model_dump_json())
                for signal in signals
            ],
        )
        for action, number in (("hold", held), ("block", blocked)):
            tx.executemany(
                "INSERT INTO acted (ref, signal, action, kind, distance_bits, part, at)"
                " VALUES (?, ?, ?, 'sha256', 0, '', ?)",
                [
                    (f"{action}-{at}", str(signals[at % SIGNALS].id), action, now - at)
                    for at in range(number)
                ],
            )


def _signal(number):
    return FeedSignal(
        position=number + 1,
        id=uuid4(),
        kind="sha256",
        value=f"{number:064x}",
        quality=None,
        within_bits=None,
        content=None,
        labels=["perpetrator-content"],
        severity="high",
        provenance="unknown",
        confidence=90,
        tlp="amber",
        pap="green",
        disputed=False,
        crisis=None,
        exercise=False,
        shared_by="a-provider",
        shared_at=datetime.now(UTC),
        expires_at=None,
    )


def _measure(store, config):
    now = time.time()
    _print("queue", lambda: read_queue(store, config=config, now=now))
    _print("has it changed", lambda: queue_state(store))
    _print("item", lambda: read_account(store, "hold-5", policies=config.policies))
    items = read_queue(store, config=config, now=now)
    copies = same_items(items, items[0])
    session = ReviewSession("key", "path", "token", "Bench", now, now, letters=True)

    def decide():
        decide_items(
            store,
            [item.ref for item in copies],
            verdict=ReviewVerdict.BLOCK,
            reason="",
            session=session,
            config=config,
            now=utc(now),
        )

    _print(f"one decision for {len(copies)}", decide, times=1)


def _print(name, call, *, times=TIMES):
    began = time.process_time()
    for _ in range(times):
        call()
    print(f"{name:<24}{(time.process_time() - began) / times * 1e3:8.1f}")


if __name__ == "__main__":
    main()
