# SPDX-License-Identifier: Apache-2.0
"""The parent's side of a worker of the sandbox: send it a request, validate its answer, end it."""

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

from stemtide.fingerprints.analysis import (
    FALLBACK,
    MODALITIES,
    WRITING,
    Analysis,
    AnalysisOptions,
    FilmFrame,
    LanguageGuess,
    LiveChunk,
    Progress,
    no_progress,
)
from stemtide.fingerprints.kinds import (
    LIMIT,
    UNDECODABLE,
    Fingerprint,
    FingerprintError,
    Fingerprints,
    Kind,
    QueryView,
    parse_value,
)
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.channel import SharedBuffer, TooLongError, receive
from stemtide.fingerprints.sandbox.fork_server import ForkServer, ended_by, has_ended, how_ended
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.fingerprints.values.checks import check_value

_LENGTHS_OUT = struct.Struct(">IQ")
_MAX_MESSAGES = 20_000
_MAX_EACH = 4096
_MAX_VIEWS = 4096
_MAX_LOCAL = 2
_MAX_LOCAL_BYTES = 1 << 16
_MAX_STILL_BYTES = 1 << 20
_MAX_CLOCK_S = 1e9
_MAX_FRAMES = 24
_MAX_FRAME_BYTES = 1 << 16
_MAX_REMARKS = 16
_MAX_TEXT = 300
_MAX_PICTURE_TEXT = 20_000
_LANGUAGE = re.compile(r"[a-z]{2,3}")


class WorkerFailedError(Exception):
    """A worker did not respond. The message is the remark for the content."""


class NeedsDecodersError(Exception):
    """A worker has not the decoders for this content."""


