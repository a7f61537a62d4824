# SPDX-License-Identifier: Apache-2.0
"""The flood guard: how many ordinary signals it would hold, how many broad ones it finds, its cost.

    python -m benchmarks.breadth [--rounds 1]

Ordinary are parts of photographs, films of them, pages of text and made-up music and speech. Broad
is a picture that matches at least 1 % of other drawings of its own sort: of the sorts that the
common set has, with other seeds, and of templates that it has not (`_broad_pictures`).
"""

import argparse
import json
import os
import tempfile
import time
import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from pydoc_data.topics import topics

import numpy as np

from benchmarks._broad_pictures import BROAD
from benchmarks._common_pictures import PICTURES
from benchmarks._common_sounds import RATE, SOUNDS
from benchmarks._ordinary_pictures import ordinary, photographs
from benchmarks.media import audio_sounds
from benchmarks.media.video_clips import made_clips
from stemtide.fingerprints.audio.printer import print_samples
from stemtide.fingerprints.image.pdq import hash_luma
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, MIN_QUALITY, Kind
from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.fingerprints.values.audio import Sound
from stemtide.fingerprints.values.video import ROW, Sampling, VideoPrint
from stemtide.hub.rooms.signals.rules.breadth import verdict
from stemtide.matching.common import nearness
from stemtide.matching.common.content import common_set
from stemtide.protocol.trust.breadth import breadth_limits

REACHES = 0.01
"""Share of drawings of its sort that a broad picture matches."""

LIMITS = breadth_limits()
NEAR = nearness.NearLimits(
    MATCH_WITHIN_BITS, LIMITS.pictures.wide_bits, LIMITS.pictures.wide_pattern
)


def hashed(picture):
    value, quality = hash_luma(np.ascontiguousarray(np.asarray(picture)))
    return np.frombuffer(value, "<u8"), quality


def held(hashes):
    """Which of these pictures the guard would hold: (n,) bool."""
    each = nearness.near_pictures(np.ascontiguousarray(hashes), limits=NEAR)
    return np.array([verdict(Kind.PDQ, near, limits=LIMITS).is_broad for near in each], bool)


def ordinary_pictures(count):
    """Hashes of `count` parts of photographs that are good enough to be shared."""
    whole = photographs()
    pairs = [
        hashed(ordinary(np.random.default_rng([3, at]), whole[at % len(whole)]))
        for at in range(count)
    ]
    return np.array([value for value, quality in pairs if quality >= MIN_QUALITY])


def drawn(draw, *, seed, count):
    """Hashes and qualities of drawings of one sort."""
    pairs = [hashed(draw(np.random.default_rng([*seed, at]))) for at in range(count)]
    return np.array([value for value, _ in pairs]), np.array([quality for _, quality in pairs])


def broad_of(hashes, qualities):
    """Which of these match so many of the others: (n,) bool."""
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(2, dtype=int)
    near = (bits <= MATCH_WITHIN_BITS) & (qualities >= MIN_QUALITY)[None]
    np.fill_diagonal(near, val=False)
    return near.sum(1) >= REACHES * len(hashes)


def row(case, value, unit, **more):
    return {"part": "breadth", "case": case, "value": round(value, 5), "unit": unit, **more}


def picture_cases(rounds):
    hashes = ordinary_pictures(12_000 * rounds)
    wrong = held(hashes)
    yield row("ordinary pictures held", wrong.mean(), "share", of=len(hashes), bar="<= 0.001")
    each = photographs()
    photographed = [held(np.array([hashed(picture)[0]]))[0] for picture in each]
    yield row("whole photographs held", np.mean(photographed), "share", of=len(each))
    for name, sorts, seed in (("sorts of the common set", PICTURES, 7), ("unseen", BROAD, 99)):
        caught, total = [], 0
        for number, (sort, draw) in enumerate(sorts.items()):
            values, qualities = drawn(draw, seed=(seed, number), count=300)
            is_broad, is_held = broad_of(values, qualities), held(values)
            total += len(values)
            caught += is_held[is_broad].tolist()
            yield row(
                f"{name}: {sort}", is_held.mean(), "share held", broad=int(is_broad.sum()),
                of=len(values), broad_held=int(is_held[is_broad].sum()),
            )  # fmt: skip
        more = {"bar": ">= 0.95"} if seed == 7 else {}
        yield row(f"{name}: broad ones held", np.mean(caught), "share", of=len(caught), **more)


def film_of(hashes, qualities):
    rows = np.zeros(len(hashes), ROW)
    rows["at_ms"], rows["quality"] = 250 * np.arange(len(hashes)), qualities
    rows["pdq"] = np.ascontiguousarray(hashes).view(np.uint8).reshape(len(hashes), 32)
    return VideoPrint(rows, Sampling.SHARE).to_bytes()


def film_is_held(value):
    near = nearness.near_frames(
        value, limits=NEAR, plain_pattern=LIMITS.pictures.plain_pattern, at_most=LIMITS.films.frames
    )
    return verdict(Kind.VIDEO, near, limits=LIMITS).is_broad


def film_cases():
    films = []
    for clip in made_clips(12):
        pairs = [hashed(frame.convert("L")) for frame in clip.frames[::6]]
        films.append(film_of(*(np.array(part) for part in zip(*pairs, strict=True))))
    yield row(
        "ordinary films held", np.mean([film_is_held(film) for film in films]), "share", of=12
    )
    cards = []
    for number, sort in enumerate(("test card", "film that is missing", "paused film", "flag")):
        at = list(PICTURES).index(sort)
        values, qualities = drawn(PICTURES[sort], seed=(8, at), count=40)
        shown = qualities >= MIN_QUALITY
        cards.append(film_of(values[shown], qualities[shown]))
        yield row(f"films of {sort} held", float(film_is_held(cards[number])), "share", of=1)


