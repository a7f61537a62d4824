# SPDX-License-Identifier: Apache-2.0
from stemtide.protocol.files.progress import progress_csv

TIMES = {"count": 2, "median_s": 90.0, "p90_s": 120.0}


def figures(name, removed, refusals=(), times=TIMES):
    told = [{"name": one, "count": count} for one, count in refusals]
    return {"name": name, "removed": removed, "to_removal": times, "refusals": told}


def test_the_sum_stands_last_and_a_withheld_count_is_an_empty_cell():
    rows = [
        figures("big-video", 3, [("within_terms", 1)]),
        figures("", None, times=dict.fromkeys(TIMES)),
    ]
    told = progress_csv(figures("", 5, [("within_terms", 1), ("", 2)]), rows)
    assert told.splitlines() == [
        "name,removed,to_removal_count,to_removal_median_s,to_removal_p90_s,refusals_within_terms,refusals_none",
        "big-video,3,2,90.0,120.0,1,0",
        "unknown,,,,,0,0",
        "total,5,2,90.0,120.0,1,2",
    ]


def test_no_cell_is_a_formula():
    told = progress_csv(
        figures("", 1), [figures("=HYPERLINK(1)", 1), figures("-2", 1), figures("@a", 1)]
    )
    assert [line.partition(",")[0] for line in told.splitlines()[1:4]] == [
        "'=HYPERLINK(1)",
        "'-2",
        "'@a",
    ]
