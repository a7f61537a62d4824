# SPDX-License-Identifier: Apache-2.0
"""Find uninformative values: as signals they would match nothing, or common content.

Checked wherever a value becomes a signal: before it is shared, at the hub, and once more at the
agent, which trusts no hub. Common files are listed in blanks.toml.
"""

import hashlib
import tomllib
from functools import cache
from importlib.resources import files

import numpy as np

from stemtide.fingerprints.kinds import MIN_QUALITY, Kind
from stemtide.fingerprints.text.fingerprint import TextPrint
from stemtide.fingerprints.values.audio import MIN_HEARD_WORDS, WORDS_PER_S, Sound
from stemtide.fingerprints.values.gop import GopPrint
from stemtide.fingerprints.values.video import VideoPrint

LEAST_FRAME_QUALITY = 25
"""Frames of a video of lower quality are not compared."""

LEAST_GRAMS = 3
LEAST_GROUPS = 2
"""A text with fewer kept grams, or an encode with fewer different groups, cannot match anything."""

LEAST_SET_BITS, MOST_SET_BITS = 64, 192
"""A PDQ hash has about half of its 256 bits set, as each is compared with the middle one; of random
hashes one in 10^15 lies outside. What does is of a blank picture, or was made up."""

_SIZES = (1, 16, 512, 1024, 4096, 10_240, 65_536, 1 << 20)
_OTHER_WAY = "share another fingerprint of the content, or nothing"


def why_blank(kind: Kind, value: bytes, *, quality: int | None = None) -> str:
    """Return why a value must not be shared, and the remedy; "" if it may.

    value:   as for `checks.check_value`.
    quality: of a PDQ hash, if known.
    """
    match kind:
        case Kind.PDQ:
            return _why_blank_picture(value, quality)
        case Kind.VIDEO:
            return _why_blank_video(VideoPrint.from_bytes(value))
        case Kind.AUDIO:
            return _why_blank_sound(Sound.from_bytes(value))
        case Kind.TEXT:
            return _why_blank_text(TextPrint.from_bytes(value))
        case Kind.GOP:
            return _why_blank_encode(GopPrint.from_bytes(value))
        case Kind.SHA256 | Kind.MD5 | Kind.URL | Kind.EXTERNAL:
            name = _common_files().get(value, "")
            return name and f"is that of {name}, which everybody has: {_OTHER_WAY}"


def _why_blank_picture(value: bytes, quality: int | None) -> str:
    """Check a PDQ hash for low quality and blank pictures."""
    if quality is not None and quality < MIN_QUALITY:
        return (
            f"a PDQ hash of quality {quality} says too little ({MIN_QUALITY} is the least): share"
            " the file's SHA-256, or another picture of the same"
        )
    if not LEAST_SET_BITS <= int.from_bytes(value).bit_count() <= MOST_SET_BITS:
        return (
            "is the PDQ hash of a blank picture, or of none, and lies near every other such: share"
            " the file's SHA-256, or another picture of the same"
        )
    return ""


def _why_blank_video(film: VideoPrint) -> str:
    """Check for frames that are black, plain or made up."""
    bits = np.bitwise_count(film.rows["pdq"]).sum(axis=1, dtype=np.int64)
    telling = (bits >= LEAST_SET_BITS) & (bits <= MOST_SET_BITS)
    if (telling & (film.rows["quality"] >= LEAST_FRAME_QUALITY)).any():
        return ""
    return (
        f"none of its {len(film.rows)} frames shows enough to be known again: share its sound, the"
        " file's SHA-256, or a longer part"
    )


def _why_blank_sound(sound: Sound) -> str:
    """Check for silence, or one steady tone."""
    if any(track.is_telling for track in sound.tracks):
        return ""
    return (
        f"less than {MIN_HEARD_WORDS // WORDS_PER_S} seconds of it can be heard: share its frames,"
        " the file's SHA-256, or a longer part"
    )


def _why_blank_text(text: TextPrint) -> str:
    """Check for a text of a few words."""
    if len(text.grams) >= LEAST_GRAMS:
        return ""
    return (
        f"a sketch of {len(text.grams)} passages is too short to be known again ({LEAST_GRAMS} are"
        " the least): share the file's SHA-256, or more of the text"
    )


def _why_blank_encode(encode: GopPrint) -> str:
    """Check for a single group of pictures, or the same repeated."""
    groups = len(np.unique(encode.rows["digest"], axis=0))
    if groups >= LEAST_GROUPS:
        return ""
    return (
        f"{groups} different groups of pictures are too few to be known again ({LEAST_GROUPS} are"
        " the least): share its frames, or the file's SHA-256"
    )


@cache
def _common_files() -> dict[bytes, str]:
    """Return the names of common files, which must never be shared, by digest."""
    listed = tomllib.loads(files("stemtide.fingerprints").joinpath("blanks.toml").read_text())
    contents = {bytes.fromhex(entry["content"]): entry["what"] for entry in listed.values()}
    for size in _SIZES:
        for byte in (0x00, 0xFF, 0x20):
            contents.setdefault(bytes([byte]) * size, f"a file of {size} equal bytes")
    names = {}
    for content, name in contents.items():
        names[hashlib.sha256(content).digest()] = name
        names[hashlib.md5(content, usedforsecurity=False).digest()] = name
    for size in (16, 32):
        for byte in (0x00, 0xFF):
            names[bytes([byte]) * size] = "no file, but a placeholder"
    return names
