# SPDX-License-Identifier: Apache-2.0
"""Parse the objects of a post before the write lock is taken, as this takes long.

The patterns of a post share a budget, so that no more is parsed than may be shared.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.rules.checks import ParsedRows
from stemtide.interop.stix.objects import indicator_id
from stemtide.interop.stix.patterns import Budget
from stemtide.interop.stix.posted import IndicatorSignals, Posted, PostedError, signals_of

MAX_SIGNALS = 20_000
"""Maximum signals that a post shares or updates."""

MAX_COMPARISONS = 2 * MAX_SIGNALS
"""Maximum comparisons that are read from a post; some cannot be matched against uploads."""

_STORED_WEIGHT = 20
"""Cost of storing an object on its own, in signals that are shared together."""

_MAX_LISTED = 10
"""Maximum ids and notes in a message."""


class ParsedIndicators:
    """Parsed indicators of a post."""

    def __init__(self, *, crisis: UUID | None, exercise: bool, now: datetime) -> None:
        self._crisis, self._exercise, self._now = crisis, exercise, now
        self._budget = Budget(comparisons=MAX_COMPARISONS, signals=MAX_SIGNALS)
        self._read: dict[int, tuple[IndicatorSignals, ParsedRows] | PostedError] = {}

    def read(self, posts: Iterable[Posted]) -> None:
        """Parse indicators, in the order in which they may use the budget."""
        for post in posts:
            if post.type != "indicator" or post.is_revoked:
                continue
            try:
                requested = signals_of(
                    post, crisis=self._crisis, exercise=self._exercise, budget=self._budget
                )
            except PostedError as error:
                self._read[id(post)] = error
            else:
                self._read[id(post)] = requested, checks.read(requested.signals, now=self._now)

    def of(self, post: Posted) -> tuple[IndicatorSignals, ParsedRows]:
        """Return the signals of an indicator. raises: PostedError."""
        parsed = self._read[id(post)]
        if isinstance(parsed, PostedError):
            raise parsed
        return parsed

    def weight(self, post: Posted) -> int:
        """Return the cost of writing an indicator, in signals that are shared together."""
        parsed = self._read[id(post)]
        count = 0 if isinstance(parsed, PostedError) else len(parsed[0].signals)
        return count if count == 1 else count + _STORED_WEIGHT


def describe_result(ids: Sequence[UUID], requested: IndicatorSignals, notes: Sequence[str]) -> str:
    """Describe the result of an indicator, "" if it is simply its one signal."""
    if not requested.is_several and not requested.others:
        return ""
    named = listed([indicator_id(uid) for uid in ids])
    split = (
        f"became {len(ids)} signals, each told by itself: {named}" if requested.is_several else ""
    )
    left = f"{requested.others} of its comparisons are none that uploads are compared with"
    return "; ".join(
        sentence
        for sentence in (split, left if requested.others else "", listed(notes))
        if sentence
    )


def listed(words: Sequence[str]) -> str:
    """Return texts as a list without duplicates, limited to _MAX_LISTED."""
    distinct = list(dict.fromkeys(words))
    more = f" and {len(distinct) - _MAX_LISTED} more" if len(distinct) > _MAX_LISTED else ""
    return "; ".join(distinct[:_MAX_LISTED]) + more
