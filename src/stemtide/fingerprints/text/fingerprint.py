# SPDX-License-Identifier: Apache-2.0
"""Fingerprint text as a sketch that matches excerpts, and copies in any spelling.

A sketch (format txt1) is a sorted sample of the grams of a text: each run of five words, or of
twelve characters where words are not separated by spaces, becomes a 64-bit number, and those below
a threshold are kept. Two texts that share a passage share its kept grams, wherever it occurs.

source: Broder, "On the resemblance and containment of documents" (1997).
"""

import re
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from stemtide.fingerprints.analysis import Content
from stemtide.fingerprints.kinds import LIMIT, FingerprintError
from stemtide.fingerprints.limits import ContentTooLargeError, DecodingLimits
from stemtide.fingerprints.text.html import text_of_html
from stemtide.fingerprints.text.words import Grams, grams_of, read_alike

RATE_BITS = 2
"""Grams below 2^(64 - RATE_BITS) are kept: one in four. docs/decide/0017 says why."""

MAX_RATE_BITS = 24
MAX_GRAMS = 1 << 18
"""Maximum number of grams in a sketch: a million words at the rate of one in four, and 2 MB."""

MAX_CHARS = 8_000_000
"""Maximum number of characters of a text that are read: ten thick books."""

MAX_PAGE_CHARS = 12_000_000
"""Maximum number of characters of an HTML page that are read, tags included."""

MAX_BEGINNING_CHARS = 2000
"""Characters by which the language of a text is found: more make the model no surer."""

