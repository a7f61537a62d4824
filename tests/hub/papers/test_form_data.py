# SPDX-License-Identifier: Apache-2.0
"""The entries of a form inside of its PDF, for programs."""

import base64
import zlib

import pytest

from stemtide.hub.platform.documents import form_data
from tests.world import hex_value


def test_entries_are_read_as_they_were_written():
    values = {"urls": [f"https://a.example/{'x' * 900}"], "reasons": "Aufruf · سبب", "ticked": True}
    text = form_data.encode("tco-annex-1", values)
    assert form_data.decode(text) == {"form": "tco-annex-1", "values": values}
    assert max(len(word) for word in text.split()) < 60  # typesetting breaks longer ones


def test_entries_that_are_too_long_for_a_pdf_are_left_out():
    urls = [hex_value(number) for number in range(2000)]
    assert form_data.encode("tco-annex-1", {"urls": urls}) == ""


def packed(content):
    return "Stemtide form data: " + base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A report",
        "Stemtide form data: ",
        "Stemtide form data: !!!",
        "Stemtide form data: " + base64.b64encode(b"no archive").decode(),
        packed(b"[1]"),
        packed(b'{"values": 1}'),
        packed(b"[" * 100_000),
        packed(b'{"form": "x", "values": {"a": "' + b" " * (8 << 20) + b'"}}'),
        "Stemtide form data: " + "A" * 40_000,
    ],
)
def test_other_text_holds_no_entries(text):
    assert form_data.decode(text) == {}
