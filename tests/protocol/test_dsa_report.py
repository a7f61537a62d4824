# SPDX-License-Identifier: Apache-2.0
import csv
import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils import column_index_from_string
from pydantic import ValidationError

from stemtide.protocol.files.dsa_report import csv_files, read_form, to_xlsx, to_zip
from stemtide.protocol.law.dsa.figures import (
    BlockCounts,
    ComplaintCounts,
    OrderFact,
    ReportCounts,
    ReportForm,
)
from stemtide.protocol.law.dsa.report import fill
from stemtide.protocol.law.dsa.template import Period, Shape, due_year, template
from tests.rounds import rounds

PERIOD = Period(2026)
NEXT_YEAR = date(2027, 1, 20)
FACTS = ReportCounts(
    orders=(
        OrderFact(country="DE", items=3, receipt_hours=0.0, effect_hours=0.4),
        OrderFact(country="DE", items=1, receipt_hours=0.5, effect_hours=0.8),
        OrderFact(country="GR", items=2, receipt_hours=0.1, effect_hours=None),
    ),
    complaints=ComplaintCounts(filed=9, kept=5, reversed=2, omitted=1, hours=(2.0, 10.0, 30.0)),
    blocks=BlockCounts(blocked=400, undone=3),
)
CODE = {row.label: row.code for row in template().categories}


def filled(facts=FACTS, *, today=NEXT_YEAR, period=PERIOD, **form):
    return fill(facts, ReportForm.model_validate(form), period=period, today=today)


def rows_of(report, sheet):
    return next(table for table in report.tables if table.name == sheet).rows


def category_row(report, sheet, label, scope="TOTAL"):
    """Return a row by the letters that Annex II gives to columns."""
    has_scope = sheet == "3_member_states_orders"
    for row in rows_of(report, sheet):
        if row[3] == CODE[label] and (not has_scope or row[5] == scope):
            return lambda letter, row=row: row[column_index_from_string(letter) - 1]
    raise AssertionError(label)


def indicator(report, sheet, title, scope):
    return next(
        row[6]
        for row in rows_of(report, sheet)
        if (row[4].strip(), row[5].strip()) == (title, scope)
    )


def cell(sheet, row, column, value, **more):
    return {"sheet": sheet, "row": row, "column": column, "value": value, **more}


def messages(report):
    return [fault.message for fault in report.faults]


def test_orders_stand_in_the_columns_of_annex_2_by_the_state_of_their_authority():
    report = filled()
    total, germany = (
        category_row(report, "3_member_states_orders", "10d", scope) for scope in ("TOTAL", "DE")
    )
    assert [total(letter) for letter in "DEFGHIJ"] == [
        *("KEYWORD_TERRORIST_CONTENT", None, "TOTAL", 3, 6, 0.1, 0.6),
    ]
    assert [germany(letter) for letter in "FGHIJK"] == ["DE", 2, 4, 0.25, 0.6, None]


def test_greece_is_el_and_states_without_an_order_have_no_rows():
    scopes = {row[5] for row in rows_of(filled(), "3_member_states_orders")}
    assert scopes == {"TOTAL", "DE", "EL"}


def test_what_nobody_knows_is_blank_and_no_order_is_zero():
    known, unknown = filled(ReportCounts(orders=())), filled(ReportCounts())
    sheet = "3_member_states_orders"
    assert category_row(known, sheet, "10d")("G") == 0
    assert category_row(unknown, sheet, "10d")("G") is None
    assert category_row(known, sheet, "7a")("G") is None, "the hub sees no orders about copyright"
    assert category_row(known, sheet, "TOTAL")("G") is None


def test_a_complete_group_has_zeros_sums_and_the_median_of_the_only_row():
    report = filled(complete=["orders"])
    sheet = "3_member_states_orders"
    assert category_row(report, sheet, "7a", "DE")("G") == 0
    assert category_row(report, sheet, "7a", "DE")("J") is None, "no median of nothing"
    assert category_row(report, sheet, "10")("H") == 6
    assert [category_row(report, sheet, "TOTAL")(letter) for letter in "GHIJK"] == [
        *(3, 6, 0.1, 0.6, None),
    ]


