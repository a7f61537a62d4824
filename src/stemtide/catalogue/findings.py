# SPDX-License-Identifier: Apache-2.0
"""Report matches, after the agent has decided about them if it is to act."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from stemtide.catalogue.action import AgentActor, AgentDecision, MatchCounts
from stemtide.catalogue.items import StoredItem
from stemtide.catalogue.report import (
    MatchedItem,
    ScanReporter,
    ScanSummary,
    SignalMatch,
    UnreadableItem,
)
from stemtide.catalogue.signals import AgentSignals
from stemtide.fingerprints.kinds import Fingerprints, Kind
from stemtide.matching.library import Match
from stemtide.protocol.sync.feed import FeedSignal

_TOO_LARGE = "it matches, but its fingerprints are too large to be sent to the agent (8 MB)"


class ScanFindings:
    """Receiver of the results of a scan. actor: the agent that acts; None to report only."""

    def __init__(
        self,
        *,
        signals: AgentSignals,
        reporter: ScanReporter,
        summary: ScanSummary,
        actor: AgentActor | None,
    ) -> None:
        self._signals = signals
        self._reporter = reporter
        self._summary = summary
        self._actor = actor
        self._counts = MatchCounts()

    @property
    def is_acting(self) -> bool:
        """Whether an agent decides about what matches."""
        return self._actor is not None

    def begin(self, lookups: Mapping[Kind, int] | None = None) -> None:
        """Begin to count anew. lookups: content that was compared with the same signals before."""
        self._counts = MatchCounts(lookups=Counter(lookups or {}))

    def take(
        self,
        items: Sequence[StoredItem],
        prints: Sequence[Fingerprints],
        matches: Sequence[Sequence[Match]],
    ) -> dict[str, bool]:
        """Report the items that active signals match, after the agent has decided about them.

        returns: their ids, and whether the agent decided. raises: ActionError.
        """
        keys = {match.key for of_item in matches for match in of_item}
        signals = self._signals.find(keys) if keys else {}
        matched = {
            item.ref: (item, content, rows)
            for item, content, of_item in zip(items, prints, matches, strict=True)
            if (rows := list(_rows(of_item, signals)))
        }
        self._counts.lookups.update(kinds_of(prints))
        for _, _, rows in matched.values():
            self._counts.matches.update({row.signal for row in rows})
        decisions = self._decide(matched)
        for ref, (item, _, rows) in matched.items():
            decision = decisions.get(ref)
            self._reporter.matched(MatchedItem(ref, item.location, rows, decision))
            self._summary.acted += bool(decision and decision.action)
            if self.is_acting and decision is None:
                self.report_unreadable(UnreadableItem(ref, item.location, _TOO_LARGE))
        self._summary.matched += len(matched)
        return {ref: ref in decisions for ref in matched}

    def report_unreadable(self, item: UnreadableItem) -> None:
        """Report content that could not be read."""
        self._summary.unreadable += 1
        self._reporter.unreadable(item)

    def _decide(
        self, matched: Mapping[str, tuple[StoredItem, Fingerprints, list[SignalMatch]]]
    ) -> Mapping[str, AgentDecision]:
        if self._actor is None or not matched:
            return {}
        signals = {row.signal: row.kind for _, _, rows in matched.values() for row in rows}
        contents = [(ref, content) for ref, (_, content, _) in matched.items()]
        return self._actor.act(contents, self._counts.rates(signals))


def kinds_of(prints: Sequence[Fingerprints]) -> Counter[Kind]:
    """Return how many pieces of content have a fingerprint of each kind."""
    return Counter(kind for content in prints for kind in {print_.kind for print_ in content.each})


def _rows(matches: Sequence[Match], signals: Mapping[int, FeedSignal]) -> Iterator[SignalMatch]:
    """Yield the matches with active signals for people."""
    for match in matches:
        signal = signals.get(match.key)
        if signal is not None:
            yield SignalMatch(
                signal=str(signal.id),
                kind=match.kind,
                distance_bits=match.distance_bits,
                match_percent=int(100 * match.confidence),
                part=match.part,
                transform=match.transform,
                labels=list(signal.labels),
                shared_by=signal.shared_by,
                disputed=signal.disputed,
            )
