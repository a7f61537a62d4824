# SPDX-License-Identifier: Apache-2.0
"""Ten thousand damaged files through the sandbox: does the process that asks survive them all?

    python -m benchmarks.media.hostile [--count 10000] [--corpus FOLDER]

The asking process is a child, so that its death would be seen here. Every file is made here, by a
seeded chance, out of pictures in all formats that Pillow writes: bytes changed, runs of zeros and
ones, pieces cut, doubled and swapped with another format. A folder with hostile/* is taken as well.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.media.image_recall import skimage
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, Kind
from stemtide.fingerprints.limits import ContentError, Limits
from stemtide.fingerprints.looks import Asked
from stemtide.fingerprints.sandbox import Sandbox

COUNT = 10_000
WORKERS = 2
LIMITS = Limits(max_pixels=4_000_000, memory_bytes=256 << 20, wall_s=10, cpu_s=5)
FORMATS = {
    "JPEG": {}, "PNG": {}, "GIF": {}, "WEBP": {}, "TIFF": {}, "AVIF": {}, "BMP": {},
    "JPEG2000": {}, "QOI": {}, "PPM": {}, "PCX": {}, "ICO": {}, "ICNS": {}, "SGI": {}, "DDS": {},
}  # fmt: skip


def originals():
    """One small file of each format, a progressive JPEG, and animations."""
    small = skimage(["coffee.png"])[0].resize((96, 64))
    frames = [small.rotate(20 * turn) for turn in range(1, 5)]
    made = [encoded(small, name) for name in FORMATS]
    made.append(encoded(small, "JPEG", progressive=True))
    animated = ("GIF", "PNG", "WEBP", "TIFF")
    made += [encoded(small, name, save_all=True, append_images=frames) for name in animated]
    return made


def encoded(picture: Image.Image, name: str, **options):
    stream = BytesIO()
    picture.save(stream, name, **options)
    return stream.getvalue()


def mutants(count, *, seeds) -> Iterator[bytes]:
    chance = random.Random(4)  # noqa: S311 - repeatable, not secret
    for number in range(count):
        blob = bytearray(seeds[number % len(seeds)])
        other = chance.choice(seeds)
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            mutate(blob, other, chance)
        yield bytes(blob)


def mutate(blob, other, chance):
    """Do one harm. Heads are hit as often as the whole, as most of what is parsed lies there."""
    reach = min(len(blob), 256) if chance.random() < 0.5 else len(blob)
    at = chance.randrange(max(1, reach))
    length = chance.choice((1, 2, 4, 16, 64, 1024))
    match chance.randrange(7):
        case 0:
            blob[at : at + 1] = bytes([chance.randrange(256)])
        case 1:
            blob[at : at + length] = bytes(min(length, len(blob) - at))
        case 2:
            blob[at : at + length] = b"\xff" * min(length, len(blob) - at)
        case 3:
            del blob[at : at + length]
        case 4:
            blob[at:at] = blob[at : at + length] * chance.choice((1, 8))
        case 5:
            del blob[max(16, at) :]
        case 6:
            blob[at : at + length] = other[at : at + length]


def ask_all(count, corpus):
    """Run as the child: look at everything and say how it went."""
    files = sorted((corpus / "hostile").iterdir()) if corpus else []
    contents = [*mutants(count, seeds=originals()), *files]
    tally = Counter()
    asked = Asked(views=True, robust=True, local=True)
    slowest_s = 0.0

    def ask(content):
        began = time.monotonic()
        try:
            look = sandbox.look(content, asked=asked)
        except ContentError:
            return "refused", 0.0
        return outcome(look.fingerprints), time.monotonic() - began

    with Sandbox(workers=WORKERS, limits=LIMITS) as sandbox:
        with ThreadPoolExecutor(WORKERS) as pool:
            for what, took_s in pool.map(ask, contents):
                tally[what] += 1
                slowest_s = max(slowest_s, took_s)
        good = sandbox.fingerprint(encoded(skimage(["coffee.png"])[0], "JPEG"))
        tally["works afterwards"] = int(bool(good.of(Kind.PDQ)))
    print(json.dumps({"asked": len(contents), "slowest_s": slowest_s, **tally}))


def outcome(found):
    remarks = found.remarks
    if any("crash" in one or "ended from outside" in one for one in remarks):
        return "worker died"
    if any(one.startswith(LIMIT) for one in remarks):
        return "limit"
    if any(one.startswith(UNDECODABLE) for one in remarks):
        return "undecodable"
    if found.of(Kind.PDQ):
        return "hashed"
    return "remarked" if remarks else "silent"


def cases(corpus: Path | None = None, *, count: int = COUNT) -> Iterator[dict[str, object]]:
    """Ask about everything in a child, and say how it fared."""
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.media.hostile", "--child", "--count", str(count)]
    if corpus is not None:
        command += ["--corpus", str(corpus)]
    child = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    tally = json.loads(child.stdout or b"{}")
    answered = sum(tally.get(what, 0) for what in OUTCOMES)
    part = {"part": "hostile", "unit": f"of {tally.get('asked', count)} files"}
    yield {**part, "case": "deaths of the caller", "ours": int(child.returncode != 0), "bar": "0"}
    unanswered = tally.get("asked", count) - answered
    yield {**part, "case": "files without an answer", "ours": unanswered, "bar": "0"}
    yield {**part, "case": "neither hash nor remark", "ours": tally.get("silent", 0), "bar": "0"}
    yield {**part, "case": "the sandbox works afterwards", "ours": tally.get("works afterwards", 0)}
    for what in OUTCOMES:
        yield {**part, "case": what, "ours": tally.get(what, 0)}
    yield {**part, "case": "slowest", "ours": round(tally.get("slowest_s", 0), 2), "unit": "s"}
    yield {**part, "case": "all", "ours": round(time.monotonic() - began, 1), "unit": "s"}


OUTCOMES = ("hashed", "remarked", "undecodable", "limit", "worker died", "refused", "silent")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--corpus", type=Path, help="a folder with hostile/*")
    arguments.add_argument("--count", type=int, default=COUNT)
    arguments.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.child:
        ask_all(chosen.count, chosen.corpus)
        return
    for one in cases(chosen.corpus, count=chosen.count):
        print(json.dumps(one), flush=True)


if __name__ == "__main__":
    sys.exit(main())
