# SPDX-License-Identifier: Apache-2.0
"""What the registered modalities make of real content, through the sandbox."""

import pytest

from stemtide.exercises import media, pictures
from stemtide.fingerprints.kinds import MAX_VALUE_BYTES, Kind
from stemtide.fingerprints.looks import Asked
from stemtide.fingerprints.sandbox import Sandbox
from stemtide.fingerprints.values import add_long, check_value

LONG = {Kind.VIDEO, Kind.AUDIO, Kind.GOP}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


def test_a_film_is_known_by_its_frames_its_sound_and_its_encode(sandbox):
    blob = media.film(pictures.photographs())
    sparse = sandbox.look(blob).fingerprints
    dense = sandbox.look(blob, asked=Asked(share=True)).fingerprints
    assert {one.kind for one in dense.each} == {Kind.SHA256, Kind.MD5, *LONG}
    assert (dense.media_type, dense.remarks) == ("video/mp4", ())
    for one in dense.each:
        assert check_value(one.kind, one.value) == one.value
    assert len(dense.of(Kind.VIDEO)[0].value) > len(sparse.of(Kind.VIDEO)[0].value)


def test_a_page_is_known_by_its_words_and_other_bytes_by_digests_alone(sandbox):
    page = sandbox.look(media.document()).fingerprints
    assert page.media_type == "text/html"
    assert [one.kind for one in page.each] == [Kind.SHA256, Kind.MD5, Kind.TEXT]
    other = sandbox.look(b"\x01\x02 only bytes").fingerprints
    assert [one.kind for one in other.each] == [Kind.SHA256, Kind.MD5]


def test_an_archive_with_nothing_in_it_says_so(sandbox):
    found = sandbox.fingerprint(b"PK\x05\x06" + bytes(18))
    assert (found.media_type, found.remarks) == ("application/zip", ("nothing is in this archive",))


def test_a_fingerprint_that_is_too_long_is_left_out_and_that_is_said():
    each, remarks = [], []
    add_long(each, remarks, Kind.AUDIO, bytes(MAX_VALUE_BYTES))
    add_long(each, remarks, Kind.AUDIO, bytes(MAX_VALUE_BYTES + 1))
    assert len(each) == 1
    assert remarks[0].startswith("limit: its audio fingerprint would have 4,194,305 bytes")
