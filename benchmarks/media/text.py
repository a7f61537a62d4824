# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S311 - repeatable on purpose
"""Text: how many altered texts are found again, beside TLSH; false finds; speed.

The material is what is at hand wherever this runs: our own documentation and Python's language
reference, in English; or the texts of a folder. Thresholds come from other material (see
matching/text/passages.py), so every figure here is on unseen texts.
"""

import importlib.util
import random
import statistics
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from pydoc_data.topics import topics

from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.text.fingerprint import TextPrint, fingerprint_text, sketch
from stemtide.matching.text.passages import PassageFinder

PAGES = Path(__file__).parents[2] / "docs"
TLSH_WITHIN = 30
LIMITS = DecodingLimits()
LOOKALIKES = str.maketrans("aceopxyABEHKMOPTX", "асеорхуАВЕНКМОРТХ")  # noqa: RUF001 - meant to be
LEET = str.maketrans("aeiost", "431057")


def texts(corpus):
    """References: (name, text) of at least 400 words; and texts that share nothing with them."""
    if corpus is not None:
        found = [(one.name, one.read_text("utf-8")) for one in sorted((corpus / "texts").iterdir())]
    else:
        found = [(one.name, one.read_text("utf-8")) for one in sorted(PAGES.rglob("*.md"))]
    found = [(name, text) for name, text in found if len(text.split()) >= 400][:24]
    return found, [text for text in topics.values() if len(text.split()) >= 200]


def some(text, share, change, seed):
    """Change a share of the words."""
    rng = random.Random(seed)
    return " ".join(change(word) if rng.random() < share else word for word in text.split())


def stretch(text, count, seed):
    words = text.split()
    start = random.Random(seed).randrange(max(1, len(words) - count))
    return " ".join(words[start : start + count])


def swapped(text, seed):
    words, rng = text.split(), random.Random(seed)
    for at in range(len(words) - 1):
        if rng.random() < 0.1:
            words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def shuffled(text, seed):
    parts = text.split("\n\n")
    random.Random(seed).shuffle(parts)
    return "\n\n".join(parts)


def page(text):
    body = "".join(f'<p class="t">{part}</p>\n' for part in text.split("\n\n"))
    return f"<!doctype html><title>x</title><style>p{{}}</style><body><nav>Home</nav>{body}</body>"


def hidden(text):
    return page(" ".join(f'{word}<i style="display:none">junk</i>' for word in text.split()))


def bare(text):
    return "".join(c for c in text if c.isalnum() or c.isspace())


def article(text, around, count, seed):
    half = len(around) // 2
    return f"{around[:half]} {stretch(text, count, seed)} {around[half:]}"