def test_a_median_is_not_made_of_medians():
    more = cell("3_member_states_orders", "7a", "received", 4, scope="DE")
    report = filled(complete=["orders"], cells=[more])
    assert category_row(report, "3_member_states_orders", "TOTAL")("G") == 7
    assert category_row(report, "3_member_states_orders", "TOTAL")("J") is None
    owed = [m for m in report.missing if (m.row, m.column) == ("TOTAL", "effect_hours")]
    assert {missing.scope for missing in owed} == {"TOTAL", "DE"}


def test_blocks_are_own_initiative_by_machine_on_the_ground_that_is_named():
    report = filled(ground="terms", measure="disable", complete=["own_terms"])
    row = category_row(report, "6_own_initiative_TC", "10d")
    assert [row(letter) for letter in "FGHIJO"] == [400, 400, 0, 400, None, None]
    assert category_row(report, "6_own_initiative_TC", "TOTAL")("F") == 400
    assert category_row(report, "5_own_initiative_illegal", "10d")("F") is None
    law = filled(ground="law", measure="removal")
    assert category_row(law, "5_own_initiative_illegal", "10d")("H") == 400


def test_a_restriction_that_the_service_cannot_impose_stays_blank():
    report = filled(ground="terms", complete=["own_terms"], restrictions=["demoted"])
    row = category_row(report, "6_own_initiative_TC", "1a")
    assert [row(letter) for letter in "FGHJO"] == [0, 0, None, 0, None]


def test_an_upheld_complaint_is_a_decision_reversed():
    report = filled()
    title = "Number of complaints submitted to the internal-complaints mechanism"
    scopes = ("Total number", "Decisions upheld", "Decisions partially reversed")
    scopes += ("Decisions reversed", "Median time", "Decision omitted")
    values = [indicator(report, "7_appeals_and_recidivism", title, scope) for scope in scopes]
    assert values == [9, 5, 0, 2, 10.0, 1]


def test_precision_is_the_share_of_blocks_that_were_not_undone():
    title = "Accuracy of the automated means - Precision"
    assert indicator(filled(), "8_automated_means", title, "Own-initiative") == 0.9925
    none = filled(ReportCounts(blocks=BlockCounts(blocked=0, undone=0)))
    assert indicator(none, "8_automated_means", title, "Own-initiative") is None
    assert not [m for m in none.missing if m.row.startswith("own_") and "precision" in m.row]


@pytest.mark.parametrize(
    ("kind", "blank", "asked"),
    [
        ("intermediary", {"4_notices", "9_human_resources"}, {"3_member_states_orders"}),
        ("hosting", {"9_human_resources", "10_AMAR"}, {"4_notices"}),
        ("platform", {"9_human_resources", "10_AMAR"}, {"4_notices", "7_appeals_and_recidivism"}),
        ("vlop", set(), {"9_human_resources", "10_AMAR"}),
        ("vlose", {"9_human_resources"}, {"10_AMAR"}),
    ],
)
def test_rows_that_do_not_apply_are_not_asked(kind, blank, asked):
    sheets = {missing.sheet for missing in filled(kind=kind).missing}
    assert not sheets & blank
    assert asked <= sheets


def test_a_figure_of_a_row_that_does_not_apply_is_refused():
    extra = cell("9_human_resources", "internal_total", "value", 5)
    assert "does not apply" in messages(filled(cells=[extra]))[0]
    assert rows_of(filled(cells=[extra]), "9_human_resources")[0][6] is None


