# SPDX-License-Identifier: Apache-2.0
"""Images: recall over 32 alterations, speed beside `pdqhash`, and what the sandbox costs.

    python -m benchmarks.media.image [--corpus FOLDER] [--speed]

The peer's path is what HMA and python-threatexchange do: Pillow decodes to RGB, pdqhash hashes.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image

from benchmarks.media.image_recall import FALSE, WAYS, outcomes, share, skimage
from benchmarks.media.image_transforms import TRANSFORMS
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.file import fingerprint_bytes
from stemtide.fingerprints.image import pdq, views
from stemtide.fingerprints.image.fingerprint import analyse_image, fingerprint_image
from stemtide.fingerprints.image.luma import plane_of
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.matching.local import PROBABLE_INLIERS, confidence_of

PHOTOS = ("astronaut.png", "coffee.png", "hubble_deep_field.jpg", "retina.jpg", "rocket.jpg")
ROUNDS = 9
PEER = "pdqhash after a full decode"
BARS = {
    "with crops that were shared": ">= 0.78",
    "hashes or local features": ">= 0.95",
}


def row(case, ours, unit, **more):
    return {"part": "image", "case": case, "ours": round(ours, 4), "unit": unit, **more}


def compared(case, ours, theirs, *, bar, peer=PEER, unit="ms"):
    return row(
        case, ours, unit, peer=peer, peer_value=round(theirs, 3), ratio=round(theirs / ours, 2),
        bar=bar,
    )  # fmt: skip


def cases(corpus: Path | None = None) -> Iterator[dict[str, object]]:
    """Measure everything of images. corpus: a folder with images/*.jpg to take in as well."""
    yield from recall_cases(list(outcomes(corpus)))
    yield from speed_cases()


def speed_cases() -> Iterator[dict[str, object]]:
    yield from luma_cases()
    yield from jpeg_cases()
    yield from sandbox_cases()


def recall_cases(each) -> Iterator[dict[str, object]]:
    """Thresholds are Meta's (31 bits) or were fitted on the even pictures; told apart here."""
    peer = next(iter(WAYS.values()))
    unit = "share found"
    for transform in TRANSFORMS:
        some = [one for one in each if one.transform == transform]
        found = {name: round(share(some, way), 3) for name, way in WAYS.items()}
        yield row(
            f"recall, {transform}", found["with crops that were shared"], unit, peer=PEER,
            peer_value=round(share(some, peer), 3), ways=found,
        )  # fmt: skip
    for name, way in list(WAYS.items())[1:]:
        bar = {"bar": BARS[name]} if name in BARS else {}
        yield row(
            f"recall, all: {name}", share(each, way), unit, peer=PEER,
            peer_value=round(share(each, peer), 3), **bar,
        )  # fmt: skip
    unseen = [one for one in each if one.number % 2]
    for name in BARS:
        yield row(f"recall, odd pictures only: {name}", share(unseen, WAYS[name]), unit)
    finds = [(one.inliers, True) for one in unseen if one.inliers >= PROBABLE_INLIERS]
    finds += [(one.other_inliers, False) for one in unseen if one.other_inliers >= PROBABLE_INLIERS]
    stated = sum(confidence_of(score) for score, _ in finds) / max(1, len(finds))
    yield row(
        "local features, odd pictures: stated confidence and share right",
        sum(is_right for _, is_right in finds) / max(1, len(finds)), "share", stated=stated,
    )  # fmt: skip
    for name, way in FALSE.items():
        wrong = sum(map(way, each))
        yield row(f"taken for another: {name}", wrong, f"of {len(each)} queries", bar="<= 1e-4")


def beside_ms(works, items, rounds=ROUNDS):
    """Several ways in turn, round by round: the best round of each item, and their mean.

    The best, not the mean, and processor time of all threads, not the clock: neighbours on the
    machine only ever add to both, and to that of the clock the most.
    """
    best = np.full((len(works), len(items)), np.inf)
    for _ in range(rounds):
        for way, work in enumerate(works):
            work(items[-1])  # what another way left in the caches is not this one's to clear
            for number, item in enumerate(items):
                began = time.process_time()
                work(item)
                best[way, number] = min(best[way, number], time.process_time() - began)
    return (best.mean(axis=1) * 1e3).tolist()


def per_item_ms(work, items, rounds=ROUNDS):
    return beside_ms([work], items, rounds)[0]


def jpegs(width, height):
    blobs = []
    for photo in skimage(PHOTOS):
        stream = BytesIO()
        photo.resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=88)
        blobs.append(stream.getvalue())
    return blobs


def peer(blob):
    return pdqhash.compute(np.asarray(Image.open(BytesIO(blob)).convert("RGB")))


def ours(blob):
    return fingerprint_image(blob, limits=DecodingLimits())


def with_views(blob):
    return analyse_image(blob, limits=DecodingLimits(), options=AnalysisOptions(views=True))


def in_fresh_worker(blob):
    """As a worker of the sandbox, which is forked for each picture: no filter is known yet."""
    for filters in (pdq._filter, pdq._bands):  # noqa: SLF001 - that a fork does not have
        filters.cache_clear()
    return with_views(blob)


def grey_decode(blob):
    image = Image.open(BytesIO(blob))
    image.draft("L", image.size)
    return np.asarray(image)


def packed(bits):
    return np.packbits(bits.astype(np.uint8)).tobytes()


def luma_cases() -> Iterator[dict[str, object]]:
    lumas = [np.asarray(Image.open(BytesIO(blob)).convert("L")) for blob in jpegs(1500, 1100)]
    colours = [np.ascontiguousarray(np.repeat(luma[:, :, None], 3, axis=2)) for luma in lumas]
    pairs = list(zip(lumas, colours, strict=True))
    megapixels = lumas[0].size / 1e6
    theirs, mine = beside_ms(
        [lambda pair: pdqhash.compute(pair[1]), lambda pair: pdq.hash_luma(pair[0])], pairs
    )
    yield compared(
        "PDQ from luma, a megapixel", mine / megapixels, theirs / megapixels, bar=">= 25 x",
        peer="pdqhash",
    )  # fmt: skip
    exact = sum(
        pdq.hash_luma(luma) == (packed((found := pdqhash.compute(colour))[0]), found[1])
        for luma, colour in pairs
    )
    yield row("bits and quality equal to pdqhash", exact, f"of {len(pairs)} pictures")
    grids = [pdq.shrink(luma) for luma in lumas]
    yield row("eight orientations more", per_item_ms(pdq.dihedral, grids), "ms", bar="<= 0.1")
    yield row("turned views more", per_item_ms(views.turned_views, grids), "ms")
    planes = [plane_of(Image.fromarray(luma)) for luma in lumas]
    yield row("boxed views more", per_item_ms(views.boxed_views, planes), "ms")


def bits_apart(blob):
    expected = packed(peer(blob)[0])
    return (int.from_bytes(expected) ^ int.from_bytes(ours(blob).each[0].value)).bit_count()


def jpeg_cases() -> Iterator[dict[str, object]]:
    for name, size, bar in (
        ("1.7 MP", (1500, 1100), ">= 10 x"),
        ("12 MP", (4000, 3000), ">= 20 x"),
    ):
        blobs = jpegs(*size)
        ways = [peer, ours, grey_decode, with_views, in_fresh_worker]
        theirs, mine, grey, viewed, fresh = beside_ms(ways, blobs)
        yield compared(f"JPEG {name} to PDQ", mine, theirs, bar=bar)
        yield row(
            f"JPEG {name} to PDQ against a grey decode", mine / grey, "x",
            **({"bar": "<= 1.15"} if name == "1.7 MP" else {}),
        )  # fmt: skip
        yield row(f"JPEG {name} to PDQ and all views", viewed, "ms")
        yield row(f"JPEG {name} to PDQ and all views, first of its size", fresh, "ms")
        most = max(map(bits_apart, blobs))
        yield row(f"JPEG {name}: most bits apart from pdqhash", most, "bits", bar="<= 10")


def sandbox_cases() -> Iterator[dict[str, object]]:
    """The same pictures in process and through the sandbox, in turn; each pair gives a ratio."""
    began = time.perf_counter()
    with Sandbox().warm() as sandbox:
        yield row("start of a worker", (time.perf_counter() - began) * 1e3, "ms")
        for name, size in (("1.3 MP", (1300, 1000)), ("1.7 MP", (1500, 1100))):
            yield from paired_cases(
                f"sandbox, JPEG {name}, with digests",
                sandbox.fingerprint,
                with_digests,
                jpegs(*size),
            )


def with_digests(blob):
    return fingerprint_bytes(blob), ours(blob)


def paired_cases(case, work, plain, blobs, *, rounds=30):
    """One after the other, the first now one and now the other: what a neighbour does to one
    it mostly does to both."""
    ratios, best = [], {}
    for turn in range(rounds):
        for number, blob in enumerate(blobs):
            ways = (work, plain) if turn % 2 else (plain, work)
            took = {way: timed(way, blob) for way in ways}
            ratios.append(took[work] / took[plain])
            for way in ways:
                key = way, number
                best[key] = min(best.get(key, took[way]), took[way])
    mine, theirs = (
        sum(best[way, number] for number in range(len(blobs))) / len(blobs) * 1e3
        for way in (work, plain)
    )
    quartiles = [round(float(one), 3) for one in np.percentile(ratios, (25, 50, 75))]
    yield row(
        case, mine, "ms", peer="the same in process", peer_value=round(theirs, 3),
        ratio=round(mine / theirs, 3), bar="<= 5 ms",
    )  # fmt: skip
    yield row(
        f"{case}: median of the ratios", quartiles[1], "x", quartiles=quartiles, bar="<= 1.10"
    )


def timed(work, blob):
    began = time.perf_counter()
    work(blob)
    return time.perf_counter() - began


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--speed", action="store_true", help="only how fast, not what is found")
    arguments.add_argument("--corpus", type=Path, help="a folder with images/*.jpg")
    chosen = arguments.parse_args()
    for one in speed_cases() if chosen.speed else cases(chosen.corpus):
        print(json.dumps(one), flush=True)


if __name__ == "__main__":
    sys.exit(main())
