# SPDX-License-Identifier: Apache-2.0
"""A test picture whose hashes are in every hash list, to prove that matching works end to end.

tx and HMA lose an index that holds a single PDQ hash, so the first hash of a crisis would match
nothing. Two hashes that are always there prevent it, and a look-up of the picture shows that the
whole path works, from the hub to the response.
"""

import io
from functools import cache

import numpy as np
import PIL.Image

from stemtide.interop.stopncii.records import Feedback, FeedbackOut, RecordOut, Status

SOURCE = "stemtide-canary"
STAMP_S = 1_700_000_000
"""Older than any signal of a hub."""

HASHES = (
    "c272500742f8588f42f0700781f0788fc5f0fdd2abc4757c80fbfeb542ebfaa8",
    "94670d52152d2d52172d2d52942529d291a52a87ff91286995eeabe097baaffd",
)
"""PDQ of the picture and of its mirror image. A test holds them against the picture."""

_SIZE = 256
_WAVES = ((1, 2, 0.4), (3, 1, 1.9), (2, 5, 2.6), (5, 3, 0.9), (7, 6, 1.3), (4, 7, 2.2))


@cache
def picture() -> bytes:
    """Return the picture as a PNG file: a wave pattern that shows nothing and nobody."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] * (np.pi / _SIZE)
    waves = sum(np.cos(across * x + shift) * np.cos(down * y) for across, down, shift in _WAVES)
    grey = np.interp(waves, (-3.0, 3.0), (0, 255)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(grey).save(file, "PNG")
    return file.getvalue()


def records() -> list[RecordOut]:
    """Return the canary as StopNCII records. No feedback asks to block it."""
    feedback = FeedbackOut(source=SOURCE, feedbackValue=Feedback.NONE, tags=["canary"])
    return [
        RecordOut(
            lastModtimestamp=STAMP_S,
            signalType="ImagePDQ",
            hashValue=value,
            hashStatus=Status.ACTIVE,
            caseNumbers={},
            CSPFeedbacks=[feedback],
        )
        for value in HASHES
    ]
