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
    """Return an SVG with a panel for each case and set, axes logarithmic, the best of all runs."""
    import vl_convert

    points = []
    for row in rows:
        case = row["case"].removesuffix(", ours")
        if case not in {"one", "batch"}:
            continue
        how = "one at a time" if case == "one" else "batches of 512"
        point = {"panel": f"{row['set']}, {how}", "size": row["size"], "index": "Stemtide"}
        points.append({**point, "us": row.get("ours_us", row.get("ours"))})
        if "peer" in row:
            exact = "" if row["equal"] is not None else " (not exact)"
            points.append({**point, "index": row["peer"] + exact, "us": row["peer_us"]})
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
                            "aggregate": "min",
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
