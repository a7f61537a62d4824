# SPDX-License-Identifier: Apache-2.0
"""Our PDQ beside `pdqhash`, in one process, on the same pictures; ratios, as times drift.

    python benchmarks/pdq.py [--json] [--rounds 5]

The peer's path is what HMA and python-threatexchange do: Pillow decodes to RGB, pdqhash hashes.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image

from stemtide.fingerprints import pdq
from stemtide.fingerprints.image import fingerprint_image
from stemtide.fingerprints.limits import Limits
from stemtide.fingerprints.sandbox import Sandbox

NAMES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "retina.jpg",
    "rocket.jpg",
)


def photos():
    folder = Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"
    return [Image.open(folder / name).convert("RGB") for name in NAMES]


def jpegs(width, height):
    blobs = []
    for photo in photos():
        stream = BytesIO()
        photo.resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=88)
        blobs.append(stream.getvalue())
    return blobs


def packed(bits):
    return np.packbits(bits.astype(np.uint8)).tobytes()


def peer(blob):
    return pdqhash.compute(np.asarray(Image.open(BytesIO(blob)).convert("RGB")))


def ours(blob):
    return fingerprint_image(blob, limits=Limits())


def grey_decode(blob):
    image = Image.open(BytesIO(blob))
    image.draft("L", image.size)
    return np.asarray(image)


def per_item_ms(work, items, rounds):
    """The median over the rounds: one noisy neighbour must not decide."""
    for item in items:
        work(item)
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        for item in items:
            work(item)
        times.append((time.perf_counter() - began) / len(items) * 1e3)
    return statistics.median(times)


def bits_apart(blob):
    expected = packed(peer(blob)[0])
    return (int.from_bytes(expected) ^ int.from_bytes(ours(blob).each[0].value)).bit_count()


def measure(rounds):
    middle, large = jpegs(1500, 1100), jpegs(4000, 3000)
    lumas = [np.asarray(Image.open(BytesIO(blob)).convert("L")) for blob in middle]
    colours = [np.ascontiguousarray(np.repeat(luma[:, :, None], 3, axis=2)) for luma in lumas]
    pairs = list(zip(lumas, colours, strict=True))
    megapixels = lumas[0].size / 1e6
    grids = [pdq.shrink(luma) for luma in lumas]
    result = {
        "exact_of_luma": sum(
            pdq.hash_luma(luma) == (packed((found := pdqhash.compute(colour))[0]), found[1])
            for luma, colour in pairs
        ),
        "pictures": len(lumas),
        "luma_ms_per_mp": {
            "pdqhash": per_item_ms(pdqhash.compute, colours, rounds) / megapixels,
            "ours": per_item_ms(pdq.hash_luma, lumas, rounds) / megapixels,
        },
        "dihedral_ms": {
            "pdqhash": per_item_ms(pdqhash.compute_dihedral, colours, rounds),
            "ours_after_the_hash": per_item_ms(pdq.dihedral, grids, rounds),
        },
        "jpeg_1_7_mp_ms": compare(middle, rounds),
        "jpeg_12_mp_ms": compare(large, max(1, rounds // 2)),
    }
    began = time.perf_counter()
    with Sandbox().warm() as sandbox:
        result["sandbox_start_ms"] = (time.perf_counter() - began) * 1e3
        small = jpegs(1300, 1000)
        result["sandbox_1_3_mp_ms"] = {
            "in_process": per_item_ms(ours, small, rounds),
            "sandbox_with_digests": per_item_ms(sandbox.fingerprint, small, rounds),
        }
        result["replace_a_worker_ms"] = per_item_ms(sandbox.fingerprint, [b"\xff\xd8\xff"], rounds)
    return result


def compare(blobs, rounds):
    return {
        "peer": per_item_ms(peer, blobs, rounds),
        "ours": per_item_ms(ours, blobs, rounds),
        "grey_decode_alone": per_item_ms(grey_decode, blobs, rounds),
        "most_bits_apart": max(bits_apart(blob) for blob in blobs),
    }


def ratios(result):
    luma, small, large = (result[k] for k in ("luma_ms_per_mp", "jpeg_1_7_mp_ms", "jpeg_12_mp_ms"))
    boxed, eight = result["sandbox_1_3_mp_ms"], result["dihedral_ms"]
    return {
        "luma_to_hash": luma["pdqhash"] / luma["ours"],
        "eight_orientations": eight["pdqhash"] / (eight["ours_after_the_hash"] + luma["ours"]),
        "jpeg_1_7_mp": small["peer"] / small["ours"],
        "jpeg_12_mp": large["peer"] / large["ours"],
        "ours_to_grey_decode_1_7_mp": small["ours"] / small["grey_decode_alone"],
        "sandbox_to_in_process": boxed["sandbox_with_digests"] / boxed["in_process"],
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    result = measure(chosen.rounds)
    result["ratios"] = ratios(result)
    if chosen.json:
        print(json.dumps(result))
        return
    print(f"bit-exact and quality-exact: {result['exact_of_luma']} of {result['pictures']}")
    for name, value in result.items():
        if isinstance(value, dict) and name != "ratios":
            print(f"{name:>22}  " + "  ".join(f"{k} {v:.2f}" for k, v in value.items()))
        elif isinstance(value, float):
            print(f"{name:>22}  {value:.1f}")
    for name, ratio in result["ratios"].items():
        print(f"{name:>28}  {ratio:6.2f} x")


if __name__ == "__main__":
    sys.exit(main())
