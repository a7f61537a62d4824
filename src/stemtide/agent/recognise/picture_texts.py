# SPDX-License-Identifier: Apache-2.0
"""Say which words of a picture's text a signal has, for the people who look at the match."""

import json
from collections.abc import Sequence
from dataclasses import replace

from stemtide.agent.recognise.passages import shared_passages
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import PICTURE_TEXT, Fingerprints, Kind
from stemtide.matching.library import Match

_SHOWN_CHARS = 160
_VALUES = (
    "SELECT seq, value FROM signals WHERE seq IN (SELECT value FROM json_each(?))"
    " UNION ALL SELECT seq, value FROM own_prints WHERE seq IN (SELECT value FROM json_each(?))"
)


def with_passages(
    store: Store, contents: Sequence[Fingerprints], all_matches: Sequence[Sequence[Match]]
) -> list[list[Match]]:
    """Return the matches; those of text in a picture name the longest passage they share."""
    keys = {match.key for matches in all_matches for match in matches if _is_of_picture_text(match)}
    listed = json.dumps([*keys])
    values = dict(store.read(_VALUES, (listed, listed))) if keys else {}
    return [
        [
            _with_passage(match, content, value=values[match.key]) if match.key in values else match
            for match in matches
        ]
        for content, matches in zip(contents, all_matches, strict=True)
    ]


def _is_of_picture_text(match: Match) -> bool:
    return match.kind is Kind.TEXT and match.part == PICTURE_TEXT


def _with_passage(match: Match, content: Fingerprints, *, value: bytes) -> Match:
    """Return a match whose transform names the words, where the text has words."""
    shared = shared_passages(content.text.encode(), value) if _is_of_picture_text(match) else None
    if not shared or not shared.passages:
        return match
    longest = max(shared.passages, key=lambda passage: passage.length)
    quoted = longest.text[:_SHOWN_CHARS] + ("…" if len(longest.text) > _SHOWN_CHARS else "")
    place = f"words {longest.first} to {longest.last} of {shared.upload_words}: “{quoted}”"
    return replace(match, transform=", ".join(filter(None, (match.transform, place))))
