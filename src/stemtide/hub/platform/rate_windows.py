# SPDX-License-Identifier: Apache-2.0
"""Rate limits: count requests in time windows, and report the rest in HTTP headers.

A window begins with the first request after the last one ended. So the remaining number only falls
until the window ends, and after `Retry-After` the whole quota is available again.

source: IETF, draft-ietf-httpapi-ratelimit-headers-11.
"""

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

DEFAULT_QUOTAS: Mapping[str, int] = {
    "reading": 6000,
    "writing": 6000,
    "bulk": 300,
    "heavy": 60,
    "stranger": 3000,
}
"""Requests a minute per key, and per network address for "stranger". Far above the needs of a
client that follows the feed, reports, or pages through everything."""

PARTY_TIMES = 4
"""Limit of a party, as a multiple of the limit of one key."""

MAX_COUNTED = 50_000
"""Most windows at once; beyond this (strangers' addresses) the oldest are removed."""


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """A rate limit: so many requests in so many seconds."""

    name: str
    quota: int
    window_s: int = 60


@dataclass(frozen=True, slots=True)
class LimitState:
    """The state of one limit. left: requests; ends_at: end of the window, in monotonic seconds."""

    policy: RatePolicy
    left: int
    ends_at: float
    is_over: bool = False

    def reset_s(self, now: float) -> int:
        """Return the whole seconds until the window ends, at least 1."""
        return max(1, ceil(self.ends_at - now))


class Limit(NamedTuple):
    """A policy and its subject: a key, a person, a party or an address."""

    policy: RatePolicy
    who: Hashable


class _Window:
    """The requests used of one quota, until a time."""

    __slots__ = ("ends_at", "used")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.used = 0


class Windows:
    """The windows of one process, of all callers. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, Hashable], _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def take_with_party(
        self, policy: RatePolicy, *, who: Hashable, party: Hashable, now: float
    ) -> tuple[LimitState, ...]:
        """Count one request of a party's key or person, and of the party: see take."""
        of_party = RatePolicy(f"{policy.name}-party", PARTY_TIMES * policy.quota, policy.window_s)
        return self.take((Limit(policy, who), Limit(of_party, party)), now=now)

    def take(self, bounds: Sequence[Limit], *, now: float) -> tuple[LimitState, ...]:
        """Count one request against all limits, or against none if one of them is used up.

        now: monotonic, in seconds. returns: the state of each limit afterwards, the tightest first.
        """
        with self._lock:
            windows = [self._window(bound, now=now) for bound in bounds]
            over = [
                window.used >= bound.policy.quota
                for bound, window in zip(bounds, windows, strict=True)
            ]
            if not any(over):
                for window in windows:
                    window.used += 1
            states = [
                LimitState(
                    policy=bound.policy,
                    left=max(0, bound.policy.quota - window.used),
                    ends_at=window.ends_at,
                    is_over=is_over,
                )
                for bound, window, is_over in zip(bounds, windows, over, strict=True)
            ]
        return tuple(sorted(states, key=lambda state: (not state.is_over, state.left)))

    def _window(self, bound: Limit, *, now: float) -> _Window:
        """Return the current window, or a new one that begins now."""
        key = (bound.policy.name, bound.who)
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            if window is None and len(self._windows) >= MAX_COUNTED:
                self._make_room(now)
            window = self._windows[key] = _Window(now + bound.policy.window_s)
        return window

    def _make_room(self, now: float) -> None:
        """Remove the windows that have ended; if none has, the oldest ones."""
        ended = [key for key, window in self._windows.items() if window.ends_at <= now]
        for key in ended or list(self._windows)[: MAX_COUNTED // 10]:
            del self._windows[key]


def headers(states: Sequence[LimitState], *, now: float) -> dict[str, str]:
    """Return the RateLimit headers, tightest limit first; `Retry-After` if one is used up."""
    if not states:
        return {}
    fields = {
        "RateLimit-Policy": ", ".join(
            f'"{state.policy.name}";q={state.policy.quota};w={state.policy.window_s}'
            for state in states
        ),
        "RateLimit": ", ".join(
            f'"{state.policy.name}";r={state.left};t={state.reset_s(now)}' for state in states
        ),
    }
    over = [state.reset_s(now) for state in states if state.is_over]
    return {**fields, "Retry-After": str(max(over))} if over else fields


windows = Windows()
"""The counts of this process, for API and desk."""
