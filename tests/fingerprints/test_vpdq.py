# SPDX-License-Identifier: Apache-2.0
import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.video import Sampling, VideoPrint
from stemtide.fingerprints.video import vpdq
from stemtide.fingerprints.video.fingerprint import fingerprint_video
from tests.fingerprints.videos import LIMITS, clip
from tests.rounds import rounds

HASH = "d8f8f0cec0f4a84f0637022a278f67f0b36e2ed596621e1d33e6b39c4e9c9b22"


@pytest.fixture(scope="module")
def video():
    return fingerprint_video(clip("street"), limits=LIMITS, sampling=Sampling.SHARE)


def test_lines_and_json_go_out_and_come_in_again(video):
    for text in (vpdq.to_lines(video), vpdq.to_json(video)):
        again = vpdq.from_text(text)
        assert again.sampling is Sampling.IMPORTED
        assert np.array_equal(again.rows["pdq"], video.rows["pdq"])
        assert np.array_equal(again.rows["at_ms"], video.rows["at_ms"])
        assert len(VideoPrint.from_bytes(again.to_bytes())) == len(video)


def test_lines_are_number_quality_hash_and_time():
    video = vpdq.from_text(f"30,87,{HASH},1.001\n\n0,100,{HASH},0.000\n")
    assert video.rows["at_ms"].tolist() == [0, 1001]
    assert vpdq.to_lines(video) == f"0,100,{HASH},0.000\n1,87,{HASH},1.001\n"


def test_nothing_is_an_empty_fingerprint():
    assert len(vpdq.from_text("")) == 0
    assert len(vpdq.from_text("[]")) == 0


@pytest.mark.parametrize(
    "text",
    [
        "0,100,abc,0",
        f"0,101,{HASH},0",
        f"x,100,{HASH},0",
        f"0,100,{HASH},nan",
        f"0,100,{HASH},-1",
        f"0,100,{HASH},1e99",
        f"0,100,{HASH}",
        f"0,{'9' * 5000},{HASH},0",
        "[1]",
        '["a,b"]',
        json.dumps([f"{HASH},50,inf"]),
        "[" * 100_000,
        '{"a": 1}',
    ],
)
def test_what_is_wrong_is_named(text):
    with pytest.raises(FingerprintError, match="vPDQ"):
        vpdq.from_text(text)


@settings(max_examples=rounds(25, nightly=200), deadline=None)
@given(st.text(alphabet='0123456789,abcdef[]"\n.- ', max_size=200))
def test_any_text_is_read_or_refused(text):
    with suppress(FingerprintError):
        vpdq.from_text(text)
