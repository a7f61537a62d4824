# SPDX-License-Identifier: Apache-2.0
"""What the desk says of a fingerprint too long to be shown: how long it is, and what it holds."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _, ngettext

from stemtide.fingerprints.audio_value import WORDS_PER_S, Sound
from stemtide.fingerprints.gop_print import GopPrint
from stemtide.fingerprints.kinds import FingerprintError, Kind
from stemtide.fingerprints.text import TextPrint
from stemtide.fingerprints.video_print import VideoPrint
from stemtide.hub.desk import times
from stemtide.protocol.signals import is_long


@dataclass(frozen=True, slots=True)
class Print:
    """A long fingerprint in words.

    digest: its SHA-256 in hex.
    size:   "3.4 KB".
    holds:  facts in a few words each; none where this version cannot read it any more.
    """

    digest: str
    size: str
    holds: tuple[str, ...]


def describe(kind: Kind, text: str) -> Print | None:
    """Say what a signal's value is. text: as it travels. None for values that are shown whole."""
    if not is_long(kind):
        return None
    value = bytes.fromhex(text)
    try:
        holds = _HOLDS[kind](value)
    except FingerprintError:
        # It was right for the version that took it; its page must stand, if only to withdraw it.
        holds = ()
    digest = hashlib.sha256(value).hexdigest()
    return Print(digest, _("%.1f KB") % (len(value) / 1000), holds)


def _video(value: bytes) -> tuple[str, ...]:
    """Length, frames and size of the picture."""
    film = VideoPrint.from_bytes(value)
    frames = len(np.unique(film.rows["at_ms"]))
    facts = [times.span(film.duration_ms / 1000)] if film.duration_ms else []
    facts.append(ngettext("%d frame", "%d frames", frames) % frames)
    if film.width:
        facts.append(
            _("%(width)d by %(height)d pixels") % {"width": film.width, "height": film.height}
        )
    return tuple(facts)


def _audio(value: bytes) -> tuple[str, ...]:
    """Length, and how much of it says something."""
    sound = Sound.from_bytes(value)
    heard = max(np.count_nonzero(track.heard) for track in sound.tracks) / WORDS_PER_S
    return times.span(sound.seconds), _("something to hear in %s") % times.span(heard)


def _text(value: bytes) -> tuple[str, ...]:
    """How much of the text is kept."""
    sketch = TextPrint.from_bytes(value)
    kept = len(sketch.grams)
    facts = ngettext("%d passage", "%d passages", kept) % kept
    return facts, _("of %d in the text") % sketch.shingles


def _gop(value: bytes) -> tuple[str, ...]:
    """How many groups of pictures there are, and frames in them."""
    rows = GopPrint.from_bytes(value).rows
    frames = int(rows["frames"].sum(dtype=np.int64))
    return (
        ngettext("%d group of pictures", "%d groups of pictures", len(rows)) % len(rows),
        ngettext("%d frame", "%d frames", frames) % frames,
    )


_HOLDS: dict[Kind, Callable[[bytes], tuple[str, ...]]] = {
    Kind.VIDEO: _video,
    Kind.AUDIO: _audio,
    Kind.TEXT: _text,
    Kind.GOP: _gop,
}
