# SPDX-License-Identifier: Apache-2.0
import hashlib
from io import BytesIO

from hypothesis import given, strategies as st

from stemtide.fingerprints import file
from stemtide.fingerprints.kinds import Kind


@given(blob=st.binary(max_size=5000))
def test_digests_are_those_of_the_whole_file(blob):
    expected = (hashlib.sha256(blob).digest(), hashlib.md5(blob).digest())  # noqa: S324 - the oracle
    assert file.digests(BytesIO(blob)) == expected
    assert tuple(one.value for one in file.fingerprint_bytes(blob)) == expected


def test_a_file_larger_than_a_chunk_is_read_to_its_end():
    blob = b"abc" * 1_000_000
    assert file.digests(BytesIO(blob))[0] == hashlib.sha256(blob).digest()


def test_digests_say_their_kinds():
    assert [one.kind for one in file.fingerprint_bytes(b"x")] == [Kind.SHA256, Kind.MD5]
