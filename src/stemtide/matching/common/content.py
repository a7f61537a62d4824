# SPDX-License-Identifier: Apache-2.0
"""Load the common set: fingerprints of content that everybody has, made by this program.

benchmarks/_common_set.py makes the files, but texts.toml, which is written by hand.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.fingerprints.text.words import Grams
from stemtide.fingerprints.values.audio import Words
from stemtide.fingerprints.values.local import LocalFeatures
from stemtide.matching.hamming import HammingIndex
from stemtide.matching.local import LocalIndex
from stemtide.matching.text.passages import bundled_background

_WORDS = 4
"""A PDQ hash has four words of 64 bits."""


@dataclass(frozen=True, slots=True)
class CommonSet:
    """All of the common set, ready to be searched.

    pictures:       their index; keys are places in picture_sorts.
    picture_rows:   (n, 4) uint64, their hashes.
    picture_sorts:  (n,) int64, the sort of each picture, as a place in sorts.
    sorts:          names of the sorts of pictures.
    words:          of sounds, (n,) uint32, ascending.
    word_sorts:     (n,) int64, the sort of each word, as a place in sound_sorts.
    grams:          of texts and boilerplate, ascending.
    file_names:     names of plain files by SHA-256 and MD5, in hex.
    """

    pictures: HammingIndex
    picture_rows: npt.NDArray[np.uint64]
    picture_sorts: npt.NDArray[np.int64]
    sorts: tuple[str, ...]
    words: Words
    word_sorts: npt.NDArray[np.int64]
    sound_sorts: tuple[str, ...]
    grams: Grams
    file_names: dict[str, str]


@cache
def common_set() -> CommonSet:
    """Return the common set. The first call loads it, in some 20 ms."""
    table = tomllib.loads(_read("sorts.toml"))
    counts: dict[str, int] = table["pictures"]
    sounds: dict[str, int] = table["sounds"]
    rows = _rows("pictures.bin", "<u8").reshape(sum(counts.values()), _WORDS).astype(np.uint64)
    words, first = np.unique(_rows("sounds.bin", "<u4"), return_index=True)
    return CommonSet(
        pictures=_index_of(rows),
        picture_rows=rows,
        picture_sorts=np.repeat(np.arange(len(counts)), list(counts.values())),
        sorts=tuple(counts),
        words=words.astype(np.uint32),
        word_sorts=np.repeat(np.arange(len(sounds)), list(sounds.values()))[first],
        sound_sorts=tuple(sounds),
        grams=_text_grams(),
        file_names=_file_names(),
    )


@cache
def common_places() -> tuple[LocalIndex, tuple[str, ...]]:
    """Return the local features of common pictures, and the sort of each by its key."""
    content = files(__package__).joinpath("places.bin").read_bytes()
    counts: dict[str, int] = tomllib.loads(_read("sorts.toml"))["places"]
    sorts = tuple(sort for sort, count in counts.items() for _ in range(count))
    index = LocalIndex()
    index.put(range(len(sorts)), LocalFeatures.split(content))
    return index, sorts


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _rows(name: str, dtype: str) -> npt.NDArray[Any]:
    return np.frombuffer(files(__package__).joinpath(name).read_bytes(), dtype)


def _index_of(rows: npt.NDArray[np.uint64]) -> HammingIndex:
    """Return the index of all pictures."""
    index = HammingIndex()
    index.put(np.arange(len(rows), dtype=np.int64), rows)
    index.settle()
    return index


def _text_grams() -> Grams:
    """Return the grams of the texts, and of the boilerplate that never counts in a match."""
    texts: dict[str, Any] = tomllib.loads(_read("texts.toml"))
    grams = [sketch(text).grams for group in texts.values() for text in group]
    return np.unique(np.concatenate([bundled_background(), *grams]))


def _file_names() -> dict[str, str]:
    """Return the names of plain files by both of their digests."""
    names: dict[str, str] = {}
    for line in _read("files.txt").splitlines():
        sha256, md5, name = line.split(" ", 2)
        names[sha256] = names[md5] = name
    return names
