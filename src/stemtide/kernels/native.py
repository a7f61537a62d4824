# SPDX-License-Identifier: Apache-2.0
"""Load the compiled kernels that suit this processor.

They are plain shared libraries, called through ctypes: calls release the GIL, nothing is compiled
at run time, and a process that calls none pays nothing. `LEVEL` is the level that was loaded.
"""

import ctypes
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

_ROOM = Path(__file__).parent
_LEVELS = ("v1", "v2", "v3", "v4")
_ASKED = "STEMTIDE_KERNELS"
"""Environment variable: load this level instead of the best. For tests and measurements."""


class KernelsError(RuntimeError):
    """The compiled kernels are not there or cannot run here. The message names the remedy."""


def _load() -> tuple[ctypes.CDLL, str]:
    """Return the best library that this processor can run, and its level.

    raises: KernelsError.
    """
    built = [level for level in _LEVELS if (_ROOM / f"_native_{level}").exists()]
    if not built:
        raise KernelsError(
            f"the compiled kernels are missing from {_ROOM}: install Stemtide again"
            " (in a checkout: make setup)"
        )
    lowest = _open(built[0])
    can_run = [level for level in built if lowest.cpu_levels() >> (int(level[1]) - 1) & 1]
    if not can_run:
        raise KernelsError("this processor is too old: Stemtide needs x86-64-v2 (2009) or ARM64")
    chosen = os.environ.get(_ASKED, can_run[-1])
    if chosen not in can_run:
        raise KernelsError(f"{_ASKED}={chosen}: here it may be {' or '.join(can_run)}")
    return _open(chosen), chosen


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
    """Return the address of an array's memory, for a kernel.

    raises: ValueError if it is not contiguous: a kernel would read something else.
    """
    if not array.flags.c_contiguous:
        raise ValueError("a kernel needs a C-contiguous array")
    return array.ctypes.data
