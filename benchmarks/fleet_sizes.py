# SPDX-License-Identifier: Apache-2.0
"""How the time from a share to an agent grows with the number of agents, as a plot.

    python -m benchmarks.fleet_sizes [--sizes 3,30,100,300,1000,2000,5000] [--rows fleet.jsonl]
                                     [--plot docs/understand/wire.svg] [--postgres --workers 2]

Runs `benchmarks.fleet` with each size, and keeps the figures in a file, one row a run. A size that
the file has with the same database and workers is not run again. The plot is of all rows.
"""

import json
from pathlib import Path

from benchmarks import fleet

SIZES = "3,30,100,300,1000,2000,5000"
BEFORE = "before: SQLite, one process"
BEFORE_MS = {3: (71, 350), 100: (2100, 7700), 300: (7600, 23_900), 1000: (57_500, 67_500)}
"""Median and 99th percentile by agents, measured in November 2026 on two cores as well, when each
agent pulled from Django and a report of status was a transaction."""

KEPT = ("share to applied p50, ms", "share to applied p99, ms")


def plot(rows: list[dict]) -> str:
    """Return an SVG with the median and the 99th percentile, axes logarithmic."""
    import vl_convert

    points = [
        {"hub": row["hub"], "agents": row["agents"], "percentile": name, "ms": row[figure]}
        for row in rows
        for name, figure in zip(("p50", "p99"), KEPT, strict=True)
    ]
    points += [
        {"hub": BEFORE, "agents": agents, "percentile": name, "ms": ms}
        for agents, figures in BEFORE_MS.items()
        for name, ms in zip(("p50", "p99"), figures, strict=True)
    ]
    axis = {"grid": True, "gridColor": "#e4e4e4", "labelFontSize": 11, "titleFontSize": 12}
    scale = {"type": "log"}
    x_axis = {**axis, "format": "~s", "title": "agents"}
    y_axis = {**axis, "format": "~s", "title": "ms from a share to an agent"}
    x = {"field": "agents", "type": "quantitative", "scale": scale, "axis": x_axis}
    y = {"field": "ms", "type": "quantitative", "scale": scale, "axis": y_axis}
    colors = {"domain": ["p50", "p99"], "range": ["#0b3d2e", "#c2571a"]}
    color = {"field": "percentile", "type": "nominal", "scale": colors, "title": None}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": points},
        "facet": {"field": "hub", "type": "nominal", "title": None, "sort": None},
        "spec": {
            "width": 250,
            "height": 240,
            "mark": {"type": "line", "point": {"size": 40}, "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "color": color},
        },
        "config": {"background": "white"},
    }
    return vl_convert.vegalite_to_svg(spec)


def main() -> None:
    asked = fleet.words()
    asked.description = __doc__.partition("\n")[0]
    asked.add_argument("--sizes", default=SIZES)
    asked.add_argument("--rows", type=Path, default=Path("fleet.jsonl"))
    asked.add_argument("--plot", type=Path)
    options = asked.parse_args()
    hub = f"PostgreSQL, {options.workers} processes" if options.postgres else "SQLite, one process"
    rows = [json.loads(line) for line in options.rows.open()] if options.rows.exists() else []
    has = {(row["hub"], row["agents"]) for row in rows}
    for size in map(int, options.sizes.split(",")):
        if (hub, size) in has:
            continue
        options.agents = size
        rows.append({"hub": hub, "agents": size, **fleet.measure("carried", options)})
        with options.rows.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    if options.plot:
        options.plot.write_text(plot(sorted(rows, key=lambda row: row["agents"])))


if __name__ == "__main__":
    main()
