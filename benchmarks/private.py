# SPDX-License-Identifier: Apache-2.0
"""Private matching: bytes, processor time and recall, beside an agent that holds the list.

    python -m benchmarks.private [--signals 100000] [--uploads 10000] [--part digests|pictures]

`digests` fills a throw-away hub with signals of files, evaluates them, and looks uploads up in each
of the two ways, and in a snapshot as an agent holds it. `pictures` measures what buckets of PDQ
hashes would reveal, find and cost: the reason why there are none (decision 0208). All times are
processor seconds of one core, so that a busy machine changes little.
"""

import argparse
import json
import os
import tempfile
import time
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np

LISTED_SHARE = 100
"""One upload in so many is listed."""

ALONE = 50
"""Uploads that are looked up one by one, as a form sends them."""

A_DAY = 100_000
"""Signals that one party shares: more on one day wait for a second look."""

DAILY = 200_000
"""Digests that a hub evaluates for a party on one day."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--signals", type=int, default=100_000)
    asked.add_argument("--uploads", type=int, default=10_000)
    asked.add_argument("--part", choices=["digests", "pictures"])
    options = asked.parse_args()
    if options.part != "pictures":
        with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
            os.environ["STEMTIDE_DATA_DIR"] = folder
            digests(Path(folder), options.signals, uploads=options.uploads)
    if options.part != "digests":
        pictures(options.signals, uploads=min(options.uploads, 4_000))


class Meter:
    """Bytes and processor seconds of one way to look uploads up."""

    def __init__(self) -> None:
        self.sent = self.got = self.packed = self.requests = 0
        self.hub_s = 0.0

    def count(self, request: bytes, answer: bytes) -> None:
        self.requests += 1
        self.sent += len(request)
        self.got += len(answer)
        self.packed += len(zlib.compress(answer, 1))


def digests(folder: Path, signals: int, *, uploads: int) -> None:
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from benchmarks.snapshots import parties
    from stemtide.hub.rooms.private_matching import writes

    for first in range(0, signals, A_DAY):
        sharer, reader = parties()
        share_files(sharer, range(first, min(first + A_DAY, signals)))
    now = datetime.now(UTC)
    writes.note_request(by=reader, now=now)
    began = time.process_time()
    while writes.follow_feed(now):
        pass
    spent = time.process_time() - began
    print(f"{signals:,} signals of files, {uploads:,} uploads, 1 in {LISTED_SHARE} listed\n")
    print(f"evaluate the list: {spent:.1f} s, {spent / signals * 1e6:.0f} µs a signal, once a week")
    listed = uploads // LISTED_SHARE
    values = [value_of(number) for number in range(listed)]
    values += [value_of(10**9 + number) for number in range(uploads - listed)]
    for whole in (False, True):
        meter = Meter()
        began = time.process_time()
        found = look_up(values, meter, reader=reader, whole=whole)
        client_s = time.process_time() - began - meter.hub_s
        name = "whole" if whole else "needed buckets"
        report(name, meter, client_s, found=found, listed=listed, uploads=uploads)
    meter = Meter()
    began = time.process_time()
    for value in values[:ALONE]:
        look_up([value], meter, reader=reader, whole=False)
    client_s = time.process_time() - began - meter.hub_s
    report("each alone", meter, client_s, found=ALONE, listed=ALONE, uploads=ALONE)
    agent(folder, reader, values, listed=listed)


def value_of(number: int) -> bytes:
    return sha256(f"upload {number}".encode()).digest()


def share_files(by: object, numbers: range) -> None:
    """Share signals of files."""
    from stemtide.hub.rooms.signals.writes import signals as writes
    from stemtide.protocol.messages.signals import SignalIn

    at_once = 10_000
    for first in numbers[::at_once]:
        rows = [
            SignalIn.model_validate(
                {
                    "kind": "sha256",
                    "value": value_of(number).hex(),
                    "labels": ["perpetrator-content"],
                    "severity": "high",
                }
            )
            for number in range(first, min(first + at_once, numbers.stop))
        ]
        writes.share_many(rows, by=by, now=datetime.now(UTC))


def look_up(values: list[bytes], meter: Meter, *, reader: object, whole: bool) -> int:
    """Look uploads up through all of client and hub but HTTP; return how many matched."""
    from stemtide.client import Hub
    from stemtide.client.private_matching import PrivateMatcher
    from stemtide.fingerprints.kinds import Kind
    from stemtide.hub.rooms.private_matching import reads, writes
    from stemtide.protocol.private_match.messages import BlindedIn, BucketsIn

    def answer(path: str, body: bytes, now: datetime) -> bytes:
        if path.endswith("/evaluations"):
            message = BlindedIn.model_validate_json(body)
            return writes.evaluate(message, by=reader, now=now).model_dump_json().encode()
        if path.endswith("/buckets"):
            buckets = BucketsIn.model_validate_json(body)
            return reads.buckets(buckets, viewer=reader, now=now).model_dump_json().encode()
        return reads.describe(viewer=reader, now=now).model_dump_json().encode()

    class NearHub(Hub):
        """The hub of this process."""

        def ask(self, call):
            body = call.content() or b""
            began = time.process_time()
            content = answer(call.path, body, datetime.now(UTC))
            meter.hub_s += time.process_time() - began
            counted = time.process_time()
            meter.count(body, content)
            meter.hub_s += time.process_time() - counted  # the compression: HTTP's, at the hub
            return call.read(content)

    hub = NearHub("http://127.0.0.1:1", key="st_bench")
    return len(PrivateMatcher(hub, whole=whole).match((Kind.SHA256, value) for value in values))


def report(
    name: str, meter: Meter, client_s: float, *, found: int, listed: int, uploads: int
) -> None:
    each = 1e6 / uploads
    print(
        f"{name:>15}: {meter.requests} requests, {meter.sent / 1e6:.2f} MB sent,"
        f" {meter.got / 1e6:.2f} MB got ({meter.packed / 1e6:.2f} compressed),"
        f" client {client_s:.2f} s ({client_s * each:.0f} µs an upload),"
        f" hub {meter.hub_s:.2f} s ({meter.hub_s * each:.0f} µs), found {found} of {listed}"
    )


def agent(folder: Path, reader: object, values: list[bytes], *, listed: int) -> None:
    """What an agent has to read and keep for the same, and what a look-up costs it."""
    from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
    from stemtide.hub.rooms.snapshots import builder
    from stemtide.matching.library import IndexedSignal, Library
    from stemtide.protocol.sync.snapshot_files import opened_whole

    now = datetime.now(UTC) + timedelta(hours=2)
    kept = builder.newest(viewer=reader, exercise=False, now=now)
    keys = builder.hub_keys().public
    file = folder / "snapshot"
    file.write_bytes(kept.path.read_bytes())
    began = time.process_time()
    with opened_whole(file, trusted=keys) as (_, lines):
        rows = [json.loads(line) for piece in lines.pieces() for line in piece.splitlines()]
    library = Library()
    library.put(
        [
            IndexedSignal(number, Kind(row["kind"]), bytes.fromhex(row["value"]))
            for number, row in enumerate(rows)
            if "value" in row
        ]
    )
    taken = time.process_time() - began
    began = time.process_time()
    found = sum(
        bool(library.match(Fingerprints(each=(Fingerprint(Kind.SHA256, value),))))
        for value in values
    )
    spent = time.process_time() - began
    print(
        f"{'agent':>15}: 1 file, {file.stat().st_size / 1e6:.2f} MB got, taken in {taken:.2f} s,"
        f" look-ups {spent:.2f} s ({spent / len(values) * 1e6:.0f} µs an upload),"
        f" found {found} of {listed}\n"
    )


def pictures(signals: int, *, uploads: int) -> None:
    """What buckets of PDQ hashes reveal, find and cost."""
    from benchmarks._matching_sets import real_like, varied

    rng = np.random.default_rng(1)
    hashes = real_like(rng, signals)
    listed = bits_of(hashes)
    chosen = hashes[rng.integers(0, len(hashes), uploads)]
    pairs = bits_of(chosen), bits_of(varied(rng, chosen, most_bits=31))
    at_31 = bits_of(chosen), bits_of(exactly(rng, chosen, 31))
    strangers = bits_of(real_like(rng, 5 * uploads))[:uploads]
    strangers = strangers[far_from(strangers, listed)]
    print(f"{signals:,} real-like hashes, {uploads:,} altered copies, {len(strangers):,} strangers")
    in_clear(rng, listed, pairs=pairs, at_31=at_31)
    in_bands(rng, listed, pairs=pairs, at_31=at_31, strangers=strangers)


def bits_of(hashes: np.ndarray) -> np.ndarray:
    """(n, 32) uint8 to (n, 256) bool."""
    return np.unpackbits(hashes, axis=1).astype(bool)


def exactly(rng: np.random.Generator, hashes: np.ndarray, bits: int) -> np.ndarray:
    """Flip so many bits of each."""
    flips = np.broadcast_to(np.arange(256) < bits, (len(hashes), 256))
    return hashes ^ np.packbits(rng.permuted(flips, axis=1), axis=1)


def far_from(queries: np.ndarray, listed: np.ndarray) -> np.ndarray:
    """Whether each query is farther than 31 bits from all of the list."""
    from stemtide.matching.hamming import HammingIndex

    index = HammingIndex()
    words = np.packbits(listed, axis=1).view("<u8")
    index.put(np.arange(len(listed)), np.ascontiguousarray(words))
    packed = np.packbits(queries, axis=1).tobytes()
    near = set(index.search(packed, count=len(queries))["query"].tolist())
    return np.array([number not in near for number in range(len(queries))])


def ids(bits: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The number that these places of each hash spell, (n,) uint64."""
    weights = np.uint64(1) << np.arange(len(places), dtype=np.uint64)
    return bits[:, places].astype(np.uint64) @ weights


