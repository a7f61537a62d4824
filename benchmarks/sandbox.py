# SPDX-License-Identifier: Apache-2.0
"""What a new process for each upload costs, beside a worker that is used again and again.

    python -m benchmarks.sandbox [--uploads 300] [--rounds 7] [--json]

Both sides run the same server, decoders and walls; the reused worker only answers more than one
request. They take turns in one run, each round on a sandbox of its own. Counted is the processor
time of all processes together: the caller, the server and the workers. That of starting a sandbox
without an upload is subtracted. The latency is that of one caller, upload after upload.
"""

import argparse
import io
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox import fork_server_process, worker_process
from stemtide.fingerprints.sandbox.fork_server import ForkServer
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.worker import Worker

SIZES = {"64 px": (64, 64), "0.1 MP": (400, 260), "1 MP": (1200, 860), "12 MP": (4000, 3000)}
OPTIONS = AnalysisOptions(views=True)
LIMITS = DecodingLimits()
PROGRAM = """#!{python}
import sys
sys.path[:0] = {path}
from benchmarks.sandbox import serve_again
serve_again(*sys.argv[-2:])
"""


def serve_again(control: str, limits: str) -> None:
    """Be a server whose workers answer until their socket is closed."""

    def serve(channel, *, limits, walls, decoders):
        worker_process._send(channel, {"pid": os.getpid(), "walls": sorted(walls)})  # noqa: SLF001
        while request := worker_process._receive(channel):  # noqa: SLF001
            answer = worker_process._answer(channel, *request, limits=limits, decoders=decoders)  # noqa: SLF001
            worker_process._send(channel, answer)  # noqa: SLF001

    fork_server_process.serve = serve
    fork_server_process.main(int(control), DecodingLimits(**json.loads(limits)))


@contextmanager
def reused(folder: Path):
    """Yield a function that analyses a picture in the one worker."""
    program = folder / "server"
    path = [str(Path(__file__).parents[1]), *sys.path]
    program.write_text(PROGRAM.format(python=sys.executable, path=path))
    program.chmod(0o700)
    real, sys.executable = sys.executable, str(program)
    server = ForkServer.start(LIMITS)
    sys.executable = real
    worker = Worker(server, LIMITS)
    worker.wait_ready()

    def analyse(blob):
        worker.ask(blob, options=OPTIONS)
        worker.answer()

    yield analyse
    worker.end()
    server.end()


@contextmanager
def fresh(_: Path):
    """Yield a function that analyses a picture in a worker of its own."""
    with Sandbox(limits=LIMITS).warm() as sandbox:
        reserve = sandbox._reserve  # noqa: SLF001 - without digests, which the other side lacks

        def analyse(blob):
            from stemtide.fingerprints.sandbox.decoders import DecoderGroup

            worker = reserve.take(DecoderGroup.PICTURES)
            worker.ask(blob, options=OPTIONS)
            reserve.fill(DecoderGroup.PICTURES)
            worker.answer()
            worker.end()

        yield analyse


def measure(side, blob: bytes, *, uploads: int) -> tuple[float, float]:
    """Return processor time of a whole run in ms, and the median latency of an upload in ms."""
    began, took = spent_s(), []
    with tempfile.TemporaryDirectory() as folder, side(Path(folder)) as analyse:
        for _ in range(uploads):
            at = time.perf_counter()
            analyse(blob)
            took.append(time.perf_counter() - at)
    return (spent_s() - began) * 1e3, statistics.median(took or [0]) * 1e3


def spent_s() -> float:
    """Return the processor time of this process and of the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def cases(*, uploads: int, rounds: int):
    """Yield one row for each size of picture."""
    picture = Image.effect_noise((800, 600), 60).resize((4000, 3000))
    for name, size in SIZES.items():
        file = io.BytesIO()
        picture.resize(size).convert("RGB").save(file, "JPEG", quality=85)
        blob = file.getvalue()
        count = max(10, uploads // (1 if size[0] < 1000 else 20 if size[0] > 2000 else 4))
        rows = {"fresh": [], "reused": []}
        for _ in range(rounds):
            for side in (fresh, reused):
                idle, _ = measure(side, blob, uploads=0)
                busy, latency = measure(side, blob, uploads=count)
                rows[side.__name__].append(((busy - idle) / count, latency))
        yield row(name, len(blob), rows)


def row(name, size, rows):
    cpu = {side: [one for one, _ in measured] for side, measured in rows.items()}
    latency = {side: [one for _, one in measured] for side, measured in rows.items()}
    ratios = [ours / theirs for ours, theirs in zip(cpu["fresh"], cpu["reused"], strict=True)]
    more = [ours - theirs for ours, theirs in zip(cpu["fresh"], cpu["reused"], strict=True)]
    return {
        "picture": name,
        "kB": size // 1024,
        "fresh_cpu_ms": round(statistics.median(cpu["fresh"]), 2),
        "reused_cpu_ms": round(statistics.median(cpu["reused"]), 2),
        "more_cpu_ms": round(statistics.median(more), 2),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(one, 2) for one in sorted(ratios)],
        "fresh_latency_ms": round(statistics.median(latency["fresh"]), 2),
        "reused_latency_ms": round(statistics.median(latency["reused"]), 2),
    }


def main() -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for one in cases(uploads=options.uploads, rounds=options.rounds):
        if options.json:
            print(json.dumps(one), flush=True)
        else:
            shown = (f"{key} {value}" for key, value in one.items() if key != "ratios")
            print(", ".join(shown), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
