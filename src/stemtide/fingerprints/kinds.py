# SPDX-License-Identifier: Apache-2.0
"""Kinds of fingerprints, and the fingerprints of one piece of content."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Method of a fingerprint, which also determines how it is compared.

    EXTERNAL: that of another package, which its value names (decision 0181).
    """

    PDQ = "pdq"
    SHA256 = "sha256"
    MD5 = "md5"
    URL = "url"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    GOP = "gop"
    EXTERNAL = "external"


SIZE_BYTES = {Kind.PDQ: 32, Kind.SHA256: 32, Kind.MD5: 16, Kind.URL: 32}
"""Length of the value of each kind with a fixed length. A URL's is the SHA-256 of its canonical
spelling. The values of other kinds (frames of a video, words of audio, grams of a text, groups of
pictures of an encode) are as long as their content.
"""

MAX_VALUE_BYTES = 4 << 20
"""Maximum length of a value: some eight hours of video, a day of audio."""

MIN_QUALITY = 50
"""PDQ hashes of lower quality are not compared (the reference drops <= 49)."""

MATCH_WITHIN_BITS = 31
"""PDQ hashes within this Hamming distance match, unless a signal asks for a shorter one.

A signal cannot ask for a longer one: at 64 bits a picture matches many that are unlike it.
"""


PICTURE_TEXT = "text in the picture"
"""Part of the fingerprint of a text that was read from a picture."""

UNDECODABLE = "undecodable: "
LIMIT = "limit: "
"""Prefixes of remarks about content, or parts of it, that could not be analysed."""


class FingerprintError(ValueError):
    """A fingerprint is malformed for its kind."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One fingerprint of one piece of content, without any data about the person who posted it.

    value:   raw bytes, SIZE_BYTES[kind] of them, or in the format of the kind's module.
    quality: PDQ only, 0..100; None for other kinds, or if it is not known.
    part:    part of the content: "" for the whole, "frame 12" of an animation.
    """

    kind: Kind
    value: bytes
    quality: int | None = None
    part: str = ""

    @property
    def hex(self) -> str:
        """Return the value in lower-case hex."""
        return self.value.hex()


class QueryView(NamedTuple):
    """A further value to look content up by. Only for look-ups: never shared.

    transform: alteration of the content if it matches a signal in this view: "mirrored", "boxed"
               (something was around it), "boxed, mirrored", "tilted 5". Of an address: "folder" or
               "host", if a signal of its folder or host matched.
    value:     of fixed length: a PDQ hash, or a digest for an address.
    quality:   PDQ: that of the view, MIN_QUALITY..100: duller ones are left out. Others: 100.
    part:      as in Fingerprint: "frame 3 at 0.2 s".
    """

    transform: str
    value: bytes
    quality: int = 100
    part: str = ""
    kind: Kind = Kind.PDQ


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """All fingerprints of one piece of content.

    views:   further hashes to look a picture up by, if requested.
    remarks: notes for people on how it was read ("the file is cut off: ...").
    media_type: as recognised from the bytes, such as "image/jpeg"; "" if not recognised.
    local:   local features of a picture and of its mirror image, if requested. They are part of no
             answer, and shared only if a sharer says so.
    text:    text that was read from a picture, if requested. It is stored nowhere.
    """

    each: tuple[Fingerprint, ...]
    media_type: str = ""
    size_bytes: int = 0
    remarks: tuple[str, ...] = ()
    views: tuple[QueryView, ...] = ()
    local: tuple[bytes, ...] = ()
    text: str = ""

    @property
    def is_incomplete(self) -> bool:
        """Whether some part could not be analysed, so that "no match" would prove nothing."""
        return any(remark.startswith((UNDECODABLE, LIMIT)) for remark in self.remarks)

    def of(self, kind: Kind) -> tuple[Fingerprint, ...]:
        """Return the fingerprints of one kind."""
        return tuple(fingerprint for fingerprint in self.each if fingerprint.kind is kind)


def parse_value(kind: Kind, text: str) -> bytes:
    """Parse a fingerprint's value from hex, upper or lower case.

    raises: FingerprintError naming the kind and its length. Values of variable length are validated
            by `checks.check_value`.
    """
    if kind not in SIZE_BYTES:
        return _parse_long(kind, text)
    size = SIZE_BYTES[kind]
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != size or len(text) != 2 * size:
        raise FingerprintError(f"a {kind} value is {2 * size} hex digits, this is {text[:80]!r}")
    return value


def _parse_long(kind: Kind, text: str) -> bytes:
    if not 0 < len(text) <= 2 * MAX_VALUE_BYTES:
        raise FingerprintError(
            f"a {kind} value has 1 to {MAX_VALUE_BYTES:,} bytes, this has {len(text) // 2:,}"
        )
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise FingerprintError(f"a {kind} value is hex digits, this is {text[:80]!r}") from None
