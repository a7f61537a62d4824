# SPDX-License-Identifier: Apache-2.0
"""Spans of a signal's way through hub and agent.

1 Traces are off unless the environment names a collector. While they are off, OpenTelemetry is not
  imported and no span is made.
2 The ids of a signal's trace and of its first span are derived from the signal's id, which every
  reader of the signal has. So hub and agents agree on them without sending anything, and the ids
  say nothing about the caller who shared it.
3 A caller's own trace is continued by a span of its own at the same process, which links to the
  signal's trace. It travels no further.
4 Attributes are numbers and states: never content, fingerprints, or names of parties and people.

source: W3C Trace Context, section 3.2 (traceparent); OpenTelemetry specification, "OpenTelemetry
Protocol Exporter" (names of the variables).
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

MAX_SIGNALS = 100
"""Signals of one act or page that get spans; a larger bulk gets none."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_DISABLED = "OTEL_SDK_DISABLED"
_PREFIX = b"stemtide trace 1 "
_TRACE_BYTES, _SPAN_BYTES = 16, 8


class TracesError(Exception):
    """Traces are asked for and cannot be made. The message names the remedy."""


class SpanRole(StrEnum):
    """The part of a process in a span."""

    SERVER = "server"
    INTERNAL = "internal"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class SpanIds:
    """The ids of a signal's trace and of its first span."""

    trace: int
    first: int


@dataclass(frozen=True, slots=True)
class EndedSpan:
    """A span that ends now. caller: the traceparent of the request that it belongs to, or ""."""

    signal: UUID
    name: str
    took_s: float
    attributes: Mapping[str, int | str] = field(default_factory=dict)
    role: SpanRole = SpanRole.INTERNAL
    is_first: bool = False
    caller: str = ""


class OpenSpan(Protocol):
    """A span of a request that is being sent. traceparent: its header."""

    traceparent: str

    def end(self, status: int) -> None:
        """End it. status: of the response; 0 if none came."""


class Collector(Protocol):
    """The destination of spans."""

    def add(self, span: EndedSpan) -> None:
        """Send a span."""

    def open(self, signal: UUID, name: str) -> OpenSpan | None:
        """Begin the span of a request; None if the signal has had as many as it may have."""

    def stop(self) -> None:
        """Send what waits, and end."""


_collector: Collector | None = None
_shared: ContextVar[list[UUID] | None] = ContextVar("stemtide_shared_signals", default=None)


def ids_of(signal: UUID) -> SpanIds:
    """Return the ids of a signal's trace.

    They are hashed, because samplers decide by bits of the id that are the same in all UUIDs.
    """
    digest = sha256(_PREFIX + signal.bytes).digest()
    end = _TRACE_BYTES + _SPAN_BYTES
    return SpanIds(int.from_bytes(digest[:_TRACE_BYTES]), int.from_bytes(digest[_TRACE_BYTES:end]))


def is_wanted() -> bool:
    """Whether the environment names a collector."""
    is_disabled = os.environ.get(_DISABLED, "").strip().lower() == "true"
    return not is_disabled and any(os.environ.get(name) for name in _ENDPOINTS)


def check() -> None:
    """Check that spans can be made if they are wanted. raises: TracesError."""
    if not is_wanted():
        return
    try:
        import stemtide.traces.export  # noqa: F401, PLC0415  # an extra, which few install
    except ImportError as error:
        named = next(name for name in _ENDPOINTS if os.environ.get(name))
        raise TracesError(
            f"{named} asks for traces, which are not installed: pip install 'stemtide[otel]', or"
            f" unset it ({error})"
        ) from error


def start(service: str, *, instance: str = "") -> None:
    """Start to send spans if the environment names a collector. raises: TracesError."""
    global _collector  # noqa: PLW0603  # one for the process, as OpenTelemetry has
    check()
    if is_wanted() and _collector is None:
        from stemtide.traces.export import SpanExport  # noqa: PLC0415  # as in check()

        _collector = SpanExport(service, instance=instance)


def stop() -> None:
    """Send what waits, and send no more."""
    global _collector  # noqa: PLW0603  # as in start()
    if _collector is not None:
        _collector.stop()
        _collector = None


def is_on() -> bool:
    """Whether spans are sent."""
    return _collector is not None


def add(span: EndedSpan) -> None:
    """Send a span that ends now, if traces are on."""
    if _collector is not None:
        _collector.add(span)


def open_span(signal: UUID, name: str) -> OpenSpan | None:
    """Begin the span of a request that is about to be sent; None if it is not traced."""
    return None if _collector is None else _collector.open(signal, name)


@contextmanager
def request(caller: str) -> Iterator[None]:
    """Add the first span of each signal that the request within shares. caller: its traceparent."""
    if _collector is None:
        yield
        return
    began, shared = time.perf_counter(), list[UUID]()
    token = _shared.set(shared)
    try:
        yield
    finally:
        _shared.reset(token)
    took_s = time.perf_counter() - began
    for signal in shared if len(shared) <= MAX_SIGNALS else ():
        add(share_span(signal, took_s=took_s, caller=caller))


def note_shared(signal: UUID) -> None:
    """Note that the current request shared a signal."""
    shared = _shared.get()
    if shared is not None:
        shared.append(signal)


def share_span(signal: UUID, *, took_s: float, caller: str) -> EndedSpan:
    """Return the first span of a signal's trace: the request that shared it."""
    return EndedSpan(signal, "share", took_s, role=SpanRole.SERVER, is_first=True, caller=caller)
