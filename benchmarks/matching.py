# SPDX-License-Identifier: Apache-2.0
"""The matching engine beside its peers: faiss, threatexchange and usearch, in one process.

python -m benchmarks.matching [--json] [--sizes 10000,200000,1000000] [--sets uniform,real-like]
python -m benchmarks.matching --plot FILE.svg < ROWS     draw the rows that --json printed

Cases: one at a time; in batches of 512; building; a put and a drop in a full index; look-ups while
segments are merged; a look-up of the worst kind; bytes in memory. All over the same signals and
queries, half of which are within 31 bits of a signal. What each finds is compared. Times are per
query. faiss and Stemtide both use all cores for a batch and one core for one query.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks._matching_peers import Peer, Search, Signals, missing, peers
from benchmarks._matching_plot import plot
from benchmarks._matching_sets import SETS, asked, uniform
from stemtide.kernels import native
from stemtide.matching.hamming import HammingIndex

BATCH = 512
SINGLES = 1_000
LARGE = 1_000_000
"""Bars are for sets of this size and more."""
BARS = {
    ("one", "threatexchange"): 40,
    ("one", "faiss flat"): 25,
    ("one", "faiss multi-hash"): 25,
    ("batch", "faiss flat"): 40,
    ("batch", "faiss multi-hash"): 40,
}
Row = dict[str, object]


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def words(signals: Signals) -> np.ndarray:
    return np.ascontiguousarray(signals).view("<u8").reshape(-1, 4)


def ours(index: HammingIndex) -> Search:
    def search(queries: Signals) -> int:
        return len(index.search(queries.tobytes(), count=len(queries)))

    return search


def one_us(search: Search, queries: Signals, *, most_s: float = 4.0) -> list[float]:
    """Time of a search for one query, of as many as there is time for, in microseconds."""
    times: list[float] = []
    for place in range(len(queries)):
        query = queries[place : place + 1]
        start = time.perf_counter()
        search(query)
        times.append(1e6 * (time.perf_counter() - start))
        if sum(times) > 1e6 * most_s:
            break
    return times


def batch_us(search: Search, queries: Signals, *, rounds: int) -> float:
    """Best time per query of several searches for a whole batch."""
    return 1e6 * min(seconds(lambda: search(queries)) for _ in range(rounds)) / len(queries)


def beside_peers(index: HammingIndex, signals: Signals, queries: Signals) -> Iterator[Row]:
    """Time one at a time and batches, ours right before each peer, and compare what they find."""
    batch, mine = queries[:BATCH], ours(index)
    for peer in peers(signals):
        found, wanted = peer.search(batch), mine(batch)
        equal = found == wanted if peer.is_exact else None
        extra: Row = {} if peer.is_exact else {"recall": round(found / max(1, wanted), 4)}
        my_one = statistics.median(one_us(mine, queries))
        its_one = statistics.median(one_us(peer.search, queries))
        yield compared("one", my_one, peer, its_one, size=len(signals), equal=equal, **extra)
        if not peer.is_one_only:
            my_batch = batch_us(mine, batch, rounds=7)
            its_batch = batch_us(peer.search, batch, rounds=3)
            yield compared(
                "batch", my_batch, peer, its_batch, size=len(signals), equal=equal, **extra
            )


def compared(
    case: str,
    ours_us: float,
    peer: Peer,
    peer_us: float,
    *,
    size: int,
    equal: bool | None,
    **extra: object,
) -> Row:
    ratio = round(peer_us / ours_us, 1)
    row: Row = {"case": case, "ours_us": round(ours_us, 2), "peer": peer.name}
    row |= {"peer_us": round(peer_us, 2), "ratio": ratio, "equal": equal, **extra}
    if (bar := BARS.get((case, peer.name))) and size >= LARGE:
        row |= {"bar": bar, "reached": ratio >= bar}
    return row


def alone(case: str, value: float, unit: str, *, bar: float | None = None, **extra: object) -> Row:
    row: Row = {"case": case, "ours": round(value, 3), "unit": unit, **extra}
    return row if bar is None else {**row, "bar": bar, "reached": value <= bar}


def living(index: HammingIndex, rng: np.random.Generator, queries: Signals) -> Iterator[Row]:
    """Put, drop, and look up while a large merge runs."""
    size = len(index)
    rows = words(uniform(rng, 2_000))
    keys = np.arange(size + 10**9, size + 10**9 + len(rows))
    puts = [
        1e3 * seconds(lambda: index.put(keys[n : n + 1], rows[n : n + 1]))  # noqa: B023 - at once
        for n in range(len(rows))
    ]
    yield alone("put one", float(np.percentile(puts, 99)), "ms, p99", bar=1.0, worst=max(puts))
    drops = [1e3 * seconds(lambda: index.drop([key])) for key in keys.tolist()]  # noqa: B023 - at once
    yield alone("drop one", float(np.percentile(drops, 99)), "ms, p99", worst=max(drops))
    index.settle()
    mine = ours(index)
    quiet = statistics.median(one_us(mine, queries))
    index.put(keys, rows)  # so that there is something to merge
    index._seal_tail()  # noqa: SLF001 - now, not when it must
    merging = threading.Thread(target=index._merge, kwargs={"everything": True})  # noqa: SLF001 - now, not when it must
    during: list[float] = []
    merging.start()
    while merging.is_alive():
        during += one_us(mine, queries[:100])
    index.drop(keys)
    if not during:
        return  # a small set is merged before anybody can look
    slower = statistics.median(during) / quiet
    yield alone(
        "look-up while merging", slower, "times the quiet median", bar=2.0, looks=len(during)
    )


def worst_kind(rng: np.random.Generator, size: int) -> Iterator[Row]:
    """Sets in which some tables tell nothing of half the rows, and queries that meet them all."""
    rows = words(uniform(rng, size)).copy()
    plain = HammingIndex()
    plain.put(np.arange(size), rows)
    strangers = uniform(rng, SINGLES)
    usual = statistics.median(one_us(ours(plain), strangers))
    values = rows.view("<u2").reshape(size, 16)
    asking = words(strangers).copy()
    asking_values = asking.view("<u2").reshape(SINGLES, 16)
    for name, chunks in (("a chunk", 1), ("a quarter", 4), ("half", 8), ("five eighths", 10)):
        values[: size // 2, :chunks] = 0
        asking_values[:, :chunks] = 0
        index = HammingIndex()
        index.put(np.arange(size), rows)
        slow = statistics.median(one_us(ours(index), asking.view(np.uint8).reshape(-1, 32)))
        extra: Row = {"us": round(slow, 1), "scan_us": round(plain_scan_us(rows, asking[0]), 1)}
        told = (
            f"half the set shares {name} of a hash" if chunks > 1 else f"half the set shares {name}"
        )
        yield alone(told, slow / usual, "times the usual median", bar=10.0, **extra)


def plain_scan_us(rows: np.ndarray, query: np.ndarray) -> float:
    def search() -> int:
        return int((np.bitwise_count(rows ^ query).sum(axis=1) <= 31).sum())

    return 1e6 * min(seconds(search) for _ in range(2))


def memory_bytes() -> int:
    """Resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def bandwidth(signals: Signals) -> Iterator[Row]:
    """What the machine's memory gives: whole rows read in order, and one word here and there."""
    rows = words(signals)
    best = min(seconds(rows.sum) for _ in range(5))
    yield alone("memory read in order", rows.nbytes / best / 1e9, "GB/s, one core")
    places = np.random.default_rng(1).integers(0, len(rows), 1_000_000)
    first = np.ascontiguousarray(rows[:, 0])
    best = min(seconds(lambda: first[places]) for _ in range(3))
    yield alone("memory read here and there", 1e9 * best / len(places), "ns a word, one core")


