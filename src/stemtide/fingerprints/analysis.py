# SPDX-License-Identifier: Apache-2.0
"""What a look at content gives, what may be asked of it, and which modalities there are.

A worker of the sandbox looks at content; the process that serves uploads reads what it found. Both
sides know these shapes, and nothing here imports a decoder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stemtide.fingerprints.kinds import Fingerprints, Kind, QueryView
from stemtide.fingerprints.limits import Limits

Content = bytes | Path
"""The bytes themselves, or where a large file can be opened."""

Progress = Callable[[float, float], None]
"""Called with (done, total), in whatever unit a modality counts: frames, or seconds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of one piece of content beside its fingerprints.

    views:  hashes to look a picture up by, as it may have been altered.
    share:  fingerprints as they are shared: videos densely, sounds without their half steps.
    robust: more hashes to share, of crops, so that cropped copies meet it.
    local:  its local features (see stemtide.fingerprints.image.local).
    still:  a small still of a picture, for people (see stemtide.fingerprints.image.thumbnail).
    carry:  of a chunk of a stream (see stemtide.fingerprints.live_chunk): what the chunk before it
            left over of its sound, in hex; "" for the first one.
    """

    views: bool = False
    share: bool = False
    robust: bool = False
    local: bool = False
    still: bool = False
    carry: str = ""


@dataclass(frozen=True, slots=True)
class LiveChunk:
    """What is known of a chunk of a stream beside its fingerprints.

    starts_s: when it begins by the stream's own clock, in seconds; None where it has none.
    lasts_s:  for how long it lasts, from 0; 0 where that is not known.
    carry:    what the next chunk needs so that its sound follows on.
    """

    starts_s: float | None
    lasts_s: float
    carry: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """All that one look at a piece of content found.

    local:  if asked for: local features of the content as it is, and of its mirror image.
    still:  if asked for, and the content is a picture: a small one of it, as width, height and
            bare RGB pixels, which stills.Still checks.
    chunk:  of a chunk of a stream: when it begins, how long it lasts, what the next one needs.
    """

    fingerprints: Fingerprints
    local: tuple[bytes, ...] = ()
    still: tuple[int, int, bytes] | None = None
    chunk: LiveChunk | None = None

    @property
    def views(self) -> tuple[QueryView, ...]:
        """Hashes to look it up by, if asked for: of its still picture, or of its frames."""
        return self.fingerprints.views


class Modality(Protocol):
    """What a module must offer to be registered in MODALITIES."""

    def sniff(self, head: bytes) -> str:
        """Return the media type that the first SNIFFED_BYTES state, "" if none of this module's."""

    def look(self, content: Content, *, limits: Limits, asked: Asked, progress: Progress) -> Look:
        """Look at content inside a worker; what could not be looked at is said in remarks."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One modality as the sandbox knows it.

    module: imported in a worker when content of the kind first comes.
    kinds:  of the fingerprints that it makes; an answer with others is not believed.
    is_long: whether its content takes time of its own kind (limits.long_cpu_s, long_wall_s).
    """

    module: str
    kinds: frozenset[Kind] = field(default_factory=frozenset)
    is_long: bool = False


SNIFFED_BYTES = 4096

MODALITIES: Mapping[str, Registered] = {
    "image": Registered("stemtide.fingerprints.image.fingerprint", frozenset({Kind.PDQ})),
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
    "live": Registered("stemtide.fingerprints.live_chunk", frozenset({Kind.VIDEO, Kind.AUDIO})),
}
"""Asked in this order whether content is theirs; the first is loaded when a worker starts. Chunks
of streams are named as such by whoever hands them over."""

LIVE = "live"

FALLBACK = "image"
"""The modality that says so when content is none of any."""


DECODER_FAILED = "the decoder failed"
"""In the remark of content that made a worker fail in a way nobody foresaw."""


WRITING = "its decoder would write a file or call somebody, and may do neither"
"""In the remark of content on which a wall of the worker was run against."""


def head_of(content: Content) -> bytes:
    """Return the first SNIFFED_BYTES, by which a modality knows its content."""
    if isinstance(content, bytes):
        return content[:SNIFFED_BYTES]
    with content.open("rb") as file:
        return file.read(SNIFFED_BYTES)


def no_progress(done: float, total: float) -> None:
    """Take no notice of how far a look has come."""