WRONG = [
    (cell("5_own", "10d", "measures", 1), "there is no such sheet"),
    (cell("4_notices", "10z", "received", 1), "there is no such row"),
    (cell("4_notices", "15a", "received", 1), "there is no such row"),
    (cell("4_notices", "10d", "recieved", 1), "there is no such column"),
    (cell("4_notices", "10d", "received", 1, scope="DE"), "must be TOTAL"),
    (cell("3_member_states_orders", "10d", "received", 1, scope="GR"), "must be TOTAL"),
    (cell("4_notices", "10d", "received", 1.5), "must be a whole number"),
    (cell("4_notices", "10d", "received", -1), "must be a whole number"),
    (cell("4_notices", "10d", "received", "7"), "must be a whole number"),
    (cell("4_notices", "10d", "action_hours", -0.1), "must be a number of hours"),
    (cell("4_notices", "10d", "action_hours", "2 h"), "must be a number of hours"),
    (cell("8_automated_means", "own_recall", "value", 1.01), "must be a number from 0 to 1"),
    (cell("11_qualitative", "summary", "value", "x" * 5001), "at most 5,000 characters"),
    (cell("11_qualitative", "summary", "value", "ask an@example.org"), "personal data"),
    (cell("4_notices", "1c", "received", 2), "must say what it counts"),
    (cell("4_notices", "1a", "received", 2, other="dogs"), "takes no description"),
]


@pytest.mark.parametrize(("wrong", "why"), rounds(WRONG[::4], nightly=WRONG))
def test_a_wrong_figure_is_named_by_sheet_row_and_column(wrong, why):
    (message,) = messages(filled(cells=[wrong]))
    assert why in message
    assert message.startswith(f"{wrong['sheet']}, row {wrong['row']}, column {wrong['column']}")


def test_two_figures_for_one_cell_are_refused():
    figure = cell("4_notices", "10d", "received", 1)
    assert "is there twice" in messages(filled(cells=[figure, figure | {"value": 2}]))[0]


def test_sub_categories_add_up_to_their_category():
    figures = [
        cell("4_notices", "13a", "received", 3),
        cell("4_notices", "13b", "received", 2),
        cell("4_notices", "13c", "received", 0),
    ]
    assert not messages(filled(cells=[*figures, cell("4_notices", "13", "received", 5)]))
    (message,) = messages(filled(cells=[*figures, cell("4_notices", "13", "received", 6)]))
    assert message.endswith("is 6, but its sub-categories add up to 5")
    parts_unknown = [figures[0], cell("4_notices", "13", "received", 2)]
    assert "add up to 3" in messages(filled(cells=parts_unknown))[0]


def test_a_part_is_no_more_than_its_whole():
    figures = [
        cell("4_notices", "10d", "received", 3),
        cell("4_notices", "10d", "flagger_received", 4),
    ]
    assert messages(filled(cells=figures))[0].endswith("more than 3 in the column received")


def test_own_sub_categories_get_a_row_each_and_count_in_the_sum():
    figures = [
        cell("4_notices", "3g", "received", 7, other="Doxing"),
        cell("4_notices", "3g", "received", 2, other="Swatting"),
        cell("4_notices", "3b", "received", 3),
    ]
    report = filled(cells=figures, complete=["notices"])
    added = [(row[4], row[5]) for row in rows_of(report, "4_notices") if row[4]]
    assert added == [("Doxing", 7), ("Swatting", 2)]
    assert category_row(report, "4_notices", "3")("F") == 12
    assert len(rows_of(report, "4_notices")) == 92


def test_a_persons_figure_goes_before_the_programs():
    more = cell("3_member_states_orders", "10d", "received", 5)
    assert category_row(filled(cells=[more]), "3_member_states_orders", "10d")("G") == 5


def test_a_report_is_whole_when_the_period_is_over_and_nothing_is_left():
    texts = template().named("11_qualitative").rows
    every = ["orders", "information_orders", "own_illegal", "own_terms"]
    form = {
        "provider": "Example BV",
        "service": "Example",
        "kind": "intermediary",
        "published": "2027-02-20",
        "complete": every,
        "ground": "terms",
        "measure": "disable",
        "cells": [
            *(
                cell("11_qualitative", row.name, "value", "Text.")
                for row in texts
                if row.applies == "all"
            ),
            cell("7_appeals_and_recidivism", "complaints_total", "value", 9),
            *(
                cell("8_automated_means", f"{part}_{name}", "value", 1)
                for part in ("all", "own")
                for name in ("by_people", "accuracy", "recall")
            ),
        ],
    }
    report = filled(**form)
    assert report.missing == []
    assert report.is_whole
    assert not filled(today=date(2026, 12, 31), **form).is_whole
    early = filled(**{**form, "published": "2026-12-31"})
    assert "must not be before the end" in messages(early)[0]


