# SPDX-License-Identifier: Apache-2.0
"""Refuse system calls that no decoder needs, with seccomp, for good.

This is a short list of refused calls (sockets, starting programs, access to other processes, and
the queues by which any of these could be reached), not a long one of allowed calls: that one would
differ by processor and libc, and a wrong one fails in the field. It also holds where a container
allows no network namespace.

source: Linux, Documentation/userspace-api/seccomp_filter.rst.
"""

import ctypes
import errno
import os
import struct

_PR_SET_SECCOMP, _FILTER = 22, 2
_LOAD_WORD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_NUMBER_AT, _PROCESSOR_AT = 0, 4
_OTHER_WAY = 0x40000000
"""On x86-64, numbers from here on belong to another calling convention (x32)."""

_REFUSED = {
    "x86_64": (0xC000003E, (41, 59, 322, 101, 310, 311, 425, 321, 298, 248, 250, 317)),
    "aarch64": (0xC00000B7, (198, 221, 281, 117, 270, 271, 425, 280, 241, 217, 219, 277)),
}
"""For each processor: its audit architecture; then the numbers of socket, execve, execveat, ptrace,
process_vm_readv and _writev, io_uring_setup, bpf, perf_event_open, add_key, keyctl, seccomp.
"""


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def install_filter() -> bool:
    """Install the filter in this process, which must have set no_new_privs before.

    returns: whether calls are refused: not on an unknown processor.
    """
    refused = _REFUSED.get(os.uname().machine)
    if refused is None:
        return False
    processor, numbers = refused
    steps = _program(processor, numbers)
    program = _Program(len(steps) // 8, steps)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _program(processor: int, numbers: tuple[int, ...]) -> bytes:
    """Build the filter; calls of another processor's convention are refused as well."""
    to_refusal = len(numbers) + 1  # steps from the second test to the last line but one
    steps = [
        _step(_LOAD_WORD, _PROCESSOR_AT),
        _step(_EQUAL, processor, unequal=to_refusal + 2),
        _step(_LOAD_WORD, _NUMBER_AT),
        _step(_AT_LEAST, _OTHER_WAY, equal=to_refusal),
    ]
    steps += [_step(_EQUAL, number, equal=len(numbers) - at) for at, number in enumerate(numbers)]
    return b"".join([*steps, _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE)])


def _step(code: int, operand: int, *, equal: int = 0, unequal: int = 0) -> bytes:
    return struct.pack("=HBBI", code, equal, unequal, operand)
