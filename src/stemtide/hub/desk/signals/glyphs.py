# SPDX-License-Identifier: Apache-2.0
"""Fingerprints as small drawings, so that people can tell signals apart without the content."""

SIDE = 16
"""Cells on each side of a PDQ drawing: 16 x 16 = 256 bits."""


def pdq_path(value: str) -> str:
    """Return an SVG path of the set bits of a PDQ value, as unit squares merged along rows.

    value:  64 hex digits, row by row, the first bit of each row on the left.
    raises: ValueError if it is not 64 hex digits.
    """
    bits = bytes.fromhex(value)
    if len(bits) * 8 != SIDE * SIDE:
        raise ValueError(f"a PDQ value is 64 hex digits, this is {value[:80]!r}")
    rows = (int.from_bytes(bits[2 * row : 2 * row + 2]) for row in range(SIDE))
    return "".join(_row_path(row, line) for row, line in enumerate(rows))


def _row_path(row: int, line: int) -> str:
    """Return the runs of set bits in one row of 16, as rectangles one unit high."""
    cells = f"{line:016b}"
    runs = []
    start = cells.find("1")
    while start >= 0:
        end = (cells + "0").find("0", start)
        runs.append(f"M{start} {row}h{end - start}v1h-{end - start}z")
        start = cells.find("1", end)
    return "".join(runs)
