# SPDX-License-Identifier: Apache-2.0
"""What the upload journal of an agent costs, and what it finds.

    python -m benchmarks.journal [--uploads 200000] [--signals 20000]

Writes uploads of pictures one by one, as an agent does, with one hash and with eight. Then loads
them as an agent does at its start, and searches for signals. The last table says which turned and
altered photographs are found with each.
"""

import argparse
import gc
import io
import os
import random
import tempfile
import time
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
from stemtide.matching.library import IndexedSignal

AT_A_TIME = 5000
SINGLE_SEARCHES = 50
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
    chosen = options.parse_args()
    print(f"{chosen.uploads:,} uploads of pictures, {chosen.signals:,} signals")
    print("hashes  write µs  file B  load µs  memory B  one signal ms  all signals s")
    for hashes in (1, 8):
        print(_measure(chosen.uploads, chosen.signals, hashes=hashes))
    _print_recall()


def _measure(uploads: int, signals: int, *, hashes: int) -> str:
    """Return a line of the table. write, load: CPU of one upload; memory, file: bytes of one."""
    rng = random.Random(7)  # noqa: S311 - made-up values
    with tempfile.TemporaryDirectory() as folder:
        file = JournalFile(Path(folder))
        began = time.process_time()
        for number in range(uploads):
            file.add([_entry(number, rng, hashes=hashes)])
        write_us = (time.process_time() - began) / uploads * 1e6
        size = file.size().size_bytes
        gc.collect()
        memory = _resident()
        index, last = JournalIndex(), 0
        began = time.process_time()
        while entries := file.after(last, limit=AT_A_TIME):
            index.put(entries)
            last = entries[-1].seq
        load_us = (time.process_time() - began) / uploads * 1e6
        gc.collect()
        memory = _resident() - memory
        began = time.perf_counter()
        for number in range(SINGLE_SEARCHES):
            index.find([IndexedSignal(number, Kind.PDQ, rng.randbytes(32))])
        single_ms = (time.perf_counter() - began) / SINGLE_SEARCHES * 1e3
        many = [IndexedSignal(number, Kind.PDQ, rng.randbytes(32)) for number in range(signals)]
        began = time.perf_counter()
        index.find(many)
        many_s = time.perf_counter() - began
        file.close()
    return (
        f"{hashes:6}  {write_us:8.0f}  {size / uploads:6.0f}  {load_us:7.1f}"
        f"  {memory / uploads:8.0f}  {single_ms:13.2f}  {many_s:13.2f}"
    )


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
