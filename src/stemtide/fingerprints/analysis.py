# SPDX-License-Identifier: Apache-2.0
"""Requests to the sandbox, their results, and the registry of modalities.

A worker of the sandbox analyses content; the process that serves uploads reads the result. Both
sides share these types, and nothing here imports a decoder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, Protocol, runtime_checkable

from stemtide.fingerprints.kinds import Fingerprints, Kind, QueryView
from stemtide.fingerprints.limits import DecodingLimits


@runtime_checkable
class ContentFile(Protocol):
    """A large file: its path, or in a worker the opened file."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Return the file for reading, from its start."""


Content = bytes | ContentFile
"""The bytes, or a large file."""

Progress = Callable[[float, float], None]
"""Called with (done, total), in the unit of the modality: frames, or seconds."""


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """Outputs that are requested for one piece of content beside its fingerprints.

    views:  hashes to look a picture up by, for pictures that were altered.
    share:  fingerprints for sharing: videos densely, audio without half steps.
    robust: more hashes to share, of crops, so that they match cropped copies.
    local:  its local features (see stemtide.fingerprints.image.local).
    still:  a small still of a picture, for people (see stemtide.fingerprints.image.thumbnail).
    text:   the text in a picture, too, if the sandbox has languages to read.
    frames: so many small grey frames of a film, for people, and no fingerprints of it.
    language: for a text: its language, found by a model that is loaded for such requests only.
    carry:  for a chunk of a stream (see stemtide.fingerprints.live_chunk): the carry of the chunk
            before it, in hex; "" for the first one.
    """

    views: bool = False
    share: bool = False
    robust: bool = False
    local: bool = False
    still: bool = False
    text: bool = False
    frames: int = 0
    language: bool = False
    carry: str = ""


SURE_ENOUGH = 0.7
"""Sureness from which a language is suggested: docs/decide/0134 has how often it is right."""


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """The language that a model finds for a text. tag: of BCP 47; sureness: 0 to 1."""

    tag: str
    sureness: float

    @property
    def is_sure(self) -> bool:
        """Whether it may be suggested to people."""
        return self.sureness >= SURE_ENOUGH

    @property
    def percent(self) -> int:
        """Return the sureness for people: 99 is never rounded up to certainty."""
        return min(int(self.sureness * 100), 99)


@dataclass(frozen=True, slots=True)
class LiveChunk:
    """Facts about a chunk of a stream beside its fingerprints.

    starts_s: start by the stream's own clock, in seconds; None if it has none.
    lasts_s:  duration; 0 if it is not known.
    carry:    input for the next chunk, so that its audio continues this one.
    """

    starts_s: float | None
    lasts_s: float
    carry: bytes


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """A small grey frame of a film. luma: height x width bytes, row by row, 0..255."""

    at_s: float
    width: int
    height: int
    luma: bytes


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result of the analysis of one piece of content.

    local:  if requested: local features of the content, and of its mirror image.
    still:  if requested, and the content is a picture: width, height and bare RGB pixels of a small
            copy, which thumbnail.Still checks.
    frames: if requested, and the content is a film; thumbnail.of_luma checks each.
    chunk:  for a chunk of a stream: its start, duration and carry.
    language: if requested, and the content is a text: the most probable one.
    """

    fingerprints: Fingerprints
    local: tuple[bytes, ...] = ()
    still: tuple[int, int, bytes] | None = None
    frames: tuple[FilmFrame, ...] = ()
    chunk: LiveChunk | None = None
    language: LanguageGuess | None = None

    @property
    def views(self) -> tuple[QueryView, ...]:
        """Return hashes to look it up by, if requested: of its still picture, or of its frames."""
        return self.fingerprints.views


class Modality(Protocol):
    """The interface of modules that are registered in MODALITIES."""

    def sniff(self, head: bytes) -> str:
        """Return the media type by the first SNIFFED_BYTES, or "" if it is not of this module."""

    def analyse(
        self,
        content: Content,
        *,
        limits: DecodingLimits,
        options: AnalysisOptions,
        progress: Progress,
    ) -> Analysis:
        """Analyse content inside a worker; remarks report parts that could not be decoded."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The registration of a modality.

    module: imported in a worker when content of the kind first comes.
    kinds:  of the fingerprints that it makes; a response with others is rejected.
    is_long: whether the longer time limits apply (limits.long_cpu_s, long_wall_s).
    borrowing: media types that are decoded with decoders of other modalities.
    """

    module: str
    kinds: frozenset[Kind] = field(default_factory=frozenset)
    is_long: bool = False
    borrowing: frozenset[str] = frozenset()


SNIFFED_BYTES = 4096

MODALITIES: Mapping[str, Registered] = {
    "image": Registered(
        "stemtide.fingerprints.image.fingerprint",
        frozenset({Kind.PDQ}),
        borrowing=frozenset({"image/heic", "image/heif"}),
    ),
    "film": Registered(
        "stemtide.fingerprints.video.modality",
        frozenset({Kind.VIDEO, Kind.AUDIO, Kind.GOP}),
        is_long=True,
    ),
    "sound": Registered(
        "stemtide.fingerprints.audio.modality", frozenset({Kind.AUDIO}), is_long=True
    ),
    "archive": Registered("stemtide.fingerprints.archive.modality", frozenset(Kind), is_long=True),
    "writing": Registered("stemtide.fingerprints.text.modality", frozenset({Kind.TEXT})),
    "reading": Registered("stemtide.fingerprints.image.reading", frozenset({Kind.TEXT})),
    "live": Registered("stemtide.fingerprints.live_chunk", frozenset({Kind.VIDEO, Kind.AUDIO})),
}
"""Tried in this order to recognise content; the first is loaded when a worker starts. Chunks of
streams, and pictures whose text is to be read, are named as such by the caller.
"""

READING = "reading"

LIVE = "live"

FILM = "film"

TEXT = "writing"

FALLBACK = "image"
"""The modality that reports unrecognised content."""


DECODER_FAILED = "the decoder failed"
"""In the remark on content that made a worker fail in an unexpected way."""


WRITING = "its decoder would write a file or call somebody, and may do neither"
"""In the remark on content whose decoder tried something that the lockdown forbids."""


def head_of(content: Content) -> bytes:
    """Return the first SNIFFED_BYTES, by which a modality recognises its content."""
    if isinstance(content, bytes):
        return content[:SNIFFED_BYTES]
    with content.open("rb") as file:
        return file.read(SNIFFED_BYTES)


def bytes_of(content: Content) -> bytes:
    """Return the whole content."""
    if isinstance(content, bytes):
        return content
    with content.open("rb") as file:
        return file.read()


def no_progress(done: float, total: float) -> None:
    """Ignore progress."""
