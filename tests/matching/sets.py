# SPDX-License-Identifier: Apache-2.0
"""Sets of fingerprints that are easy, hard and mean to search, made from a seed."""

import random

from hypothesis import strategies as st

from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind

BITS = 256


def seeded(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same values in every run, nothing secret


def flipped(value: bytes, count: int, *, rng: random.Random) -> bytes:
    """Return a value with so many of its bits flipped."""
    flips = sum(1 << place for place in rng.sample(range(BITS), count))
    return (int.from_bytes(value, "little") ^ flips).to_bytes(32, "little")


def uniform(rng: random.Random, size: int) -> list[bytes]:
    return [rng.randbytes(32) for _ in range(size)]


def clustered(rng: random.Random, size: int) -> list[bytes]:
    """Return variants of a few pictures, 0..80 bits away from them."""
    centres = uniform(rng, 1 + size // 50)
    return [flipped(rng.choice(centres), rng.randrange(81), rng=rng) for _ in range(size)]


def constant(rng: random.Random, size: int) -> list[bytes]:
    return [rng.choice([bytes(32), b"\xff" * 32])] * size


def duplicates(rng: random.Random, size: int) -> list[bytes]:
    few = uniform(rng, 1 + size // 20)
    return [rng.choice(few) for _ in range(size)]


def one_bucket(rng: random.Random, size: int) -> list[bytes]:
    """Return values of which two bytes, the same place in all, never differ."""
    place = 2 * rng.randrange(16)
    return [value[:place] + b"\x5a\x5a" + value[place + 2 :] for value in uniform(rng, size)]


def every_bucket(rng: random.Random, size: int) -> list[bytes]:
    """Return values that all share buckets in most tables and yet are seldom near."""
    patterns = [b"\x00\x00", b"\x00\x01", b"\xff\xff"]
    return [b"".join(rng.choices(patterns, k=16)) for _ in range(size)]


def spread_evenly(rng: random.Random, size: int) -> list[bytes]:
    """Return values at the very edge of the pigeonholes: their distances are the same per chunk."""
    centre = rng.randbytes(32)
    values = []
    for _ in range(size):
        value = bytearray(centre)
        for chunk in range(16):
            for bit in rng.sample(range(16), rng.choice([0, 1, 1, 2, 2, 3, 4])):
                value[2 * chunk + bit // 8] ^= 1 << bit % 8
        values.append(bytes(value))
    return values


SHAPES = [uniform, clustered, constant, duplicates, one_bucket, every_bucket, spread_evenly]
HARDEST = [clustered, one_bucket, spread_evenly]
"""Shapes that are easiest to search wrongly."""


def near_some(values: list[bytes], *, rng: random.Random, count: int) -> list[bytes]:
    """Return queries: some far from all, some equal to one, some a few bits to just too far."""
    queries = [rng.randbytes(32)]
    if values:
        queries += [
            flipped(
                rng.choice(values), rng.choice([0, 1, 15, 16, 30, 31, 32, 47, 48, 64, 65]), rng=rng
            )
            for _ in range(count)
        ]
    return queries


shapes = st.sampled_from(SHAPES)
seeds = st.integers(0, 2**32 - 1).map(random.Random)
thresholds = st.integers(0, 64)
own_thresholds = st.none() | st.sampled_from([0, 8, 30, 31, 32, 40, 64])


def picture(value: bytes, *, quality: int | None = 100, part: str = "") -> Fingerprints:
    return Fingerprints((Fingerprint(Kind.PDQ, value, quality=quality, part=part),))
