# SPDX-License-Identifier: Apache-2.0
"""What kinds of fingerprint there are, and what a set of them looks like."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a fingerprint was made, and so how it is compared."""

    PDQ = "pdq"
    SHA256 = "sha256"
    MD5 = "md5"
    URL = "url"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    GOP = "gop"


SIZE_BYTES = {Kind.PDQ: 32, Kind.SHA256: 32, Kind.MD5: 16, Kind.URL: 32}
"""Length of the value of each kind that has one length. A URL's is the SHA-256 of its canonical
spelling. The other kinds, frames of a video, words of a sound, grams of a text, groups of pictures
of one encode, are as long as their content."""

MAX_VALUE_BYTES = 4 << 20
"""No value is longer: some eight hours of a video, a day of sound."""

MIN_QUALITY = 50
"""PDQ hashes of lower quality say too little to be compared (the reference drops <= 49)."""

MATCH_WITHIN_BITS = 31
"""PDQ hashes within this Hamming distance match, unless a signal asks for a shorter one.

A signal cannot ask for a longer one: at 64 bits a picture matches many that are unlike it.
"""


UNDECODABLE = "undecodable: "
LIMIT = "limit: "
"""How remarks begin that say that content, or some of it, could not be looked at."""


class FingerprintError(ValueError):
    """A fingerprint is not spelled as its kind asks."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One fingerprint of one piece of content, and nothing about the person who posted it.

    value:   raw bytes, SIZE_BYTES[kind] of them, or as the module of the kind spells it.
    quality: PDQ only, 0..100; None where the kind has none or it is not known.
    part:    which part of the content it is of: "" for the whole, "frame 12" of an animation.
    """

    kind: Kind
    value: bytes
    quality: int | None = None
    part: str = ""

    @property
    def hex(self) -> str:
        """The value in lower-case hex, as it travels."""
        return self.value.hex()


@dataclass(frozen=True, slots=True)
class QueryView:
    """One more value to look content up by. For looking up only: never shared.

    transform: what was done to the content if it meets a signal in this view: "mirrored",
               "boxed" (something was around it), "boxed, mirrored", "tilted 5". Of an address:
               "folder" or "host", where a signal of what it lies in was met.
    value:     of one length: a PDQ hash, or of an address a digest.
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
    """Everything that was made of one piece of content.

    views: further hashes to look a picture up by, if they were asked for.
    remarks: what a person should know about how it was read ("the file is cut off: ...").
    media_type: as recognised from the bytes, such as "image/jpeg"; "" when not recognised.
    """

    each: tuple[Fingerprint, ...]
    media_type: str = ""
    size_bytes: int = 0
    remarks: tuple[str, ...] = ()
    views: tuple[QueryView, ...] = ()

    @property
    def is_incomplete(self) -> bool:
        """Whether something could not be looked at, so that "no match" would prove nothing."""
        return any(remark.startswith((UNDECODABLE, LIMIT)) for remark in self.remarks)

    def of(self, kind: Kind) -> tuple[Fingerprint, ...]:
        """Those of one kind."""
        return tuple(one for one in self.each if one.kind is kind)


def parse_value(kind: Kind, text: str) -> bytes:
    """Read a fingerprint's value from hex, upper or lower case.

    raises: FingerprintError naming the kind and the length it asks for. Whether a longer value is
            spelled as its kind asks is for `values.check_value` to say.
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
