# SPDX-License-Identifier: Apache-2.0
import importlib.util

import pytest

from stemtide.exercises import pictures
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, MIN_QUALITY, Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.rounds import rounds


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


def pdq(sandbox, blob):
    (found,) = sandbox.fingerprint(blob).of(Kind.PDQ)
    return found


def bits(one, other):
    return (int.from_bytes(one.value) ^ int.from_bytes(other.value)).bit_count()


@pytest.mark.parametrize("name", rounds(pictures.SHARED[:2], nightly=pictures.SHARED))
def test_every_altered_copy_is_within_reach_of_pdq(sandbox, name):
    blob = pictures.photographs()[name]
    original = pdq(sandbox, blob)
    assert original.quality >= MIN_QUALITY
    for alter in pictures.ALTERATIONS:
        assert bits(original, pdq(sandbox, alter(blob))) <= MATCH_WITHIN_BITS, alter.__name__


def test_an_altered_copy_is_another_file():
    blob = pictures.photographs()["coffee.png"]
    made = {alter(blob) for alter in pictures.ALTERATIONS}
    assert len(made) == len(pictures.ALTERATIONS)


def test_no_unrelated_picture_is_near_a_shared_one(sandbox):
    files = pictures.photographs()
    shared = {name: pdq(sandbox, files[name]) for name in pictures.SHARED}
    for name in pictures.UNRELATED:
        for alter in pictures.ALTERATIONS[:2]:
            made = pdq(sandbox, alter(files[name]))
            assert min(bits(made, one) for one in shared.values()) > 2 * MATCH_WITHIN_BITS


def test_without_the_photographs_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(pictures.PhotographsMissingError, match=r"stemtide\[demo\]"):
        pictures.photographs()
