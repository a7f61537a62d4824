# SPDX-License-Identifier: Apache-2.0
"""Chromaprint, from the ffmpeg that the package imageio-ffmpeg brings, and its usual comparison."""

import importlib.util
import subprocess
import tempfile
from functools import cache

import numpy as np
import numpy.typing as npt

ITEMS_PER_S = 1 / 0.1238
WINDOW = int(5 * ITEMS_PER_S)

_AS_CHROMAPRINT = ("-f", "chromaprint", "-fp_format", "raw")

Print = npt.NDArray[np.uint32]


def is_here() -> bool:
    """Whether there is a chromaprint to measure."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


@cache
def _program() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def fingerprint(content: bytes) -> Print:
    """Fingerprint a file; nothing where chromaprint is not here."""
    if not is_here():
        return np.empty(0, dtype=np.uint32)
    with tempfile.NamedTemporaryFile() as file:  # a pipe would not do: MP4 is read back and forth
        file.write(content)
        file.flush()
        ran = subprocess.run(
            [_program(), "-v", "error", "-i", file.name, "-vn", *_AS_CHROMAPRINT, "-"],
            capture_output=True,
            check=True,
        )
    return np.frombuffer(ran.stdout, dtype=np.uint32)


def lowest_ber(one: Print, other: Print) -> float:
    """Give the share of wrong bits in the best five seconds of any alignment; 0.5 if too short."""
    window = min(WINDOW, len(one), len(other))
    if window < 8:
        return 0.5
    wrong = np.bitwise_count(one[:, None] ^ other).astype(np.int32)
    sheared = np.full((len(one), len(one) + len(other)), 32 * WINDOW, dtype=np.int32)
    for row, line in enumerate(wrong):
        start = len(one) - 1 - row
        sheared[row, start : start + len(other)] = line
    sums = np.cumsum(np.vstack([np.zeros_like(sheared[:1]), sheared]), axis=0)
    return float((sums[window:] - sums[:-window]).min()) / (32 * window)