_HEAD = struct.Struct("<4sBBHII")
_MAGIC = b"txt1"

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"}) + b"\x7f"
_STATED = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,300}(?:charset|encoding)\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})",
    re.IGNORECASE,
)
_READABLE = re.compile(
    r"utf-?8|us-ascii|(?:windows-|cp)(?:125[0-8]|866|874|932|949|950)|iso-8859-\d{1,2}|koi8-[ru]"
    r"|gb2312|gbk|gb18030|big5(?:-hkscs)?|shift_jis|euc-(?:jp|kr)|iso-2022-jp|tis-620|macintosh",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"\A\s*<(?:!doctype html|\?xml|!--|[a-z][a-z0-9]{0,15}(?:\s[^<>]{0,500})?>)"
    r"|<(?:html|head|body)[\s>]"
    r"|</(?:p|div|span|a|b|i|em|strong|li|ul|td|tr|table|h[1-6]|body|html|title|script|style)>"
    r"|<br\s{0,3}/?>",
    re.IGNORECASE,
)
_HEAD_BYTES = 4096
_FEW_WRONG = 0.01
_ENOUGH = 12
_FEWEST_PAIRS = 4
_MANY_ZEROS = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class TextPrint:
    """The sketch of one text.

    grams:     (n,) uint64, ascending, distinct, all below 2^(64 - rate_bits); read-only.
    shingles:  number of grams before sampling, repetitions included: the length of the text.
    rate_bits: sampling rate; one gram in 2^rate_bits is kept.
    remarks:   notes for people on how it was read.
    beginning: its first characters, to find its language; not part of the sketch.
    """

    grams: Grams
    shingles: int
    rate_bits: int = RATE_BITS
    media_type: str = "text/plain"
    remarks: tuple[str, ...] = ()
    beginning: str = ""

    def at_most(self, grams: int) -> Self:
        """Return this sketch, thinned until it has no more than this many grams."""
        sampled, rate_bits = self.grams, self.rate_bits
        while len(sampled) > grams:
            rate_bits += 1
            sampled = below_rate(sampled, rate_bits)
        return replace(self, grams=sampled, rate_bits=rate_bits)

    def to_bytes(self) -> bytes:
        """Serialise: magic, rate, two zeros, shingles, count (little-endian), then grams."""
        head = _HEAD.pack(_MAGIC, self.rate_bits, 0, 0, self.shingles, len(self.grams))
        return head + self.grams.astype("<u8").tobytes()

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Parse an untrusted sketch.

        raises: FingerprintError naming its fault.
        """
        if len(value) < _HEAD.size or value[:4] != _MAGIC:
            raise FingerprintError("this is no sketch of a text: it does not begin with txt1")
        _, rate_bits, *zeros, shingles, count = _HEAD.unpack_from(value)
        if any(zeros) or rate_bits > MAX_RATE_BITS:
            raise FingerprintError(f"a text sketch of an unknown make (rate {rate_bits}, {zeros})")
        if count > min(MAX_GRAMS, shingles):
            raise FingerprintError(f"a text sketch has too many grams: {count:,} of {shingles:,}")
        if len(value) != _HEAD.size + 8 * count:
            raise FingerprintError(
                f"a text sketch of {count:,} grams cannot have {len(value)} bytes"
            )
        grams: Grams = np.frombuffer(value, "<u8", offset=_HEAD.size).astype(np.uint64, copy=False)
        if not bool(np.all(grams[1:] > grams[:-1])):
            raise FingerprintError("the grams of a text sketch must ascend, each once")
        if len(below_rate(grams, rate_bits)) != count:
            raise FingerprintError(f"a text sketch has grams that its rate {rate_bits} drops")
        return cls(grams, shingles, rate_bits)


def below_rate(grams: Grams, rate_bits: int) -> Grams:
    """Return the ascending grams that a sample of this rate keeps."""
    if rate_bits == 0:
        return grams
    return grams[: int(np.searchsorted(grams, np.uint64(1 << (64 - rate_bits))))]


def is_text(head: bytes) -> str:
    """Return text/html or text/plain if the first bytes are those of text, else "".

    head: the first 4 KB or more. A control character, or the mark of a PDF, excludes text.
    """
    head = head[:_HEAD_BYTES]
    is_bare = not any(head.startswith(bom) for bom, _ in _BOMS) and not _wide(head)
    has_controls = head.translate(None, _CONTROLS) != head
    if not head.strip() or (is_bare and (has_controls or head.startswith(b"%PDF"))):
        return ""
    text, _ = decode(head)
    return "text/html" if _MARKUP.search(text) else "text/plain"


def fingerprint_text(content: Content, *, limits: DecodingLimits) -> TextPrint:
    """Return the sketch of plain text or HTML, in any encoding.

    raises: ContentTooLargeError if it has more than max_input_bytes. Remarks report omissions and
            guesses.
    """
    blob = read_content(content, limits=limits)
    media_type = is_text(blob) or "text/plain"
    text, remarks = decode(blob)
    if media_type == "text/html":
        if len(text) > MAX_PAGE_CHARS:
            remarks += (f"{LIMIT}only the first {MAX_PAGE_CHARS:,} characters were looked at",)
        text = text_of_html(text[:MAX_PAGE_CHARS])
    return sketch(text, media_type=media_type, remarks=remarks)


def read_content(content: Content, *, limits: DecodingLimits) -> bytes:
    """Return the bytes of content, refusing more than max_input_bytes."""
    blob = content
    if not isinstance(content, bytes):
        with content.open("rb") as file:
            blob = file.read(limits.max_input_bytes + 1)
    assert isinstance(blob, bytes)  # noqa: S101 - for the type checker
    if len(blob) > limits.max_input_bytes:
        raise ContentTooLargeError(
            "max_input_bytes",
            f"it has more than the {limits.max_input_bytes:,} bytes that are taken",
        )
    return blob


def sketch(
    text: str, *, media_type: str = "text/plain", remarks: tuple[str, ...] = ()
) -> TextPrint:
    """Return the sketch of decoded text."""
    alike, is_whole = read_alike(text, max_chars=MAX_CHARS)
    if not is_whole:
        remarks += (f"{LIMIT}only the first {MAX_CHARS:,} characters were looked at",)
    grams = grams_of(alike)
    if len(grams) < _ENOUGH and not remarks:
        remarks += (
            f"short text: it has {len(grams)} grams, and fewer than {_ENOUGH} prove little",
        )
    distinct = np.unique(grams)
    sampled = below_rate(distinct, RATE_BITS)
    sampled.flags.writeable = False
    beginning = text.strip()[:MAX_BEGINNING_CHARS]
    text_print = TextPrint(sampled, len(grams), RATE_BITS, media_type, remarks, beginning)
    return text_print.at_most(MAX_GRAMS)


def decode(blob: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode bytes to text.

    1. A byte order mark decides; without one, zeros in every other byte mean UTF-16.
    2. Valid UTF-8 is decoded as such; its last character may be cut off.
    3. Otherwise the encoding that the page states, if it is supported.
    4. Otherwise UTF-8 with a few wrong bytes, or Western European, with a remark.
    """
    for bom, encoding in (*_BOMS, (b"", _wide(blob))):
        if encoding and blob.startswith(bom):
            return blob[len(bom) :].decode(encoding, "replace"), ()
    try:
        return blob.decode(), ()
    except UnicodeDecodeError as error:
        if error.start >= len(blob) - 3 and error.reason == "unexpected end of data":
            return blob[: error.start].decode(), ()
    return _decode_other(blob)


def _decode_other(blob: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode bytes that are not valid UTF-8: steps 3 and 4 of `decode`."""
    stated = _STATED.search(blob[:_HEAD_BYTES])
    name = stated[1].decode("ascii", "replace") if stated else ""
    if _READABLE.fullmatch(name) and not name.lower().startswith("utf"):
        with suppress(LookupError):  # there is no ISO-8859-12
            return blob.decode(name, "replace"), ()
    text = blob.decode("utf-8", "replace")
    if text.count("\ufffd") < _FEW_WRONG * len(text):
        return text, ("some bytes are no UTF-8: read without them",)
    return blob.decode("cp1252", "replace"), (
        "encoding not known: read as Western European (Windows-1252), so letters may be wrong",
    )


def _wide(blob: bytes) -> str:
    """Return utf-16-le or utf-16-be if the bytes have the zeros of Latin text in one of them."""
    head = blob[:_HEAD_BYTES]
    pairs = len(head) // 2
    if pairs < _FEWEST_PAIRS:
        return ""
    low, high = head[1::2].count(0), head[::2].count(0)
    if low > pairs * _MANY_ZEROS and not high:
        return "utf-16-le"
    return "utf-16-be" if high > pairs * _MANY_ZEROS and not low else ""
