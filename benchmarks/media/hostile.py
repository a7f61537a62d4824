# SPDX-License-Identifier: Apache-2.0
"""Ten thousand damaged files through the sandbox: does the process that asks survive them all?

    python -m benchmarks.media.hostile [--count 10000] [--corpus FOLDER] [--seed 4]

The asking process is a child, so that its death would be seen here. Every file is made here, by a
seeded chance, out of small ones of every kind that is read (hostile_seeds.py): bytes changed, runs
of zeros and ones, pieces cut, doubled and swapped with another kind. Files that are made to do harm
come with them (hostile_harmful.py), and those of a folder with hostile/*, if one is given.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.media.hostile_harmful import harmful
from benchmarks.media.hostile_seeds import seeds
from stemtide.fingerprints.analysis import DECODER_FAILED, AnalysisOptions
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, Kind
from stemtide.fingerprints.limits import ContentError, DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox

COUNT = 10_000
SEED = 4
WORKERS = 2
LIMITS = DecodingLimits(
    max_pixels=4_000_000, memory_bytes=256 << 20, wall_s=10, cpu_s=5, long_wall_s=30, long_cpu_s=15
)
DIGESTS = {Kind.SHA256, Kind.MD5}


def mutants(count, *, of, seed) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    names = list(of)
    for number in range(count):
        name = names[number % len(names)]
        blob = bytearray(of[name])
        other = of[chance.choice(names)]
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            mutate(blob, other, chance)
        yield name, bytes(blob)


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


def ask_all(count, *, corpus, seed):
    """Run as the child: look at everything and say how it went."""
    whole = seeds()
    given = (
        {f"{one.name}, given": one for one in sorted((corpus / "hostile").iterdir())}
        if corpus
        else {}
    )
    contents = [*whole.items(), *harmful().items(), *given.items()]
    contents += mutants(count, of=whole, seed=seed)
    tally, notable, slowest = Counter(), [], (0.0, "")
    asked = AnalysisOptions(views=True, robust=True, local=True)

    def ask(named):
        began = time.monotonic()
        try:
            found = sandbox.analyse(named[1], options=asked).fingerprints
        except ContentError:
            return "refused", 0.0, ()
        return outcome(found), time.monotonic() - began, found.remarks

    with Sandbox(workers=WORKERS, limits=LIMITS) as sandbox:
        with ThreadPoolExecutor(WORKERS) as pool:
            for (name, _), (what, took_s, remarks) in zip(
                contents, pool.map(ask, contents), strict=True
            ):
                tally[what] += 1
                slowest = max(slowest, (took_s, name))
                if what in NOTABLE:
                    notable.append([name, what, list(remarks)])
        good = sandbox.fingerprint(whole["JPEG"])
        tally["works afterwards"] = int(bool(good.of(Kind.PDQ)))
    print(json.dumps({"asked": len(contents), "slowest": slowest, "notable": notable, **tally}))


def outcome(found):
    remarks = found.remarks
    if any("crash" in one or "ended from outside" in one for one in remarks):
        return "worker died"
    if any(DECODER_FAILED in one for one in remarks):
        return "decoder failed"
    if any(one.startswith(LIMIT) for one in remarks):
        return "limit"
    if any(one.startswith(UNDECODABLE) for one in remarks):
        return "undecodable"
    if any(one.kind not in DIGESTS for one in found.each):
        return "hashed"
    return "remarked" if remarks else "silent"


NOTABLE = ("worker died", "decoder failed", "silent")
OUTCOMES = ("hashed", "remarked", "undecodable", "limit", *NOTABLE, "refused")


def cases(
    corpus: Path | None = None, *, count: int = COUNT, seed: int = SEED
) -> Iterator[dict[str, object]]:
    """Ask about everything in a child, and say how it fared."""
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.media.hostile", "--child"]
    command += ["--count", str(count), "--seed", str(seed)]
    if corpus is not None:
        command += ["--corpus", str(corpus)]
    with tempfile.TemporaryDirectory() as temporary:
        surroundings = os.environ | {"TMPDIR": temporary}
        child = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=surroundings)
        left = len(list(Path(temporary).iterdir()))
    tally = json.loads(child.stdout.splitlines()[-1] if child.stdout else b"{}")
    for name, what, remarks in tally.get("notable", ()):
        print(f"{name}: {what}: {remarks}", file=sys.stderr)
    asked = tally.get("asked", count)
    answered = sum(tally.get(what, 0) for what in OUTCOMES)
    part = {"part": "hostile", "unit": f"of {asked} files"}
    yield {**part, "case": "deaths of the caller", "ours": int(child.returncode != 0), "bar": "0"}
    yield {**part, "case": "files without an answer", "ours": asked - answered, "bar": "0"}
    yield {**part, "case": "neither hash nor remark", "ours": tally.get("silent", 0), "bar": "0"}
    yield {**part, "case": "temporary files left behind", "ours": left, "bar": "0"}
    yield {**part, "case": "the sandbox works afterwards", "ours": tally.get("works afterwards", 0)}
    for what in OUTCOMES:
        yield {**part, "case": what, "ours": tally.get(what, 0)}
    slowest_s, name = tally.get("slowest", (0.0, ""))
    yield {**part, "case": f"slowest: {name}", "ours": round(slowest_s, 2), "unit": "s"}
    yield {**part, "case": "all", "ours": round(time.monotonic() - began, 1), "unit": "s"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--corpus", type=Path, help="a folder with hostile/*")
    arguments.add_argument("--count", type=int, default=COUNT)
    arguments.add_argument("--seed", type=int, default=SEED, help="of the chance that mutates")
    arguments.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.child:
        ask_all(chosen.count, corpus=chosen.corpus, seed=chosen.seed)
        return
    for one in cases(chosen.corpus, count=chosen.count, seed=chosen.seed):
        print(json.dumps(one), flush=True)


if __name__ == "__main__":
    sys.exit(main())
