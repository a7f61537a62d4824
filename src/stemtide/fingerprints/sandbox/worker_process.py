# SPDX-License-Identifier: Apache-2.0
"""A worker of the sandbox: a plain process that decodes what nobody vouches for, and little else.

Run as `python -m stemtide.fingerprints.sandbox.worker_process LEASH FD LIMITS` by worker.py.
It is asked over the socket FD: lengths, a head in JSON, then the content, or instead of it an
open file: one that holds it, or the tray on which it is laid. It answers in JSON (4 bytes of length
before each message), never in a form that could run code at the other end: of long content its
modality and how far the look has come, then what was found. LEASH is a pipe at whose other end
nothing is ever written: it closes when the parent is gone.
"""

import errno
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from stemtide.fingerprints.analysis import (
    DECODER_FAILED,
    FALLBACK,
    MODALITIES,
    WRITING,
    Asked,
    Content,
    LiveChunk,
    Look,
    Modality,
    head_of,
)
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, Fingerprints
from stemtide.fingerprints.limits import Limits
from stemtide.fingerprints.sandbox.lockdown import lift_memory, limit_memory, raise_walls

_LENGTHS_IN = struct.Struct(">IQ")
_LENGTH_OUT = struct.Struct(">I")
_ALARM_AFTER_S = 5.0
_TOLD_EVERY_S = 0.2
_WRITING = {errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV}
"""What the walls answer to whoever would change a file."""


def main(leash: int, fd: int, limits: Limits) -> None:
    """Say hello once the walls stand, then look at content until the other end is closed."""
    channel = socket.socket(fileno=fd)
    try:
        _module(FALLBACK)
        walls = raise_walls(limits)
        _die_with_parent(leash)
    except Exception as error:  # noqa: BLE001 - told to the parent, who raises it
        _send(channel, {"error": f"{type(error).__name__}: {error}"})
        return
    _send(channel, {"walls": walls})
    while (lengths := _receive(channel)) is not None:
        answer = _answer(channel, *lengths, limits)
        if not _send(channel, answer, at_most=limits.output_bytes):
            said = f"{LIMIT}what is to be said of it has more than {limits.output_bytes:,} bytes"
            _send(channel, _only(f"{said} (output_bytes)"))


def _receive(channel: socket.socket) -> tuple[dict[str, Any], bytes | int] | None:
    """Take the next question: its head, and the content or the number of an open file."""
    lengths, files, _, _ = socket.recv_fds(channel, _LENGTHS_IN.size, 1)
    lengths += _exactly(channel, _LENGTHS_IN.size - len(lengths)) if lengths else b""
    if len(lengths) < _LENGTHS_IN.size:
        return None  # the other end is closed
    head_bytes, content_bytes = _LENGTHS_IN.unpack(lengths)
    head = json.loads(_exactly(channel, head_bytes))
    if files and "laid" in head:
        try:
            return head, os.pread(files[0], head["laid"], 0)
        finally:
            os.close(files[0])
    if files:
        return head, files[0]
    return head, _exactly(channel, content_bytes)


def _exactly(channel: socket.socket, size: int) -> bytes:
    """Receive so many bytes, fewer only if the other end closes."""
    first = channel.recv(size, socket.MSG_WAITALL) if size else b""
    if len(first) == size or not first:
        return first
    received = bytearray(first)
    while len(received) < size and (piece := channel.recv(size - len(received))):
        received += piece
    return bytes(received)


def _answer(
    channel: socket.socket, head: dict[str, Any], given: bytes | int, limits: Limits
) -> dict[str, Any]:
    try:
        _start_clocks(limits)
        content = given if isinstance(given, bytes) else _path_of(given)
        name, missing = _modality_of(content, head["modality"], limits)
        if MODALITIES[name].is_long:
            limits = limits.for_long()
            _start_clocks(limits)
            _send(channel, {"modality": name})  # so that the parent waits as long
        asked, told = Asked(**head["asked"]), _Told(channel)
        found = _module(name).look(content, limits=limits, asked=asked, progress=told)
        return {"modality": name, **_spell(_with_reason(_with_missing(found, missing)))}
    except MemoryError:
        return _only(
            f"{LIMIT}it needs more than {limits.memory_bytes:,} bytes of memory (memory_bytes)"
        )
    except OSError as error:
        wrote = error.errno in _WRITING
        said = f"{LIMIT}{WRITING}" if wrote else f"{UNDECODABLE}{DECODER_FAILED} (OSError)"
        return _only(said)
    except Exception as error:  # noqa: BLE001 - one clear remark, and this worker is replaced
        return _only(f"{UNDECODABLE}{DECODER_FAILED} ({type(error).__name__})")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if isinstance(given, int):
            os.close(given)


