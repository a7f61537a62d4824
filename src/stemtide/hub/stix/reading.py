# SPDX-License-Identifier: Apache-2.0
"""Reads the objects of a post: all that takes long and changes nothing, before our turn to write.

The patterns of one post share a budget: however many it holds, no more is read than may be shared.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from stemtide.hub.signals import rules_ready
from stemtide.hub.signals.rules_ready import Ready
from stemtide.protocol.stix import indicator_id
from stemtide.protocol.stix_patterns import Budget
from stemtide.protocol.stix_posted import Posted, PostedError, Wanted, signals_of

MAX_SIGNALS = 20_000
"""Signals that one post shares or says anew."""

MAX_COMPARISONS = 2 * MAX_SIGNALS
"""Comparisons of one post that are read: some are none that uploads are compared with."""

_KEPT_WEIGHT = 20
"""An object that is kept by itself takes as long as so many signals that are shared together."""

_NAMED = 10
"""Ids and remarks that a message names, of however many."""


class Readings:
    """What the indicators of one post ask for, by which of them it is."""

    def __init__(self, *, crisis: UUID | None, exercise: bool, now: datetime) -> None:
        self._crisis, self._exercise, self._now = crisis, exercise, now
        self._budget = Budget(comparisons=MAX_COMPARISONS, signals=MAX_SIGNALS)
        self._read: dict[int, tuple[Wanted, Ready] | PostedError] = {}

    def read(self, posts: Iterable[Posted]) -> None:
        """Read indicators, in the order in which they may spend the budget."""
        for post in posts:
            if post.type != "indicator" or post.is_revoked:
                continue
            try:
                wanted = signals_of(
                    post, crisis=self._crisis, exercise=self._exercise, budget=self._budget
                )
            except PostedError as error:
                self._read[id(post)] = error
            else:
                self._read[id(post)] = wanted, rules_ready.read(wanted.signals, now=self._now)

    def of(self, one: Posted) -> tuple[Wanted, Ready]:
        """The signals that an indicator asks for. raises: PostedError."""
        found = self._read[id(one)]
        if isinstance(found, PostedError):
            raise found
        return found

    def weight(self, one: Posted) -> int:
        """How long it takes to write what an indicator asks for, in signals shared with others."""
        found = self._read[id(one)]
        count = 0 if isinstance(found, PostedError) else len(found[0].signals)
        return count if count == 1 else count + _KEPT_WEIGHT


def became(ids: Sequence[UUID], wanted: Wanted, notes: Sequence[str]) -> str:
    """What an indicator became, where that is not simply the signal that it asks for."""
    if not wanted.is_several and not wanted.others:
        return ""
    named = listed([indicator_id(uid) for uid in ids])
    said = f"became {len(ids)} signals, each told by itself: {named}" if wanted.is_several else ""
    left = f"{wanted.others} of its comparisons are none that uploads are compared with"
    return "; ".join(one for one in (said, left if wanted.others else "", listed(notes)) if one)


def listed(words: Sequence[str]) -> str:
    """Some of many words, each once."""
    each = list(dict.fromkeys(words))
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    return "; ".join(each[:_NAMED]) + more