class Worker:
    """One worker process, for one piece of content. Forking does not wait; `wait_ready` does.

    is_used: whether it was sent a piece of content.
    walls:   those that it reports to stand, once it is ready.
    pid:     its process id, once it is ready.
    """

    def __init__(self, server: ForkServer, limits: DecodingLimits) -> None:
        """Have a worker forked. raises: OSError if the server has ended."""
        self.is_used = False
        self.walls: frozenset[Wall] = frozenset()
        self.pid = 0
        self._server = server
        self._limits = limits
        self._started = time.monotonic()
        self._sent_at = 0.0
        self._for = limits  # of the modality that the content is of
        self._ready_turn = threading.Lock()
        self._end_turn = threading.Lock()
        self._ending: str | None = None
        self._channel, self._tether = server.fork()
        self._buffer = SharedBuffer()

    def wait_ready(self) -> None:
        """Wait until the worker is locked down.

        raises: SandboxError if it fails before.
        """
        with self._ready_turn:
            if self.pid:
                return
            self._server.wait_ready()
            until = max(self._started, time.monotonic()) + self._limits.start_s
            try:
                hello = self._receive(until=until)
                self.walls = frozenset(map(Wall, hello["walls"]))
                self.pid = int(hello["pid"])
            except TimeoutError as error:
                raise SandboxError(
                    f"a worker was not ready within {self._limits.start_s:g} s (start_s)"
                ) from error
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise SandboxError(f"a worker did not start: {self._how_it_ended()}") from error

    def ask(
        self, content: bytes | int, *, options: AnalysisOptions | None = None, modality: str = ""
    ) -> None:
        """Send a piece of content; its time starts now.

        content:  the bytes, or the number of a file opened for reading.
        modality: of MODALITIES; "": the worker finds out.
        raises: WorkerFailedError with the remark for the content.
        """
        self.is_used = True
        self._sent_at = time.monotonic()
        self._for = self._limits_of(modality or FALLBACK)
        question = {"modality": modality, "options": asdict(options or AnalysisOptions())}
        try:
            self._channel.settimeout(self._for.wall_s)
            if not isinstance(content, bytes):
                self._put(question, file=content)
            elif self._buffer.write(content):
                self._put({**question, "buffered": len(content)}, file=self._buffer.file)
            else:
                self._put(question, content)
        except TimeoutError as error:
            raise self._too_slow() from error
        except OSError as error:
            raise WorkerFailedError(self._why_it_ended()) from error

    def _put(self, question: dict[str, Any], content: bytes = b"", *, file: int = -1) -> None:
        head = json.dumps(question).encode()
        message = _LENGTHS_OUT.pack(len(head), len(content)) + head
        if file >= 0:
            socket.send_fds(self._channel, [message], [file])
        else:
            self._channel.sendall(message)
            self._channel.sendall(content)

    def answer(self, *, progress: Progress = no_progress) -> Analysis:
        """Wait for the worker's result, within its time limit.

        progress: called meanwhile, in this thread; an exception from it ends the wait.
        raises: WorkerFailedError with the remark for the content; NeedsDecodersError.
        """
        name = FALLBACK
        for _ in range(_MAX_MESSAGES):
            with self._doubting():
                message = self._receive(until=self._sent_at + self._for.wall_s)
                if "modality" in message:
                    name = message["modality"]
                    self._for = self._limits_of(name)
                if "needs" in message:
                    raise NeedsDecodersError
                if "each" in message:
                    return checked(message, kinds=MODALITIES[name].kinds)
                if "progress" not in message:
                    continue
                done, total = map(float, message["progress"])
            progress(done, total)
        raise WorkerFailedError(f"{UNDECODABLE}the decoder talks without end and gives no answer")

    def is_dead(self) -> bool:
        """Whether the process has ended."""
        with self._end_turn:
            return self._ending is not None or has_ended(self._tether)

    def end(self) -> None:
        """Have the process killed, if it has not ended; this does not wait for it."""
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        with suppress(OSError):
            self._tether.shutdown(socket.SHUT_WR)
        self.disown()

    def disown(self) -> None:
        """Release, in a forked process, a worker that belongs to the parent."""
        with self._end_turn:
            self._ending = self._ending or "SIGKILL"
            self._channel.close()
            self._tether.close()
            self._buffer.release()

    def _limits_of(self, modality: str) -> DecodingLimits:
        return self._limits.for_long() if MODALITIES[modality].is_long else self._limits

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """Turn any misbehaviour of a worker into the remark for the content."""
        try:
            yield
        except TimeoutError as error:
            raise self._too_slow() from error
        except TooLongError as error:
            most = f"{self._limits.output_bytes:,} bytes (output_bytes)"
            raise WorkerFailedError(
                f"{LIMIT}the decoder would answer with more than {most}"
            ) from error
        except (EOFError, OSError) as error:
            raise WorkerFailedError(self._why_it_ended()) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise WorkerFailedError(f"{UNDECODABLE}the decoder gave no sensible answer") from error

    def _receive(self, *, until: float) -> dict[str, Any]:
        return receive(self._channel, at_most=self._limits.output_bytes, until=until)

    def _too_slow(self) -> WorkerFailedError:
        return WorkerFailedError(
            f"{LIMIT}decoding it takes more than {self._for.wall_s:g} s on the clock (wall_s)"
        )

    def _why_it_ended(self) -> str:
        """Return the remark for the content, from the way in which the worker ended."""
        ending = self._how_it_ended()
        if ending == "SIGXCPU":
            spent = f"more than {self._for.cpu_s} s of processor time (cpu_s)"
            return f"{LIMIT}decoding it takes {spent}"
        if ending == "SIGXFSZ":
            return f"{LIMIT}{WRITING}"
        if ending == "SIGALRM":
            return str(self._too_slow())
        if ending in {"SIGKILL", "SIGTERM", "SIGINT"}:
            return (
                f"{UNDECODABLE}the worker was ended from outside while it decoded this ({ending}),"
                " perhaps because the machine is short of memory; try again"
            )
        return f"{UNDECODABLE}it makes the decoder crash ({ending})"

    def _how_it_ended(self) -> str:
        with self._end_turn:
            if self._ending is None:
                with suppress(OSError):
                    self._tether.shutdown(socket.SHUT_WR)  # it is killed if it goes on
                self._ending = ended_by(how_ended(self._tether))
            return self._ending


