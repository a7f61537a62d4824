# SPDX-License-Identifier: Apache-2.0
"""Draws time against size of the set, ours and each peer's, from the benchmark's own rows."""

from collections.abc import Iterable

SCALE = {
    "domain": [
        "Stemtide",
        "faiss flat",
        "faiss multi-hash",
        "faiss hnsw (not exact)",
        "usearch (not exact)",
        "threatexchange",
    ],
    "range": ["#0b3d2e", "#c2571a", "#1f6fb2", "#8a8a8a", "#b3a369", "#7b3fa0"],
}


def plot(rows: Iterable[dict]) -> str:
    """Return an SVG with one panel for each case and set, both axes logarithmic."""
    import vl_convert

    points = []
    for row in rows:
        if "peer" not in row:
            continue
        panel = {
            "panel": f"{row['set']}, "
            + ("one at a time" if row["case"] == "one" else "batches of 512"),
            "size": row["size"],
        }
        name = row["peer"] if row["equal"] is not None else f"{row['peer']} (not exact)"
        points.append({**panel, "index": "Stemtide", "us": row["ours_us"]})
        points.append({**panel, "index": name, "us": row["peer_us"]})
    axis = {"grid": True, "gridColor": "#e4e4e4", "labelFontSize": 11, "titleFontSize": 12}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": points},
        "facet": {"field": "panel", "type": "nominal", "columns": 2, "title": None},
        "columns": 2,
        "spec": {
            "width": 330,
            "height": 240,
            "layer": [
                {
                    "mark": {"type": "line", "point": {"size": 40}, "strokeWidth": 2},
                    "encoding": {
                        "x": {
                            "field": "size",
                            "type": "quantitative",
                            "scale": {"type": "log"},
                            "axis": {**axis, "format": "~s", "title": "signals in the set"},
                        },
                        "y": {
                            "field": "us",
                            "aggregate": "median",
                            "type": "quantitative",
                            "scale": {"type": "log"},
                            "axis": {**axis, "format": "~s", "title": "µs a query"},
                        },
                        "color": {
                            "field": "index",
                            "type": "nominal",
                            "scale": SCALE,
                            "title": None,
                        },
                    },
                }
            ],
        },
        "config": {"background": "white", "view": {"stroke": "#cccccc"}, "font": "sans-serif"},
    }
    return str(vl_convert.vegalite_to_svg(spec))
