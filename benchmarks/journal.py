# SPDX-License-Identifier: Apache-2.0
"""What the upload journal of an agent costs, and what it finds.

    python -m benchmarks.journal [--uploads 200000] [--signals 20000] [--hashes 1 8]
                                 [--without-file]

Writes uploads of pictures one by one, as an agent does, with one hash and with eight. Then loads
them as an agent does at its start, and searches for signals, one by one and 2,000 at a time.
Meanwhile new uploads are looked up among 100,000 signals, as by the same process. The last table
says which turned and altered photographs are found with each. With --without-file the uploads
go to the index directly, which is faster for millions of them.
"""

import argparse
import gc
import io
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from stemtide.agent.journal.entries import JournalEntry
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.journal.index import JournalIndex
from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.image.views import ORIENTATIONS
from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    MIN_QUALITY,
    Fingerprint,
    Fingerprints,
    Kind,
    QueryView,
)
from stemtide.matching.library import IndexedSignal, Library

AT_A_TIME = 5000
SEARCHED = 2000
"""Signals that an agent searches for at a time."""

SINGLE_SEARCHES = 50
LIBRARY = 100_000
LOOKUPS = 20_000
"""So many meet many of the batches that a search consists of."""

TURNS = (
    None,
    Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_90,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
)


def main() -> None:
    """Measure, and print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--uploads", type=int, default=200_000)
    options.add_argument("--signals", type=int, default=20_000)
    options.add_argument("--hashes", type=int, nargs="+", default=[1, 8], choices=[1, 8])
    options.add_argument("--without-file", action="store_true")
    chosen = options.parse_args()
    print(f"{chosen.uploads:,} uploads of pictures, {chosen.signals:,} signals")
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for hashes in chosen.hashes:
        print(f"\nhashes of a picture: {hashes}")
        rng = random.Random(7)  # noqa: S311 - made-up values
        if chosen.without_file:
            index = _fill(chosen.uploads, hashes=hashes)
        else:
            index = _write_and_load(chosen.uploads, rng, hashes=hashes)
        _measure(index, chosen.signals, rng)
        del index
    print()
    _print_recall()


def _write_and_load(uploads: int, rng: random.Random, *, hashes: int) -> JournalIndex:
    """Return the index of a journal that is written and read. Costs are those of one upload."""
    with tempfile.TemporaryDirectory() as folder:
        file = JournalFile(Path(folder))
        began = time.process_time()
        for number in range(uploads):
            file.add([_entry(number, rng, hashes=hashes)])
        _print("writing, µs of CPU", (time.process_time() - began) / uploads * 1e6)
        _print("file, bytes", file.size().size_bytes / uploads)
        index = _load(file, uploads)
        file.close()
    return index


def _fill(uploads: int, *, hashes: int) -> JournalIndex:
    """Return the index of uploads, without a journal."""
    gc.collect()
    before, index, chosen = _resident(), JournalIndex(), np.random.default_rng(7)
    for first in range(0, uploads, AT_A_TIME):
        seqs = np.arange(first + 1, min(first + AT_A_TIME, uploads) + 1)
        pictures = np.repeat(seqs, hashes)
        index.put_columns(
            {
                Kind.PDQ: (chosen.integers(2**64, size=(len(pictures), 4), dtype="<u8"), pictures),
                Kind.SHA256: (chosen.integers(2**32, size=len(seqs), dtype="<u4"), seqs),
                Kind.MD5: (chosen.integers(2**32, size=len(seqs), dtype="<u4"), seqs),
            }
        )
    began = time.process_time()
    index.settle()
    _print("building, s of CPU", time.process_time() - began)
    _print_memory(before, uploads)
    return index


def _measure(index: JournalIndex, signals: int, rng: random.Random) -> None:
    """Print how long searches take."""
    single = [
        _seconds(lambda: index.find([IndexedSignal(0, Kind.PDQ, rng.randbytes(32))]))
        for _ in range(SINGLE_SEARCHES)
    ]
    _print("one signal, ms (median)", statistics.median(single) * 1e3)
    _print("one signal, ms (longest)", max(single) * 1e3)
    many = [IndexedSignal(number, Kind.PDQ, rng.randbytes(32)) for number in range(signals)]
    began = time.process_time()
    _print(f"{signals:,} signals, s", _seconds(lambda: _search(index, many)))
    _print(f"{signals:,} signals, s of CPU", time.process_time() - began)
    _print_lookups(index, many, rng)


def _load(file: JournalFile, uploads: int) -> JournalIndex:
    """Load the journal as an agent does at its start, and print the cost."""
    gc.collect()
    before, index, last = _resident(), JournalIndex(), 0
    began = time.process_time()
    while entries := file.after(last, limit=AT_A_TIME):
        index.put(entries)
        last = entries[-1].seq
    entries = []
    index.settle()
    _print("reading, µs of CPU", (time.process_time() - began) / uploads * 1e6)
    _print_memory(before, uploads)
    return index


def _print_memory(before: int, uploads: int) -> None:
    gc.collect()
    _print("memory, bytes", (_resident() - before) / uploads)
    _print("memory, bytes (highest)", (_highest() - before) / uploads)


def _search(index: JournalIndex, signals: Sequence[IndexedSignal]) -> None:
    for first in range(0, len(signals), SEARCHED):
        index.find(signals[first : first + SEARCHED])


def _print_lookups(
    index: JournalIndex, signals: Sequence[IndexedSignal], rng: random.Random
) -> None:
    """Print how long an upload is looked up alone, and while the journal is searched."""
    library = Library()
    library.put(
        IndexedSignal(number, Kind.PDQ, rng.randbytes(32), None) for number in range(LIBRARY)
    )
    uploads = [
        Fingerprints(
            (Fingerprint(Kind.PDQ, rng.randbytes(32), 100),),
            views=tuple(QueryView(name, rng.randbytes(32)) for name in ORIENTATIONS[1:]),
        )
        for _ in range(LOOKUPS)
    ]
    alone = [_seconds(lambda upload=upload: library.match_many([upload])) for upload in uploads]
    searching = threading.Thread(target=_search, args=(index, signals))
    searching.start()
    meanwhile = []
    while searching.is_alive() and len(meanwhile) < LOOKUPS:
        upload = uploads[len(meanwhile)]
        meanwhile.append(_seconds(lambda upload=upload: library.match_many([upload])))
    searching.join()
    _print("look-up, µs (median)", statistics.median(alone) * 1e6)
    _print("look-up while searching, µs (median)", statistics.median(meanwhile) * 1e6)
    _print("look-up while searching, µs (mean)", statistics.mean(meanwhile) * 1e6)
    _print("look-up alone, µs (mean)", statistics.mean(alone) * 1e6)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _print(name: str, figure: float) -> None:
    print(f"{name:40} {figure:12,.2f}", flush=True)


def _entry(number: int, rng: random.Random, *, hashes: int) -> JournalEntry:
    prints = (
        Fingerprint(Kind.PDQ, rng.randbytes(32), 100),
        Fingerprint(Kind.SHA256, rng.randbytes(32)),
        Fingerprint(Kind.MD5, rng.randbytes(16)),
    )
    views = tuple(QueryView(name, rng.randbytes(32)) for name in ORIENTATIONS[1:hashes])
    return JournalEntry(f"upload-{number}", time.time(), Fingerprints(prints, views=views))


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _highest() -> int:
    """Return the most memory that this process had so far, in bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _print_recall() -> None:
    """Print how many altered photographs are within the threshold of the shared one."""
    print("photographs found, turned and altered: by estimates, by eight stored hashes")
    photographs = list(_photographs())
    for name, side, quality in (("only turned", None, 95), ("half size, JPEG 60", 2, 60)):
        by_estimate = by_hash = total = 0
        for photograph in photographs:
            shared = pdq.dihedral(_grid(photograph))[0]
            for turn in TURNS[1:]:
                copy = photograph.transpose(turn) if turn is not None else photograph
                if side:
                    copy = copy.resize((copy.width // side, copy.height // side))
                stored = pdq.dihedral(_grid(_jpeg(copy, quality)))
                total += 1
                by_estimate += any(_near(stored[0], turned) for turned in pdq.turn_hash(shared))
                by_hash += any(_near(value, shared) for value in stored)
        print(f"{name:20} {by_estimate} and {by_hash} of {total}")


def _photographs() -> list[Image.Image]:
    """Return the photographs that a library of the tests brings, if they are fit to compare."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        return []
    photographs = []
    for path in sorted((Path(found.origin).parent / "data").iterdir()):
        if path.suffix in (".png", ".jpg", ".jpeg"):
            photograph = Image.open(path).convert("L")
            if min(photograph.size) >= 64 and pdq.quality(_grid(photograph)) >= MIN_QUALITY:
                photographs.append(photograph)
    return photographs


def _grid(picture: Image.Image) -> pdq.Floats:
    return pdq.shrink(np.asarray(picture))


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=quality)
    return Image.open(kept)


def _near(one: bytes, other: bytes) -> bool:
    bits = (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
    return bits <= MATCH_WITHIN_BITS


if __name__ == "__main__":
    main()
