# SPDX-License-Identifier: Apache-2.0
"""Signals as files that leave: CSV, JSON lines with every mark; vPDQ, lines of tx without."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from stemtide.fingerprints.kinds import FingerprintError, Kind
from stemtide.fingerprints.video_print import VideoPrint
from stemtide.fingerprints.vpdq import to_json
from stemtide.protocol.bulk_columns import BETWEEN, COLUMNS
from stemtide.protocol.csv_cells import guard
from stemtide.protocol.words import SignalState

_ENCODER = msgspec.json.Encoder()
_NAMES_IN_TX = {
    Kind.PDQ: "pdq",
    Kind.MD5: "video_md5",
    Kind.SHA256: "video_sha256",
}
"""Kinds whose values tx reads as they are."""


def csv_heading() -> str:
    """The first line of a CSV file."""
    return _csv([COLUMNS])


def csv_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows by names as CSV, without a heading. No spreadsheet takes a cell for a formula."""
    return _csv([_cell(row.get(name)) for name in COLUMNS] for row in rows)


def json_rows(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows by names as JSON lines, their columns in one order."""
    return _ENCODER.encode_lines({name: row.get(name) for name in COLUMNS} for row in rows)


def tx_line(row: Mapping[str, Any]) -> str | None:
    """A signal as a line that tx's local_file reads; None for one that it cannot stand for.

    Left out are kinds that tx has not, addresses that are known by digest or reach further, and
    what is disputed: the line could not say so.
    """
    kind = Kind(row["kind"])
    if not _may_be_bare(row):
        return None
    if kind is Kind.URL:
        address = row.get("url")
        return f"url {address}\n" if address and not row.get("reach") else None
    if kind is Kind.VIDEO:
        film = _vpdq(row["value"])
        return f"vpdq {film}\n" if film else None
    name = _NAMES_IN_TX.get(kind)
    return f"{name} {row['value']}\n" if name else None


def vpdq_line(row: Mapping[str, Any]) -> str | None:
    """A film as vPDQ's JSON list on one line; None for what is no film, or is disputed."""
    if Kind(row["kind"]) is not Kind.VIDEO or not _may_be_bare(row):
        return None
    film = _vpdq(row["value"])
    return f"{film}\n" if film else None


def _may_be_bare(row: Mapping[str, Any]) -> bool:
    """Whether a signal may stand in a form that says nothing of it but its value."""
    return row["state"] == SignalState.LIVE and not row["disputed"] and not row["exercise"]


def _vpdq(value: str) -> str:
    """The whole frames of a film as a JSON list; "" where it has none."""
    try:
        film = VideoPrint.from_bytes(bytes.fromhex(value))
    except (FingerprintError, ValueError):
        return ""
    told = to_json(film)
    return "" if told == "[]" else told


def _csv(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401  # of any column
    """A value as a cell: nothing where nothing is said."""
    if value is None:
        return ""
    if isinstance(value, str):
        return guard(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return guard(BETWEEN.join(map(str, value)))
    return str(value)
