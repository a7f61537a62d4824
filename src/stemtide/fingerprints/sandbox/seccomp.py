# SPDX-License-Identifier: Apache-2.0
"""Allow a process the system calls that decoding needs, and no others, with seccomp, for good.

Decoding content that is in memory, or in an open file, needs memory, clocks, locks within the
process, and reading and writing of open files. There is no call in the list that opens a file or a
socket, starts a process or a thread, or reaches another process. A refused call returns an error
(EACCES) and does not kill: libraries try calls that they can do without, such as starting threads.

source: Linux, Documentation/userspace-api/seccomp_filter.rst; the numbers are those of
        arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Mapping
from functools import cache

_PR_SET_SECCOMP, _FILTER = 22, 2
_LOAD_WORD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_REFUSE, _ABSENT = 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS
_NUMBER_AT, _PROCESSOR_AT, _ARGUMENTS_AT = 0, 4, 16
_OTHER_WAY = 0x40000000
"""On x86-64, numbers from here on belong to another calling convention (x32)."""
_PROT_EXEC = 4

_PROCESSORS = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""For each processor: its audit architecture, and its column in the tables below."""

_NONE = -1

ALLOWED: Mapping[str, tuple[int, int]] = {
    # open files
    "read": (0, 63),
    "pread64": (17, 67),
    "preadv": (295, 69),
    "preadv2": (327, 286),
    "write": (1, 64),
    "lseek": (8, 62),
    "close": (3, 57),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "sendto": (44, 206),
    "poll": (7, _NONE),
    "ppoll": (271, 73),
    # memory
    "brk": (12, 214),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    # locks, clocks and facts
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, _NONE),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "sysinfo": (99, 179),
    "getrandom": (318, 278),
    # signals and the end of this process
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "setitimer": (38, 103),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
"""Calls with any arguments: their numbers on x86-64 and on ARM64."""

OWN_ONLY: Mapping[str, tuple[int, int]] = {
    "kill": (62, 129),
    "tgkill": (234, 131),
}
"""Calls whose first argument must be this process: how a crash is reported."""

ZERO_ONLY: Mapping[str, tuple[int, int]] = {"prlimit64": (302, 261)}
"""Calls whose first argument must be 0, which also means this process."""

NO_CODE: Mapping[str, tuple[int, int]] = {"mmap": (9, 222), "mprotect": (10, 226)}
"""Calls that may not make memory executable."""

ABSENT: Mapping[str, tuple[int, int]] = {"clone3": (435, 435)}
"""Calls that are answered as by an older system, so that libc tries an older one, which fails."""


_LIBC = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def is_supported() -> bool:
    """Whether the list is known for this processor."""
    return os.uname().machine in _PROCESSORS


def install_filter() -> bool:
    """Install the filter in this process, which must have set no_new_privs before.

    returns: whether calls are refused: not on an unknown processor.
    """
    if not is_supported():
        return False
    head, tail = _program(os.uname().machine)
    steps = head + _step(_EQUAL, os.getpid(), equal=_FROM_OWN) + tail
    program = _Program(len(steps) // 8, steps)
    return bool(_LIBC.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


_ENDINGS = (
    # kill, tgkill: the step after the first is made for each process
    (_LOAD_WORD, _ARGUMENTS_AT, 0, 0),
    # (the process's own number: to the allowance, else to the next step)
    (_RETURN, _REFUSE, 0, 0),
    # prlimit64
    (_LOAD_WORD, _ARGUMENTS_AT, 0, 0),
    (_EQUAL, 0, 4, 3),
    # mmap, mprotect
    (_LOAD_WORD, _ARGUMENTS_AT + 16, 0, 0),
    (_ANY_BIT, _PROT_EXEC, 1, 2),
    (_RETURN, _ABSENT, 0, 0),
    (_RETURN, _REFUSE, 0, 0),
    (_RETURN, _ALLOW, 0, 0),
)
_TO_OWN, _TO_ZERO, _TO_CODE, _TO_ABSENT, _TO_REFUSE, _TO_ALLOW = 0, 3, 5, 7, 8, 9
_FROM_OWN = _TO_ALLOW - 2
"""Places of the endings, counted with the step that is made for each process."""


@cache
def _program(machine: str) -> tuple[bytes, bytes]:
    """Build the filter but for the one step that names the process.

    Calls of another processor's convention are refused as well.
    """
    processor, column = _PROCESSORS[machine]
    tests = [(numbers[column], _TO_ALLOW) for numbers in ALLOWED.values()]
    for table, ending in (
        (OWN_ONLY, _TO_OWN),
        (ZERO_ONLY, _TO_ZERO),
        (NO_CODE, _TO_CODE),
        (ABSENT, _TO_ABSENT),
    ):
        tests += [(numbers[column], ending) for numbers in table.values()]
    tests = [(number, ending) for number, ending in tests if number != _NONE]
    count = len(tests)
    after_tests = count + 1  # one step that refuses what is in no table
    steps = [
        _step(_LOAD_WORD, _PROCESSOR_AT),
        _step(_EQUAL, processor, unequal=2 + count),
        _step(_LOAD_WORD, _NUMBER_AT),
        _step(_AT_LEAST, _OTHER_WAY, equal=count),
    ]
    steps += [
        _step(_EQUAL, number, equal=after_tests - at - 1 + ending)
        for at, (number, ending) in enumerate(tests)
    ]
    steps.append(_step(_RETURN, _REFUSE))
    endings = [_step(code, value, equal=yes, unequal=no) for code, value, yes, no in _ENDINGS]
    return b"".join([*steps, endings[0]]), b"".join(endings[1:])


def _step(code: int, operand: int, *, equal: int = 0, unequal: int = 0) -> bytes:
    return struct.pack("=HBBI", code, equal, unequal, operand)
