# SPDX-License-Identifier: Apache-2.0
"""Summaries of fingerprints that are too long to show: their digest, size and contents."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from django.utils.formats import number_format
from django.utils.translation import gettext as _, ngettext

from stemtide.fingerprints.kinds import FingerprintError, Kind
from stemtide.fingerprints.text.fingerprint import TextPrint
from stemtide.fingerprints.values.audio import WORDS_PER_S, Sound
from stemtide.fingerprints.values.external import unpack
from stemtide.fingerprints.values.gop import GopPrint
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.hub.desk import times
from stemtide.protocol.messages.signals import is_long


@dataclass(frozen=True, slots=True)
class FingerprintSummary:
    """The summary of a long fingerprint.

    digest: its SHA-256 in hex.
    size:   "3.4 KB".
    holds:  short descriptions of its contents; empty if this version can no longer read it.
    """

    digest: str
    size: str
    holds: tuple[str, ...]


def describe(kind: Kind, text: str) -> FingerprintSummary | None:
    """Summarise a signal's value, given as in messages; None for values short enough to show."""
    if not is_long(kind):
        return None
    value = bytes.fromhex(text)
    try:
        holds = _HOLDS[kind](value)
    except FingerprintError:
        # An earlier version accepted it; its page must still open, if only to withdraw it.
        holds = ()
    digest = hashlib.sha256(value).hexdigest()
    return FingerprintSummary(digest, kilobytes(len(value)), holds)


def kilobytes(size_bytes: int) -> str:
    """Format the size of a value: "3.4 KB"."""
    return _("%s KB") % number_format(round(size_bytes / 1000, 1), 1)


def _video(value: bytes) -> tuple[str, ...]:
    """Describe a video fingerprint: duration, frames, size of the picture."""
    film = VideoPrint.from_bytes(value)
    frames = len(np.unique(film.rows["at_ms"]))
    descriptions = [times.span(film.duration_ms / 1000)] if film.duration_ms else []
    descriptions.append(ngettext("%d frame", "%d frames", frames) % frames)
    if film.width:
        descriptions.append(
            _("%(width)d by %(height)d pixels") % {"width": film.width, "height": film.height}
        )
    return tuple(descriptions)


def _audio(value: bytes) -> tuple[str, ...]:
    """Describe an audio fingerprint: duration, and for how long it is not silent."""
    sound = Sound.from_bytes(value)
    heard = max(np.count_nonzero(track.heard) for track in sound.tracks) / WORDS_PER_S
    return times.span(sound.seconds), _("something to hear in %s") % times.span(heard)


def _text(value: bytes) -> tuple[str, ...]:
    """Describe a text fingerprint: passages kept, of those in the text."""
    sketch = TextPrint.from_bytes(value)
    passages = len(sketch.grams)
    description = ngettext("%d passage", "%d passages", passages) % passages
    return description, _("of %d in the text") % sketch.shingles


def _gop(value: bytes) -> tuple[str, ...]:
    """Describe a GOP fingerprint: groups of pictures, and frames in them."""
    rows = GopPrint.from_bytes(value).rows
    frames = int(rows["frames"].sum(dtype=np.int64))
    return (
        ngettext("%d group of pictures", "%d groups of pictures", len(rows)) % len(rows),
        ngettext("%d frame", "%d frames", frames) % frames,
    )


def _external(value: bytes) -> tuple[str, ...]:
    """Describe a value of another package's type: the name of the type."""
    return (unpack(value).name,)


_HOLDS: dict[Kind, Callable[[bytes], tuple[str, ...]]] = {
    Kind.VIDEO: _video,
    Kind.AUDIO: _audio,
    Kind.TEXT: _text,
    Kind.GOP: _gop,
    Kind.EXTERNAL: _external,
}