def test_a_report_is_due_two_months_after_its_period():
    assert [Period(2026).due, Period(2027).due] == [date(2027, 2, 28), date(2028, 2, 29)]
    assert [Period(2026, 1).due, Period(2026, 2).due] == [date(2026, 8, 30), date(2027, 2, 28)]
    days = [date(2027, 2, 28), date(2027, 3, 1), date(2026, 11, 28)]
    assert [due_year(day) for day in days] == [2026, 2027, 2026]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**16, True, None, "x" * 20_001])
def test_a_value_that_no_file_could_hold_is_refused(value):
    with pytest.raises(ValidationError):
        filled(cells=[cell("11_qualitative", "summary", "value", value)])


@pytest.mark.parametrize("field", ["complete", "impossible", "restrictions"])
def test_an_unknown_name_in_a_form_is_refused(field):
    with pytest.raises(ValidationError, match="must be one of"):
        ReportForm.model_validate({field: ["nothing_of_this_name"]})


def test_csv_is_read_back_as_the_same_cells_with_the_line_ends_of_rfc_4180():
    odd = cell("11_qualitative", "summary", "value", 'One, "two"\nthree; ünïcode')
    report = filled(cells=[odd])
    files = csv_files(report.tables)
    assert next(iter(files)) == "1_report_identification.csv"
    assert len(files) == 11
    for table in report.tables:
        text = files[f"{table.name}.csv"].decode("utf-8")
        assert text.endswith("\r\n")
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert header == table.header
        assert rows == [["" if value is None else str(value) for value in r] for r in table.rows]


def test_a_text_that_a_spreadsheet_would_run_is_no_formula():
    report = filled(cells=[cell("11_qualitative", "summary", "value", "=1+1")])
    assert b"'=1+1" in csv_files(report.tables)["11_qualitative.csv"]
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(report.tables, made_at=datetime.now(UTC))))
    assert book["11_qualitative"]["E2"].value == "=1+1"
    assert book["11_qualitative"]["E2"].data_type == "s"


def test_the_spreadsheet_has_the_same_cells_in_sheets_of_the_templates_names():
    report = filled(provider="Example BV", service="Example", complete=["orders"])
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(report.tables, made_at=datetime.now(UTC))))
    assert book.sheetnames == [sheet.name for sheet in template().sheets]
    for table in report.tables:
        header, *rows = book[table.name].iter_rows(values_only=True)
        assert list(header) == table.header
        assert [list(row) for row in rows] == table.rows


def test_the_same_report_is_the_same_file():
    tables = filled().tables
    assert to_zip(tables) == to_zip(tables)
    with zipfile.ZipFile(io.BytesIO(to_zip(tables))) as archive:
        assert archive.read("4_notices.csv") == csv_files(tables)["4_notices.csv"]


def test_the_form_on_the_page_is_sound():
    page = Path(__file__).parents[2] / "docs/use/dsa-report.md"
    text = page.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    form = read_form(text, suffix=".toml")
    assert len(form.cells) == 3
    assert fill(FACTS, form, period=PERIOD, today=NEXT_YEAR).faults == []


def test_each_category_sheet_has_the_rows_of_annex_2():
    sizes = {
        sheet.name: len(template().categories_in(sheet))
        for sheet in template().of_shape(Shape.CATEGORIES)
    }
    assert list(sizes.values()) == [91, 91, 90, 98]
    assert CODE["10d"] == "KEYWORD_TERRORIST_CONTENT"
    assert [row[2] for row in rows_of(filled(), "2_categories_names")].count("KEYWORD_OTHER") == 15
