# SPDX-License-Identifier: Apache-2.0
"""Choose the frames of an animation to decode, and the ones to keep."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from stemtide.fingerprints.analysis import Progress
from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.image.formats import BOMBS, check_pixels
from stemtide.fingerprints.kinds import LIMIT, MIN_QUALITY, Fingerprint, Kind
from stemtide.fingerprints.limits import DecodingLimits

_DISTINCT_BITS = 8
"""A frame that is nearer than this to a kept one is left out."""

_STANDING_S = 0.5
_UNSAID_S = 0.1
"""Frames with a duration of 10 ms or less are shown for 100 ms, as in browsers."""


@dataclass(slots=True)
class FrameChooser:
    """Chooses the frames of an animation to hash.

    Up to max_frames, every frame is chosen. Beyond, half of them are spread evenly over the whole
    length, and the other half are the first frames that last for half a second or more.
    """

    frames: int
    limits: DecodingLimits
    chosen: int = 0
    standing: int = 0

    def wants(self, number: int, *, shown_s: float) -> bool:
        """Whether to hash the frame with this number and duration."""
        half = max(1, self.limits.max_frames // 2)
        every = 1 if self.frames <= self.limits.max_frames else -(-self.frames // half)
        is_still = every > 1 and shown_s >= _STANDING_S and self.standing < half
        is_wanted = number % every == 0 or is_still
        self.standing += is_still
        self.chosen += is_wanted
        return is_wanted


def has_frames(image: Image.Image) -> bool:
    """Whether there is more than one frame; also True if data behind the first one is damaged."""
    try:
        return bool(getattr(image, "is_animated", False))
    except (*BOMBS, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - decoders raise whatever hostile bytes lead them to
        return True


def count_frames(image: Image.Image) -> int:
    """Count the frames as far as possible; decoding then reaches any damage and reports it."""
    try:
        return int(getattr(image, "n_frames", 1))
    except (*BOMBS, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - as above
        return image.tell() + 2


def walk(
    image: Image.Image,
    frames: int,
    *,
    limits: DecodingLimits,
    say: Callable[[str], None],
    progress: Progress,
) -> Iterator[tuple[int, float]]:
    """Yield the frames in order, with the time at which each is shown, while time lasts."""
    at_s = 0.0
    began, used = time.monotonic(), time.process_time()
    for number in range(frames):
        wall_s, cpu_s = time.monotonic() - began, time.process_time() - used
        if wall_s > limits.wall_s / 2 or cpu_s > limits.cpu_s / 2:
            say(
                f"{LIMIT}only the first {number} of {frames} frames were looked at; the others"
                f" would take too long (wall_s {limits.wall_s:g}, cpu_s {limits.cpu_s})"
            )
            return
        image.seek(number)
        check_pixels(image, limits)
        image.load()
        progress(number, frames)
        yield number, at_s
        at_s += shown_s(image)


def hash_frame(image: Image.Image, grid: pdq.Floats, *, number: int, at_s: float) -> Fingerprint:
    """Hash one frame or page, with its name as part."""
    value, quality = pdq.hash_grid(grid)
    is_page = image.format == "TIFF"
    part = f"page {number + 1}" if is_page else f"frame {number + 1} at {at_s:.1f} s"
    return Fingerprint(Kind.PDQ, value, quality=quality, part=part)


def is_new(frame: Fingerprint, others: list[Fingerprint]) -> bool:
    """Whether a frame is good enough, and unlike all others."""
    if (frame.quality or 0) < MIN_QUALITY:
        return False
    bits = int.from_bytes(frame.value)
    return all(
        (bits ^ int.from_bytes(other.value)).bit_count() >= _DISTINCT_BITS for other in others
    )


def shown_s(image: Image.Image) -> float:
    """Return the duration of the current frame, in seconds."""
    stated_ms = image.info.get("duration", 0)
    stated_s = stated_ms / 1000 if isinstance(stated_ms, int | float) else 0.0
    return stated_s if stated_s > 0.01 else _UNSAID_S  # noqa: PLR2004 - browsers' rule, see above
