# SPDX-License-Identifier: Apache-2.0
"""Extract local features: about a hundred places of a picture that are recognised elsewhere.

A hash of the whole picture fails if a quarter of it is cut off, or if it is turned by some degrees
or filmed off a screen. Places within it survive all that. They cost more to make and to search, so
they are a second look, on demand. They also reveal more of the picture than a hash does, so they
are shared only if the sharer says so.

Needs OpenCV: pip install 'stemtide[local]'. Runs in a worker of the sandbox.

source: Rublee, Rabaud, Konolige, Bradski: ORB, an efficient alternative to SIFT or SURF, ICCV 2011.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stemtide.fingerprints.values.local import (
    DESCRIPTOR_BYTES,
    FEATURES,
    QUERY_FEATURES,
    SIDE_PX,
    Descriptors,
    LocalFeatures,
)

_LEAST_SIDE_PX = 32


def warm_up() -> None:
    """Run OpenCV once: it looks for further libraries and counts processors when first used."""
    features_of(Image.effect_noise((2 * _LEAST_SIDE_PX, 2 * _LEAST_SIDE_PX), 64))


def query_values(grey: Image.Image) -> tuple[bytes, bytes]:
    """Return the local features of a picture, and those of its mirror image.

    A sharer stores the first, cut to its strongest places.
    """
    mirrored = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return (
        features_of(grey, at_most=QUERY_FEATURES).to_bytes(),
        features_of(mirrored, at_most=QUERY_FEATURES).to_bytes(),
    )


def features_of(grey: Image.Image, *, at_most: int = FEATURES) -> LocalFeatures:
    """Return the most salient places of a picture.

    grey: mode L, any size; a picture under 32 px a side has no places.
    """
    scale = SIDE_PX / max(grey.size)
    if scale < 1:
        size = max(1, round(grey.width * scale)), max(1, round(grey.height * scale))
        grey = grey.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    pixels = np.asarray(grey)
    keypoints: list[cv2.KeyPoint] = []
    bits = np.empty((0, DESCRIPTOR_BYTES), np.uint8)
    if min(grey.size) >= _LEAST_SIDE_PX:
        keypoints, bits = _detect(pixels, at_most)
    return LocalFeatures(
        grey.width,
        grey.height,
        np.array([place.pt for place in keypoints], np.float32).reshape(-1, 2),
        bits,
        np.array([place.octave for place in keypoints], np.uint8),
        np.array([int(place.angle * 256 / 360) % 256 for place in keypoints], np.uint8),
    )


def _detect(pixels: NDArray[np.uint8], at_most: int) -> tuple[list[cv2.KeyPoint], Descriptors]:
    """Return the strongest places; OpenCV finds a few more if some are equally strong."""
    cv2.setNumThreads(1)
    orb = cv2.ORB.create(at_most, scaleFactor=1.2, nlevels=8, edgeThreshold=15, fastThreshold=8)
    keypoints, bits = orb.detectAndCompute(pixels, None)
    if not keypoints:
        return [], np.empty((0, DESCRIPTOR_BYTES), np.uint8)
    order = sorted(range(len(keypoints)), key=lambda i: -keypoints[i].response)[:at_most]
    return [keypoints[i] for i in order], np.asarray(bits, np.uint8)[order]
