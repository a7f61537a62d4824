# SPDX-License-Identifier: Apache-2.0
"""Decode one piece of untrusted content in a locked-down process, and end.

fork_server_process.py forks it. A request comes over a socket: lengths, a head in JSON, then the
content, or in its place an open file with the content. The response is JSON: for long content the
modality and its progress, then the result.
"""

import errno
import os
import signal
import socket
import struct
import time
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace

import msgspec

from stemtide.fingerprints.analysis import (
    DECODER_FAILED,
    FALLBACK,
    MODALITIES,
    READING,
    TEXT,
    WRITING,
    Analysis,
    Content,
    head_of,
)
from stemtide.fingerprints.external.fingerprint import with_external
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.channel import encode
from stemtide.fingerprints.sandbox.decoders import Decoders, module_of
from stemtide.fingerprints.sandbox.lockdown import limit_time
from stemtide.fingerprints.sandbox.messages import (
    WorkerMessage,
    WorkerReady,
    WorkerRequest,
    WorkerResult,
)
from stemtide.fingerprints.sandbox.opened import OpenedFile
from stemtide.fingerprints.sandbox.walls import Wall

_LENGTHS_IN = struct.Struct(">IQ")
_ALARM_AFTER_S = 5.0
_PROGRESS_EVERY_S = 0.2
_FORBIDDEN = {errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV}
"""Errors that the lockdown raises when a decoder tries what it may not."""


def serve(
    channel: socket.socket, *, limits: DecodingLimits, walls: AbstractSet[Wall], decoders: Decoders
) -> None:
    """Report readiness, then answer one request."""
    _send(channel, WorkerReady(os.getpid(), frozenset(walls)))
    if (request := _receive(channel)) is None:
        return
    answer = _answer(channel, *request, limits=limits, decoders=decoders)
    if not _send(channel, answer, at_most=limits.output_bytes):
        remark = f"{LIMIT}its result has more than {limits.output_bytes:,} bytes"
        _send(channel, _remark_only(f"{remark} (output_bytes)"))


def _receive(channel: socket.socket) -> tuple[WorkerRequest, Content] | None:
    """Receive a request: its head, and the content; None if the other end is closed."""
    lengths, files, _, _ = socket.recv_fds(channel, _LENGTHS_IN.size, 1)
    lengths += _receive_exactly(channel, _LENGTHS_IN.size - len(lengths)) if lengths else b""
    if len(lengths) < _LENGTHS_IN.size:
        return None
    head_bytes, content_bytes = _LENGTHS_IN.unpack(lengths)
    head = msgspec.json.decode(_receive_exactly(channel, head_bytes), type=WorkerRequest)
    if files:
        return head, OpenedFile(files[0])
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
    channel: socket.socket,
    head: WorkerRequest,
    content: Content,
    *,
    limits: DecodingLimits,
    decoders: Decoders,
) -> WorkerMessage:
    try:
        limit_time(limits, wall_s=limits.wall_s + _ALARM_AFTER_S)
        name, missing = _modality_of(content, head.modality, decoders)
        if not decoders.is_complete and _is_missing(content, name, decoders):
            return WorkerMessage(needs_decoders=True)
        options, progress = head.options, _ProgressSender(channel)
        if name == TEXT and options.language and not decoders.has_languages:
            return WorkerMessage(needs_decoders=True)
        if MODALITIES[name].is_long:
            limits = limits.for_long()
            limit_time(limits, wall_s=limits.wall_s + _ALARM_AFTER_S)
            _send(channel, WorkerMessage(name))  # so that the parent waits as long
        module = module_of(name)
        analysis = module.analyse(content, limits=limits, options=options, progress=progress)
        is_read = name == READING  # by a second worker: the first did the rest
        if not is_read and not options.still and not options.frames:
            is_picture = name == FALLBACK
            analysis = with_external(analysis, content, is_picture=is_picture, limits=limits)
        if not is_read:
            analysis = _with_reason(_with_missing(analysis, missing))
        return WorkerMessage(name, result=WorkerResult.of(analysis))
    except MemoryError:
        return _remark_only(
            f"{LIMIT}it needs more than {limits.memory_bytes:,} bytes of memory (memory_bytes)"
        )
    except OSError as error:
        tried = error.errno in _FORBIDDEN
        remark = f"{LIMIT}{WRITING}" if tried else f"{UNDECODABLE}{DECODER_FAILED} (OSError)"
        return _remark_only(remark)
    except Exception as error:  # noqa: BLE001 - one clear remark for the content
        return _remark_only(f"{UNDECODABLE}{DECODER_FAILED} ({type(error).__name__})")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _modality_of(content: Content, named: str, decoders: Decoders) -> tuple[str, tuple[str, ...]]:
    """Ask the loaded modalities in turn which one the content belongs to, unless one is named.

    returns: its name, "" if others may know and are not loaded here; and if none knows the content,
             the names of those whose decoders are not installed.
    """
    if named:
        return named, ()
    head = head_of(content)
    for name in decoders.loaded:
        if module_of(name).sniff(head):
            return name, ()
    return (FALLBACK, decoders.missing) if decoders.is_complete else ("", ())


def _is_missing(content: Content, name: str, decoders: Decoders) -> bool:
    """Whether this content needs a decoder that is not loaded."""
    if name not in decoders.loaded:
        return True
    borrowing = MODALITIES[name].borrowing
    return bool(borrowing) and module_of(name).sniff(head_of(content)) in borrowing


def _with_missing(analysis: Analysis, missing: tuple[str, ...]) -> Analysis:
    """Add a remark to unrecognised content about modalities that are not installed."""
    if not missing:
        return analysis
    remark = f"{UNDECODABLE}it may be {' or '.join(missing)}, whose decoders are not installed"
    prints = analysis.fingerprints
    return replace(analysis, fingerprints=replace(prints, remarks=(*prints.remarks, remark)))


def _with_reason(analysis: Analysis) -> Analysis:
    """Add a remark if nothing was extracted: content is never skipped silently."""
    prints = analysis.fingerprints
    if prints.each or prints.remarks or analysis.still or analysis.frames or analysis.chunk:
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
        message = encode(WorkerMessage(progress=(done, total)))
        with suppress(BlockingIOError):  # so few bytes go whole or not at all
            self._channel.send(message, socket.MSG_DONTWAIT)


def _remark_only(remark: str) -> WorkerMessage:
    return WorkerMessage(result=WorkerResult(remarks=[remark]))


def _send(
    channel: socket.socket, answer: WorkerReady | WorkerMessage, *, at_most: int | None = None
) -> bool:
    """Send a response, unless it is longer than allowed."""
    message = encode(answer)
    if at_most is not None and len(message) > at_most:
        return False
    channel.sendall(message)
    return True
