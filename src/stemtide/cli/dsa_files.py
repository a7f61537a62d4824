# SPDX-License-Identifier: Apache-2.0
"""Read forms of DSA transparency reports, and write, print and check reports for commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.output import fail, print_note, print_result

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    from stemtide.protocol.law.dsa.figures import ReportForm
    from stemtide.protocol.law.dsa.report import DsaReport

Year = Annotated[int, typer.Option(min=2025, max=9998, help="Year to report on.")]
Half = Annotated[
    int,
    typer.Option(
        min=0, max=2, help="For very large services: the first (1) or second (2) half of the year."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="A new .xlsx file, a new .zip of CSV files, or a new folder."),
]


def read_form_file(path: Path | None) -> "ReportForm":
    """Return the form in a file; an empty one if no file is named."""
    from stemtide.protocol.files.dsa_report import FormFileError, read_form
    from stemtide.protocol.law.dsa.figures import ReportForm

    if path is None:
        return ReportForm()
    if path.suffix not in {".toml", ".json"}:
        fail(f"--form {path}: name a .toml or a .json file", code=2)
    try:
        return read_form(path.read_text("utf-8"), suffix=path.suffix)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path} cannot be read: {error}", code=2)
    except FormFileError as error:
        fail(f"{path}: {error}", code=2)


def hand_over(report: "DsaReport", out: Path | None, *, as_json: bool) -> None:
    """Write a report to files, or print what it still needs.

    A report with faults is not written. Exits with 1.
    """
    for fault in report.faults:
        print_note(f"stemtide: {fault.message}")
    if report.faults:
        raise typer.Exit(1)
    if out is not None:
        _write(report, out)
    else:
        for missing in report.missing:
            line = f"{missing.sheet:<26} {missing.row:<28} {missing.column:<16} {missing.scope}"
            print_result(missing.model_dump(), as_json=as_json, line=line)
    left = len(report.missing)
    print_note(f"{report.counted:,} cells counted, {report.added:,} added, {left:,} missing.")
    if not report.is_over:
        print_note(f"A draft: the period ends on {report.ends}.")
    print_note(f"To be published by {report.due}, and kept public for five years.")


def _write(report: "DsaReport", out: Path) -> None:
    """Write the files of a report."""
    from stemtide.protocol.files.dsa_report import csv_files, to_file

    if out.suffix not in {".xlsx", ".zip", ""}:
        fail(f"--out {out}: name a .xlsx file, a .zip file or a folder", code=2)
    if out.suffix:
        form = out.suffix.removeprefix(".")
        write_new(out, to_file(report.tables, form, made_at=datetime.now(UTC)))
        return
    with _new_only(out):
        out.mkdir()
        for name, content in csv_files(report.tables).items():
            (out / name).write_bytes(content)
    print_note(f"{out}: written.")


def write_new(out: Path, content: bytes) -> None:
    """Write a file; never over a version that is there."""
    with _new_only(out), out.open("xb") as file:
        file.write(content)
    print_note(f"{out}: written.")


@contextmanager
def _new_only(out: Path) -> Iterator[None]:
    """End the command if a file is there already, or cannot be written."""
    try:
        yield
    except FileExistsError:
        fail(f"{out} is there already: a published version stays as it is; name another", code=2)
    except OSError as error:
        fail(f"{out} cannot be written: {error}")
