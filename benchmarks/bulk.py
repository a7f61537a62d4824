# SPDX-License-Identifier: Apache-2.0
"""How fast the hub's rooms take signals in and give them out: no HTTP, one process.

    python benchmarks/bulk.py [--signals 200000] [--bulk 20000]

Runs on a throw-away SQLite file, or on the database that STEMTIDE_DATABASE_URL names (its tables
are made there, and its signals stay). Beside the rooms it times what they are built on: bare
executemany into the same file without ledger, rules or indexes, and prints the ratio.
"""

import argparse
import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

BAR = 10_000
"""Signals a second that a bulk load must reach."""


@contextmanager
def timed(what: str, count: int, rates: dict[str, float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    rates[what] = count / (time.perf_counter() - started)
    print(f"{what:34} {rates[what]:>12,.0f} /s")


def bare_inserts(folder: Path, rows: list[tuple[str, int]]) -> None:
    """What SQLite alone does with as many values."""
    database = sqlite3.connect(folder / "bare.sqlite3")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE bare (value TEXT, quality INTEGER)")
    with database:
        database.executemany("INSERT INTO bare VALUES (?, ?)", rows)
    database.close()


def make_parties() -> tuple[object, object]:
    """A sharer and a reader with names of their own in this database."""
    from stemtide.hub.rooms.parties.writes import parties as writes

    run = secrets.token_hex(4)
    now = datetime.now(UTC)
    return tuple(
        writes.add_party(f"{kind}-{run}", title=kind, kind=kind, actor="benchmark", now=now)
        for kind in ("authority", "provider")
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--signals", type=int, default=200_000)
    asked.add_argument("--bulk", type=int, default=20_000)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        os.environ["STEMTIDE_DATA_DIR"] = folder
        run(Path(folder), signals=options.signals, bulk=options.bulk)


def run(folder: Path, *, signals: int, bulk: int) -> None:
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from django.db import connection

    from stemtide.hub.rooms.signals.reads import signals as reads
    from stemtide.hub.rooms.signals.writes import signals as writes
    from stemtide.protocol.messages.signals import SignalIn

    sharer, reader = make_parties()
    plain = {"kind": "pdq", "quality": 90, "labels": ("perpetrator-content",), "severity": "high"}
    values = [secrets.token_hex(32) for _ in range(signals)]
    rates: dict[str, float] = {}
    print(f"{connection.vendor}: {signals:,} PDQ signals in bulks of {bulk:,}")
    with timed("bare SQLite, values only", signals, rates):
        bare_inserts(folder, [(value, 90) for value in values])
    with timed("read rows (pydantic)", signals, rates):
        bodies = [SignalIn.model_validate(plain | {"value": value}) for value in values]
    parts = [bodies[start : start + bulk] for start in range(0, signals, bulk)]
    now = datetime.now(UTC)
    with timed("share_many, new", signals, rates):
        created = sum(writes.share_many(part, by=sharer, now=now).created for part in parts)
    with timed("share_many, the same again", signals, rates):
        again = sum(writes.share_many(part, by=sharer, now=now).created for part in parts)
    with timed("snapshot", signals, rates):
        size_bytes = sum(map(len, reads.snapshot(viewer=reader, exercise=False)))
    head = reads.feed(0, viewer=reader, limit=1, exercise=False).head
    with timed("feed, pages of 10,000, as JSON", signals, rates):
        after = head - signals
        while after < head:
            page = reads.feed(after, viewer=reader, limit=10_000, exercise=False)
            page.model_dump_json()
            after = page.next
    for _ in range(3):
        writes.share(bodies[0], by=sharer, now=now)
    singles = [body.model_copy(update={"value": secrets.token_hex(32)}) for body in bodies[:200]]
    with timed("share, one by one, new", len(singles), rates):
        for body in singles:
            writes.share(body, by=sharer, now=now)
    assert (created, again) == (signals, 0)
    print(f"snapshot: {size_bytes / 1e6:.0f} MB, {size_bytes / signals:.0f} bytes a signal")
    new = rates["share_many, new"]
    print(f"bulk load: {new / BAR:.1f} x the bar of {BAR:,} /s")
    print(f"bulk load: {new / rates['bare SQLite, values only']:.3f} x bare SQLite")


if __name__ == "__main__":
    main()
