# SPDX-License-Identifier: Apache-2.0
"""Our kinds of fingerprint as signal types of tx, searched by the same Library as in an agent.

tx itself has PDQ, and MD5 and SHA-256 of videos. We add digests of photographs, URLs by
their canonical spelling and reach, and the kinds whose values are as long as the content.
"""

from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from threatexchange.content_type.content_base import ContentType
from threatexchange.content_type.photo import PhotoContent
from threatexchange.content_type.text import TextContent
from threatexchange.content_type.url import URLContent
from threatexchange.content_type.video import VideoContent
from threatexchange.signal_type.index import (
    IndexMatch,
    IndexMatchUntyped,
    SignalSimilarityInfo,
    SignalSimilarityInfoWithIntDistance,
    SignalTypeIndex,
)
from threatexchange.signal_type.signal_base import (
    FileHasher,
    MatchesStr,
    SignalComparisonResult,
    SignalType,
)

from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprint, Fingerprints, Kind, parse_value
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.url.canonical import UrlError, canonical, digest
from stemtide.fingerprints.url.reach import fingerprints_of_url
from stemtide.fingerprints.values.checks import check_value
from stemtide.matching.library import IndexedSignal, Library, Match

T = TypeVar("T")

FILLER = "canary"
"""Placeholder for kinds without signals; it matches nothing."""

_PERCENT = 100


class KindIndex(SignalTypeIndex[T], Generic[T]):
    """Index of signals of one kind. Values are stored, and the Library is built on first use."""

    KIND: ClassVar[Kind]

    def __init__(self) -> None:
        self._entries: list[tuple[str, T]] = []
        self._library: Library | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for tx's files, without the Library."""
        return {"_entries": self._entries, "_library": None}

    def add(self, signal_str: str, entry: T) -> None:
        """Add a signal; an earlier one of the same value stays."""
        if signal_str == FILLER:
            return
        self._entries.append((signal_str, entry))
        self._library = None

    def query(self, query: str) -> list[IndexMatch[T]]:
        """Return the matches of content with this hash (or of this URL), nearest first."""
        fingerprints = _parse_query(self.KIND, query)
        if fingerprints is None:
            return []
        matches = self._build_library().match(fingerprints)
        return [
            IndexMatchUntyped(_similarity(match), self._entries[match.key][1]) for match in matches
        ]

    def _build_library(self) -> Library:
        """Return the Library of all signals, building it if needed."""
        if self._library is None:
            self._library = Library()
            self._library.put(
                IndexedSignal(key, self.KIND, bytes.fromhex(value))
                for key, (value, _) in enumerate(self._entries)
            )
        return self._library


class _StemtideType(SignalType):
    """Common part of our signal types. KIND, INDEX and CONTENT are set by each."""

    KIND: ClassVar[Kind]
    INDEX: ClassVar[type[SignalTypeIndex[Any]]]
    CONTENT: ClassVar[type[ContentType]]

    @classmethod
    def get_name(cls) -> str:
        """Return the type's name in tx."""
        return f"stemtide_{cls.KIND}"

    @classmethod
    def get_content_types(cls) -> list[type[ContentType]]:
        """Return the content types that have such a hash."""
        return [cls.CONTENT]

    @classmethod
    def get_index_cls(cls) -> type[SignalTypeIndex[Any]]:
        """Return the class of the index."""
        return cls.INDEX

    @classmethod
    def validate_signal_str(cls, signal_str: str) -> str:
        """Return the normalised value. raises: ValueError if it is none of this kind."""
        value = signal_str.strip().lower()
        check_value(cls.KIND, parse_value(cls.KIND, value))
        return value

    @staticmethod
    def get_examples() -> list[str]:
        """Return no examples: signals that parties share are not public."""
        return []

    @classmethod
    def _compare(cls, signal: str, query: str) -> SignalComparisonResult:
        """Return whether a hash, or a URL, matches a signal."""
        index = cls.INDEX.build([(cls.validate_signal_str(signal), None)])
        matches = index.query(query)
        if not matches:
            return SignalComparisonResult.from_no_match_only()
        return SignalComparisonResult(True, matches[0].similarity_info)  # its own order