def _path_of(file: int) -> Content:
    """Name an open file by a path; one that cannot be opened again here is read instead."""
    path = Path(f"/dev/fd/{file}")
    try:
        path.open("rb").close()
    except OSError:
        os.lseek(file, 0, os.SEEK_SET)
        with open(file, "rb", closefd=False) as stream:
            return stream.read()
    return path


def _modality_of(content: Content, named: str, limits: Limits) -> tuple[str, list[str]]:
    """Ask the modalities in turn whose the content is, unless the parent has named one.

    returns: its name, and the names of those whose decoders are not installed.
    """
    if named:
        return named, []
    head = head_of(content)
    missing = []
    for name in MODALITIES:
        try:
            if _loaded(name, limits).sniff(head):
                return name, []
        except ImportError:
            missing.append(name)
    return FALLBACK, missing


def _loaded(name: str, limits: Limits) -> Modality:
    """Return a modality's module; the limit on memory makes room for it when it is first used."""
    if MODALITIES[name].module not in sys.modules:
        lift_memory()
        try:
            return _module(name)
        finally:
            limit_memory(limits)
    return _module(name)


@cache
def _module(name: str) -> Modality:
    """Import a modality, and let it use its decoders once if it wants to."""
    module = importlib.import_module(MODALITIES[name].module)
    getattr(module, "warm_up", lambda: None)()
    return cast("Modality", module)


def _with_missing(found: Look, missing: list[str]) -> Look:
    """Say of content that is none of what is read here what could not be tried."""
    if not missing:
        return found
    said = f"{UNDECODABLE}it may be {' or '.join(missing)}, whose decoders are not installed"
    made = found.fingerprints
    return replace(found, fingerprints=replace(made, remarks=(*made.remarks, said)))


def _with_reason(found: Look) -> Look:
    """Never pass over content in silence: say at least that nothing came of it."""
    made = found.fingerprints
    if made.each or made.remarks or found.still or found.chunk:
        return found
    said = f"{UNDECODABLE}nothing was found in it that a fingerprint could be made of"
    return replace(found, fingerprints=replace(made, remarks=(said,)))


class _Told:
    """Tells the parent how far a look has come, now and then; drops it if nobody listens."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._next_at = time.monotonic() + _TOLD_EVERY_S

    def __call__(self, done: float, total: float) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + _TOLD_EVERY_S
        body = json.dumps({"progress": [done, total]}).encode()
        with suppress(BlockingIOError):  # so few bytes go whole or not at all
            self._channel.send(_LENGTH_OUT.pack(len(body)) + body, socket.MSG_DONTWAIT)


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


def _die_with_parent(leash: int) -> None:
    """Let the system end this process, even in the middle of decoding, once the parent is gone.

    SIGIO, not PR_SET_PDEATHSIG, as that one follows the parent's thread, not the parent.
    """
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(leash, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(leash, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            if os.read(leash, 1) == b"":
                sys.exit(0)  # it was gone before we could be told


def _only(remark: str) -> dict[str, Any]:
    return _spell(Look(Fingerprints(each=(), remarks=(remark,))))


def _spell(found: Look) -> dict[str, Any]:
    made = found.fingerprints
    return {
        "media_type": made.media_type,
        "each": [[one.kind, one.hex, one.quality, one.part] for one in made.each],
        "remarks": list(made.remarks),
        "views": [
            [view.transform, view.value.hex(), view.quality, view.part] for view in found.views
        ],
        "local": [one.hex() for one in found.local],
        "still": [*found.still[:2], found.still[2].hex()] if found.still else [],
        "chunk": _spell_chunk(found.chunk),
    }


def _spell_chunk(chunk: LiveChunk | None) -> list[Any] | None:
    return [chunk.starts_s, chunk.lasts_s, chunk.carry.hex()] if chunk else None


def _send(channel: socket.socket, answer: dict[str, Any], *, at_most: int | None = None) -> bool:
    """Send an answer, unless it is longer than it may be."""
    body = json.dumps(answer).encode()
    if at_most is not None and len(body) > at_most:
        return False
    channel.sendall(_LENGTH_OUT.pack(len(body)) + body)
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Limits(**json.loads(sys.argv[3])))
