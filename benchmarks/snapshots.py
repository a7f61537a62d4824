# SPDX-License-Identifier: Apache-2.0
"""What a signed snapshot costs: to make, to bring up to date, to verify.

    python -m benchmarks.snapshots [--signals 200000] [--changed 1] [--runs 3]

Fills a throw-away SQLite file, or the database that STEMTIDE_DATABASE_URL names (its tables are
made there, and its signals stay), makes a provider's snapshot, changes so many signals of a hundred
(half withdrawn, half new), and makes the next one and the delta between them. Processor time of
this process stands beside the time that passed, for machines that do other things meanwhile.
"""

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

AT_ONCE = 10_000


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--signals", type=int, default=200_000)
    asked.add_argument("--changed", type=float, default=1.0)
    asked.add_argument("--runs", type=int, default=3)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        os.environ["STEMTIDE_DATA_DIR"] = folder
        run(Path(folder), options.signals, changed=options.changed, runs=options.runs)


def run(folder: Path, signals: int, *, changed: float, runs: int) -> None:
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from stemtide.hub.rooms.snapshots import builder as making
    from stemtide.protocol.sync.snapshot_files import apply, opened_delta, opened_whole

    sharer, reader = parties()
    share(sharer, range(signals))
    now = datetime.now(UTC)

    def make() -> Any:
        nonlocal now
        now += timedelta(hours=2)  # so that it is made, and not given again
        return making.newest(viewer=reader, exercise=False, now=now)

    keys = making.hub_keys().public
    kept = best("make the whole", make, runs=runs)
    first, delta, second = (folder / name for name in ("first", "delta", "second"))
    first.write_bytes(kept.path.read_bytes())
    half = max(1, round(signals * changed / 200))
    withdraw(sharer, half)
    share(parties()[0], range(signals, signals + half))  # the first would wait for a second look
    before = kept.manifest
    kept = best("make the next one", make, runs=runs)

    def cut() -> None:
        found = making.delta(kept, base=before.version, view=before.view)
        with found.body:
            delta.write_bytes(found.head + found.body.read())

    def verify(path: Path, opened: Any) -> Callable[[], None]:
        def check() -> None:
            with opened(path, trusted=keys) as (_, lines):
                lines.read()

        return check

    best(f"make the delta of {2 * half:,} changes", cut, runs=runs)
    best("verify the whole", verify(first, opened_whole), runs=runs)
    best("verify the delta", verify(delta, opened_delta), runs=runs)
    best(
        "apply the delta, all verified",
        lambda: apply(first, delta, second, trusted=keys),
        runs=runs,
    )
    whole, part = first.stat().st_size, delta.stat().st_size
    print(
        f"\n{signals:,} signals: {before.size_bytes / 1e6:.1f} MB of lines, {whole / 1e6:.1f} MB as"
    )
    print(f"a file; the delta {part / 1e3:.0f} kB, one {whole / part:.0f}th of it")
    with opened_whole(second, trusted=keys) as (head, lines):
        lines.read()
        assert head.manifest == kept.manifest


def best(name: str, act: Callable[[], Any], *, runs: int) -> Any:
    """Do it some times, and say the quickest of each clock."""
    took, cost, given = [], [], None
    for _ in range(runs):
        began, worked = time.perf_counter(), time.process_time()
        given = act()
        took.append(time.perf_counter() - began)
        cost.append(time.process_time() - worked)
    print(f"{name:40} {min(took):7.2f} s   processor {min(cost):6.2f} s", flush=True)
    return given


def parties() -> tuple[Any, Any]:
    """An authority that shares, and a provider that reads."""
    from stemtide.hub.rooms.parties.writes import parties as writes

    now, name = datetime.now(UTC), os.urandom(4).hex()
    return tuple(
        writes.add_party(
            f"{kind}-{name}", title=kind, kind=kind, country="BE", actor="operator", now=now
        )
        for kind in ("authority", "provider")
    )


def share(by: Any, numbers: range) -> None:
    """Share signals of these numbers."""
    from stemtide.hub.rooms.signals.writes import signals as writes
    from stemtide.protocol.messages.signals import SignalIn

    rows = [
        SignalIn.model_validate(
            {
                "kind": "pdq",
                "value": hashlib.sha256(str(number).encode()).hexdigest(),
                "quality": 90,
                "labels": ["perpetrator-content"],
                "severity": "high",
                "content": str(uuid4()),
            }
        )
        for number in numbers
    ]
    for at in range(0, len(rows), AT_ONCE):
        writes.share_many(rows[at : at + AT_ONCE], by=by, now=datetime.now(UTC))


def withdraw(by: Any, count: int) -> None:
    """Withdraw signals, spread over all."""
    from stemtide.hub.rooms.signals.reads import signals as reads
    from stemtide.hub.rooms.signals.writes import signals as writes
    from stemtide.protocol.messages.signals import WithdrawIn

    page = reads.feed(0, viewer=by).entries
    for entry in page[:: max(1, len(page) // count)][:count]:
        writes.withdraw(entry.id, body=WithdrawIn(reason="mistake"), by=by, now=datetime.now(UTC))


if __name__ == "__main__":
    main()
