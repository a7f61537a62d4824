# SPDX-License-Identifier: Apache-2.0
"""A worker of the sandbox: a plain process that decodes what nobody vouches for, and little else.

Run as `python -m stemtide.fingerprints._worker FD LIMITS` by sandbox.py, which explains the whole.
It is asked over the socket FD (8 bytes of length, then the content) and answers in JSON
(4 bytes of length before it), never in a form that could run code at the other end.
"""

import ctypes
import io
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, Fingerprints
from stemtide.fingerprints.limits import Limits

_LENGTH_IN = struct.Struct(">Q")
_LENGTH_OUT = struct.Struct(">I")
_OPEN_FILES = 64
_ALARM_AFTER_S = 5.0

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

Look = Callable[[bytes], Fingerprints]


def main(fd: int, limits: Limits) -> None:
    """Say hello once the walls stand, then look at content until the other end is closed."""
    channel = socket.socket(fileno=fd)
    try:
        look = _load(limits)
        walls = raise_walls(limits)
    except Exception as error:  # noqa: BLE001 - told to the parent, who raises it
        _send(channel, {"error": f"{type(error).__name__}: {error}"})
        return
    _send(channel, {"walls": walls})
    with io.BufferedReader(socket.SocketIO(channel, "r"), 1 << 20) as stream:
        while (answer := _answer_next(channel, stream, look, limits)) is not None:
            _send(channel, answer)


def raise_walls(limits: Limits) -> list[str]:
    """Give up, for good, what decoding does not need.

    returns: the names of the walls that stand; which ones can depends on the system.
    """
    walls = []
    if sys.platform == "linux":
        walls += _leave_the_network()
    for name, limit, value in (
        ("core", resource.RLIMIT_CORE, 0),
        ("written files", resource.RLIMIT_FSIZE, 0),
        ("open files", resource.RLIMIT_NOFILE, _OPEN_FILES),
        ("processes", resource.RLIMIT_NPROC, 0),
        ("memory", resource.RLIMIT_AS, _address_space_bytes() + limits.memory_bytes),
    ):
        if name == "memory" and not _address_space_bytes():
            continue  # not to be measured here (macOS), so not to be limited
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
            walls.append(name)
    if os.getuid() == 0:
        walls = [wall for wall in walls if wall != "processes"]  # root's are not counted
    return walls


def _leave_the_network() -> list[str]:
    """Take a network namespace of our own, which is empty, and no privileges ever again.

    Where the system does not let an ordinary user do so, the other walls still stand.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    walls = []
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        walls.append("privileges")
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        walls.append("network")
    return walls


def _load(limits: Limits) -> Look:
    """Import the decoders and use them once, so that later memory is the content's alone."""
    from stemtide.fingerprints.image import fingerprint_image  # noqa: PLC0415 - errors are told

    def look(blob: bytes) -> Fingerprints:
        return fingerprint_image(blob, limits=limits)

    look(b"P5 64 64 255 " + bytes(range(64)) * 64)
    return look


def _answer_next(
    channel: socket.socket, stream: "io.BufferedReader[socket.SocketIO]", look: Look, limits: Limits
) -> dict[str, Any] | None:
    head = stream.read(_LENGTH_IN.size)
    if len(head) < _LENGTH_IN.size:
        return None  # the other end is closed
    size = _LENGTH_IN.unpack(head)[0]
    try:
        blob = stream.read(size)
        if len(blob) < size:
            return None
        _start_clocks(limits)
        _die_with_parent(channel, is_on=True)
        return _spell(look(blob))
    except MemoryError:
        return {"remarks": [f"{LIMIT}it needs more than {limits.memory_bytes:,} bytes of memory"]}
    except Exception as error:  # noqa: BLE001 - one clear remark, and this worker is replaced
        return {"remarks": [f"{UNDECODABLE}the decoder failed ({type(error).__name__})"]}
    finally:
        _die_with_parent(channel, is_on=False)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _start_clocks(limits: Limits) -> None:
    """Limit the processor time of this piece of content, and the time on the clock.

    The parent watches the clock as well; the alarm is for when the parent is gone.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + limits.cpu_s + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s + _ALARM_AFTER_S)


def _die_with_parent(channel: socket.socket, *, is_on: bool) -> None:
    """Let the system end this process in the middle of decoding once the parent is gone.

    Nothing is sent while we decode, so that the only thing that can happen on the socket is its
    end; SIGIO, not PR_SET_PDEATHSIG, as that one follows the parent's thread, not the parent.
    """
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on every system

        flags = fcntl.fcntl(channel, fcntl.F_GETFL)
        flags = flags | os.O_ASYNC if is_on else flags & ~os.O_ASYNC
        fcntl.fcntl(channel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(channel, fcntl.F_SETFL, flags)


def _spell(found: Fingerprints) -> dict[str, Any]:
    return {
        "media_type": found.media_type,
        "each": [[one.hex, one.quality, one.part] for one in found.each],
        "remarks": list(found.remarks),
    }


def _send(channel: socket.socket, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    channel.sendall(_LENGTH_OUT.pack(len(body)) + body)


def _address_space_bytes() -> int:
    """Return the size of this process's address space, 0 where that is not to be known."""
    try:
        with open("/proc/self/statm") as statm:  # noqa: PTH123 - no pathlib in the worker
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main(int(sys.argv[1]), Limits(**json.loads(sys.argv[2])))