def checked(answer: dict[str, Any], *, kinds: frozenset[Kind]) -> Analysis:
    """Validate the response of a worker, which hostile content may control.

    kinds:  of fingerprints that the modality makes.
    raises: ValueError, TypeError or the like if the response is malformed.
    """
    prints = tuple(
        _checked_fingerprint(*entry, kinds=kinds) for entry in _few(answer, "each", _MAX_EACH)
    )
    remarks = [str(remark)[:_MAX_TEXT] for remark in answer.get("remarks", ())]
    if len(remarks) > _MAX_REMARKS:  # remarks on incomplete analysis must not be cut off
        remarks.sort(key=lambda entry: not entry.startswith((UNDECODABLE, LIMIT)))
    return Analysis(
        Fingerprints(
            each=prints,
            media_type=str(answer.get("media_type", ""))[:_MAX_TEXT],
            remarks=tuple(remarks[:_MAX_REMARKS]),
            views=tuple(_checked_view(*entry) for entry in _few(answer, "views", _MAX_VIEWS)),
            text=str(answer.get("text", ""))[:_MAX_PICTURE_TEXT],
        ),
        local=tuple(_checked_local(entry) for entry in _few(answer, "local", _MAX_LOCAL)),
        still=_checked_still(_few(answer, "still", 3)),
        frames=tuple(_checked_frame(*entry) for entry in _few(answer, "frames", _MAX_FRAMES)),
        chunk=_checked_chunk(*entry) if (entry := answer.get("chunk")) else None,
        language=_checked_language(*entry) if (entry := answer.get("language")) else None,
    )


def _few(answer: dict[str, Any], name: str, at_most: int) -> list[Any]:
    several = answer.get(name, [])
    if not isinstance(several, list) or len(several) > at_most:
        raise ValueError(f"{name} is a list of at most {at_most}")
    return several


def _checked_fingerprint(
    kind: str, value: str, quality: object, part: str, *, kinds: frozenset[Kind]
) -> Fingerprint:
    parsed_kind = Kind(kind)
    if parsed_kind not in kinds | {Kind.EXTERNAL}:
        raise FingerprintError(f"no {kind} is made of such content")
    if quality is not None:
        _check_quality(quality)
    elif parsed_kind is Kind.PDQ:
        raise FingerprintError("a PDQ hash without its quality")
    read = check_value(parsed_kind, parse_value(parsed_kind, value))
    quality = quality if isinstance(quality, int) else None
    return Fingerprint(parsed_kind, read, quality=quality, part=str(part)[:_MAX_TEXT])


def _checked_view(transform: str, value: str, quality: object, part: str) -> QueryView:
    return QueryView(
        str(transform)[:_MAX_TEXT],
        parse_value(Kind.PDQ, value),
        _check_quality(quality),
        str(part)[:_MAX_TEXT],
    )


def _checked_local(value: str) -> bytes:
    if len(value) > 2 * _MAX_LOCAL_BYTES:
        raise FingerprintError("local features that are too many")
    return bytes.fromhex(value)


def _checked_still(parts: list[Any]) -> tuple[int, int, bytes] | None:
    """Return bare pixels; their number is checked when a Still is made of them."""
    if not parts:
        return None
    width, height, pixels = parts
    if len(pixels) > 2 * _MAX_STILL_BYTES:
        raise ValueError("a still that is too large")
    return int(width), int(height), bytes.fromhex(pixels)


def _checked_frame(at_s: object, width: int, height: int, luma: str) -> FilmFrame:
    """Return a frame; its size is checked when a Still is made of it."""
    if not isinstance(at_s, int | float) or not 0 <= at_s <= _MAX_CLOCK_S:
        raise ValueError("a frame is at some time of its film")
    if len(luma) > 2 * _MAX_FRAME_BYTES:
        raise ValueError("a frame that is too large")
    return FilmFrame(float(at_s), int(width), int(height), bytes.fromhex(luma))


def _checked_chunk(starts_s: object, lasts_s: object, carry: str) -> LiveChunk:
    for seconds in (lasts_s, 0.0 if starts_s is None else starts_s):
        if not isinstance(seconds, int | float) or not abs(seconds) <= _MAX_CLOCK_S:
            raise ValueError("a chunk begins and ends at some time")
    if not isinstance(lasts_s, int | float) or lasts_s < 0 or len(carry) > 2 * _MAX_LOCAL_BYTES:
        raise ValueError("a chunk that lasts less than nothing, or leaves too much over")
    starts = float(starts_s) if isinstance(starts_s, int | float) else None
    return LiveChunk(starts, float(lasts_s), bytes.fromhex(carry))


def _checked_language(tag: str, sureness: object) -> LanguageGuess:
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError("a language tag is two or three letters")
    if not isinstance(sureness, float) or not 0 <= sureness <= 1:
        raise ValueError("a sureness is 0 to 1")
    return LanguageGuess(tag, sureness)


def _check_quality(quality: object) -> int:
    if not isinstance(quality, int) or not 0 <= quality <= 100:  # noqa: PLR2004 - its range
        raise FingerprintError(f"a quality is 0 to 100, not {quality!r:.20}")
    return quality
