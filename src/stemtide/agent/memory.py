# SPDX-License-Identifier: Apache-2.0
"""Memory of a process: what it no longer needs goes back to the system.

A snapshot, a long journal and a search of it are worked on in threads. The C library keeps a pool
of freed memory for each thread, so that an agent would have twice the memory for ever that it
needs. Does nothing with a C library other than glibc.
"""

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)
_ARENAS = 2
_LIBC = ctypes.CDLL(None)


def limit_pools() -> None:
    """Let threads share pools of freed memory. Call it before threads start."""
    choose = getattr(_LIBC, "mallopt", None)
    if choose is not None:
        choose(_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Give freed memory back to the system."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
