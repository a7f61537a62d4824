# SPDX-License-Identifier: Apache-2.0
"""What it costs to publish how often signals were met, as STIX, and how long shares wait for it.

    python -m benchmarks.counts [--signals 2000] [--rounds 3]

Providers report outcomes of so many signals, and the scheduler publishes the sums, in each round
again. Each part of them is a transaction, for which shares wait. Runs on a throw-away SQLite
file, or on the database that STEMTIDE_DATABASE_URL names, in one process.
"""

import argparse
import os
import secrets
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--signals", type=int, default=2000)
    words.add_argument("--rounds", type=int, default=3)
    options = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        os.environ["STEMTIDE_DATA_DIR"] = folder
        measure(signals=options.signals, rounds=options.rounds)


@contextmanager
def lengths_of_transactions():
    """Collect how many seconds each transaction lasted: SQLite's take the write lock at once."""
    from unittest.mock import patch

    from django.db.transaction import Atomic, get_connection

    lengths: list[float] = []
    enter, leave, began = Atomic.__enter__, Atomic.__exit__, [0.0]

    def timed_enter(atomic: Atomic) -> None:
        if not get_connection().in_atomic_block:
            began[0] = time.perf_counter()
        enter(atomic)

    def timed_leave(atomic: Atomic, *error: object) -> None:
        leave(atomic, *error)
        if not get_connection().in_atomic_block:
            lengths.append(time.perf_counter() - began[0])

    with patch.multiple(Atomic, __enter__=timed_enter, __exit__=timed_leave):
        yield lengths


def measure(*, signals: int, rounds: int) -> None:
    """Report outcomes and publish their sums, round after round."""
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from benchmarks.bulk import make_parties
    from stemtide.hub.rooms.signals.writes import outcomes, signals as shares
    from stemtide.hub.rooms.stix.writes import builder
    from stemtide.protocol.messages.signals import SignalIn
    from stemtide.protocol.sync.agents import OutcomeReportIn, OutcomeRow

    sharer, provider = make_parties()
    now = datetime.now(UTC)
    plain = {"kind": "pdq", "quality": 90, "labels": ("perpetrator-content",), "severity": "high"}
    bodies = [SignalIn(**plain, value=secrets.token_hex(32)) for _ in range(signals)]
    uids = [row.id for row in shares.share_many(bodies, by=sharer, now=now).signals]
    builder.follow_ledger(now)
    for _ in range(rounds):
        now += timedelta(minutes=1)
        for first in range(0, signals, 500):
            rows = tuple(
                OutcomeRow(signal=uid, outcome="blocked", count=1, first_at=now, last_at=now)
                for uid in uids[first : first + 500]
            )
            report = OutcomeReportIn(report=uuid4(), agent="a", rows=rows)
            outcomes.report_outcomes(report, by=provider, now=now)
        with lengths_of_transactions() as lengths:
            began, cpu = time.perf_counter(), time.process_time()
            count = builder.follow_ledger(now)
        print(
            f"{count:,} sums published in {time.perf_counter() - began:.2f} s,"
            f" {(time.process_time() - cpu) / count * 1000:.2f} ms of CPU each;"
            f" {len(lengths)} transactions, {max(lengths) * 1000:.0f} ms at most",
            flush=True,
        )


if __name__ == "__main__":
    main()
