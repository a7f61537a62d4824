# SPDX-License-Identifier: Apache-2.0
"""vPDQ, the text format in which others exchange hashes of a video's frames.

source: the `vpdq` tools write one line a frame: `number,quality,hash in hex,time in seconds`;
        ThreatExchange's own signal is a JSON list of `hash in hex,quality,time`.
"""

import json
import math

import numpy as np

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.video import MAX_AT_MS, MAX_ROWS, ROW, Sampling, VideoPrint

_HEX_DIGITS = 64
_HASH = 2
_FULL = 100


def to_lines(video: VideoPrint) -> str:
    """Return the whole-frame hashes as lines, `0,100,<hex>,0.000`, numbered as sampled."""
    whole = video.rows[video.rows["view"] == 0]
    lines = (
        f"{number},{row['quality']},{row['pdq'].tobytes().hex()},{row['at_ms'] / 1000:.3f}\n"
        for number, row in enumerate(whole)
    )
    return "".join(lines)


def to_json(video: VideoPrint) -> str:
    """Return the whole-frame hashes as ThreatExchange's JSON list."""
    whole = video.rows[video.rows["view"] == 0]
    return json.dumps(
        [
            f"{row['pdq'].tobytes().hex()},{row['quality']},{row['at_ms'] / 1000:.3f}"
            for row in whole
        ]
    )


def from_text(text: str) -> VideoPrint:
    """Parse lines or the JSON list; the form is detected.

    returns: a fingerprint with the whole frame only; alignment needs no other.
    raises:  FingerprintError naming the faulty line.
    """
    if text.lstrip().startswith("["):
        records = [
            _from_compact(place, entry) for place, entry in enumerate(_parsed(text), start=1)
        ]
    else:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > MAX_ROWS:
            raise FingerprintError(f"vPDQ of more than {MAX_ROWS:,} frames is not read")
        records = [_from_line(place, line) for place, line in enumerate(lines, start=1)]
    # Of two hashes of one time the first is kept.
    by_time = {at_ms: (value, quality) for value, quality, at_ms in reversed(records)}
    rows = np.empty(len(by_time), ROW)
    for place, (at_ms, (value, quality)) in enumerate(sorted(by_time.items())):
        rows[place] = (at_ms, quality, 0, np.frombuffer(value, np.uint8))
    duration_ms = int(rows["at_ms"].max(initial=0))
    return VideoPrint(rows=rows, sampling=Sampling.IMPORTED, duration_ms=duration_ms)


_Record = tuple[bytes, int, int]


def _parsed(text: str) -> list[object]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FingerprintError("this vPDQ begins like JSON, but is none") from error
    if not isinstance(parsed, list) or len(parsed) > MAX_ROWS:
        raise FingerprintError(f"vPDQ as JSON is a list of at most {MAX_ROWS:,} texts")
    return parsed


def _from_line(place: int, line: str) -> _Record:
    fields = line.strip().split(",")
    if len(fields) != 4 or not fields[0].strip().isdecimal():  # noqa: PLR2004 - as the format has it
        raise FingerprintError(
            f"line {place} of vPDQ is not number,quality,hash,time: {line[:80]!r}"
        )
    return _record(place, value=fields[_HASH], quality=fields[1], at_s=fields[3])


def _from_compact(place: int, entry: object) -> _Record:
    fields = entry.split(",") if isinstance(entry, str) else []
    if len(fields) != 3:  # noqa: PLR2004 - as the format has it
        raise FingerprintError(
            f"entry {place} of vPDQ is not hash,quality,time: {str(entry)[:80]!r}"
        )
    return _record(place, value=fields[0], quality=fields[1], at_s=fields[2])


def _record(place: int, *, value: str, quality: str, at_s: str) -> _Record:
    try:
        raw, trust, seconds = bytes.fromhex(value.strip()), int(quality[:9]), float(at_s[:32])
    except ValueError as error:
        raise FingerprintError(f"line {place} of vPDQ has an impossible number or hash") from error
    is_right = len(value.strip()) == _HEX_DIGITS and 0 <= trust <= _FULL
    if not is_right or not math.isfinite(seconds) or not 0 <= seconds * 1000 <= MAX_AT_MS:
        raise FingerprintError(f"line {place} of vPDQ has an impossible hash, quality or time")
    return raw, trust, round(seconds * 1000)
