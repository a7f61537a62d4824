# SPDX-License-Identifier: Apache-2.0
import base64

import pytest
from pydantic import ValidationError

from stemtide.protocol.messages.previews import MAX_STILL_BYTES, PreviewIn

WHEN = "2026-11-25T12:00:00Z"


def test_a_still_comes_back_as_its_bytes():
    body = PreviewIn(still=base64.b64encode(b"picture").decode(), expires_at=WHEN)
    assert body.blob == b"picture"


def test_the_largest_still_fits():
    PreviewIn(still=base64.b64encode(bytes(MAX_STILL_BYTES)).decode(), expires_at=WHEN)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "either a still or an excerpt"),
        ({"still": "AAAA", "excerpt": "words"}, "either a still or an excerpt"),
        ({"still": "not base64!"}, "not base64"),
        ({"excerpt": "x" * 1001}, "at most 1000"),
        ({"excerpt": "x", "labels": ["csam"]}, "INHOPE"),
        ({"excerpt": "x", "labels": ["nonsense"]}, "no label"),
    ],
)
def test_what_is_wrong_is_said(facts, says):
    with pytest.raises(ValidationError, match=says):
        PreviewIn(expires_at=WHEN, **facts)


def test_a_preview_without_a_date_is_none():
    with pytest.raises(ValidationError, match="expires_at"):
        PreviewIn(excerpt="words")
