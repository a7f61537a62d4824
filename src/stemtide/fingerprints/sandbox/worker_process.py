# SPDX-License-Identifier: Apache-2.0
"""A worker of the sandbox: a minimal process that decodes untrusted content.

worker.py runs it as `python -m stemtide.fingerprints.sandbox.worker_process LEASH FD LIMITS`. A
request comes over the socket FD: lengths, a head in JSON, then the content; or, in its place, an
open file with the content, or the shared memory that holds it. The response is JSON (4 bytes of
length before each message), never a format that could run code in the parent: for long content the
modality and its progress, then the result. LEASH is a pipe that the parent never writes to: it
closes when the parent is gone.
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
    Analysis,
    AnalysisOptions,
    Content,
    LiveChunk,
    Modality,
    head_of,
)
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, Fingerprints
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.lockdown import limit_memory, lock_down, raise_memory_limit

_LENGTHS_IN = struct.Struct(">IQ")
_LENGTH_OUT = struct.Struct(">I")
_ALARM_AFTER_S = 5.0
_PROGRESS_EVERY_S = 0.2
_WRITING = {errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV}
"""Errors that the lockdown raises when a decoder tries to change a file."""


def main(leash: int, fd: int, limits: DecodingLimits) -> None:
    """Report readiness once locked down, then serve requests until the parent closes the socket."""
    channel = socket.socket(fileno=fd)
    try:
        _module(FALLBACK)
        protections = lock_down(limits)
        _die_with_parent(leash)
    except Exception as error:  # noqa: BLE001 - told to the parent, who raises it
        _send(channel, {"error": f"{type(error).__name__}: {error}"})
        return
    _send(channel, {"protections": protections})
    while (lengths := _receive(channel)) is not None:
        answer = _answer(channel, *lengths, limits)
        if not _send(channel, answer, at_most=limits.output_bytes):
            remark = f"{LIMIT}its result has more than {limits.output_bytes:,} bytes"
            _send(channel, _remark_only(f"{remark} (output_bytes)"))


def _receive(channel: socket.socket) -> tuple[dict[str, Any], bytes | int] | None:
    """Receive a request: its head, and the content or the number of an open file."""
    lengths, files, _, _ = socket.recv_fds(channel, _LENGTHS_IN.size, 1)
    lengths += _receive_exactly(channel, _LENGTHS_IN.size - len(lengths)) if lengths else b""
    if len(lengths) < _LENGTHS_IN.size:
        return None  # the other end is closed
    head_bytes, content_bytes = _LENGTHS_IN.unpack(lengths)
    head = json.loads(_receive_exactly(channel, head_bytes))
    if files and "buffered" in head:
        try:
            return head, os.pread(files[0], head["buffered"], 0)
        finally:
            os.close(files[0])
    if files:
        return head, files[0]
    return head, _receive_exactly(channel, content_bytes)


def _receive_exactly(channel: socket.socket, size: int) -> bytes:
    """Receive this many bytes, fewer only if the other end closes."""
    first = channel.recv(size, socket.MSG_WAITALL) if size else b""
    if len(first) == size or not first:
        return first
    received = bytearray(first)
    while len(received) < size and (piece := channel.recv(size - len(received))):
        received += piece
    return bytes(received)


def _answer(
    channel: socket.socket, head: dict[str, Any], received: bytes | int, limits: DecodingLimits
) -> dict[str, Any]:
    try:
        _start_clocks(limits)
        content = received if isinstance(received, bytes) else _path_of(received)
        name, missing = _modality_of(content, head["modality"], limits)
        if MODALITIES[name].is_long:
            limits = limits.for_long()
            _start_clocks(limits)
            _send(channel, {"modality": name})  # so that the parent waits as long
        options, progress = AnalysisOptions(**head["options"]), _ProgressSender(channel)
        analysis = _module(name).analyse(content, limits=limits, options=options, progress=progress)
        return {"modality": name, **_to_json(_with_reason(_with_missing(analysis, missing)))}
    except MemoryError:
        return _remark_only(
            f"{LIMIT}it needs more than {limits.memory_bytes:,} bytes of memory (memory_bytes)"
        )
    except OSError as error:
        wrote = error.errno in _WRITING
        remark = f"{LIMIT}{WRITING}" if wrote else f"{UNDECODABLE}{DECODER_FAILED} (OSError)"
        return _remark_only(remark)
    except Exception as error:  # noqa: BLE001 - one clear remark, and this worker is replaced
        return _remark_only(f"{UNDECODABLE}{DECODER_FAILED} ({type(error).__name__})")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if isinstance(received, int):
            os.close(received)


def _path_of(file: int) -> Content:
    """Return a path for an open file, or its content if it cannot be opened again here."""
    path = Path(f"/dev/fd/{file}")
    try:
        path.open("rb").close()
    except OSError:
        os.lseek(file, 0, os.SEEK_SET)
        with open(file, "rb", closefd=False) as stream:
            return stream.read()
    return path


def _modality_of(content: Content, named: str, limits: DecodingLimits) -> tuple[str, list[str]]:
    """Ask the modalities in turn which one the content belongs to, unless the parent named one.

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


