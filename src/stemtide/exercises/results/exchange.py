# SPDX-License-Identifier: Apache-2.0
"""Export scenarios and results as files for others, and import theirs.

An imported file is hostile until checked: 1 its size is limited before it is read; 2 it is parsed
by the schema of a scenario or a result; 3 what is stored is written anew from what was checked, by
a name that the schema allows; 4 no file is overwritten.
"""

import csv
import io
import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stemtide.exercises.results import files, stored
from stemtide.exercises.results.stored import ResultError, ResultFile
from stemtide.exercises.results.views import common_view
from stemtide.protocol.files.csv_cells import guard
from stemtide.scenarios import reader
from stemtide.scenarios.schema import Scenario, Step

_RESULT_KEYS = frozenset({"figures", "steps"})


class ResultTable(StrEnum):
    """A table of a result that can be written as CSV."""

    FIGURES = "figures"
    STEPS = "steps"
    ENTRIES = "entries"
    COPIES = "copies"
    DELAYS = "delays"
    OBSERVATIONS = "observations"
    ACTIONS = "actions"


_MODELS: dict[ResultTable, type[BaseModel]] = {
    ResultTable.STEPS: stored.StoredStep,
    ResultTable.ENTRIES: stored.StoredEntry,
    ResultTable.COPIES: stored.StoredCopies,
    ResultTable.DELAYS: stored.DelayRow,
    ResultTable.OBSERVATIONS: stored.StoredObservation,
    ResultTable.ACTIONS: stored.FollowUp,
}


def export(source: str, path: Path, *, table: ResultTable, is_full: bool) -> None:
    """Write a scenario or a result to a new file; the suffix says how.

    .toml, .json: a scenario. .json, .csv: a result, without what concerns one party unless is_full.

    raises: ResultError, ScenarioError, OSError.
    """
    suffix = path.suffix
    if source.endswith(".toml") or source in reader.shipped():
        if suffix not in {".toml", ".json"}:
            raise ResultError(f"a scenario is written as .toml or .json, not as {suffix or path}")
        scenario = reader.read(source)
        text = scenario_json(scenario) if suffix == ".json" else reader.text_of(source)
    else:
        if suffix not in {".json", ".csv"}:
            raise ResultError(f"a result is written as .json or .csv, not as {suffix or path}")
        result = stored.read(Path(source))
        result = result if is_full else common_view(result)
        text = stored.as_text(result) if suffix == ".json" else table_csv(result, table)
    _write_new(path, text)


def import_file(path: Path, *, folder: Path) -> Path:
    """Check a file of somebody else and store it in a folder; return where.

    raises: ResultError, ScenarioError, OSError.
    """
    if path.suffix == ".toml":
        return _store_scenario(reader.read(str(path)), folder=folder)
    with path.open("rb") as file:
        raw = file.read(stored.MAX_BYTES + 1)
    if _is_result(raw, file=str(path)):
        result = stored.parse(raw, file=str(path))
        day = result.played_at.strftime("%Y-%m-%d-%H%M") if result.played_at else "undated"
        target = folder / f"{result.scenario}-{day}-seed-{abs(result.seed)}.json"
        _write_new(target, stored.as_text(result))
        return target
    return _store_scenario(reader.read(str(path)), folder=folder)


def scenario_json(scenario: Scenario) -> str:
    """Return a scenario as JSON, with the keys of the TOML file."""
    fields = scenario.model_dump(mode="json", exclude_defaults=True) | {"name": scenario.name}
    for name in ("injects", "rules"):
        rows: tuple[Step, ...] = getattr(scenario, name)
        fields[name] = [_flat(row) for row in rows]
    return json.dumps(fields, ensure_ascii=False, indent=1) + "\n"


def table_csv(result: ResultFile, table: ResultTable) -> str:
    """Return a table of a result as CSV. A spreadsheet runs no cell of it."""
    if table is ResultTable.FIGURES:
        return files.table(result)
    rows = [row.model_dump(mode="json") for row in getattr(result, table)]
    columns = tuple(_MODELS[table].model_fields)
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def _cell(value: object) -> object:
    """Return a value as a cell: lists of numbers separated by spaces, texts without formulas."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return guard(value) if isinstance(value, str) else value


def _flat(step: Step) -> dict[str, Any]:
    """Return a step with the keys of its act beside its own, as in the file."""
    fields: dict[str, Any] = step.model_dump(mode="json", exclude_defaults=True)
    act: dict[str, Any] = fields["do"]
    return {key: value for key, value in fields.items() if key != "do"} | act


def _is_result(raw: bytes, *, file: str) -> bool:
    """Whether a JSON file holds a result, and not a scenario. raises: ResultError."""
    if len(raw) > stored.MAX_BYTES:
        raise ResultError(f"{file} has more than {stored.MAX_BYTES:,} bytes")
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{file} is no scenario and no result: it is no JSON") from error
    return isinstance(payload, dict) and payload.keys() >= _RESULT_KEYS


def _store_scenario(scenario: Scenario, *, folder: Path) -> Path:
    target = folder / f"{scenario.name}.json"
    _write_new(target, scenario_json(scenario))
    return target


def _write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet. raises: ResultError, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ResultError(f"{path} exists: remove it, or name another") from error
