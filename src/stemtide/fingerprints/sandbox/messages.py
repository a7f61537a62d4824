# SPDX-License-Identifier: Apache-2.0
"""Messages between a process and its sandbox, with the limits of what a worker may answer.

Hostile content may control a worker, so its messages are decoded into these types and nothing else.
Workers are forked with this module: it imports little.
"""

from dataclasses import astuple
from typing import Annotated, Self

from msgspec import Meta, Struct

from stemtide.fingerprints.analysis import Analysis, AnalysisOptions
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.fingerprints.sandbox.walls import Wall

_MAX_CLOCK_S = 1e9

_HASH_BYTES = SIZE_BYTES[Kind.PDQ]
_Hash = Annotated[bytes, Meta(min_length=_HASH_BYTES, max_length=_HASH_BYTES)]
_Quality = Annotated[int, Meta(ge=0, le=100)]
_Side = Annotated[int, Meta(ge=0, le=1 << 31)]
_Clock = Annotated[float, Meta(ge=0, le=_MAX_CLOCK_S)]
_AnyClock = Annotated[float, Meta(ge=-_MAX_CLOCK_S, le=_MAX_CLOCK_S)]
_Frame = tuple[_Clock, _Side, _Side, Annotated[bytes, Meta(max_length=1 << 16)]]
_Features = Annotated[bytes, Meta(max_length=1 << 16)]


class WorkerReady(Struct):
    """The first message of a worker. walls: those that stand around it."""

    pid: int
    walls: frozenset[Wall]


class WorkerRequest(Struct):
    """The head of a request to a worker."""

    modality: str
    options: AnalysisOptions


class WorkerResult(Struct, omit_defaults=True):
    """An analysis, as a worker sends it. Its fields are those of Analysis and Fingerprints."""

    each: Annotated[list[tuple[Kind, bytes, _Quality | None, str]], Meta(max_length=4096)] = []
    media_type: str = ""
    remarks: list[str] = []
    text: str = ""
    views: Annotated[list[tuple[str, _Hash, _Quality, str]], Meta(max_length=4096)] = []
    local: Annotated[list[_Features], Meta(max_length=2)] = []
    still: tuple[_Side, _Side, Annotated[bytes, Meta(max_length=1 << 20)]] | None = None
    frames: Annotated[list[_Frame], Meta(max_length=24)] = []
    chunk: tuple[_AnyClock | None, _Clock, _Features] | None = None
    language: (
        tuple[Annotated[str, Meta(pattern=r"^[a-z]{2,3}\Z")], Annotated[float, Meta(ge=0, le=1)]]
        | None
    ) = None

    @classmethod
    def of(cls, analysis: Analysis) -> Self:
        """Return an analysis in the form in which it is sent."""
        prints = analysis.fingerprints
        return cls(
            each=[
                (fingerprint.kind, fingerprint.value, fingerprint.quality, fingerprint.part)
                for fingerprint in prints.each
            ],
            media_type=prints.media_type,
            remarks=list(prints.remarks),
            text=prints.text,
            views=[(view.transform, view.value, view.quality, view.part) for view in prints.views],
            local=list(analysis.local),
            still=analysis.still,
            frames=[
                (float(frame.at_s), frame.width, frame.height, frame.luma)
                for frame in analysis.frames
            ],
            chunk=astuple(analysis.chunk) if analysis.chunk else None,
            language=astuple(analysis.language) if analysis.language else None,
        )


class WorkerMessage(Struct, omit_defaults=True):
    """A later message of a worker: one of these.

    modality:       of the content, as soon as it is known.
    needs_decoders: it has not the decoders for this content.
    progress:       (done, total), in the unit of the modality.
    result:         the analysis.
    """

    modality: str = ""
    needs_decoders: bool = False
    progress: tuple[float, float] | None = None
    result: WorkerResult | None = None
