# SPDX-License-Identifier: Apache-2.0
"""Count requests in windows of time, and say how many are left as HTTP says it.

A window begins with the first request after the last one ended, so that what is left only falls
until it ends, and `Retry-After` is the truth: then all of it is there again.

source: IETF, draft-ietf-httpapi-ratelimit-headers-11.
"""

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

USUAL: Mapping[str, int] = {
    "reading": 6000,
    "writing": 6000,
    "bulk": 300,
    "heavy": 60,
    "stranger": 3000,
}
"""Requests a minute: of one key, and of one address for strangers. Far above what any client does
that follows the feed, reports, or pages through all of it."""

PARTY_TIMES = 4
"""A party may send so many times what one of its keys may."""

MAX_COUNTED = 50_000
"""So many are counted at once; more (of strangers' addresses) push the oldest out."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A named limit: so many in so many seconds."""

    name: str
    quota: int
    window_s: int = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands with a policy. left: requests; ends_at: of the window, monotonic s."""

    policy: Policy
    left: int
    ends_at: float
    is_over: bool = False

    def reset_s(self, now: float) -> int:
        """Whole seconds until the window ends; at least 1."""
        return max(1, ceil(self.ends_at - now))


class Bound(NamedTuple):
    """A policy, and whom it bounds here: a key, a party, an address."""

    policy: Policy
    who: Hashable


class _Window:
    """What was used of one quota until a time."""

    __slots__ = ("ends_at", "used")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.used = 0


class Windows:
    """The windows of one process, of all who call it. Safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, Hashable], _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def take(self, bounds: Sequence[Bound], *, now: float) -> tuple[Standing, ...]:
        """Count one request against all of these, or against none where one of them is used up.

        now: monotonic, in seconds. returns: where each stands afterwards, the tightest first.
        """
        with self._lock:
            windows = [self._window(bound, now=now) for bound in bounds]
            over = [
                window.used >= one.policy.quota for one, window in zip(bounds, windows, strict=True)
            ]
            if not any(over):
                for window in windows:
                    window.used += 1
            found = [
                Standing(
                    policy=one.policy,
                    left=max(0, one.policy.quota - window.used),
                    ends_at=window.ends_at,
                    is_over=is_over,
                )
                for one, window, is_over in zip(bounds, windows, over, strict=True)
            ]
        return tuple(sorted(found, key=lambda one: (not one.is_over, one.left)))

    def _window(self, bound: Bound, *, now: float) -> _Window:
        """The window that is running, or one that begins now."""
        key = (bound.policy.name, bound.who)
        found = self._windows.get(key)
        if found is None or found.ends_at <= now:
            if found is None and len(self._windows) >= MAX_COUNTED:
                self._make_room(now)
            found = self._windows[key] = _Window(now + bound.policy.window_s)
        return found

    def _make_room(self, now: float) -> None:
        """Forget the windows that ended; where none did, those that were made first."""
        ended = [key for key, one in self._windows.items() if one.ends_at <= now]
        for key in ended or list(self._windows)[: MAX_COUNTED // 10]:
            del self._windows[key]


def headers(standings: Sequence[Standing], *, now: float) -> dict[str, str]:
    """What is allowed and what is left, the tightest first; `Retry-After` where one is used up."""
    if not standings:
        return {}
    said = {
        "RateLimit-Policy": ", ".join(
            f'"{standing.policy.name}";q={standing.policy.quota};w={standing.policy.window_s}'
            for standing in standings
        ),
        "RateLimit": ", ".join(
            f'"{standing.policy.name}";r={standing.left};t={standing.reset_s(now)}'
            for standing in standings
        ),
    }
    over = [standing.reset_s(now) for standing in standings if standing.is_over]
    return {**said, "Retry-After": str(max(over))} if over else said


windows = Windows()
"""What this process has counted, at every door."""