def measure(name: str, size: int, *, has_peers: bool) -> Iterator[Row]:
    rng = np.random.default_rng(size)
    signals = SETS[name](rng, size)
    queries = asked(rng, signals, 2 * SINGLES, name=name)
    rows, keys = words(signals), np.arange(size)
    index = HammingIndex()
    start = time.perf_counter()
    index.put(keys, rows)
    is_large = size >= LARGE
    bar = 1.5 * size / LARGE if is_large else None
    yield alone("build", time.perf_counter() - start, "s", bar=bar)
    own = memory_bytes() - signals.nbytes
    bar = 0.25 * size / LARGE if is_large and not has_peers else None
    yield alone("memory of the process, without the set given", own / 1e9, "GB", bar=bar)
    mine = ours(index)
    mine(queries)
    yield alone(
        "one, ours",
        statistics.median(one_us(mine, queries)),
        "us",
        p99=round(float(np.percentile(one_us(mine, queries), 99)), 1),
    )
    batch_bar = 400.0 if size >= 10**7 else None
    yield alone("batch, ours", batch_us(mine, queries[:BATCH], rounds=7), "us", bar=batch_bar)
    yield from bandwidth(signals)
    # What is alone comes first: faiss leaves threads behind that go on spinning for a while.
    if name == "uniform" and size <= LARGE:
        yield from worst_kind(rng, size)
    yield from living(index, rng, queries)
    if has_peers:
        yield from beside_peers(index, signals, queries)


def show(row: Row) -> None:
    mark = {True: "reached", False: "NOT REACHED"}.get(row.get("reached"), "")  # type: ignore[call-overload]
    if "peer" in row:
        told = (
            f"{row['ours_us']:>9} us   {row['peer']:<17}{row['peer_us']:>11} us   x {row['ratio']}"
        )
        told += "   the same" if row["equal"] else f"   recall {row.get('recall', 'DIFFERS')}"
        bar = f"   (bar x {row['bar']})" if "bar" in row else ""
    else:
        told = f"{row['ours']:>9} {row['unit']}"
        bar = f"   (bar {row['bar']})" if "bar" in row else ""
    print(f"  {row['case']:<38}{told}{bar}  {mark}", flush=True)


def main() -> None:
    told = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    told.add_argument("--json", action="store_true", help="print one JSON object a line")
    told.add_argument("--sizes", default="10000,200000,1000000", help="how many signals")
    told.add_argument("--sets", default=",".join(SETS), help="which sets")
    told.add_argument("--no-peers", action="store_true", help="measure ours alone")
    told.add_argument("--plot", type=Path, help="draw rows from standard input into this SVG")
    args = told.parse_args()
    if args.plot:
        args.plot.write_text(plot(map(json.loads, sys.stdin)), "utf-8")
        return
    for name in [] if args.no_peers else missing():
        print(f"{name} is not installed: measured without it", file=sys.stderr)
    for size in map(int, args.sizes.split(",")):
        for name in args.sets.split(","):
            if not args.json:
                print(f"\n{size:,} signals, {name}; kernels {native.LEVEL}")
            for row in measure(name, size, has_peers=not args.no_peers):
                if args.json:
                    print(json.dumps({"set": name, "size": size, **row}), flush=True)
                else:
                    show(row)


if __name__ == "__main__":
    main()