SUITE = {
    "white space": lambda text, _, __: "\n".join(text.split()),
    "upper case": lambda text, _, __: text.upper(),
    "look-alikes": lambda text, _, __: text.translate(LOOKALIKES),
    "zero-width": lambda text, _, __: "\u200b".join(text),
    "as HTML": lambda text, _, __: page(text),
    "no punctuation": lambda text, _, __: bare(text),
    "leet 10 % of words": lambda text, _, at: some(text, 0.1, lambda w: w.translate(LEET), at),
    "5 % of words dropped": lambda text, _, at: some(text, 0.05, lambda _: "", at),
    "10 % of words swapped": lambda text, _, at: swapped(text, at),
    "paragraphs shuffled": lambda text, _, at: shuffled(text, at),
    "first half": lambda text, _, __: text[: len(text) // 2],
    "middle 20 %": lambda text, _, __: text[len(text) * 4 // 10 : len(text) * 6 // 10],
    "quote of 100 words": lambda text, _, at: stretch(text, 100, at),
    "quote of 40 words": lambda text, _, at: stretch(text, 40, at),
    "quote of 60 words in an article": lambda text, other, at: article(text, other, 60, at),
}
"""The fifteen of the bar: name -> (text, another text, number) -> altered text."""

BEYOND = {
    "leet throughout": lambda text, _, __: text.translate(LEET),
    "hidden words in HTML": lambda text, _, __: hidden(text),
    "15 % of words replaced": lambda text, _, at: some(text, 0.15, lambda _: "other", at),
    "quote of 25 words": lambda text, _, at: stretch(text, 25, at),
}


def cases(corpus: Path | None = None) -> Iterator[dict[str, object]]:
    references, unrelated = texts(corpus)
    finder = PassageFinder()
    finder.put(range(len(references)), [sketch(text).to_bytes() for _, text in references])
    ours, peers = [], []
    for name, change in SUITE.items():
        row = recall(name, change, references, unrelated, finder)
        ours.append(row["ours"])
        peers.append(row["peer_value"])
        yield row
    all_peers = statistics.mean(peers) if None not in peers else None
    yield _row("all 15 transforms", statistics.mean(ours), all_peers, bar=0.97)
    for name, change in BEYOND.items():
        yield recall(f"beyond: {name}", change, references, unrelated, finder)
    yield from false_finds(references, unrelated, finder)
    yield from speed(references)


def recall(name, change, references, unrelated, finder):
    found, peers = 0, 0
    for at, (_, text) in enumerate(references):
        altered = change(text, unrelated[at % len(unrelated)], at)
        value = fingerprint_text(altered.encode(), limits=LIMITS).to_bytes()
        found += any(one.key == at for one in finder.find(value))
        peers += tlsh_within(text, altered)
    count = len(references)
    return _row(name, found / count, peers / count if tlsh() else None)


def false_finds(references, unrelated, finder):
    """Each unrelated text against each reference, and against TLSH."""
    pairs = len(references) * len(unrelated)
    ours = sum(len(finder.find(sketch(text).to_bytes())) for text in unrelated)
    sure = sum(
        one.confidence >= 0.9 for text in unrelated for one in finder.find(sketch(text).to_bytes())
    )
    yield {
        **_row(f"false finds among {pairs:,} pairs", ours, None, unit="finds", bar=pairs * 1e-4),
        "of_confidence_0.9": sure,
    }


def speed(references):
    text = " ".join(text for _, text in references)[:49_000]
    blob = text.encode()
    took = _took(lambda: fingerprint_text(blob, limits=LIMITS))
    peer = _took(lambda: tlsh().hash(blob)) if tlsh() else None
    yield {**_row("49 KB of text", took, peer, unit="ms"), "peer": "TLSH"}
    blob = page(text).encode()
    yield _row(
        "49 KB of text as HTML",
        _took(lambda: fingerprint_text(blob, limits=LIMITS)),
        None,
        unit="ms",
    )
    yield from search_speed(text)


def search_speed(text):
    import numpy as np

    rng, finder = np.random.default_rng(1), PassageFinder()
    values = [
        TextPrint(np.unique(rng.integers(0, 1 << 62, 250, np.uint64)), 1000).to_bytes()
        for _ in range(20_000)
    ]
    began = time.perf_counter()
    finder.put(range(len(values)), values)
    took = 1e3 * (time.perf_counter() - began)
    yield _row("20,000 texts of 1,000 words held", took, None, unit="ms")
    for words in (100, 1000):
        query = sketch(" ".join(text.split()[:words])).to_bytes()
        took = _took(partial(finder.find, query))
        yield _row(f"{words} words among 20,000 texts", took, None, unit="ms")


def tlsh():
    if importlib.util.find_spec("tlsh") is None:
        return None
    import tlsh as module

    return module


def tlsh_within(text, altered):
    if not tlsh():
        return 0
    one, other = (tlsh().hash(part.encode()) for part in (text, altered))
    return "TNULL" not in {one, other} and tlsh().diffxlen(one, other) <= TLSH_WITHIN


def _took(run, rounds=5):
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def _row(case, ours, peer, *, unit="recall", bar=None):
    return {
        "part": "text",
        "case": case,
        "ours": round(ours, 4),
        "peer": f"TLSH within {TLSH_WITHIN}",
        "peer_value": peer if peer is None else round(peer, 4),
        "unit": unit,
        "bar": bar,
    }


if __name__ == "__main__":
    for row in cases(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(row)
