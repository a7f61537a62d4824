# SPDX-License-Identifier: Apache-2.0
"""What the scan of a catalogue costs, and how it grows with processes and with nodes of Ray.

    python -m benchmarks.catalogue [--pictures 300] [--listed 100000] [--ray]

The first table has pictures a second by worker processes, and with --ray by nodes of a cluster on
this machine. The second has what the process costs that lists, compares and records: it limits how
many workers a scan can use. Other programs share the cores, so the load is printed beside it.
"""

import argparse
import io
import os
import random
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tests.catalogue.ray_cluster import RayCluster

from stemtide.agent.journal.file import JournalFile
from stemtide.catalogue.budget import ScanBudget
from stemtide.catalogue.cluster import RayWorkers
from stemtide.catalogue.content import ReadingSettings, look_at
from stemtide.catalogue.items import ItemLook, StoredItem
from stemtide.catalogue.processes import ProcessWorkers
from stemtide.catalogue.records import CatalogueRecords
from stemtide.catalogue.scan import Scan
from stemtide.exercises.pictures import photographs
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.matching.library import IndexedSignal, Library

READING = ReadingSettings(frozenset(Wall))
BATCH = 16
SIZE = (1024, 768)
SIGNALS = 100_000
NEW_SIGNALS = 100


def main() -> None:
    """Measure, and print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pictures", type=int, default=300)
    options.add_argument("--listed", type=int, default=100_000)
    options.add_argument("--ray", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        items = _pictures(Path(folder), chosen.pictures)
        print(f"{len(items)} JPEGs of {SIZE[0]} x {SIZE[1]}, load {os.getloadavg()[0]:.1f}")
        print("workers                 pictures/s  times")
        alone = _alone(items)
        _print_speed("in one process", alone, alone)
        for processes in (1, 2):
            speed = _speed(ProcessWorkers(processes, READING), items)
            _print_speed(f"processes: {processes}", speed, alone)
        if chosen.ray:
            for nodes in (1, 2):
                _print_speed(f"nodes of Ray: {nodes}", _ray_speed(items, nodes), alone)
    with tempfile.TemporaryDirectory() as folder:
        _print_costs(Path(folder), chosen.listed)


def _pictures(folder: Path, number: int) -> list[StoredItem]:
    """Write pictures, each another cut of a photograph."""
    rng = random.Random(7)  # noqa: S311 - made-up values
    sources = [Image.open(io.BytesIO(blob)).convert("RGB") for blob in photographs().values()]
    items = []
    for place in range(number):
        source = sources[place % len(sources)]
        left, top = rng.randrange(source.width // 4), rng.randrange(source.height // 4)
        picture = source.crop((left, top, source.width, source.height)).resize(SIZE)
        path = folder / f"{place:05}.jpg"
        picture.save(path, quality=85)
        items.append(StoredItem(path.name, str(path), "1", path.stat().st_size))
    return items


def _batches(items):
    return (items[first : first + BATCH] for first in range(0, len(items), BATCH))


def _print_speed(name: str, speed: float, alone: float) -> None:
    print(f"{name:22}  {speed:10.1f}  {speed / alone:5.2f}", flush=True)


def _alone(items: list[StoredItem]) -> float:
    """Return the pictures a second of this process alone, once its sandbox has started."""
    look_at(items[:4], READING)
    began = time.perf_counter()
    look_at(items, READING)
    return len(items) / (time.perf_counter() - began)


def _speed(workers, items: list[StoredItem]) -> float:
    """Return the pictures a second of workers, from the first result on."""
    with closing(workers.look_all(_batches(items))) as results:
        first = len(next(results))
        began = time.perf_counter()
        looked = sum(len(looks) for looks in results)
    assert looked + first == len(items)
    return looked / (time.perf_counter() - began)


def _ray_speed(items: list[StoredItem], nodes: int) -> float:
    """Return the pictures a second of a cluster of so many nodes, each of one core."""
    cluster = RayCluster()
    os.environ.update(cluster.environment)
    try:
        for _ in range(nodes - 1):
            cluster.add_node()
        return _speed(RayWorkers(cluster.address, READING), items)
    finally:
        cluster.stop()


@dataclass
class _MadeUpSignals:
    """As many signals as a library is made with; none is ever found, so none is described."""

    number: int

    def newest(self):
        return self.number

    def library(self, *, after, upto):
        rng = random.Random(after)  # noqa: S311 - made-up values
        library = Library()
        library.put(
            IndexedSignal(n, Kind.PDQ, rng.randbytes(32)) for n in range(after + 1, upto + 1)
        )
        return library

    def find(self, keys):
        return {key: None for key in keys if key < 0}


class _MadeUpWorkers:
    """Workers that cost nothing: they return made-up fingerprints of a picture."""

    def look_all(self, batches):
        rng = random.Random(8)  # noqa: S311 - made-up values
        for batch in batches:
            yield [ItemLook(item, _prints(rng)) for item in batch]


def _prints(rng: random.Random) -> Fingerprints:
    sizes = {Kind.PDQ: 32, Kind.SHA256: 32, Kind.MD5: 16}
    each = (
        Fingerprint(kind, rng.randbytes(size), 90 if kind is Kind.PDQ else None)
        for kind, size in sizes.items()
    )
    return Fingerprints(tuple(each), "image/jpeg", 50_000)


class _Silence:
    """A reporter that prints nothing."""

    def matched(self, item): ...
    def unreadable(self, item): ...
    def listed(self, number): ...
    def progress(self, done, total): ...


def _print_costs(folder: Path, number: int) -> None:
    """Measure one run of a scan whose workers cost nothing, and a second one with new signals."""
    items = [StoredItem(f"post-{n:08}", f"/srv/{n:08}.jpg", "1", 50_000) for n in range(number)]
    records, journal = CatalogueRecords(folder), JournalFile(folder)
    signals = _MadeUpSignals(SIGNALS)
    began = time.process_time()
    run = records.begin_run()
    for first in range(0, number, 2000):
        records.list_items(items[first : first + 2000], run=run)
    listing = time.process_time() - began
    began = time.process_time()
    _scan(records, journal, signals, items)
    recording = time.process_time() - began
    signals.number += NEW_SIGNALS
    began = time.process_time()
    _scan(records, journal, signals, [])
    searching = time.process_time() - began
    records.close()
    journal.close()
    costs = {
        "listing": listing,
        "listing again, comparing, recording": recording,
        f"comparing stored ones with {NEW_SIGNALS} new signals": searching,
    }
    print(f"\n{number:,} pictures, {SIGNALS:,} signals")
    for name, seconds in costs.items():
        print(f"{name:50}{seconds / number * 1e6:8.1f} µs of CPU a picture")
    for name in ("catalogue.db", "journal.db"):
        print(f"{name:50}{(folder / name).stat().st_size / number:8.1f} bytes a picture")


def _scan(records, journal, signals, items) -> None:
    Scan(
        records=records,
        journal=journal,
        signals=signals,
        workers=_MadeUpWorkers(),
        reporter=_Silence(),
        orientations=1,
        budget=ScanBudget(),
    ).run(items)


if __name__ == "__main__":
    main()
