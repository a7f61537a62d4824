# SPDX-License-Identifier: Apache-2.0
"""Draws the recall of each modality, ours beside the peer's, from the benchmark's own rows."""

from collections.abc import Iterable

BARS = (
    ("image", "recall, all: with crops that were shared", "pictures, by hashes"),
    ("image", "recall, all: hashes or local features", "pictures, with local features"),
    ("video", "made: all 38 alterations", "films, made"),
    ("video", "corpus: all 38 alterations", "films, of a corpus"),
    ("audio", "all variants (made)", "sounds, made"),
    ("audio", "all variants (corpus)", "sounds, of a corpus"),
    ("text", "all 15 transforms", "texts"),
    ("url", "all 13 spellings", "addresses"),
)
"""What is drawn, from the top: the part, how its case begins, and what it is called."""

OURS = "Stemtide"
PEER = "the peer named on its bar"
COLOURS = {"domain": [OURS, PEER], "range": ["#0b3d2e", "#c9c4b8"]}
STEP_PX = 17
WIDTH_PX = 430

Point = dict[str, object]


def points(rows: Iterable[dict]) -> list[Point]:
    """Choose what is drawn: one or two bars for each of BARS that the rows have."""
    latest = {(row["part"], row["case"]): row for row in rows}
    found = []
    for part, beginning, name in BARS:
        for (of, case), row in latest.items():
            if of != part or not case.startswith(beginning):
                continue
            found.append(_point(name, OURS, float(row["ours"]), ""))
            if row.get("peer_value") is not None:
                peer = str(row["peer"]).split(" (")[0].split(", ")[0]
                found.append(_point(name, PEER, float(row["peer_value"]), peer))
    return found


def _point(name: str, who: str, value: float, peer: str) -> Point:
    return {"name": name, "who": who, "value": value, "said": f"{value:.2f}  {peer}".rstrip()}


def plot(rows: Iterable[dict]) -> str:
    """Return an SVG with horizontal bars, one pair a modality; longer is better.

    raises: ValueError if no row is of a total.
    """
    import vl_convert

    values = points(rows)
    if not values:
        raise ValueError("no row on standard input says a recall over all alterations of a part")
    order = [name for _, _, name in BARS if any(one["name"] == name for one in values)]
    return str(vl_convert.vegalite_to_svg(_spec(values, order)))


def _spec(values: list[Point], order: list[str]) -> dict[str, object]:
    quiet = {"ticks": False, "domain": False, "title": None, "labelFontSize": 12}
    places = {
        "y": {"field": "name", "type": "nominal", "sort": order, "axis": {**quiet}},
        "yOffset": {"field": "who", "sort": [OURS, PEER]},
        "x": {
            "field": "value",
            "type": "quantitative",
            "scale": {"domain": [0, 1]},
            "axis": {
                "title": "share of altered copies that are found",
                "titleFontSize": 12,
                "titleFontWeight": "normal",
                "format": ".0%",
                "values": [0, 0.25, 0.5, 0.75, 1],
                "gridColor": "#ececec",
                "domain": False,
                "ticks": False,
            },
        },
    }
    legend = {"title": None, "orient": "top", "labelFontSize": 12, "labelLimit": 400}
    colour = {"field": "who", "type": "nominal", "scale": COLOURS, "legend": legend}
    says = {"type": "text", "align": "left", "dx": 4, "fontSize": 11, "color": "#333333"}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "width": WIDTH_PX,
        "height": {"step": STEP_PX, "for": "offset"},
        "encoding": places,
        "layer": [
            {"mark": {"type": "bar", "height": STEP_PX - 3}, "encoding": {"color": colour}},
            {"mark": says, "encoding": {"text": {"field": "said"}}},
        ],
        "config": {"background": "white", "view": {"stroke": None}, "font": "sans-serif"},
    }
