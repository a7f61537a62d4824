# SPDX-License-Identifier: Apache-2.0
import csv
import io

import pytest
from hypothesis import given, strategies as st

from stemtide.protocol.files.csv_cells import guard, unguard

FORMULAS = ["=1+1", "+1", "-1", "@sum", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a"]


@pytest.mark.parametrize("text", FORMULAS, ids=range(len(FORMULAS)))
def test_what_a_spreadsheet_would_run_becomes_words(text):
    assert guard(text) == f"'{text}"
    assert guard(f"  {text}") == f"  '{text}"
    assert guard(f"\t{text}").startswith("'\t'")


def test_a_formula_behind_a_semicolon_or_in_a_line_below_is_stopped_too():
    assert guard("https://a.example/;=1+1") == "https://a.example/;'=1+1"
    assert guard("one\n=1+1") == "one\n'=1+1"


def test_other_cells_stay_as_they_are():
    for text in ("", "a-b", "1-1", "x = y", "a;b", "it's", "'quoted'", "https://a.example/?b=-1"):
        assert guard(text) == text


@given(st.text(alphabet="'=+-@\uff1d\uff20;\t\r\n a\u3000", max_size=12) | st.text(max_size=20))
def test_a_guarded_cell_gives_back_what_it_was(text):
    assert unguard(guard(text)) == text


@given(st.text(alphabet="'=+-@;\t\r\n a,\"", max_size=12))
def test_no_cell_begins_like_a_formula_wherever_a_file_is_taken_apart(text):
    out = io.StringIO()
    csv.writer(out).writerow([guard(text), "b"])
    for apart in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=apart):
            assert not any(cell.strip(" \t\r\n").startswith(("=", "+", "-", "@")) for cell in row)
