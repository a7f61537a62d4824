# SPDX-License-Identifier: Apache-2.0
"""Put, drop and match PDQ signals, beside a plain numpy scan and, where installed, faiss.

python -m benchmarks.matching [--json] [--sizes 10000,200000] [--shapes uniform,clustered,crowded]

All run in one process, one after the other, over the same signals and the same queries, half of
which are within 31 bits of a signal. What they find is compared before any time is printed.
Stemtide searches on one core; faiss takes all there are for a batch.
"""

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Fingerprint, Fingerprints, Kind
from stemtide.matching.library import Entry, Library

QUERIES = 512
SINGLES = 2_000

Signals = np.ndarray  # (n, 32) uint8
Search = Callable[[Signals], int]  # how many pairs of a query and a signal are within 31 bits


def uniform(rng: np.random.Generator, size: int) -> Signals:
    return rng.integers(0, 256, (size, 32), dtype=np.uint8)


def varied(rng: np.random.Generator, signals: Signals, *, most_bits: int) -> Signals:
    """Flip 0..most_bits bits of each, as re-encoding and cropping do."""
    flips = np.zeros((len(signals), 256), dtype=np.uint8)
    counts = rng.integers(0, most_bits + 1, len(signals))
    flips[np.arange(256) < counts[:, None]] = 1
    return signals ^ np.packbits(rng.permuted(flips, axis=1), axis=1)


