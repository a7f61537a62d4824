# SPDX-License-Identifier: Apache-2.0
"""Our kinds of fingerprint as signal types of tx, each searched by the same Library as in an agent.

PDQ, and MD5 and SHA-256 of videos, are types that tx has itself. Ours are beside them: the digests
of photographs, addresses by their canonical spelling and reach, and what is as long as its content.
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
from stemtide.fingerprints.sandbox import Sandbox
from stemtide.fingerprints.url import UrlError, canonical, digest
from stemtide.fingerprints.url_reach import fingerprints_of_url
from stemtide.fingerprints.values import check_value
from stemtide.matching.library import Entry, Library, Match

T = TypeVar("T")

FILLER = "canary"
"""Stands where no signal of a kind is; it matches nothing."""

_SURE = 100


class KindIndex(SignalTypeIndex[T], Generic[T]):
    """Signals of one kind. Values are kept and the Library is made of them when it is asked."""

    KIND: ClassVar[Kind]

    def __init__(self) -> None:
        self._entries: list[tuple[str, T]] = []
        self._library: Library | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What is written to tx's files."""
        return {"_entries": self._entries, "_library": None}

    def add(self, signal_str: str, entry: T) -> None:
        """Add a signal; one of the same value stays."""
        if signal_str == FILLER:
            return
        self._entries.append((signal_str, entry))
        self._library = None

    def query(self, query: str) -> list[IndexMatch[T]]:
        """What content with this hash (of addresses: the address) matches, nearest first."""
        fingerprints = _asked(self.KIND, query)
        if fingerprints is None:
            return []
        found = self._made().match(fingerprints)
        return [IndexMatchUntyped(_nearness(one), self._entries[one.key][1]) for one in found]

    def _made(self) -> Library:
        """The Library of all signals."""
        if self._library is None:
            self._library = Library()
            self._library.put(
                Entry(key, self.KIND, bytes.fromhex(value))
                for key, (value, _) in enumerate(self._entries)
            )
        return self._library


class _Kept(SignalType):
    """What our types have in common. KIND, INDEX, CONTENT: set by each."""

    KIND: ClassVar[Kind]
    INDEX: ClassVar[type[SignalTypeIndex[Any]]]
    CONTENT: ClassVar[type[ContentType]]

    @classmethod
    def get_name(cls) -> str:
        """The type's name in tx."""
        return f"stemtide_{cls.KIND}"

    @classmethod
    def get_content_types(cls) -> list[type[ContentType]]:
        """What content has such a hash."""
        return [cls.CONTENT]

    @classmethod
    def get_index_cls(cls) -> type[SignalTypeIndex[Any]]:
        """What searches them."""
        return cls.INDEX

    @classmethod
    def validate_signal_str(cls, signal_str: str) -> str:
        """A value as it is kept. raises: ValueError for one that is none of this kind."""
        value = signal_str.strip().lower()
        check_value(cls.KIND, parse_value(cls.KIND, value))
        return value

    @staticmethod
    def get_examples() -> list[str]:
        """None: what a party shares is no example."""
        return []

    @classmethod
    def _compare(cls, signal: str, asked: str) -> SignalComparisonResult:
        """Whether one signal is met by a hash, or an address."""
        index = cls.INDEX.build([(cls.validate_signal_str(signal), None)])
        found = index.query(asked)
        if not found:
            return SignalComparisonResult.from_no_match_only()
        return SignalComparisonResult(True, found[0].similarity_info)  # its own order


class _Hashed(_Kept, FileHasher):
    """A type whose hash is made from a file, in the sandbox."""

    @classmethod
    def hash_from_file(cls, file: Path) -> str:
        """The hash of a file; "" where it has none of this kind."""
        with Sandbox() as sandbox:
            made = sandbox.fingerprint(file).of(cls.KIND)
        return next((one.hex for one in made if not one.part), "")

    @classmethod
    def compare_hash(cls, hash1: str, hash2: str) -> SignalComparisonResult:
        """Whether content with the second hash is content with the first."""
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


class PhotoMd5(_Hashed):
    """MD5 of a photograph's file."""

    KIND, INDEX, CONTENT = Kind.MD5, _Md5Index, PhotoContent


class PhotoSha256(_Hashed):
    """SHA-256 of a photograph's file."""

    KIND, INDEX, CONTENT = Kind.SHA256, _Sha256Index, PhotoContent


class Video(_Hashed):
    """The pictures of a film: parts, altered copies."""

    KIND, INDEX, CONTENT = Kind.VIDEO, _VideoIndex, VideoContent


class Audio(_Hashed):
    """The sound of a film."""

    KIND, INDEX, CONTENT = Kind.AUDIO, _AudioIndex, VideoContent


class Gop(_Hashed):
    """The encode of a film, without decoding it."""

    KIND, INDEX, CONTENT = Kind.GOP, _GopIndex, VideoContent


class Text(_Hashed):
    """A text by its passages."""

    KIND, INDEX, CONTENT = Kind.TEXT, _TextIndex, TextContent


class Url(_Kept, MatchesStr):
    """A web address in any spelling, or what it lies in. The signal is a digest."""

    KIND, INDEX, CONTENT = Kind.URL, _UrlIndex, URLContent

    @classmethod
    def validate_signal_str(cls, signal_str: str) -> str:
        """A digest as it is kept; of an address its digest."""
        text = signal_str.strip()
        return digest(canonical(text)).hex() if "." in text else super().validate_signal_str(text)

    @classmethod
    def matches_str(cls, signal: str, haystack: str) -> SignalComparisonResult:
        """Whether an address is met by a signal."""
        return cls._compare(signal, haystack)


SIGNAL_TYPES: tuple[type[SignalType], ...] = (
    *(PhotoMd5, PhotoSha256, Url),
    *(Video, Audio, Gop, Text),
)
"""The types that tx does not have itself."""

NAMES_OF: dict[Kind, tuple[str, ...]] = {
    Kind.PDQ: ("pdq",),
    Kind.MD5: ("video_md5", PhotoMd5.get_name()),
    Kind.SHA256: ("video_sha256", PhotoSha256.get_name()),
    **{kind: (f"stemtide_{kind}",) for kind in Kind if kind not in SIZE_BYTES},
    Kind.URL: (Url.get_name(),),
}
"""Under which types of tx a signal of each kind is looked for."""

KIND_OF = {name: kind for kind, names in NAMES_OF.items() for name in names}
"""The other way round."""


def _asked(kind: Kind, query: str) -> Fingerprints | None:
    """What is looked up; None where there is nothing to look up."""
    text = query.strip()
    if not text:
        return None
    if kind is Kind.URL:
        try:
            return fingerprints_of_url(text)
        except UrlError:
            return None
    return Fingerprints((Fingerprint(kind, parse_value(kind, text)),))


def _nearness(match: Match) -> SignalSimilarityInfo:
    """How near a match is: "-" for what is equal, else in how many of a hundred it is wrong."""
    if match.kind in SIZE_BYTES:
        return SignalSimilarityInfo()
    return SignalSimilarityInfoWithIntDistance(_SURE - int(_SURE * match.confidence))
