# SPDX-License-Identifier: Apache-2.0
"""A second look by local features: recall, false positives and time as the index grows.

    python -m benchmarks.local [--pictures 100000] [--corpus FOLDER]

Photographs are altered in the ways that hashes miss most, and looked up among as many strangers:
descriptors of photographs and drawings with three in ten bits changed, at other places. Beside it
stand what hashes find alone, and what the dearest upload costs among pictures that a hostile sharer
made for it.
"""

import argparse
import json
import random
import resource
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._common_pictures import PICTURES
from benchmarks.media.image_recall import (
    BEHIND,
    STRANGERS,
    file_of,
    look,
    pictures,
    skimage,
    stranger,
)
from benchmarks.media.image_transforms import TRANSFORMS
from stemtide.fingerprints.kinds import Fingerprints, Kind
from stemtide.fingerprints.values.local import LocalFeatures, check_shared
from stemtide.matching.library import IndexedSignal, Library
from stemtide.matching.local import MATCH_INLIERS, PROBABLE_INLIERS, LocalIndex

HARD = (
    "crop 25 % off centre", "turned 15", "caption", "phone screenshot", "watermark", "sticker 30 %",
    "inset 60 %", "photo of a screen", "combination",
)  # fmt: skip
CHANGED = 0.3
AT_ONCE = 5_000
ALIKE = 15
UNRELATED, EACH = 200, 5


def strangers(count, known, chance):
    """Features of pictures that nobody has seen."""
    for _ in range(count):
        of = known[chance.integers(len(known))].strongest()
        size = of.descriptors.shape
        flips = np.zeros(size, np.uint8)
        for bit in range(8):
            flips |= (chance.random(size, np.float32) < CHANGED).astype(np.uint8) << bit
        points = (chance.random(of.points.shape, np.float32) * (of.width, of.height)).astype(
            np.float32
        )
        yield LocalFeatures(
            of.width, of.height, points, of.descriptors ^ flips, of.octaves, of.angles
        ).to_bytes()


def queries(shared):
    """Altered pictures: of which it is, the way, and what is looked up."""
    behind = skimage(BEHIND)
    for number, picture in enumerate(shared):
        for transform in HARD:
            chance = random.Random(f"{number} {transform}")  # noqa: S311 - repeatable
            blob = TRANSFORMS[transform](picture.copy(), chance, chance.choice(behind))
            yield number, transform, look(blob, views=True, local=True)


def measure(index, asked):
    """Look everything up: which was found with how many places, others' places, and the time."""
    own, others, spent = [], [], []
    for number, _, seen in asked:
        value, mirrored = seen.local
        began = time.process_time()
        found = {
            one.key: int(one.score)
            for one in index.find(value, mirrored=mirrored, at_least=PROBABLE_INLIERS)
        }
        spent.append(time.process_time() - began)
        own.append(found.pop(number, 0))
        others.append(max(found.values(), default=0))
    return np.array(own), np.array(others), np.array(spent) * 1e3


def found_by_hash(shared, asked):
    """Which altered pictures hashes and views find, as an agent looks them up: (n,) bool."""
    library = Library()
    for number, picture in enumerate(shared):
        (hashed,) = look(file_of(picture)).fingerprints.of(Kind.PDQ)
        library.put([IndexedSignal(number, Kind.PDQ, hashed.value)])
    return np.array([
        number in {match.key for match in library.match(prints_of(seen))}
        for number, _, seen in asked
    ])  # fmt: skip


def prints_of(seen):
    return Fingerprints(seen.fingerprints.of(Kind.PDQ), views=seen.views)


def unrelated():
    """Uploads that show nothing of what is shared: drawings, screens, forms, banners."""
    for number in range(STRANGERS, STRANGERS + UNRELATED):
        yield look(file_of(stranger(number)), local=True).local
    for draw in PICTURES.values():
        for seed in range(EACH):
            drawn = Image.fromarray(np.asarray(draw(np.random.default_rng([5, seed])))).convert("L")
            yield look(file_of(drawn), local=True).local


def taken_for_others(index):
    """How many of these uploads are taken for one of the pictures, by agreeing places."""
    scores = np.array([
        max((one.score for one in index.find(value, mirrored=mirrored)), default=0)
        for value, mirrored in unrelated()
    ])  # fmt: skip
    least = (PROBABLE_INLIERS, MATCH_INLIERS)
    return {"unrelated": len(scores), **{f">= {n}": int((scores >= n).sum()) for n in least}}


def hostile(of, *, count):
    """Pictures whose places are as like each other as the hub allows, all alike, in many parts."""
    for _ in range(count):
        bits = of.descriptors.copy()
        bits[:ALIKE] = bits[0]
        value = LocalFeatures(of.width, of.height, of.points, bits, of.octaves, of.angles)
        check_shared(value.to_bytes())
        yield value.to_bytes()


def dearest_ms(index, of):
    """The time of an upload of one place 300 times, which hostile pictures have several times."""
    size = 300
    chance = np.random.default_rng(3)
    points = (chance.random((size, 2), np.float32) * (of.width, of.height)).astype(np.float32)
    repeated = LocalFeatures(
        of.width, of.height, points, np.repeat(of.descriptors[:1], size, 0),
        np.repeat(of.octaves[:1], size), np.repeat(of.angles[:1], size),
    ).to_bytes()  # fmt: skip
    began = time.process_time()
    index.find(repeated, mirrored=repeated, at_least=PROBABLE_INLIERS)
    return (time.process_time() - began) * 1e3


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--corpus", type=Path)
    options = parser.parse_args(arguments)
    shared = pictures(options.corpus)
    values = [look_of(picture) for picture in shared]
    drawn = [LocalFeatures.from_bytes(look_of(stranger(number))) for number in range(60)]
    known = [*map(LocalFeatures.from_bytes, values), *drawn]
    asked = list(queries(shared))
    by_hash = found_by_hash(shared, asked)
    print(json.dumps({"found by hash alone": round(float(by_hash.mean()), 3)}), flush=True)
    index, chance = LocalIndex(), np.random.default_rng(7)
    index.put(range(len(values)), values)
    for size in (len(values), 1_000, 10_000, options.pictures):
        began = time.process_time()
        while (start := len(index)) < size:
            count = min(AT_ONCE, size - start)
            index.put(range(start, start + count), list(strangers(count, known, chance)))
        put_s = time.process_time() - began
        own, others, spent = measure(index, asked)
        row = {
            "pictures": len(index), "queries": len(asked), "put_s": round(put_s, 1),
            "median_ms": round(float(np.median(spent)), 1),
            "p95_ms": round(float(np.quantile(spent, 0.95)), 1),
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        }  # fmt: skip
        for least in (PROBABLE_INLIERS, MATCH_INLIERS, 12):
            row[f"found >= {least}"] = round(float((own >= least).mean()), 3)
            row[f"hash, or >= {least}"] = round(float(((own >= least) | by_hash).mean()), 3)
            row[f"others >= {least}"] = int((others >= least).sum())
        print(json.dumps(row), flush=True)
    print(json.dumps(taken_for_others(index)), flush=True)
    of = known[0].strongest()
    index.put(range(-200, 0), list(hostile(of, count=200)))
    print(json.dumps({"dearest upload_ms": round(dearest_ms(index, of), 1)}), flush=True)


def look_of(picture):
    return (
        LocalFeatures.from_bytes(look(file_of(picture), local=True).local[0]).strongest().to_bytes()
    )


if __name__ == "__main__":
    sys.exit(main())