def entropies(numbers: np.ndarray) -> tuple[float, float]:
    """Shannon and min-entropy of bucket numbers, in bits."""
    counts = np.unique(numbers, return_counts=True)[1] / len(numbers)
    return float(-(counts * np.log2(counts)).sum()), float(-np.log2(counts.max()))


def in_clear(
    rng: np.random.Generator, listed: np.ndarray, *, pairs: tuple, at_31: tuple, tries: int = 10
) -> None:
    """A bucket whose number the hub sees: some bits of the hash. Averages over choices of bits."""
    print(
        "\nbucket in the clear | entropy | worst | alike, median | 1 in 100 | recall 0-31 | at 31"
    )
    for width in (2, 4, 6, 8, 10, 12, 16):
        rows = []
        for _ in range(tries):
            places = rng.choice(256, width, replace=False)
            numbers = ids(listed, places)
            _, which, counts = np.unique(numbers, return_inverse=True, return_counts=True)
            alike = np.sort(counts[which])
            same = [
                (ids(one, places) == ids(other, places)).mean() for one, other in (pairs, at_31)
            ]
            rows.append(
                (*entropies(numbers), alike[len(alike) // 2], alike[len(alike) // 100], *same)
            )
        shannon, least, median, low, recall, recall_31 = np.mean(rows, axis=0)
        print(
            f"{width:>16} bits | {shannon:7.1f} | {least:5.1f} | {median:13,.0f} | {low:8,.0f} |"
            f" {recall:11.0%} | {recall_31:5.0%}"
        )


def in_bands(
    rng: np.random.Generator,
    listed: np.ndarray,
    *,
    pairs: tuple,
    at_31: tuple,
    strangers: np.ndarray,
) -> None:
    """Bands of bits, each evaluated: a match is a band that is equal. Recall, cost, guesses."""
    print(
        "\nbands evaluated | recall 0-31 | at 31 | strangers that match | rows, million signals"
        " | uploads a day | days to try all"
    )
    for width, count in ((16, 16), (24, 10), (32, 8), (24, 50), (32, 145), (48, 145), (64, 4)):
        bands = [
            np.arange(256)[band * width : (band + 1) * width]
            if width * count <= 256
            else rng.choice(256, width, replace=False)
            for band in range(count)
        ]
        found, found_31 = (np.zeros(len(one[0]), bool) for one in (pairs, at_31))
        wrong = np.zeros(len(strangers), bool)
        for places in bands:
            found |= ids(pairs[0], places) == ids(pairs[1], places)
            found_31 |= ids(at_31[0], places) == ids(at_31[1], places)
            wrong |= np.isin(ids(strangers, places), ids(listed, places))
        print(
            f"{count:>3} of {width} bits | {found.mean():11.0%} | {found_31.mean():5.0%} |"
            f" {wrong.mean():20.1%} | {count:17,} million | {DAILY // count:13,} |"
            f" {count * 2.0**width / DAILY:15.3g}"
        )


if __name__ == "__main__":
    main()