def clustered(rng: np.random.Generator, size: int) -> Signals:
    """Fifty variants each of many pictures."""
    centres = uniform(rng, max(1, size // 50))
    return varied(rng, centres[rng.integers(0, len(centres), size)], most_bits=80)


def crowded(rng: np.random.Generator, size: int) -> Signals:
    """Signals that agree in two of sixteen chunks, so that hash tables of those tell nothing."""
    signals = uniform(rng, size)
    signals[:, 8:12] = 0x5A
    return signals


SHAPES = {"uniform": uniform, "clustered": clustered, "crowded": crowded}


def entries(signals: Signals) -> Iterator[Entry]:
    return (
        Entry(f"00000000-0000-4000-8000-{place:012d}", Kind.PDQ, row.tobytes())
        for place, row in enumerate(signals)
    )


def contents(signals: Signals) -> list[Fingerprints]:
    return [Fingerprints((Fingerprint(Kind.PDQ, row.tobytes(), quality=100),)) for row in signals]


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def spread_us(times: list[float]) -> dict[str, float]:
    micros = sorted(1e6 * each for each in times)
    at = {"p50": micros[len(micros) // 2], "p99": micros[int(len(micros) * 0.99)]}
    return {**at, "worst": micros[-1]}


def held_bytes(signals: Signals) -> int:
    """What a filled library keeps, with the keys of its signals, in bytes."""
    tracemalloc.start()
    library = Library()
    library.put(entries(signals))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(library) == len(signals)
    return held


def one_at_a_time_us(search: Search, queries: Signals, *, most_s: float = 3.0) -> float:
    """Median time of a search for one query; slow ones get fewer turns."""
    times: list[float] = []
    while len(times) < len(queries) and sum(times) < most_s:
        query = queries[len(times) : len(times) + 1]
        times.append(seconds(lambda: search(query)))  # noqa: B023 - called before the loop goes on
    return 1e6 * statistics.median(times)


def batch_us(search: Search, queries: Signals) -> float:
    """Best time per query of three searches for all of them at once."""
    return 1e6 * min(seconds(lambda: search(queries)) for _ in range(3)) / len(queries)


def timed(search: Search, queries: Signals) -> dict[str, float]:
    return {"one_us": one_at_a_time_us(search, queries), "batch_us": batch_us(search, queries)}


def plain_scan(signals: Signals) -> Search:
    """Compare each query with everything, in the shortest way numpy has."""
    words = signals.view(np.uint64)

    def search(queries: Signals) -> int:
        return sum(
            int((np.bitwise_count(words ^ query).sum(axis=1) <= MATCH_WITHIN_BITS).sum())
            for query in queries.view(np.uint64)
        )

    return search


def faiss_searches(signals: Signals) -> dict[str, Search]:
    """The two binary indexes the field uses, both exact at 31 bits as set up here."""
    import faiss

    flat = faiss.IndexBinaryFlat(256)
    hashed = faiss.IndexBinaryMultiHash(256, 16, 16)  # sixteen tables of sixteen bits
    hashed.nflip = 1
    for index in (flat, hashed):
        index.add(signals)

    def searching(index: object) -> Search:
        def search(queries: Signals) -> int:
            limits, _, _ = index.range_search(queries, MATCH_WITHIN_BITS + 1)
            return int(limits[-1])

        return search

    return {"faiss flat": searching(flat), "faiss multi-hash": searching(hashed)}


def has_faiss() -> bool:
    try:
        import faiss  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def writing(library: Library, signals: Signals) -> dict[str, dict[str, float]]:
    """Put and drop signals one at a time in a library that is full already."""
    more = [Entry(f"more-{each.key}", each.kind, each.value) for each in entries(signals)]
    puts = [seconds(lambda: library.put([one])) for one in more]  # noqa: B023 - called at once
    drops = [seconds(lambda: library.drop([one.key])) for one in more]  # noqa: B023 - called at once
    return {"put_one_us": spread_us(puts), "drop_one_us": spread_us(drops)}


def measure(shape: str, size: int) -> dict[str, object]:
    rng = np.random.default_rng(size)
    signals = SHAPES[shape](rng, size)
    near = varied(rng, signals[rng.integers(0, size, QUERIES // 2)], most_bits=MATCH_WITHIN_BITS)
    queries = np.ascontiguousarray(
        rng.permutation(np.concatenate([near, SHAPES[shape](rng, QUERIES // 2)]))
    )

    library, held = Library(), list(entries(signals))
    put_s = seconds(lambda: library.put(held))

    def search(some: Signals) -> int:
        return sum(len(matches) for matches in library.match_many(contents(some)))

    # Everything of ours comes first: faiss leaves threads behind that go on spinning for a while.
    searches: dict[str, Search] = {"stemtide": search, "plain numpy scan": plain_scan(signals)}
    times = {"stemtide": timed(search, queries)}
    written = writing(library, uniform(rng, SINGLES))
    if has_faiss():
        searches |= faiss_searches(signals)
    times |= {name: timed(each, queries) for name, each in searches.items() if name not in times}
    found = {name: each(queries) for name, each in searches.items()}
    assert len(set(found.values())) == 1, found
    return {
        "shape": shape,
        "signals": size,
        "queries": QUERIES,
        "matches": found["stemtide"],
        "put_bulk_per_s": size / put_s,
        "held_bytes_per_signal": held_bytes(signals) / size,
        **written,
        "match": times,
        "times_faster": {
            name: {
                key: round(figures[key] / times["stemtide"][key], 1)
                for key in ("one_us", "batch_us")
            }
            for name, figures in times.items()
            if name != "stemtide"
        },
    }


def show(run: dict) -> None:
    print(
        f"\n{run['signals']:,} signals, {run['shape']}; {run['queries']} queries, "
        f"{run['matches']:,} matches, the same by all\n"
        f"  put in bulk      {run['put_bulk_per_s']:>12,.0f} /s"
    )
    for verb in ("put", "drop"):
        times = run[f"{verb}_one_us"]
        rest = f"   p99 {times['p99']:,.1f}   worst {times['worst']:,.1f}"
        print(f"  {verb + ' one':<17}{times['p50']:>12,.1f} us{rest}")
    print(f"  memory           {run['held_bytes_per_signal']:>12,.0f} bytes a signal")
    print(f"  match            {'one':>12} us {'in a batch':>14} us")
    for name, figures in run["match"].items():
        faster = run["times_faster"].get(name)
        ratio = f"   stemtide: x {faster['one_us']}, x {faster['batch_us']}" if faster else ""
        print(f"    {name:<17}{figures['one_us']:>10,.1f} {figures['batch_us']:>17,.1f}{ratio}")


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--json", action="store_true", help="print one JSON object")
    asked.add_argument("--sizes", default="10000,200000", help="how many signals, with commas")
    asked.add_argument("--shapes", default=",".join(SHAPES), help="which sets, with commas")
    args = asked.parse_args()
    if not has_faiss():
        print("faiss is not installed: measured beside the plain scan only", file=sys.stderr)
    runs = []
    for size in map(int, args.sizes.split(",")):
        for shape in args.shapes.split(","):
            runs.append(measure(shape, size))
            if not args.json:
                show(runs[-1])
    if args.json:
        print(json.dumps({"benchmark": "matching", "runs": runs}))


if __name__ == "__main__":
    main()
