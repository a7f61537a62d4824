# SPDX-License-Identifier: Apache-2.0
"""Spans, and the ids of a signal's trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

_PREFIX = b"stemtide trace 1 "
_TRACE_BYTES, _SPAN_BYTES = 16, 8


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


def ids_of(signal: UUID) -> SpanIds:
    """Return the ids of a signal's trace.

    They are hashed, because samplers decide by bits of the id that are the same in all UUIDs.
    """
    digest = sha256(_PREFIX + signal.bytes).digest()
    end = _TRACE_BYTES + _SPAN_BYTES
    return SpanIds(int.from_bytes(digest[:_TRACE_BYTES]), int.from_bytes(digest[_TRACE_BYTES:end]))