class _FileHashType(_StemtideType, FileHasher):
    """A type whose hash is computed from a file, in the sandbox."""

    @classmethod
    def hash_from_file(cls, file: Path) -> str:
        """Return the hash of a file; "" if it has none of this kind."""
        with Sandbox() as sandbox:
            fingerprints = sandbox.fingerprint(file).of(cls.KIND)
        return next((fingerprint.hex for fingerprint in fingerprints if not fingerprint.part), "")

    @classmethod
    def compare_hash(cls, hash1: str, hash2: str) -> SignalComparisonResult:
        """Return whether content with the second hash matches the first."""
        return cls._compare(hash1, hash2)


class _Md5Index(KindIndex[T]):
    KIND = Kind.MD5


class _Sha256Index(KindIndex[T]):
    KIND = Kind.SHA256


class _UrlIndex(KindIndex[T]):
    KIND = Kind.URL


class _VideoIndex(KindIndex[T]):
    KIND = Kind.VIDEO


class _AudioIndex(KindIndex[T]):
    KIND = Kind.AUDIO


class _GopIndex(KindIndex[T]):
    KIND = Kind.GOP


class _TextIndex(KindIndex[T]):
    KIND = Kind.TEXT


class PhotoMd5(_FileHashType):
    """MD5 of a photograph's file."""

    KIND, INDEX, CONTENT = Kind.MD5, _Md5Index, PhotoContent


class PhotoSha256(_FileHashType):
    """SHA-256 of a photograph's file."""

    KIND, INDEX, CONTENT = Kind.SHA256, _Sha256Index, PhotoContent


class Video(_FileHashType):
    """Frames of a video; finds parts and altered copies."""

    KIND, INDEX, CONTENT = Kind.VIDEO, _VideoIndex, VideoContent


class Audio(_FileHashType):
    """Audio track of a video."""

    KIND, INDEX, CONTENT = Kind.AUDIO, _AudioIndex, VideoContent


class Gop(_FileHashType):
    """Encoding structure of a video, read without decoding it."""

    KIND, INDEX, CONTENT = Kind.GOP, _GopIndex, VideoContent


class Text(_FileHashType):
    """Text, matched by its passages."""

    KIND, INDEX, CONTENT = Kind.TEXT, _TextIndex, TextContent


class Url(_StemtideType, MatchesStr):
    """A URL in any spelling, or a folder or host that contains it. The signal is a digest."""

    KIND, INDEX, CONTENT = Kind.URL, _UrlIndex, URLContent

    @classmethod
    def validate_signal_str(cls, signal_str: str) -> str:
        """Return the normalised digest; for a URL, its digest."""
        text = signal_str.strip()
        return digest(canonical(text)).hex() if "." in text else super().validate_signal_str(text)

    @classmethod
    def matches_str(cls, signal: str, haystack: str) -> SignalComparisonResult:
        """Return whether a URL matches a signal."""
        return cls._compare(signal, haystack)


SIGNAL_TYPES: tuple[type[SignalType], ...] = (
    *(PhotoMd5, PhotoSha256, Url),
    *(Video, Audio, Gop, Text),
)
"""Signal types that tx itself lacks."""

NAMES_OF: dict[Kind, tuple[str, ...]] = {
    Kind.PDQ: ("pdq",),
    Kind.MD5: ("video_md5", PhotoMd5.get_name()),
    Kind.SHA256: ("video_sha256", PhotoSha256.get_name()),
    **{kind: (f"stemtide_{kind}",) for kind in Kind if kind not in SIZE_BYTES},
    Kind.URL: (Url.get_name(),),
}
"""Names of the tx types under which signals of each kind are filed."""

KIND_OF = {name: kind for kind, names in NAMES_OF.items() for name in names}
"""Kinds by the name of their tx type."""


def _parse_query(kind: Kind, query: str) -> Fingerprints | None:
    """Parse a query; None if it is empty or invalid."""
    text = query.strip()
    if not text:
        return None
    if kind is Kind.URL:
        try:
            return fingerprints_of_url(text)
        except UrlError:
            return None
    return Fingerprints((Fingerprint(kind, parse_value(kind, text)),))


def _similarity(match: Match) -> SignalSimilarityInfo:
    """Return a match's distance: "-" for equal values, else its error rate in percent."""
    if match.kind in SIZE_BYTES:
        return SignalSimilarityInfo()
    return SignalSimilarityInfoWithIntDistance(_PERCENT - int(_PERCENT * match.confidence))
