# SPDX-License-Identifier: Apache-2.0
"""Loads the compiled kernels that suit this processor.

They are plain shared libraries, called through ctypes: calls give up the GIL, nothing is compiled
at run time, and a process that calls none pays nothing. `LEVEL` says which was taken.
"""

import ctypes
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

_ROOM = Path(__file__).parent
_LEVELS = ("v1", "v2", "v3", "v4")
_ASKED = "STEMTIDE_KERNELS"
"""Environment variable: take this level instead of the best. For tests and measurements."""


class KernelsError(RuntimeError):
    """The compiled kernels are not there or cannot run here. The message names the remedy."""


def _load() -> tuple[ctypes.CDLL, str]:
    """Return the best library that this processor can run, and its level.

    raises: KernelsError.
    """
    made = [level for level in _LEVELS if (_ROOM / f"_native_{level}").exists()]
    if not made:
        raise KernelsError(
            f"the compiled kernels are missing from {_ROOM}: install Stemtide again"
            " (in a checkout: make setup)"
        )
    lowest = _open(made[0])
    can_run = [level for level in made if lowest.cpu_levels() >> (int(level[1]) - 1) & 1]
    if not can_run:
        raise KernelsError("this processor is too old: Stemtide needs x86-64-v2 (2009) or ARM64")
    asked = os.environ.get(_ASKED, can_run[-1])
    if asked not in can_run:
        raise KernelsError(f"{_ASKED}={asked}: here it may be {' or '.join(can_run)}")
    return _open(asked), asked


def _open(level: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(_ROOM / f"_native_{level}"))
    except OSError as error:
        raise KernelsError(
            f"the compiled kernels cannot be loaded ({error}): install Stemtide again"
            " (in a checkout: make setup)"
        ) from error


LIBRARY, LEVEL = _load()


def address(array: npt.NDArray[np.generic]) -> int:
    """Return where an array's memory begins, for a kernel.

    raises: ValueError if it is not contiguous: a kernel would read something else.
    """
    if not array.flags.c_contiguous:
        raise ValueError("a kernel needs a C-contiguous array")
    return array.ctypes.data
