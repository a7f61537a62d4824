# SPDX-License-Identifier: Apache-2.0
"""Write the result of an exercise: as JSON, CSV and PDF, and as a summary for people."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stemtide.exercises.results.bounds import bounds_text, value_text
from stemtide.exercises.results.figures import Figure, ObjectiveResult
from stemtide.exercises.results.report import report_pdf

COLUMNS = ("measure", "party", "unit", "value", "at_least", "at_most", "is_met", "entries")
RESULT, TABLE, REPORT = "result.json", "figures.csv", "report.pdf"


def figure_row(figure: Figure) -> dict[str, Any]:
    """Return a figure as a JSON object."""
    return asdict(figure) | {"entries": list(figure.entries)}


def objective_row(result: ObjectiveResult) -> dict[str, Any]:
    """Return an objective with its figure as a JSON object."""
    bounds = {"at_least": result.objective.at_least, "at_most": result.objective.at_most}
    text = {"text": result.objective.text, "is_met": result.is_met}
    return text | figure_row(result.figure) | bounds


def write(folder: Path, result: Mapping[str, Any]) -> None:
    """Write result.json, figures.csv and report.pdf into a folder. raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, indent=1, default=str)
    (folder / RESULT).write_text(text + "\n", "utf-8")
    (folder / TABLE).write_text(table(result), "utf-8")
    (folder / REPORT).write_bytes(report_pdf(result))


def table(result: Mapping[str, Any]) -> str:
    """Return objectives and figures as CSV: objectives first, entries separated by spaces."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in (*result["objectives"], *result["figures"]):
        numbers = " ".join(map(str, row["entries"]))
        writer.writerow(row | {"entries": numbers})
    return file.getvalue()


def summary(result: Mapping[str, Any]) -> str:
    """Return the objectives for people, one line each, and the refused steps."""
    lines = [f"EXERCISE {result['title']}, seed {result['seed']}"]
    for row in result["objectives"]:
        word = "met   " if row["is_met"] else "missed"
        numbers = ", ".join(map(str, row["entries"][:5]))
        more = " …" if len(row["entries"]) > len(row["entries"][:5]) else ""
        entries = f" (entries {numbers}{more})" if numbers else ""
        lines.append(f"  {word}  {row['text']} {value_text(row)}, {bounds_text(row)}{entries}")
    refused = [step for step in result["steps"] if step["state"] == "refused"]
    lines += [f"  refused  {step['name']}: {step['note']}" for step in refused]
    counts = f"{sum(row['is_met'] for row in result['objectives'])} of {len(result['objectives'])}"
    return "\n".join([*lines, f"{counts} objectives met. {result['right_answer']}"])
