# SPDX-License-Identifier: Apache-2.0
"""Files of signals as text: what people's programs write, and what a hostile one does."""

import io
import json
import uuid

import pytest

from stemtide.fingerprints.url.canonical import canonical, digest
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.fingerprints.video.vpdq import to_json, to_lines
from stemtide.protocol.files import signal_readers as bulk_files
from stemtide.protocol.files.columns import COLUMNS, BadRow, BulkFileError, Columns, LeftOut
from stemtide.protocol.files.signal_readers import KIND_OF_TX, READERS, text_lines
from stemtide.protocol.messages.signals import SignalIn
from tests.prints import long_value
from tests.world import hex_value

HEAD = "kind,value,labels,severity"
ROW = f"pdq,{hex_value(1)},perpetrator-content|incitement,high"


def read(text, form="csv", **columns):
    body = text if isinstance(text, bytes) else text.encode()
    return list(READERS[form](text_lines(io.BytesIO(body)), Columns(**columns)))


def only(text, form="csv", **columns):
    (found,) = read(text, form, **columns)
    return found.outcome


def test_a_table_gives_signals_by_their_names_on_the_wire():
    found = only(f"{HEAD},quality,audience\n{ROW},90,\n")
    assert found == {
        "kind": "pdq",
        "value": hex_value(1),
        "labels": ["perpetrator-content", "incitement"],
        "severity": "high",
        "quality": 90,
    }
    assert SignalIn.model_validate_json(json.dumps(found), strict=True).quality == 90
    assert set(SignalIn.model_fields) - {"retention"} <= set(
        COLUMNS
    )  # it is of the party, not of a row


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\n{ROW}\n".encode("utf-8-sig"),
        f"{HEAD}\r\n{ROW}\r\n\r\n".encode(),
        f"{HEAD}\n{ROW}\n".replace(",", ";").encode("utf-8-sig"),
        f"{HEAD}\n{ROW}\n".replace(",", "\t").encode(),
        f"sep=;\n{HEAD};\n{ROW};\n;;;\n".replace(",", ";").encode(),
        f"{HEAD.upper()},\n {ROW} ,\n,,,,\n".encode(),
        "\n".join(f'"{one}"'.replace(",", '","') for one in (HEAD, ROW)).encode(),
    ],
    ids=["mark", "crlf", "semicolons", "tabs", "sep", "loose", "quoted"],
)
def test_the_tables_of_spreadsheets_are_read_alike(text):
    assert only(text) == only(f"{HEAD}\n{ROW}\n")


def test_names_are_changed_columns_left_out_and_defaults_filled_in():
    found = only(
        f"Hash,note\n{hex_value(1)},secret\n",
        renamed={"hash": "value", "note": ""},
        defaults={"kind": "pdq", "labels": ["incitement"], "severity": "low"},
    )
    assert found["value"] == hex_value(1)
    assert "note" not in found
    assert found["kind"] == "pdq"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "line 1: is empty"),
        (f"{HEAD},colour\n".encode(), "no column 'colour'"),
        (b"kind,kind\n", "twice"),
        ((",".join(["x"] * 65) + "\n").encode(), "65 columns"),
        ("kind,value\n".encode("utf-16"), "UTF-16"),
        (b"kind,entity\npdq,\xe9t\xe9\n", "line 2: is not in UTF-8"),
        (b"kind,value\npdq,a\0b\n", "line 2: holds a NUL"),
        (b'kind,value\npdq,"abc\nmd5,d\n', "quote left open"),
    ],
    ids=["empty", "unknown", "twice", "many", "utf16", "latin", "nul", "quote"],
)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(text, says):
    with pytest.raises(BulkFileError, match=says):
        read(text)


@pytest.mark.parametrize("form", READERS)
def test_an_endless_line_is_refused_before_it_is_held(form, monkeypatch):
    monkeypatch.setattr(bulk_files, "MAX_LINE_BYTES", 1000)
    with pytest.raises(BulkFileError, match="line 1: is longer than 1,000 bytes"):
        read(b"[" * 1001, form)


@pytest.mark.parametrize("row", ['"' + "a\n" * 100, 'a,"\n",' * 100], ids=["cell", "cells"])
def test_an_endless_row_of_short_lines_is_refused_before_it_is_held(row, monkeypatch):
    monkeypatch.setattr(bulk_files, "MAX_LINE_BYTES", 150)
    with pytest.raises(BulkFileError, match="the row from line 3 on is longer than 150 char"):
        read(f"{HEAD}\n{ROW[:100]}\n{row}")


def test_a_row_with_other_cells_than_the_heading_hides_no_other():
    short, good = read(f"{HEAD}\npdq,1\n{ROW}\n")
    assert "2 cells and the heading 4" in short.outcome.message
    assert (short.line, good.line) == (2, 3)
    assert isinstance(good.outcome, dict)


def test_lines_are_counted_through_quoted_ends_of_lines():
    found = read(f'{HEAD},entity\n{ROW},"two\nlines"\n{ROW},x\n')
    assert [one.line for one in found] == [2, 4]
    assert found[0].outcome["entity"] == "two\nlines"


