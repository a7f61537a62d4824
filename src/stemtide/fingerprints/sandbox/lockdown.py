# SPDX-License-Identifier: Apache-2.0
"""Lock down a worker of the sandbox, for good, before it sees any content."""

import ctypes
import resource
import sys
from contextlib import suppress

from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.seccomp import install_filter
from stemtide.private_files import close_umask

_OPEN_FILES = 64
_ROOM_BYTES = 2 << 30
"""Address space for decoders that are loaded later, beside that for content."""

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
"""System calls, of the same number on every processor."""
_LANDLOCK_VERSION = 1
_CHANGES_TO_FILES = 0b1_1111_1111_0010
"""Writing, removing and making of any kind; reading stays, since decoders are loaded on demand."""
_MOVES, _TRUNCATES = 1 << 13, 1 << 14
_TCP = 0b11
_STRANGERS = 0b11
"""Abstract sockets and signals to processes outside."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def lock_down(limits: DecodingLimits) -> list[str]:
    """Drop, for good, all rights that decoding does not need.

    returns: the names of the protections in force; they depend on the system.
    """
    close_umask()
    protections = []
    if sys.platform == "linux":
        protections += _isolate_network()
        protections += _forbid_file_changes()
        protections += ["calls"] if install_filter() else []
    for name, limit, value in (
        ("core", resource.RLIMIT_CORE, 0),
        ("written files", resource.RLIMIT_FSIZE, 0),
        ("open files", resource.RLIMIT_NOFILE, _OPEN_FILES),
        ("processes", resource.RLIMIT_NPROC, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
            protections.append(name)
    if limit_memory(limits):
        protections.append("memory")
    if _is_root():
        # Root's processes are not counted.
        protections = [name for name in protections if name != "processes"]
    return protections


def limit_memory(limits: DecodingLimits) -> bool:
    """Limit the address space to the current size plus the limit for content.

    The first call fixes a hard limit a little above; within it the limit moves up when a decoder is
    loaded later.

    returns: whether this system has such a limit.
    """
    current_bytes = address_space_bytes()
    if not current_bytes:
        return False  # not to be measured here (macOS), so not to be limited
    soft = current_bytes + limits.memory_bytes
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY:
        hard = soft + _ROOM_BYTES
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (min(soft, hard), hard))
        return True
    return False


def raise_memory_limit() -> None:
    """Raise the limit to the hard limit, while a decoder is loaded."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def address_space_bytes() -> int:
    """Return the size of this process's address space, or 0 if it is unknown."""
    try:
        with open("/proc/self/statm") as statm:  # noqa: PTH123 - no pathlib in the worker
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _is_root() -> bool:
    import os  # noqa: PLC0415 - only here

    return os.getuid() == 0


def _isolate_network() -> list[str]:
    """Enter a new network namespace, which is empty, and renounce new privileges.

    If the system does not allow it to an ordinary user, the other protections still hold.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    protections = []
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        protections.append("privileges")
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        protections.append("network")
    return protections


def _forbid_file_changes() -> list[str]:
    """Have the system refuse every change to files (Landlock, Linux 5.13 and newer).

    Newer systems also refuse TCP connections (6.7) and signals to others (6.12): a second
    protection behind the empty network, and its replacement where an ordinary user may not create
    one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return []
    files = _CHANGES_TO_FILES | (_MOVES if version >= 2 else 0)  # noqa: PLR2004 - of Landlock
    files |= _TRUNCATES if version >= 3 else 0  # noqa: PLR2004
    rules = _Ruleset(files, _TCP, _STRANGERS)
    size = 8 if version < 4 else 16 if version < 6 else 24  # noqa: PLR2004 - bytes it knows of
    handle = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if handle < 0 or libc.syscall(_LANDLOCK_RESTRICT, handle, 0) != 0:
        return []
    return ["changes to files", *(["tcp"] if version >= 4 else [])]  # noqa: PLR2004
