# SPDX-License-Identifier: Apache-2.0
"""Metrics of this process, which rooms and the notifier count and /metrics returns."""

from prometheus_client import CollectorRegistry, Histogram

process = CollectorRegistry(auto_describe=False)
"""Metrics of this process."""

wake_seconds = Histogram(
    "stemtide_wake_seconds",
    "Time from noticing changes until their events were handed to all streams.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=process,
)
lock_wait_seconds = Histogram(
    "stemtide_lock_wait_seconds",
    "Time that a write waited for the lock of the ledger.",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=process,
)
