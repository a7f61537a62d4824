# SPDX-License-Identifier: Apache-2.0
"""Entries of the upload journal, and their stored form."""

from dataclasses import dataclass, replace

import msgspec

from stemtide.fingerprints.image.pdq import turn_hash
from stemtide.fingerprints.image.views import BRIGHTENED, ORIENTATIONS
from stemtide.fingerprints.kinds import (
    MIN_QUALITY,
    SIZE_BYTES,
    Fingerprint,
    Fingerprints,
    Kind,
    QueryView,
)

LONG_KINDS = tuple(kind for kind in Kind if kind not in SIZE_BYTES)
"""Kinds whose values are as long as their content. They are searched entry by entry."""

CATALOGUE_NAME = "^[a-z0-9][a-z0-9_-]{0,49}$"
"""Pattern of the name of a catalogue, whose fingerprints are in a file of their own."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """The fingerprints of an upload. No media, and nothing about the person who uploaded it.

    ref:      the provider's own id of it.
    at:       Unix time of the look-up.
    language: of the content, as the provider gave it; "" if it did not.
    seq:      number in the file; 0 for an entry that is not stored yet.
    """

    ref: str
    at: float
    prints: Fingerprints
    language: str = ""
    seq: int = 0

    @property
    def has_long(self) -> bool:
        """Whether any fingerprint is of a kind that is searched entry by entry."""
        return any(content.kind in LONG_KINDS for content in self.prints.each)

    def values(self, kind: Kind) -> list[bytes]:
        """Return the values of a kind of fixed length that the entry can be found by."""
        values = [
            content.value
            for content in self.prints.each
            if content.kind is kind and (content.quality is None or content.quality >= MIN_QUALITY)
        ]
        return values + [view.value for view in self.prints.views if view.kind is kind]


def views_to_keep(prints: Fingerprints, *, orientations: int) -> tuple[QueryView, ...]:
    """Return the views of an upload that the journal keeps.

    Those of an address are always kept. Those of a picture are its other orientations if eight
    are wanted, and otherwise only those of a picture too dull to be compared without them.
    """
    has_hash = {
        content.part
        for content in prints.each
        if content.kind is Kind.PDQ and (content.quality is None or content.quality >= MIN_QUALITY)
    }
    orientations_kept = ORIENTATIONS if orientations > 1 else ()
    return tuple(
        view
        for view in prints.views
        if view.kind is not Kind.PDQ
        or view.transform in orientations_kept
        or (view.transform.startswith(BRIGHTENED) and view.part not in has_hash)
    )


def with_estimates(prints: Fingerprints) -> Fingerprints:
    """Return an upload's fingerprints with estimates of the orientations that it lacks."""
    has = {(view.part, view.transform) for view in prints.views}
    estimates = [
        QueryView(transform, value, content.quality or MIN_QUALITY, content.part)
        for content in prints.each
        if content.kind is Kind.PDQ and (content.quality is None or content.quality >= MIN_QUALITY)
        for transform, value in zip(ORIENTATIONS[1:], turn_hash(content.value)[1:], strict=True)
        if (content.part, transform) not in has
    ]
    return replace(prints, views=(*prints.views, *estimates))


class _Stored(msgspec.Struct, array_like=True):
    """An entry as it is encrypted."""

    ref: str
    at: float
    language: str
    prints: list[tuple[str, bytes, int | None, str]]
    views: list[tuple[str, bytes, int, str, str]]
    remarks: list[str]
    media_type: str = ""
    size_bytes: int = 0


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Stored)


def encode(entry: JournalEntry) -> bytes:
    """Return the stored form of an entry."""
    prints = entry.prints
    return _ENCODER.encode(
        _Stored(
            ref=entry.ref,
            at=entry.at,
            language=entry.language,
            prints=[
                (content.kind.value, content.value, content.quality, content.part)
                for content in prints.each
            ],
            views=[
                (view.transform, view.value, view.quality, view.part, view.kind.value)
                for view in prints.views
            ],
            remarks=list(prints.remarks),
            media_type=prints.media_type,
            size_bytes=prints.size_bytes,
        )
    )


def decode(body: bytes, *, seq: int) -> JournalEntry:
    """Return an entry from its stored form. raises: msgspec.MsgspecError."""
    stored = _DECODER.decode(body)
    prints = Fingerprints(
        tuple(
            Fingerprint(Kind(kind), value, quality, part)
            for kind, value, quality, part in stored.prints
        ),
        media_type=stored.media_type,
        size_bytes=stored.size_bytes,
        remarks=tuple(stored.remarks),
        views=tuple(
            QueryView(transform, value, quality, part, Kind(kind))
            for transform, value, quality, part, kind in stored.views
        ),
    )
    return JournalEntry(stored.ref, stored.at, prints, stored.language, seq)
