# SPDX-License-Identifier: Apache-2.0
"""What every registered modality must do, to be tried on any of them.

A new modality needs one Sample more in test_registered.py: a small piece of its content, and what
is made of it. Speed is measured by `python -m benchmarks.media.modalities`, never in a test; what a
test can say of it is that a look needs no more than the limits of the sandbox give.
"""

import hashlib
import importlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stemtide.fingerprints.analysis import (
    MODALITIES,
    SNIFFED_BYTES,
    Analysis,
    AnalysisOptions,
    Content,
    Modality,
    no_progress,
)
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.values.checks import check_value
from tests.rounds import rounds

_LOOKS, _LONG_LOOKS = rounds(20, nightly=40), rounds(6, nightly=12)
_SLOW = {"stemtide.fingerprints.video.modality", "stemtide.fingerprints.live_chunk"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A piece of content that a modality is tried on.

    media_type: that its first bytes state; "" if the modality is only ever named.
    kinds:      of the fingerprints that come of it, in order.
    vector:     the first eight hex digits of the SHA-256 of all their values, one after the other;
                "" where a decoder may differ by a bit from one version to the next.
    named:      whether a caller must name the modality.
    """

    content: bytes
    media_type: str
    kinds: tuple[Kind, ...]
    vector: str = ""
    named: bool = False


def module_of(name: str) -> Modality:
    return cast("Modality", importlib.import_module(MODALITIES[name].module))


def look(name: str, content: Content, **asked: bool) -> Analysis:
    """Look without a sandbox."""
    limits, wanted = DecodingLimits(), AnalysisOptions(**asked)
    return module_of(name).analyse(content, limits=limits, options=wanted, progress=no_progress)


def looks_at(name: str) -> int:
    return _LONG_LOOKS if MODALITIES[name].module in _SLOW else _LOOKS


def check_head(name: str, sample: Sample, others: dict[str, Sample]) -> None:
    """It knows its content by the first bytes, and takes none of those asked after it."""
    sniff, order = module_of(name).sniff, list(MODALITIES)
    head = sample.content[:SNIFFED_BYTES]
    assert bool(sniff(head)) != sample.named
    assert not sniff(b"")
    for other, theirs in others.items():
        if not theirs.named and order.index(other) > order.index(name):
            assert not sniff(theirs.content[:SNIFFED_BYTES]), other


def check_vector(name: str, sample: Sample, path: Path) -> None:
    """The same comes of the same content, from memory and from a file, spelled as its kind asks."""
    path.write_bytes(sample.content)
    made = look(name, sample.content).fingerprints
    assert look(name, path).fingerprints == made
    assert made.media_type == sample.media_type
    assert tuple(one.kind for one in made.each) == sample.kinds
    assert set(sample.kinds) <= MODALITIES[name].kinds
    for one in made.each:
        assert check_value(one.kind, one.value) == one.value
    if sample.vector:
        values = b"".join(one.value for one in made.each)
        assert hashlib.sha256(values).hexdigest()[:8] == sample.vector


def check_damage(name: str, sample: Sample) -> None:
    """Whatever is done to content, a look gives something or says something, and raises nothing."""
    chance = random.Random(name)  # noqa: S311 - repeatable, not secret
    for turn in range(looks_at(name)):
        blob = bytearray(sample.content)
        for _ in range(chance.choice((1, 5, 40))):
            blob[chance.randrange(len(blob))] = chance.randrange(256)
        if turn % 2:
            del blob[chance.randrange(1, len(blob)) :]
        made = look(name, bytes(blob), views=bool(turn % 3), robust=not turn % 3).fingerprints
        assert made.each or made.remarks


def check_worker(name: str, sample: Sample) -> None:
    """In a worker the same comes of it, within the limits."""
    named = name if sample.named else ""
    with Sandbox(limits=DecodingLimits(memory_bytes=256 << 20)) as sandbox:
        boxed = sandbox.analyse(sample.content, modality=named).fingerprints
        assert boxed.each[2:] == look(name, sample.content).fingerprints.each
        assert not boxed.is_incomplete