def _loaded(name: str, limits: DecodingLimits) -> Modality:
    """Return the module of a modality; raise the memory limit while it is first imported."""
    if MODALITIES[name].module not in sys.modules:
        raise_memory_limit()
        try:
            return _module(name)
        finally:
            limit_memory(limits)
    return _module(name)


@cache
def _module(name: str) -> Modality:
    """Import a modality, and call its warm_up if it has one."""
    module = importlib.import_module(MODALITIES[name].module)
    getattr(module, "warm_up", lambda: None)()
    return cast("Modality", module)


def _with_missing(analysis: Analysis, missing: list[str]) -> Analysis:
    """Add a remark to unrecognised content about modalities that are not installed."""
    if not missing:
        return analysis
    remark = f"{UNDECODABLE}it may be {' or '.join(missing)}, whose decoders are not installed"
    prints = analysis.fingerprints
    return replace(analysis, fingerprints=replace(prints, remarks=(*prints.remarks, remark)))


def _with_reason(analysis: Analysis) -> Analysis:
    """Add a remark if nothing was extracted: content is never skipped silently."""
    prints = analysis.fingerprints
    if prints.each or prints.remarks or analysis.still or analysis.chunk:
        return analysis
    remark = f"{UNDECODABLE}nothing was found in it that a fingerprint could be made of"
    return replace(analysis, fingerprints=replace(prints, remarks=(remark,)))


class _ProgressSender:
    """Sends progress to the parent now and then; drops it if nobody reads."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._next_at = time.monotonic() + _PROGRESS_EVERY_S

    def __call__(self, done: float, total: float) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + _PROGRESS_EVERY_S
        body = json.dumps({"progress": [done, total]}).encode()
        with suppress(BlockingIOError):  # so few bytes go whole or not at all
            self._channel.send(_LENGTH_OUT.pack(len(body)) + body, socket.MSG_DONTWAIT)


def _start_clocks(limits: DecodingLimits) -> None:
    """Limit the processor time and the wall time of this piece of content.

    The parent watches the wall time as well; the alarm is for when the parent is gone.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + limits.cpu_s + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s + _ALARM_AFTER_S)


def _die_with_parent(leash: int) -> None:
    """Have the system end this process, even in the middle of decoding, once the parent is gone.

    SIGIO, not PR_SET_PDEATHSIG: that one follows the parent's thread, not the parent.
    """
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(leash, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(leash, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            if os.read(leash, 1) == b"":
                sys.exit(0)  # the parent was gone before the signal was set up


def _remark_only(remark: str) -> dict[str, Any]:
    return _to_json(Analysis(Fingerprints(each=(), remarks=(remark,))))


def _to_json(analysis: Analysis) -> dict[str, Any]:
    prints = analysis.fingerprints
    return {
        "media_type": prints.media_type,
        "each": [
            [fingerprint.kind, fingerprint.hex, fingerprint.quality, fingerprint.part]
            for fingerprint in prints.each
        ],
        "remarks": list(prints.remarks),
        "views": [
            [view.transform, view.value.hex(), view.quality, view.part] for view in analysis.views
        ],
        "local": [features.hex() for features in analysis.local],
        "still": [*analysis.still[:2], analysis.still[2].hex()] if analysis.still else [],
        "chunk": _chunk_to_json(analysis.chunk),
    }


def _chunk_to_json(chunk: LiveChunk | None) -> list[Any] | None:
    return [chunk.starts_s, chunk.lasts_s, chunk.carry.hex()] if chunk else None


def _send(channel: socket.socket, answer: dict[str, Any], *, at_most: int | None = None) -> bool:
    """Send a response, unless it is longer than allowed."""
    body = json.dumps(answer).encode()
    if at_most is not None and len(body) > at_most:
        return False
    channel.sendall(_LENGTH_OUT.pack(len(body)) + body)
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), DecodingLimits(**json.loads(sys.argv[3])))
