# SPDX-License-Identifier: Apache-2.0
"""Split text into words and number them, the same way for all spellings.

This is the first half of the format txt1; docs/understand/texts.md has the whole.
Every step up to the words maps one character at a time, so that a text may be read in pieces.

sources: Unicode Standard Annex 15 (NFKD) and section 3.13 (case folding); Broder, "On the
         resemblance and containment of documents" (1997) for shingles; RFC 7693 (BLAKE2b);
         Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014) for mixing.
"""

import re
import tomllib
import unicodedata
from functools import cache
from hashlib import blake2b
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Grams = npt.NDArray[np.uint64]

WORDS_A_GRAM = 5
"""A gram is this many words in a row."""

CHARACTERS_A_GRAM = 12
"""In scripts without spaces between words, a gram is this many characters in a row."""

_BLOCK_CHARS = 1 << 16
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00016fe0-\U00018cff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff]"
)
"""Han, Kana, Thai, Lao, Khmer, Burmese, Tangut: scripts written without spaces between words."""

_SIGN_IN_WORD = re.compile(r"[@$](?<=[^\W\d_][@$])(?=[^\W\d_])")
_SIGNS = {"@": "a", "$": "s"}
_LAST_ASSIGNED = 0x32000
_LAST_HAN = 0x40000
_TAGS = range(0xE0000, 0xE01F0)
_LETTERS = 26


def read_alike(text: str, *, max_chars: int) -> tuple[str, bool]:
    """Normalise a text so that all texts that read alike are spelled alike.

    1. Decompose (NFKD), fold case, decompose again.
    2. Drop invisible characters (category Cf) and combining marks (categories M*).
    3. Replace look-alikes by the letter that they resemble, all digits by 0 to 9, and other
       characters by a space (except @ and $, which may be part of a word).

    returns: the spelling, at most max_chars of it, and whether it is complete.
    """
    pieces: list[str] = []
    room = max_chars
    for at in range(0, len(text), _BLOCK_CHARS):
        piece = _fold(text[at : at + _BLOCK_CHARS])
        pieces.append(piece[:room])
        room -= len(piece)
        if room < 0:
            return "".join(pieces), False
    return "".join(pieces), True


def grams_of(alike: str) -> Grams:
    """Return a number for every gram of a normalised text, in order, with repetitions.

    returns: (n,) uint64; first those of words, then those of characters of unspaced scripts.
    """
    spaced = alike
    characters = "".join(_UNSPACED.findall(alike)) if not alike.isascii() else ""
    if characters:
        spaced = _UNSPACED.sub(" ", alike)
    return np.concatenate(
        (
            _shingle(_word_numbers(spaced), WORDS_A_GRAM),
            _shingle(_code_points(characters).astype(np.uint64), CHARACTERS_A_GRAM),
        )
    )


def words_of(alike: str) -> list[str]:
    """Return the words of a normalised text, with digits and signs in them as letters."""
    return [_as_letters(word) for word in _pieces(alike)]


def _pieces(alike: str) -> list[str]:
    if "@" in alike or "$" in alike:
        alike = _SIGN_IN_WORD.sub(lambda sign: _SIGNS[sign.group()], alike)
        alike = alike.replace("@", " ").replace("$", " ")
    return alike.split()


def _as_letters(word: str) -> str:
    return word if word.isalpha() or word.isdigit() else word.translate(_leet())


def _word_numbers(alike: str) -> Grams:
    pieces = _pieces(alike)
    numbers = {word: _number(_as_letters(word)) for word in set(pieces)}
    return np.fromiter(map(numbers.__getitem__, pieces), np.uint64, len(pieces))


def _number(word: str) -> int:
    digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _shingle(tokens: Grams, size: int) -> Grams:
    """Hash each run of `size` tokens: mix(... mix(mix(size + t0) + t1) ... + t[size-1])."""
    runs = max(0, len(tokens) - size + 1)
    mixed = np.full(runs, size, np.uint64)
    for place in range(size):
        mixed += tokens[place : place + runs]
        _mix(mixed)
    return mixed


def _mix(numbers: Grams) -> None:
    """Apply the finaliser of SplitMix64 in place; arithmetic is modulo 2^64."""
    numbers ^= numbers >> np.uint64(30)
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(0x94D049BB133111EB)
    numbers ^= numbers >> np.uint64(31)


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower().translate(_ascii_table())
    text = unicodedata.normalize("NFKD", text).casefold()
    points = _code_points(unicodedata.normalize("NFKD", text))
    folded = _table()[points]
    visible: bytes = folded[folded != 0].tobytes()
    return visible.decode("utf-32-le", "surrogatepass")


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


@cache
def _table() -> npt.NDArray[np.uint32]:
    """Return the replacement of each code point: (0x110000,) uint32; 0 to drop it."""
    table = np.arange(0x110000, dtype="<u4")
    for point in (*range(_LAST_ASSIGNED), *_TAGS):
        character = chr(point)
        category = unicodedata.category(character)
        if category[0] == "M" or category == "Cf":
            table[point] = 0
        elif category == "Nd":
            table[point] = ord(str(unicodedata.decimal(character)))
        elif not character.isalnum() and character not in _SIGNS:
            table[point] = ord(" ")
    table[_LAST_HAN : _TAGS.start] = table[_TAGS.stop :] = ord(" ")
    table[0] = 0
    rows = _lookalikes()
    for script in ("latin", "arabic"):
        for letter, standins in rows[script].items():
            table[[ord(standin) for standin in standins]] = ord(letter)
    for first in rows["rows"]["letters"]:
        table[ord(first) : ord(first) + _LETTERS] = np.arange(ord("a"), ord("a") + _LETTERS)
        table[ord(first) + ord("l") - ord("a")] = ord("i")
    table[[ord(sign) for sign in rows["dropped"]["signs"]]] = 0
    return table


@cache
def _ascii_table() -> dict[int, int | None]:
    return {at: int(alike) or None for at, alike in enumerate(_table()[:128])}


@cache
def _leet() -> dict[int, int]:
    rows = _lookalikes()["leet"]
    return str.maketrans(rows["digits"], rows["letters"])


@cache
def _lookalikes() -> dict[str, dict[str, str]]:
    path = files("stemtide.fingerprints.text").joinpath("lookalikes.toml")
    return tomllib.loads(path.read_text("utf-8"))
