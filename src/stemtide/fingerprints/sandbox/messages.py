# SPDX-License-Identifier: Apache-2.0
"""Messages between a process and its sandbox, with the limits of what a worker may answer.

Hostile content may control a worker, so its messages are decoded into these types and nothing else.
"""

from dataclasses import astuple
from typing import Annotated, Self

from msgspec import Meta, Struct

from stemtide.fingerprints.analysis import (
    Analysis,
    AnalysisOptions,
    FilmFrame,
    LanguageGuess,
    LiveChunk,
)
from stemtide.fingerprints.kinds import (
    LIMIT,
    SIZE_BYTES,
    UNDECODABLE,
    Fingerprint,
    FingerprintError,
    Fingerprints,
    Kind,
    QueryView,
)
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.fingerprints.values.checks import check_value

_MAX_CLOCK_S = 1e9
_MAX_REMARKS = 16
_MAX_TEXT = 300
_MAX_PICTURE_TEXT = 20_000

_HASH_BYTES = SIZE_BYTES[Kind.PDQ]
_Hash = Annotated[bytes, Meta(min_length=_HASH_BYTES, max_length=_HASH_BYTES)]
_Quality = Annotated[int, Meta(ge=0, le=100)]
_Side = Annotated[int, Meta(ge=0, le=1 << 31)]
_Clock = Annotated[float, Meta(ge=0, le=_MAX_CLOCK_S)]
_AnyClock = Annotated[float, Meta(ge=-_MAX_CLOCK_S, le=_MAX_CLOCK_S)]
_Frame = tuple[_Clock, _Side, _Side, Annotated[bytes, Meta(max_length=1 << 16)]]
_Features = Annotated[bytes, Meta(max_length=1 << 16)]


class Ready(Struct):
    """The first message of a worker. walls: those that stand around it."""

    pid: int
    walls: frozenset[Wall]


class Question(Struct):
    """The head of a request to a worker."""

    modality: str
    options: AnalysisOptions


class Result(Struct, omit_defaults=True):
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

    def analysis(self, *, kinds: frozenset[Kind]) -> Analysis:
        """Return the analysis. Long texts are cut off; the number of pixels is not checked.

        kinds:  of fingerprints that the modality makes.
        raises: FingerprintError if a fingerprint is malformed, or of another kind.
        """
        remarks = [remark[:_MAX_TEXT] for remark in self.remarks]
        if len(remarks) > _MAX_REMARKS:  # remarks on incomplete analysis must not be cut off
            remarks.sort(key=lambda remark: not remark.startswith((UNDECODABLE, LIMIT)))
        return Analysis(
            Fingerprints(
                each=tuple(
                    _checked(Fingerprint(kind, value, quality, part[:_MAX_TEXT]), kinds)
                    for kind, value, quality, part in self.each
                ),
                media_type=self.media_type[:_MAX_TEXT],
                remarks=tuple(remarks[:_MAX_REMARKS]),
                views=tuple(
                    [
                        QueryView(transform[:_MAX_TEXT], value, quality, part[:_MAX_TEXT])
                        for transform, value, quality, part in self.views
                    ]
                ),
                text=self.text[:_MAX_PICTURE_TEXT],
            ),
            local=tuple(self.local),
            still=self.still,
            frames=tuple(FilmFrame(*frame) for frame in self.frames),
            chunk=LiveChunk(*self.chunk) if self.chunk else None,
            language=LanguageGuess(*self.language) if self.language else None,
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
    result: Result | None = None


def _checked(fingerprint: Fingerprint, kinds: frozenset[Kind]) -> Fingerprint:
    kind = fingerprint.kind
    if kind not in kinds and kind is not Kind.EXTERNAL:
        raise FingerprintError(f"no {kind} is made of such content")
    if fingerprint.quality is None and kind is Kind.PDQ:
        raise FingerprintError("a PDQ hash without its quality")
    check_value(kind, fingerprint.value)
    return fingerprint
