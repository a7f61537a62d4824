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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from stemtide.traces.records import Collector, EndedSpan, OpenSpan, SpanRole

MAX_SIGNALS = 100
"""Signals of one act or page that get spans; a larger bulk gets none."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_DISABLED = "OTEL_SDK_DISABLED"


class TracesError(Exception):
    """Traces are asked for and cannot be made. The message names the remedy."""


_collector: Collector | None = None
_shared: ContextVar[list[UUID] | None] = ContextVar("stemtide_shared_signals", default=None)


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


def note_shared(signals: Iterable[UUID]) -> None:
    """Note that the current request shared signals. Without traces they are not looked at."""
    shared = _shared.get()
    if shared is not None:
        shared.extend(signals)


def share_span(signal: UUID, *, took_s: float, caller: str) -> EndedSpan:
    """Return the first span of a signal's trace: the request that shared it."""
    return EndedSpan(signal, "share", took_s, role=SpanRole.SERVER, is_first=True, caller=caller)
