# SPDX-License-Identifier: Apache-2.0
"""Mark matches with content that an allow-list covers. Only content with a match is looked up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from stemtide.agent.recognise.policy import Hit
from stemtide.agent.store import allowed
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.parties import Parties
from stemtide.fingerprints.kinds import Fingerprints


def mark_allowed(
    store: Store,
    prints: Sequence[Fingerprints],
    all_hits: Sequence[Sequence[Hit]],
    *,
    parties: Parties,
    now: datetime,
    tx: Transaction | None,
) -> list[list[Hit]]:
    """Return the hits of each piece of content, marked where an allow-list covers the content.

    Content without hits is not looked up. parties: those behind the signals.
    """
    matched = [place for place, hits in enumerate(all_hits) if hits]
    marked = [list(hits) for hits in all_hits]
    covered = store.find_allowed([prints[place] for place in matched], now=now, tx=tx)
    for place, parts in zip(matched, covered, strict=True):
        if parts.parts:
            marked[place] = [_marked(hit, parts, parties) for hit in marked[place]]
    return marked


def _marked(hit: Hit, parts: allowed.AllowedParts, parties: Parties) -> Hit:
    """Return a hit, with the entry that covers it."""
    is_vouched = allowed.is_vouched(hit.signal, parties)
    match = allowed.MatchedPart(hit.kind, hit.part, hit.transform, is_vouched)
    entry = parts.entry_of(match)
    if entry is None:
        return hit
    return replace(hit, allowed=entry.sentence, allowed_by=entry.hub_id, own_entry=entry.own_id)
