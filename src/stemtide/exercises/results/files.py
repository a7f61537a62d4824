# SPDX-License-Identifier: Apache-2.0
"""Write a result in all its forms: JSON, CSV, PDF, HTML, and a summary for people."""

import csv
import io
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from stemtide.exercises.results import debrief, stored
from stemtide.exercises.results.bounds import bounds_text, value_text
from stemtide.exercises.results.figures import Figure, ObjectiveResult
from stemtide.exercises.results.report import report_pdf
from stemtide.exercises.results.stored import ResultFile
from stemtide.protocol.files.csv_cells import guard

COLUMNS = ("measure", "party", "unit", "value", "at_least", "at_most", "is_met", "entries")
RESULT, TABLE, REPORT, DEBRIEF = "result.json", "figures.csv", "report.pdf", "debrief.html"


def figure_row(figure: Figure) -> dict[str, Any]:
    """Return a figure as a JSON object."""
    return asdict(figure) | {"entries": list(figure.entries)}


def objective_row(result: ObjectiveResult) -> dict[str, Any]:
    """Return an objective with its figure as a JSON object."""
    bounds = {"at_least": result.objective.at_least, "at_most": result.objective.at_most}
    text = {"text": result.objective.text, "is_met": result.is_met}
    return text | figure_row(result.figure) | bounds


def write(folder: Path, result: ResultFile, *, today: date) -> None:
    """Write the result and its pages into a folder. raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    stored.write(folder / RESULT, result)
    write_pages(folder, result, today=today)


def write_pages(folder: Path, result: ResultFile, *, today: date) -> None:
    """Write figures.csv, report.pdf, debrief.html and a page for each party. raises: OSError."""
    (folder / TABLE).write_text(table(result), "utf-8")
    (folder / REPORT).write_bytes(report_pdf(result, today=today))
    (folder / DEBRIEF).write_text(debrief.common_page(result, today=today), "utf-8")
    for party in () if result.is_common else result.cast:
        page = debrief.party_page(result, party, today=today)
        (folder / f"party-{party}.html").write_text(page, "utf-8")


def table(result: ResultFile) -> str:
    """Return objectives and figures as CSV: objectives first, entries separated by spaces."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in (*result.objectives, *result.figures):
        cells = row.model_dump(mode="json") | {"entries": " ".join(map(str, row.entries))}
        writer.writerow(cells | {key: guard(cells[key]) for key in ("measure", "party")})
    return file.getvalue()


def summary(result: ResultFile) -> str:
    """Return the objectives for people, one line each, and the refused steps."""
    lines = [f"EXERCISE {result.title}, seed {result.seed}"]
    for row in result.objectives:
        word = "met   " if row.is_met else "missed"
        numbers = ", ".join(map(str, row.entries[:5]))
        more = " …" if len(row.entries) > len(row.entries[:5]) else ""
        entries = f" (entries {numbers}{more})" if numbers else ""
        lines.append(f"  {word}  {row.text} {value_text(row)}, {bounds_text(row)}{entries}")
    refused = [step for step in result.steps if step.state == "refused"]
    lines += [f"  refused  {step.name}: {step.note}" for step in refused]
    counts = f"{result.met} of {len(result.objectives)}"
    return "\n".join([*lines, f"{counts} objectives met. {result.right_answer}"])
