# SPDX-License-Identifier: Apache-2.0
"""What the transparency log of a long ledger costs: one process, SQLite on this machine.

    python -m benchmarks.log [--leaves 100000 10000000] [--more 5000]

Fills a log with leaves whose content is made up. Then appends entries of the ledger, has the
follower make leaves of them, and asks for what witnesses, auditors and agents ask for. Prints
processor time, and the size of the file.
"""

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

AT_ONCE = 100_000
ROUNDS = 50
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fill(leaves: int) -> None:
    """Store made-up leaves with the hashes over them, and a signed head."""
    from django.db import connection, transaction

    from stemtide.hub.rooms.ledger.models import Numbering
    from stemtide.hub.rooms.transparency.models import Leaf, Log, Node
    from stemtide.hub.rooms.transparency.writes.leaves import follow_ledger
    from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
    from stemtide.protocol.tlog.tiles import HEIGHT

    follow_ledger(NOW)
    frontier, nodes = Frontier(), []
    statement = bytes(Leaf.objects.get(number=0).data)
    Leaf.objects.filter(number__gt=0).delete()

    def made() -> Iterator[tuple[int, bytes, bytes]]:
        for number in range(leaves):
            digest = hashlib.sha256(number.to_bytes(8)).digest()
            data = digest + digest if number else statement
            completed = frontier.append(leaf_hash(data))
            for level, node in enumerate(completed[HEIGHT - 1 :: HEIGHT], start=1):
                nodes.append((level, number >> (HEIGHT * level), node))
            if number:
                yield number, data, digest

    with transaction.atomic(), connection.cursor() as cursor:
        insert = "INSERT INTO transparency_leaf (number, data, salt) VALUES (%s, %s, %s)"
        cursor.executemany(insert, made())
        Node.objects.bulk_create(
            [Node(level=level, place=place, hash=node) for level, place, node in nodes], AT_ONCE
        )
        Log.objects.update(size=leaves, frontier=frontier.pack())
        Numbering.objects.update(entries=leaves - 1)


def grow(count: int) -> float:
    """Append entries, and make leaves of them; return the processor seconds of the leaves."""
    from django.db import transaction

    from stemtide.hub.rooms.ledger.writes import ledger
    from stemtide.hub.rooms.transparency.writes.leaves import follow_ledger

    with transaction.atomic():
        for number in range(count):
            subject = f"thing:{number}"
            ledger.append("thing.done", actor="operator", subject=subject, now=NOW)
    began, added = time.process_time(), 0
    while added < count:
        added += follow_ledger(NOW)
    return time.process_time() - began


def median_ms(action: Callable[[int], object]) -> float:
    """Return the median of the processor time of some calls. action: gets the round."""
    times = []
    for number in range(ROUNDS):
        began = time.process_time()
        action(number)
        times.append(time.process_time() - began)
    return statistics.median(times) * 1000


def measure(leaves: int, *, more: int, folder: Path) -> None:
    """Print what a log of a size costs."""
    from django.db import connection

    from stemtide.hub.rooms.transparency.reads import log
    from stemtide.protocol.tlog.tiles import Tile

    began = time.process_time()
    fill(leaves)
    print(f"{leaves:>12,} leaves filled in {time.process_time() - began:.0f} s", flush=True)
    seconds = grow(more)
    step = max(leaves // ROUNDS, 1)
    rows = {
        "one more leaf, µs": seconds / more * 1_000_000,
        "signed head, ms": median_ms(lambda _: log.head(now=NOW, is_member=True)),
        "proof of an entry, ms": median_ms(lambda at: log.prove(at * step, now=NOW)),
        "tile of leaves, ms": median_ms(lambda at: log.read_tile(Tile(None, at * step // 256))),
        "tile of hashes, ms": median_ms(lambda at: log.read_tile(Tile(0, at * step // 256))),
    }
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = sum(path.stat().st_size for path in folder.glob("hub.sqlite3*"))
    rows["bytes of the file for each leaf"] = size / leaves
    for name, value in rows.items():
        print(f"{name:<34}{value:>10.2f}", flush=True)


def main() -> int:
    """Measure a log of each size, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, nargs="+", default=[100_000, 10_000_000])
    parser.add_argument("--more", type=int, default=5000)
    given = parser.parse_args()
    for leaves in given.leaves:
        child = os.fork()
        if child == 0:
            with tempfile.TemporaryDirectory(prefix="stemtide-log-") as folder:
                os.environ["STEMTIDE_DATA_DIR"] = folder
                from stemtide.hub import boot

                boot.start()
                boot.migrate()
                measure(leaves, more=given.more, folder=Path(folder))
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
