# SPDX-License-Identifier: Apache-2.0
"""Writers for exported signals: CSV and JSON lines with handling marks, vPDQ and tx without."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from stemtide.fingerprints.kinds import FingerprintError, Kind
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.fingerprints.video.vpdq import to_json
from stemtide.protocol.enums import SignalState
from stemtide.protocol.files.columns import BETWEEN, COLUMNS
from stemtide.protocol.files.csv_cells import guard

_ENCODER = msgspec.json.Encoder()
_NAMES_IN_TX = {
    Kind.PDQ: "pdq",
    Kind.MD5: "video_md5",
    Kind.SHA256: "video_sha256",
}
"""Kinds whose values tx reads as they are."""


def csv_heading() -> str:
    """Return the first line of a CSV export."""
    return _csv([COLUMNS])


def csv_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV without a heading; cells that a spreadsheet would run are escaped."""
    return _csv([_cell(row.get(name)) for name in COLUMNS] for row in rows)


def json_rows(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as JSON lines, with their columns in a fixed order."""
    return _ENCODER.encode_lines({name: row.get(name) for name in COLUMNS} for row in rows)


def tx_line(row: Mapping[str, Any]) -> str | None:
    """Return a signal as a line for tx's local_file, or None if the format cannot express it.

    It cannot express kinds that tx does not have, URLs that are known by digest only or cover more
    than one address, and disputes.
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
    """Return a video as vPDQ's JSON list on one line; None for other kinds and disputed signals."""
    if Kind(row["kind"]) is not Kind.VIDEO or not _may_be_bare(row):
        return None
    film = _vpdq(row["value"])
    return f"{film}\n" if film else None


def _may_be_bare(row: Mapping[str, Any]) -> bool:
    """Whether a signal may be exported as a bare value, in a format without handling marks."""
    return row["state"] == SignalState.LIVE and not row["disputed"] and not row["exercise"]


def _vpdq(value: str) -> str:
    """Return the full frames of a video as a JSON list, "" if it has none."""
    try:
        film = VideoPrint.from_bytes(bytes.fromhex(value))
    except (FingerprintError, ValueError):
        return ""
    frames = to_json(film)
    return "" if frames == "[]" else frames


def _csv(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401  # of any column
    """Return a value as the text of a cell, "" for None."""
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
