# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S311, RUF001 - repeatable on purpose; a comma of another script
"""Texts and documents made here: nobody wrote them, and each seed says something else."""

import random
import zlib
from functools import cache

_SYLLABLES = "ka lo mi ter ran dos vel pi sun gor tha ne bri fol us em an ish ond cre mar wil sto"
SYLLABLES = _SYLLABLES.split()


def words(seed, count):
    """That many words of a made-up language, the frequent ones often, as in real ones."""
    known = lexicon()
    weights = [1 / (rank + 3) for rank in range(len(known))]
    return random.Random(seed).choices(known, weights, k=count)


@cache
def lexicon():
    """The words of the language, the most frequent first."""
    rng = random.Random("lexicon")
    return ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(4000)]


def prose(seed, count):
    """The same as sentences in paragraphs."""
    rng = random.Random(seed)
    parts = []
    for at, word in enumerate(words(seed, count)):
        is_first = not parts or parts[-1].endswith((".", "\n"))
        end = rng.choice(["", "", "", "", "", "", ",", "."]) if at % 97 else ".\n\n"
        parts.append((word.capitalize() if is_first else word) + end)
    return " ".join(parts)


def ideographs(seed, count):
    """Characters of an unspaced script, with punctuation now and then."""
    rng = random.Random(seed)
    return "".join(
        chr(0x4E00 + int(rng.paretovariate(0.7)) % 3000) + rng.choice(["", "", "", "", "", "，"])
        for _ in range(count)
    )


def pdf(*pages, compressed=True, encrypted=False):
    """A PDF in Helvetica; each page is lines of text, or b"" for a page with none."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
    kids = []
    for page in pages:
        content = _drawn(page) if isinstance(page, str) else page
        kind = b""
        if compressed:
            content, kind = zlib.compress(content), b"/Filter/FlateDecode"
        objects.append(b"<<%s/Length %d>>stream\n%s\nendstream" % (kind, len(content), content))
        kids.append(b"%d 0 R" % (len(objects) + 1))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]"
            b"/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>" % len(objects)
        )
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    extra = b"/Encrypt<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>/ID[<00><00>]" % (
        b"11" * 32,
        b"22" * 32,
    )
    return _written(objects, extra if encrypted else b"")


def _drawn(text):
    lines = [f"({line})Tj T*".encode("cp1252") for line in text.split("\n")]
    return b"BT /F1 9 Tf 11 TL 40 780 Td " + b" ".join(lines) + b" ET"


def _written(objects, extra):
    out, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\n" % (
        size, table, size, extra,
    ) + b"startxref\n%d\n%%%%EOF" % len(out)  # fmt: skip
