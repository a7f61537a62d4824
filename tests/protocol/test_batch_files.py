# SPDX-License-Identifier: Apache-2.0
"""Files of batches: read as people write them, and given back so that nothing runs."""

import csv
import io

import pytest

from stemtide.protocol.files import batches as batch_files
from stemtide.protocol.files.batches import BatchFileError, read_rows, write_rows
from stemtide.protocol.messages.batches import BatchRowOut


@pytest.mark.parametrize(
    "text",
    [
        "url,provider,reason\nhttps://a.example/1,big,Why\n",
        "\ufeffURL;Provider;Reason\r\nhttps://a.example/1;big;Why\r\n",
        ' reason ,"url",provider\n"Why",https://a.example/1,big\n,,\n\n',
    ],
)
def test_a_file_is_read_however_a_spreadsheet_wrote_it(text):
    rows = read_rows(text)
    assert [(one.number, one.url, one.provider, one.reason) for one in rows] == [
        (1, "https://a.example/1", "big", "Why")
    ]


def test_what_the_file_does_not_say_the_defaults_do():
    rows = read_rows(
        "url,provider\nhttps://a.example/1,\nhttps://a.example/2,small\n",
        defaults={"provider": "big", "labels": "incitement"},
    )
    assert [(one.provider, one.labels) for one in rows] == [
        *(("big", "incitement"), ("small", "incitement"))
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column url"),
        ("address\nhttps://a.example\n", "no column url"),
        ("url,colour\nhttps://a.example,red\n", "no column 'colour'"),
        ("url,url\na,b\n", "twice"),
        ("url\n\n", "no rows"),
        ('url\n"https://a.example\n', "unexpected end"),
    ],
)
def test_what_is_no_batch_says_so_and_what_to_do(text, told):
    with pytest.raises(BatchFileError, match=told):
        read_rows(text)


def test_a_file_has_no_more_rows_than_a_batch(monkeypatch):
    monkeypatch.setattr(batch_files, "MAX_ROWS", 2)
    with pytest.raises(BatchFileError, match="at most 2"):
        read_rows("url\na\nb\nc\n")


def test_a_cell_that_is_far_too_long_travels_as_far_as_it_takes_to_be_refused():
    assert len(read_rows(f"url\nhttps://a.example/{'x' * 20_000}\n")[0].url) == 10_000


@pytest.mark.parametrize("url", ["=1+1", "+1", "-1", "@a", "https://a.example/1"])
def test_no_spreadsheet_runs_what_it_gets_back(url):
    row = BatchRowOut(
        number=1,
        url=url,
        provider="big",
        outcome="bad_url",
        message="no, really",
        referral=None,
        reference="",
    )
    head, cells = csv.reader(io.StringIO(write_rows([row])))
    found = dict(zip(head, cells, strict=True))
    assert found["url"] == (url if url.startswith("http") else f"'{url}")
    assert (found["outcome"], found["message"], found["referral"]) == (
        *("bad_url", "no, really"),
        "",
    )
