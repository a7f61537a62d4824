# SPDX-License-Identifier: Apache-2.0
"""How many altered pictures are known again, by what, and how many others are taken for them."""

import importlib.util
import random
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.media.image_transforms import TRANSFORMS
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.image.fingerprint import analyse_image
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, MIN_QUALITY, Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.matching.local import MATCH_INLIERS, PROBABLE_INLIERS, LocalIndex

PROBABLE_BITS = 45
FAR = 256

PICTURES = (
    "astronaut.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png",
    "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg",
    "rocket.jpg",
)  # fmt: skip
BEHIND = ("brick.png", "grass.png", "gravel.png", "horse.png", "page.png")
"""Photographs that scikit-image ships: those that are shared, and those to lay insets upon."""

STRANGERS = 150
"""Generated pictures that are shared too, and must not be taken for any query."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How near one altered picture came to its own original, and to any other.

    Bits apart, FAR if nothing was compared; *_inliers: places in agreement.
    """

    number: int
    transform: str
    peer: int
    peer_other: int
    whole: int
    views: int
    crops: int
    other: int
    inliers: int
    other_inliers: int


def skimage(names):
    folder = Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"
    return [opened(folder / name) for name in names]


def opened(path):
    with Image.open(path) as image:
        return image.convert("RGB")


def stranger(number):
    """Draw a picture of clouds, shapes and texture, unlike any other."""
    chance = np.random.default_rng(number)
    picture = Image.new("RGB", (480, 360), tuple(chance.integers(0, 256, 3).tolist()))
    for side in (3, 7, 17, 41):
        cloud = chance.integers(0, 256, (side, side + 1, 3), dtype=np.uint8)
        grown = Image.fromarray(cloud).resize(picture.size, Image.Resampling.BICUBIC)
        picture = Image.blend(picture, grown, float(chance.uniform(0.2, 0.6)))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(chance.integers(3, 14))):
        x, y = chance.integers(0, 400), chance.integers(0, 300)
        w, h = chance.integers(15, 180, 2)
        draw = pen.ellipse if chance.random() < 0.5 else pen.rectangle
        draw((int(x), int(y), int(x + w), int(y + h)), tuple(chance.integers(0, 256, 3).tolist()))
    return picture.filter(ImageFilter.GaussianBlur(float(chance.uniform(0, 1.5))))


def pictures(corpus):
    """What is shared: photographs of the repo's own tools, or of a folder as well."""
    found = skimage(PICTURES)
    if corpus is not None:
        found += [opened(path) for path in sorted((corpus / "images").glob("*.jpg"))]
    return [picture for picture in found if peer_hash(picture)[1] >= MIN_QUALITY]


def peer_hash(picture):
    bits, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    return np.packbits(bits.astype(np.uint8)).tobytes(), quality


def file_of(picture):
    stream = BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def look(blob, **asked):
    return analyse_image(blob, limits=DecodingLimits(), options=AnalysisOptions(**asked))


def words(values):
    return np.frombuffer(b"".join(values), np.uint64).reshape(-1, 4)


class Shared:
    """All that was shared, by our hashes, the peer's and local features."""

    def __init__(self, shared):
        values, owner, whole, peers = [], [], [], []
        self.local = LocalIndex()
        for number, picture in enumerate(shared):
            seen = look(file_of(picture), robust=True, local=True)
            for one in seen.fingerprints.of(Kind.PDQ):
                if one.quality >= MIN_QUALITY:
                    values.append(one.value)
                    owner.append(number)
                    whole.append(one.part == "")
            peers.append(peer_hash(picture)[0])
            self.local.put([number], [seen.local[0]])
        self.values, self.owner = words(values), np.array(owner)
        self.whole, self.peers = np.array(whole), words(peers)

    def nearest(self, queries, rows):
        if not queries or not rows.any():
            return FAR
        apart = np.bitwise_count(words(queries)[:, None] ^ self.values[rows][None])
        return int(apart.sum(axis=2).min())

    def outcome(self, number, transform, blob):
        seen = look(blob, views=True, local=True)
        own = [one.value for one in seen.fingerprints.of(Kind.PDQ) if one.quality >= MIN_QUALITY]
        views = own + [view.value for view in seen.views]
        mine = self.owner == number
        peer, peer_other = self.peer_outcome(number, blob)
        found = self.local.find(seen.local[0], mirrored=seen.local[1])
        scores = {one.key: int(one.score) for one in found}
        return Outcome(
            number,
            transform,
            peer,
            peer_other,
            self.nearest(own, mine & self.whole),
            self.nearest(views, mine & self.whole),
            self.nearest(views, mine),
            self.nearest(views, ~mine),
            scores.pop(number, 0),
            max(scores.values(), default=0),
        )

    def peer_outcome(self, number, blob):
        with Image.open(BytesIO(blob)) as image:
            value, quality = peer_hash(image)
        if quality < MIN_QUALITY:
            return FAR, FAR
        apart = np.bitwise_count(words([value]) ^ self.peers).sum(axis=1)
        return int(apart[number]), int(np.delete(apart, number).min())


def outcomes(corpus=None):
    """Alter every picture in every way and look it up among all."""
    known, behind = pictures(corpus), skimage(BEHIND)
    shared = Shared(known + [stranger(number) for number in range(STRANGERS)])
    for number, picture in enumerate(known):
        for transform, alter in TRANSFORMS.items():
            chance = random.Random(f"{number} {transform}")  # noqa: S311 - repeatable
            blob = alter(picture.copy(), chance, chance.choice(behind))
            yield shared.outcome(number, transform, blob)


WAYS = {
    "peer: pdqhash <= 31": lambda one: one.peer <= MATCH_WITHIN_BITS,
    "PDQ of the whole": lambda one: one.whole <= MATCH_WITHIN_BITS,
    "with views of the query": lambda one: one.views <= MATCH_WITHIN_BITS,
    "with crops that were shared": lambda one: one.crops <= MATCH_WITHIN_BITS,
    "the same <= 45 bits": lambda one: one.crops <= PROBABLE_BITS,
    "local features alone": lambda one: one.inliers >= MATCH_INLIERS,
    "hashes or local features": lambda one: (
        one.crops <= MATCH_WITHIN_BITS or one.inliers >= MATCH_INLIERS
    ),
    "without shared crops, or local features": lambda one: (
        one.views <= MATCH_WITHIN_BITS or one.inliers >= MATCH_INLIERS
    ),
}

FALSE = {
    "peer: pdqhash <= 31": lambda one: one.peer_other <= MATCH_WITHIN_BITS,
    "hashes <= 31": lambda one: one.other <= MATCH_WITHIN_BITS,
    "hashes <= 45": lambda one: one.other <= PROBABLE_BITS,
    f"local features >= {MATCH_INLIERS}": lambda one: one.other_inliers >= MATCH_INLIERS,
    f"local features >= {PROBABLE_INLIERS}": lambda one: one.other_inliers >= PROBABLE_INLIERS,
}


def share(each, way):
    return sum(map(way, each)) / max(1, len(each))
