# SPDX-License-Identifier: Apache-2.0
"""Count the results of the demo."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stemtide.exercises.results.record import UploadedCopy


@dataclass(slots=True)
class DemoCounts:
    """Counts of the demo.

    uploaded_before, found_later: copies that were uploaded before their signal was shared, and
    those of them that were blocked afterwards.
    referrals, orders: how many are in each state at the end.
    """

    agents: int = 0
    signals_shared: int = 0
    uploads: int = 0
    blocked: int = 0
    missed: int = 0
    false_blocks: int = 0
    unrelated_passed: int = 0
    uploaded_before: int = 0
    found_later: int = 0
    webhooks_heard: int = 0
    ledger_entries: int = 0
    feedback_received: int = 0
    referrals: dict[str, int] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    share_to_block_ms: list[float] = field(default_factory=list)

    def count(self, copies: Iterable[UploadedCopy], *, shared_at_min: Mapping[str, float]) -> None:
        """Count uploads. shared_at_min: when the signals of each content were shared."""
        for copy in copies:
            if copy.at_min < shared_at_min.get(copy.content, 0):
                self.uploaded_before += 1
                self.false_blocks += copy.is_match
                continue
            self.uploads += 1
            if copy.is_harmless:
                self.false_blocks += copy.is_match
                self.unrelated_passed += not copy.is_match
            else:
                self.blocked += copy.is_match
                self.missed += not copy.is_match

    @property
    def is_good(self) -> bool:
        """Whether all known content was blocked, nothing else was, and every count returned."""
        return (
            self.blocked > 0
            and self.missed == self.false_blocks == 0
            and self.found_later == self.uploaded_before
            and self.feedback_received == self.all_blocked
        )

    @property
    def all_blocked(self) -> int:
        """Return how many uploads were blocked, at their upload or later."""
        return self.blocked + self.found_later

    def as_json(self) -> dict[str, Any]:
        """Return the counts as a JSON object, times in milliseconds."""
        return {
            "signals_shared": self.signals_shared,
            "uploads": self.uploads,
            "blocked": self.blocked,
            "missed": self.missed,
            "false_blocks": self.false_blocks,
            "unrelated_passed": self.unrelated_passed,
            "uploaded_before": self.uploaded_before,
            "found_later": self.found_later,
            "share_to_block_ms": {
                "p50": percentile(self.share_to_block_ms, percent=50),
                "p99": percentile(self.share_to_block_ms, percent=99),
            },
            "agents": self.agents,
            "ledger_entries": self.ledger_entries,
            "feedback_received": self.feedback_received,
            "webhooks_heard": self.webhooks_heard,
            "referrals": self.referrals,
            "orders": self.orders,
        }


def percentile(values: list[float], *, percent: int) -> float | None:
    """Return the value that percent of all values do not exceed; None for no values."""
    if not values:
        return None
    if len(values) == 1:
        return round(values[0], 1)
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return round(cuts[percent - 1], 1)
