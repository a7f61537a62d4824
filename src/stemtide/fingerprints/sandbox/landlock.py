# SPDX-License-Identifier: Apache-2.0
"""Have the system refuse every file to a process, for good, with Landlock.

No path is allowed: what the process needs, it has open. Newer systems also refuse TCP, devices,
and signals and sockets that lead to other processes.

source: Linux, Documentation/userspace-api/landlock.rst.
"""

import ctypes
import sys

_CREATE, _RESTRICT = 444, 446
"""System calls, of the same number on every processor."""
_VERSION = 1
_FILES = (0x1FFF, 0x3FFF, 0x7FFF, 0x7FFF, 0xFFFF)
"""For each version of Landlock, all rights to files that it knows: reading, writing, listing,
running; then moving; cutting short; (TCP); devices.
"""
_TCP, _STRANGERS = 0b11, 0b11
"""Binding and connecting; abstract sockets and signals to processes outside."""
_TCP_SINCE, _STRANGERS_SINCE = 4, 6


_LIBC = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def version() -> int:
    """Return the version of Landlock that the system has; 0 for none."""
    if sys.platform != "linux":
        return 0
    newest: int = _LIBC.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    return max(0, newest)


def refuse_files() -> bool:
    """Refuse all files from now on; the process must have set no_new_privs before.

    returns: whether they are refused: not before Linux 5.13, or where Landlock is switched off.
    """
    newest = version()
    if not newest:
        return False
    rules = _Ruleset(
        _FILES[min(newest, len(_FILES)) - 1],
        _TCP if newest >= _TCP_SINCE else 0,
        _STRANGERS if newest >= _STRANGERS_SINCE else 0,
    )
    size = 24 if newest >= _STRANGERS_SINCE else 16 if newest >= _TCP_SINCE else 8
    handle = _LIBC.syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    return bool(handle >= 0 and _LIBC.syscall(_RESTRICT, handle, 0) == 0)
