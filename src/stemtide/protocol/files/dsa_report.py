# SPDX-License-Identifier: Apache-2.0
"""Write DSA transparency reports as CSV files and as a spreadsheet, and read what people add.

source: RFC 4180, and Commission Implementing Regulation (EU) 2024/2835 Annex II, Part I, point 4.
"""

import csv
import io
import json
import tomllib
import zipfile
from datetime import datetime

from pydantic import ValidationError

from stemtide.protocol.files.csv_cells import guard
from stemtide.protocol.law.dsa.figures import ReportForm
from stemtide.protocol.law.dsa.report import Table


class FormFileError(ValueError):
    """A file cannot be read as a form. The message names the field and the remedy."""


_ZIP_BEGINS = (1980, 1, 1, 0, 0, 0)
"""The same report is the same file, whenever it is written."""

_WIDE, _NARROW = 46, 14


def to_csv(table: Table) -> bytes:
    """Return a sheet as CSV in UTF-8. Texts are escaped for spreadsheets; blanks are empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([guard(title) for title in table.header])
    for row in table.rows:
        writer.writerow([_csv_cell(cell) for cell in row])
    return out.getvalue().encode()


def csv_files(tables: list[Table]) -> dict[str, bytes]:
    """Return the CSV files of a report, by name."""
    return {f"{table.name}.csv": to_csv(table) for table in tables}


def to_zip(tables: list[Table]) -> bytes:
    """Return the CSV files of a report in one archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in csv_files(tables).items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_BEGINS), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def to_xlsx(tables: list[Table], *, made_at: datetime) -> bytes:
    """Return a report as a spreadsheet: a sheet for each table. No cell is a formula or a link."""
    import xlsxwriter  # noqa: PLC0415 - only those who write spreadsheets need it

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": made_at.replace(tzinfo=None)})
        head = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        body = workbook.add_format({"text_wrap": True, "valign": "top"})
        for table in tables:
            sheet = workbook.add_worksheet(table.name)
            sheet.freeze_panes(1, 0)
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)  # on paper, all columns on one page, with their titles
            sheet.repeat_rows(0)
            for column, title in enumerate(table.header):
                longest = max((len(str(row[column] or "")) for row in table.rows), default=0)
                sheet.set_column(column, column, _WIDE if longest > _NARROW else _NARROW)
                sheet.write_string(0, column, title, head)
            for number, row in enumerate(table.rows, 1):
                for column, cell in enumerate(row):
                    if isinstance(cell, str):
                        sheet.write_string(number, column, cell, body)
                    elif cell is not None:
                        sheet.write_number(number, column, cell, body)
    return out.getvalue()


MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
"""Forms of a report's file, and their media types."""


def to_file(tables: list[Table], form: str, *, made_at: datetime) -> bytes:
    """Return a report as a file. form: a key of MEDIA_TYPES."""
    return to_xlsx(tables, made_at=made_at) if form == "xlsx" else to_zip(tables)


def _csv_cell(cell: float | str | None) -> float | str:
    """Return a cell of a CSV file."""
    if cell is None:
        return ""
    return guard(cell) if isinstance(cell, str) else cell


def read_form(text: str, *, suffix: str) -> ReportForm:
    """Return the form in a .toml or .json file.

    raises: FormFileError.
    """
    try:
        body = json.loads(text) if suffix == ".json" else tomllib.loads(text)
        return ReportForm.model_validate(body)
    except ValidationError as error:
        first, *_ = error.errors(include_url=False)
        place = ".".join(str(part) for part in first["loc"])
        raise FormFileError(f"{place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise FormFileError(f"is not {suffix.removeprefix('.').upper()}: {error}") from error
