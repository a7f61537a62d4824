# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S311 - repeatable on purpose
import random

import pytest

from stemtide.fingerprints.text.tlsh import tlsh_of
from tests.fingerprints.texts import prose

KNOWN = [
    (
        prose("a text", 400).encode(),
        "T1116132EFB12543FE0DA2048BD1EE5A26A75D4AC19D5E86D3D80B722920570487ACD3FB",
    ),
    (
        bytes(range(256)) * 20,
        "T1F6B19524E6514D7D1F175ADCD04E44DF554FCDE302C5002517F186D1C510294440ED1D",
    ),
    (
        random.Random(3).randbytes(60),
        "T181A002077E195B465045538524A61C55185BD40AE2117987780D42AB24D54225D51565",
    ),
]


@pytest.mark.parametrize(("content", "expected"), KNOWN, ids=["prose", "ramp", "noise"])
def test_it_is_what_the_reference_makes(content, expected):
    """The values are those of py-tlsh 5.0.0."""
    assert tlsh_of(content) == expected


@pytest.mark.parametrize("content", [b"", b"x" * 49, b"a" * 10_000, b"ab" * 500])
def test_what_is_too_short_or_too_uniform_has_none(content):
    assert tlsh_of(content) == ""


def test_what_is_too_long_has_none(monkeypatch):
    monkeypatch.setattr("stemtide.fingerprints.text.tlsh.MAX_BYTES", 100)
    assert tlsh_of(random.Random(1).randbytes(101)) == ""
    assert tlsh_of(random.Random(1).randbytes(100)) != ""


def test_it_is_made_in_blocks_like_in_one(monkeypatch):
    content = prose("blocks", 2000).encode()
    whole = tlsh_of(content)
    monkeypatch.setattr("stemtide.fingerprints.text.tlsh._BLOCK", 97)
    assert tlsh_of(content) == whole


def test_it_equals_the_reference_where_that_is_installed():
    reference = pytest.importorskip("tlsh", reason="py-tlsh has no wheels")
    rng = random.Random(9)
    for _ in range(300):
        kind = rng.choice([bytes(range(256)), b"abcdefgh ", b"ab "])
        content = bytes(rng.choices(kind, k=rng.randint(0, 5000)))
        assert tlsh_of(content) == reference.hash(content).replace("TNULL", "")