def sound_is_held(samples):
    value = Sound((print_samples(samples.astype(np.float32)),)).to_bytes()
    return verdict(Kind.AUDIO, nearness.near_sounds(value), limits=LIMITS).is_broad


def resampled(samples):
    at = np.arange(int(len(samples) * RATE / audio_sounds.RATE)) / RATE
    return np.interp(at, np.arange(len(samples)) / audio_sounds.RATE, samples)


def hiss(count):
    return np.random.default_rng(0).standard_normal(count)


def sound_cases():
    makers = (audio_sounds.music, audio_sounds.speech)
    wrong = [sound_is_held(resampled(make(at, seconds=15))) for make in makers for at in range(20)]
    yield row("ordinary sounds held", np.mean(wrong), "share", of=len(wrong))
    ways = {
        "as it is": lambda samples: samples,
        "duller": lambda samples: np.convolve(samples, np.ones(3) / 3, "same"),
        "cut": lambda samples: samples[RATE:],
        "with noise": lambda samples: (
            samples + 0.02 * np.random.default_rng(0).standard_normal(len(samples))
        ),
    }
    for name, alter in ways.items():
        each = [play(at) for play, count in SOUNDS.values() for at in range(count)]
        telling = [
            samples for samples in map(alter, each)
            if print_samples(samples.astype(np.float32)).is_telling
        ]  # fmt: skip
        found = np.mean([sound_is_held(samples) for samples in telling])
        yield row(f"common sounds held, {name}", found, "share", of=len(telling))


def text_cases():
    texts = [text for text in topics.values() if len(text.split()) >= 60]
    wrong = [_text_is_held(text) for text in texts]
    yield row("ordinary texts held", np.mean(wrong), "share", of=len(texts), bar="<= 0.001")
    table = files("stemtide.matching.common").joinpath("texts.toml").read_text("utf-8")
    known = [text for each in tomllib.loads(table).values() for text in each]
    found = [_text_is_held(f"{text} Kind regards, {number}!") for number, text in enumerate(known)]
    yield row("common texts with a greeting held", np.mean(found), "share", of=len(found))


def _text_is_held(text):
    value = sketch(text).to_bytes()
    return verdict(Kind.TEXT, nearness.near_texts(value), limits=LIMITS).is_broad


def cost_cases():
    hashes = ordinary_pictures(3_000)
    many = np.ascontiguousarray(np.resize(hashes, (100_000, 4)))
    common_set()
    began = time.process_time()
    nearness.near_pictures(many, limits=NEAR)
    yield row("100,000 pictures", time.process_time() - began, "CPU s")
    single = np.ascontiguousarray(hashes[:1])
    began = time.process_time()
    for _ in range(500):
        nearness.near_pictures(single, limits=NEAR)
    yield row("one picture", (time.process_time() - began) * 2, "CPU ms", bar="<= 3")


def bulk_cases(count):
    """A bulk into a hub of its own, in turn with and without the guard, in CPU seconds."""
    from stemtide.hub import boot

    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        os.environ["STEMTIDE_DATA_DIR"] = folder
        boot.start()
        boot.migrate()
        yield from _bulks(count)


def _bulks(count):
    from benchmarks.bulk import make_parties
    from stemtide.hub.rooms.signals.reads.sharing import breadth
    from stemtide.hub.rooms.signals.rules import checks
    from stemtide.hub.rooms.signals.writes import signals
    from stemtide.protocol.messages.signals import SignalIn

    sharer, other = make_parties()[0], make_parties()[0]
    plain = {"kind": "pdq", "quality": 90, "labels": ("perpetrator-content",), "severity": "high"}
    rng, real = np.random.default_rng(5), ordinary_pictures(3_000)
    now, spent = datetime.now(UTC), {"share": [], "guard": []}
    for by in (other, sharer, sharer):
        flips = (rng.random((count, 32, 8)) < 0.12).astype(np.uint8)
        rows = np.resize(real, (count, 4)).view(np.uint8) ^ np.packbits(flips, axis=2)[:, :, 0]
        values = [row.tobytes().hex() for row in rows]
        began = time.process_time()
        bodies = [SignalIn.model_validate(plain | {"value": value}) for value in values]
        ready = checks.read(bodies, now=now)
        signals.share_parsed(ready, by=by, now=now)
        middle = time.process_time()
        breadth.estimate(ready.drafts, by=by)
        spent["share"].append(middle - began)
        spent["guard"].append(time.process_time() - middle)
    share, guard = (min(each[1:]) for each in spent.values())
    yield row(f"sharing {count:,} pictures", share, "CPU s")
    yield row("the guard on top", guard / share, "share", seconds=guard, bar="<= 0.15")
    singles = checks.read(bodies[:1], now=now).drafts
    began = time.process_time()
    for _ in range(300):
        breadth.estimate(singles, by=sharer)
    yield row("one picture, with the hub's sample", (time.process_time() - began) / 0.3, "CPU ms")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=1, help="times as many pictures")
    arguments.add_argument("--bulk", type=int, default=100_000, help="signals of the bulk")
    chosen = arguments.parse_args()
    for cases in (
        picture_cases(chosen.rounds),
        film_cases(),
        sound_cases(),
        text_cases(),
        cost_cases(),
    ):
        for case in cases:
            print(json.dumps(case), flush=True)


if __name__ == "__main__":
    main()
