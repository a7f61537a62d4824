# SPDX-License-Identifier: Apache-2.0
"""A result as a run stores it, made by hand: two parties, one of them late."""

import json

from stemtide.exercises.results.stored import ResultFile

RESULT = {
    "format": 1,
    "exercise": True,
    "scenario": "livestream-in-two-states",
    "title": "Livestream",
    "right_answer": "Activate within the hour.",
    "framework": "eucp-2023",
    "cast": {"crisis-centre": "Crisis Centre", "big-videos": "Big Videos"},
    "seed": 1,
    "speed": 60.0,
    "duration_min": 120.0,
    "played_at": "2026-11-29T08:00:00Z",
    "objectives": [
        {"text": "The early warning is out.", "is_met": True, "measure": "time_to_warn"}
        | {"party": "", "unit": "minutes", "value": 4.0, "entries": [1], "at_most": 15.0},
        {"text": "Big Videos joins at once.", "is_met": False, "measure": "time_to_join"}
        | {"party": "big-videos", "unit": "minutes", "value": 88.0, "entries": [3], "at_most": 9.0},
    ],
    "figures": [
        {"measure": "time_to_warn", "party": "", "unit": "minutes", "value": 4.0, "entries": [1]},
        {"measure": "copies_matched", "party": "big-videos", "unit": "percent", "value": 0.0}
        | {"entries": []},
    ],
    "steps": [
        {"name": "seen", "by": "", "act": "tell", "state": "done", "at_min": 0.0, "note": "A tip."},
        {"name": "warn", "by": "crisis-centre", "act": "warn", "state": "done", "at_min": 4.0}
        | {"note": "warns"},
        {"name": "copies", "by": "", "act": "upload", "state": "done", "at_min": 60.0}
        | {"note": "2 copies of film at big-videos: 0 matched"},
        {"name": "execute", "by": "big-videos", "act": "execute-order", "state": "refused"}
        | {"at_min": 70.0, "note": "there is no order"},
    ],
    "copies": [
        {"at_min": 60.0, "step": "copies", "provider": "big-videos", "content": "film"}
        | {"variant": "untouched", "is_harmless": False, "is_match": False}
    ]
    * 2,
    "delays": [
        {"party": "big-videos", "reaction": "from an invitation to joining", "began_min": 10.0}
        | {"minutes": 78.0, "entries": [2, 3]},
        {"party": "crisis-centre", "reaction": "from an invitation to joining"}
        | {"began_min": 10.0, "minutes": 2.0, "entries": [2, 4]},
    ],
    "entries": [
        {"number": 1, "kind": "crisis.warned", "actor": "crisis-centre", "subject": "crisis:1"}
        | {"at_min": 4.0},
        {"number": 5, "kind": "order.received", "actor": "big-videos", "subject": "order:1"}
        | {"at_min": 65.0},
    ],
    "observations": [],
    "actions": [],
}


def result(**changes):
    """A result with other fields."""
    return ResultFile.model_validate(RESULT | changes)


def result_file(folder, name="result.json", **changes):
    """The path of a stored result."""
    path = folder / name
    path.write_text(json.dumps(RESULT | changes), "utf-8")
    return path