def test_what_ended_or_is_disputed_is_left_out():
    told = read(f"{HEAD},state,disputed\n{ROW},withdrawn,\n{ROW},live,True\n{ROW},live,False\n")
    assert [one.outcome for one in told[:2]] == [LeftOut("withdrawn"), LeftOut("disputed")]
    assert "state" not in told[2].outcome
    taken = read(f"{HEAD},disputed\n{ROW},true\n", takes_disputed=True)
    assert isinstance(taken[0].outcome, dict)


def test_an_address_is_shared_and_not_its_digest_alone():
    address = "https://Video.example/watch?v=1"
    good = digest(canonical(address)).hex()
    head = "kind,value,url,labels,severity\n"
    assert only(f"{head}url,{good},{address},incitement,low\n")["value"] == address
    assert only(f"{head}url,,{address},incitement,low\n")["value"] == address
    assert only(f"{head}url,{good},,incitement,low\n")["value"] == good
    assert only(f"{head}url,{hex_value(1)},{address},incitement,low\n").field == "value"
    assert only(f"{head}url,{good},not an address,incitement,low\n").field == "url"


def test_a_name_of_content_stands_for_the_same_id_each_time():
    text = f"{HEAD},content\n{ROW},film 1\n"
    one = only(text, named="day.csv")["content"]
    assert uuid.UUID(one)
    assert one == only(text, named="day.csv")["content"]
    assert one != only(text, named="other.csv")["content"]
    assert only(text)["content"] == "film 1"
    kept = str(uuid.uuid4())
    assert only(f"{HEAD},content\n{ROW},{kept}\n", named="day.csv")["content"] == kept


@pytest.mark.parametrize(
    ("column", "cell", "read"),
    [
        ("within_bits", "12", 12),
        ("confidence", "70.0", 70),
        ("quality", "good", "good"),
        ("exercise", "TRUE", True),
        ("exercise", "0", False),
        ("exercise", "perhaps", "perhaps"),
    ],
)
def test_cells_are_numbers_and_claims_where_they_can_be(column, cell, read):
    assert only(f"{HEAD},{column}\n{ROW},{cell}\n")[column] == read


def test_a_number_stands_for_a_claim_where_a_program_has_no_other():
    row = {"kind": "pdq", "value": hex_value(1), "exercise": 1}
    assert only(json.dumps(row), "jsonl")["exercise"] is True


def test_a_guarded_cell_is_read_as_what_it_was():
    assert only(f"{HEAD},entity\n{ROW},'=1+1\n")["entity"] == "=1+1"


def test_json_lines_are_read_and_a_bad_one_hides_no_other():
    row = {"kind": "pdq", "value": hex_value(1), "quality": None, "state": "live", "position": 3}
    text = "\n".join([json.dumps(row), "{oops", "[1]", "[" * 100_000, "", json.dumps(row)])
    found = read(text, "jsonl")
    assert [one.line for one in found] == [1, 2, 3, 4, 6]
    assert [isinstance(one.outcome, BadRow) for one in found] == [False, True, True, True, False]
    assert found[0].outcome == {"kind": "pdq", "value": hex_value(1)}


def test_lines_of_tx_are_read_by_their_kinds():
    film = VideoPrint.from_bytes(long_value("video"))
    text = f"pdq {hex_value(1)}\nvideo_md5 {'a' * 32}\nvpdq {to_json(film)}\nraw_text hello\n"
    found = [one.outcome for one in read(text, "tx", defaults={"severity": "low"})]
    assert [one["kind"] for one in found[:3]] == ["pdq", "md5", "video"]
    assert found[0]["severity"] == "low"
    read_back = VideoPrint.from_bytes(bytes.fromhex(found[2]["value"]))
    assert to_json(read_back) == to_json(film)
    assert "stemtide signal share" in found[3].message


def test_the_names_of_tx_are_those_of_our_extension():
    from stemtide.tx.kinds import KIND_OF

    assert KIND_OF.items() <= KIND_OF_TX.items()


def test_several_films_of_vpdq_are_read_as_lists_and_as_lines():
    film = VideoPrint.from_bytes(long_value("video"))
    found = read(to_lines(film) + to_lines(film) + to_json(film) + "\n\n" + to_lines(film), "vpdq")
    lines = len(to_lines(film).splitlines())
    assert [one.line for one in found] == [1, 1 + lines, 1 + 2 * lines, 3 + 2 * lines]
    assert len({one.outcome["value"] for one in found}) == 1
    assert read("nonsense\n", "vpdq")[0].outcome.field == "value"


def test_a_film_without_an_end_is_refused_before_it_is_held(monkeypatch):
    monkeypatch.setattr(bulk_files, "MAX_LINE_BYTES", 2000)
    endless = "".join(f"{one},100,{hex_value(1)},{one}.0\n" for one in range(100))
    with pytest.raises(BulkFileError, match="the film from line 1"):
        read(endless, "vpdq")
