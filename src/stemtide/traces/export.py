# SPDX-License-Identifier: Apache-2.0
"""Send spans to a collector by OTLP over HTTP. Needs the extra `otel`."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stemtide import __version__
from stemtide.traces.records import EndedSpan, OpenSpan, SpanRole, ids_of

_KINDS = {
    SpanRole.SERVER: SpanKind.SERVER,
    SpanRole.INTERNAL: SpanKind.INTERNAL,
    SpanRole.CLIENT: SpanKind.CLIENT,
}
MAX_SPANS = 200
"""Spans that a process sends of one signal, however much matches it."""

_MAX_COUNTED = 10_000
_FIRST_ERROR = 400
_NS = 1_000_000_000


class _ChosenIds(RandomIdGenerator):
    """Random ids, except where others are chosen."""

    def __init__(self) -> None:
        self._chosen = threading.local()

    @contextmanager
    def chosen(self, *, trace: int, span: int) -> Iterator[None]:
        """Give the span that this thread begins within the block chosen ids."""
        self._chosen.trace, self._chosen.span = trace, span
        try:
            yield
        finally:
            del self._chosen.trace, self._chosen.span

    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        return getattr(self._chosen, "trace", 0) or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the id of a new span."""
        return getattr(self._chosen, "span", 0) or super().generate_span_id()


class _OutgoingSpan:
    """The span of a request that is being sent."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    def end(self, status: int) -> None:
        """End it. status: of the response; 0 if none came."""
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if not 0 < status < _FIRST_ERROR:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class SpanExport:
    """Sends spans in batches, from a thread of its own."""

    def __init__(self, service: str, *, instance: str) -> None:
        facts = {"service.version": __version__}
        if "OTEL_SERVICE_NAME" not in os.environ:
            facts["service.name"] = service
        if instance:
            facts["service.instance.id"] = instance
        self._ids = _ChosenIds()
        self._provider = TracerProvider(
            resource=Resource.create(facts), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("stemtide", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._counts: Counter[UUID] = Counter()
        self._lock = threading.Lock()

    def add(self, span: EndedSpan) -> None:
        """Send a span, and one in the trace of its caller, which link to each other."""
        if not self._has_room(span.signal):
            return
        ended = time.time_ns()
        began = ended - int(span.took_s * _NS)
        caller = self._caller(span.caller)
        links = [Link(caller)] if caller is not None else []
        own = self._begin(span, links=links, began=began)
        own.end(ended)
        if caller is not None:
            beside = self._tracer.start_span(
                span.name,
                _in_context(caller),
                kind=_KINDS[span.role],
                attributes=dict(span.attributes),
                links=[Link(own.get_span_context())],
                start_time=began,
            )
            beside.end(ended)

    def open(self, signal: UUID, name: str) -> OpenSpan | None:
        """Begin the span of a request; None if the signal has had as many as it may have."""
        if not self._has_room(signal):
            return None
        parent = _in_context(self._first(signal))
        return _OutgoingSpan(self._tracer.start_span(name, parent, kind=SpanKind.CLIENT))

    def stop(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()

    def _has_room(self, signal: UUID) -> bool:
        """Count a span of a signal; return whether it may be sent."""
        with self._lock:
            if len(self._counts) > _MAX_COUNTED:
                self._counts.clear()
            self._counts[signal] += 1
            return self._counts[signal] <= MAX_SPANS

    def _begin(self, span: EndedSpan, *, links: Sequence[Link], began: int) -> Span:
        """Begin a span of a signal's trace."""
        if not span.is_first:
            return self._start(span, _in_context(self._first(span.signal)), links, began)
        ids = ids_of(span.signal)
        with self._ids.chosen(trace=ids.trace, span=ids.first):
            return self._start(span, Context(), links, began)

    def _start(self, span: EndedSpan, context: Context, links: Sequence[Link], began: int) -> Span:
        return self._tracer.start_span(
            span.name,
            context,
            kind=_KINDS[span.role],
            attributes=dict(span.attributes),
            links=links,
            start_time=began,
        )

    def _first(self, signal: UUID) -> SpanContext:
        """Return the first span of a signal's trace, as every process derives it.

        Whether it is sampled follows from its id, so that processes with the same sampler agree.
        """
        ids = ids_of(signal)
        result = self._provider.sampler.should_sample(Context(), ids.trace, "share")
        is_sampled = result.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT
        return SpanContext(ids.trace, ids.first, is_remote=True, trace_flags=TraceFlags(flags))

    def _caller(self, traceparent: str) -> SpanContext | None:
        """Return the span that a header names; None if there is none, or if it is invalid."""
        if not traceparent:
            return None
        context = self._propagator.extract({"traceparent": traceparent}, Context())
        caller = get_current_span(context).get_span_context()
        return caller if caller.is_valid else None


def _in_context(span: SpanContext) -> Context:
    """Return a context in which a span is the parent of the next ones."""
    return set_span_in_context(NonRecordingSpan(span), Context())
