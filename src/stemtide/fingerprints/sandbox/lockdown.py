# SPDX-License-Identifier: Apache-2.0
"""Lock down a worker of the sandbox, for good, before it sees any content."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress

from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox import landlock, seccomp
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.private_files import close_umask

_OPEN_FILES = 64

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_PR_GET_SECCOMP = 21
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


_LIBC = ctypes.CDLL(None, use_errno=True)


def available_walls() -> frozenset[Wall]:
    """Return the walls that this system has, as far as this is visible from outside a worker."""
    walls = {Wall.MEMORY} if address_space_bytes() else set()
    if sys.platform == "linux":
        walls.add(Wall.PRIVILEGES)
        if landlock.version():
            walls.add(Wall.LANDLOCK)
        if seccomp.is_supported() and _LIBC.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0:
            walls |= {Wall.SECCOMP, Wall.NETWORK}
    return frozenset(walls)


def isolate() -> set[Wall]:
    """Renounce new privileges and enter an empty network; workers that are forked inherit both.

    returns: the walls that stand; where users may create no namespace, the other walls still hold.
    """
    walls: set[Wall] = set()
    if sys.platform == "linux":
        if _enter_empty_network():
            walls.add(Wall.NETWORK)
        is_private = _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
        if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and is_private:
            walls.add(Wall.PRIVILEGES)
    return walls


def _enter_empty_network() -> bool:
    return bool(_LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def lock_down(limits: DecodingLimits, *, space_bytes: int | None = None) -> set[Wall]:
    """Drop, for good, all rights that decoding does not need. `isolate` comes first.

    Everything that decoding needs is loaded and open: afterwards nothing can be opened.

    space_bytes: size of the address space before content, 0 if it is unknown; None: it is measured.
    returns: the walls that stand; they depend on the system.
    """
    close_umask()
    space_bytes = address_space_bytes() if space_bytes is None else space_bytes
    walls: set[Wall] = set()
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        with suppress(ValueError, OSError):  # it is lower already
            resource.setrlimit(limit, (value, value))
    if _limit_memory(space_bytes, limits):
        walls.add(Wall.MEMORY)
    if sys.platform == "linux":
        if landlock.refuse_files():
            walls.add(Wall.LANDLOCK)
        if seccomp.install_filter():
            walls |= {Wall.SECCOMP, Wall.NETWORK}
    return walls


def _limit_memory(space_bytes: int, limits: DecodingLimits) -> bool:
    """Limit the address space to its size before content, and the limit for content.

    returns: whether this system has such a limit (macOS has none).
    """
    if not space_bytes:
        return False
    most = space_bytes + limits.memory_bytes
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        return True
    return False


def address_space_bytes() -> int:
    """Return the size of this process's address space, or 0 if it is unknown."""
    try:
        with open("/proc/self/statm") as statm:  # noqa: PTH123 - no pathlib in the worker
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def limit_time(limits: DecodingLimits, *, wall_s: float) -> None:
    """Limit the processor time of this process, and its time on the clock from now on.

    The parent watches the clock as well; the alarm is for when the parent is gone.
    """
    hard = max(limits.cpu_s, limits.long_cpu_s) + 1
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, hard))
    signal.setitimer(signal.ITIMER_REAL, wall_s)


def die_with_parent(parent: int) -> None:
    """Have the system kill this process as soon as its parent has ended; Linux can.

    parent: its process id, to tell that it has not ended already. It must have one thread only,
            since the system watches the thread that started this process.
    """
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
