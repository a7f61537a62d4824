# SPDX-License-Identifier: Apache-2.0
"""The contract of a signal type that another package brings: docs/use/connect/signal-types.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

PICTURE_SIDE_PX = 1024
"""Longest side of the picture that a type gets; larger ones are reduced."""


class Media(StrEnum):
    """What a type makes fingerprints of."""

    PICTURE = "picture"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Vector:
    """Content with its fingerprint, and texts of others that do and do not match it.

    content: the bytes of a file. text: the text form of its value.
    """

    content: bytes
    text: str
    near: tuple[str, ...] = ()
    far: tuple[str, ...] = ()


class SignalType(Protocol):
    """A signal type. All its methods may be called from several threads.

    name:       "vendor.type", in lower case.
    version:    of the method: values of two versions are never compared, so put it into the name
                if they differ.
    media:      what `fingerprint` gets.
    most_bytes: maximum length of a value, at most 65,536.
    threshold:  values match if their distance is not above it.
    confidence: 0 to 1, the share of such matches that are right.
    vectors:    at least one.
    """

    name: str
    version: str
    media: Media
    most_bytes: int
    threshold: float
    confidence: float
    vectors: Sequence[Vector]

    def fingerprint(self, content: object) -> bytes | None:
        """Return the value of content, None if it has none. Runs in the sandbox.

        content: for PICTURE a (height, width, 3) uint8 array of RGB, at most PICTURE_SIDE_PX a
                 side; for FILE the bytes of the file.
        """

    def to_text(self, value: bytes) -> str:
        """Return the text form of a value. raises: ValueError for bytes that are no value."""

    def from_text(self, text: str) -> bytes:
        """Return the value of a text form. raises: ValueError."""

    def distances(self, value: bytes, others: Sequence[bytes]) -> Sequence[float]:
        """Return the distance of a value to each of others, in their order."""
