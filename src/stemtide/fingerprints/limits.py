# SPDX-License-Identifier: Apache-2.0
"""Limits of the analysis of one piece of content, and their errors."""

from dataclasses import asdict, dataclass, replace

_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """Limits for one piece of content. The defaults suit pictures that people upload.

    max_input_bytes: larger content is refused before a worker sees it, if it is in memory; a
                     picture may not be larger in any case.
    max_file_bytes:  the same for a file, which is passed to the worker opened, not read.
    max_pixels:      of the whole picture as its header states it; Pillow warns at 89 million, which
                     is more than any telephone takes.
    memory_bytes:    address space on top of that of a started worker.
    cpu_s, wall_s:   processor time and wall time for one piece of content.
    output_bytes:    size of a worker's response; a worker may not write files at all.
    long_cpu_s, long_wall_s: the same for modalities with a duration: video, audio.
    max_frames:      frames of an animation that are decoded.
    start_s:         wall time for a worker to start.
    """

    max_input_bytes: int = 256 * _MB
    max_file_bytes: int = 8192 * _MB
    max_pixels: int = 89_478_485
    memory_bytes: int = 1024 * _MB
    cpu_s: int = 10
    wall_s: float = 20.0
    output_bytes: int = 64 * _MB
    long_cpu_s: int = 900
    long_wall_s: float = 1200.0
    max_frames: int = 600
    start_s: float = 60.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise ValueError(f"the limit {name} must be above 0, not {value}")

    def for_long(self) -> "DecodingLimits":
        """Return the limits with the times for long content in place of the usual ones."""
        return replace(self, cpu_s=self.long_cpu_s, wall_s=self.long_wall_s)


class ContentError(ValueError):
    """A piece of content could not be analysed. The message gives the reason and the remedy."""


class UndecodableError(ContentError):
    """The content claims to be an image or video, but cannot be decoded."""


class LimitError(ContentError):
    """The content exceeds a limit.

    limit: the name of the field of Limits.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit


class ContentTooLargeError(LimitError):
    """It is larger than max_input_bytes or max_file_bytes; not even digests were made."""


class SandboxError(RuntimeError):
    """The sandbox cannot work: it is closed, or its workers do not start."""
