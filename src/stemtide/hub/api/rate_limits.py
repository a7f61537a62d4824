# SPDX-License-Identifier: Apache-2.0
"""Rate limits of keys, parties and addresses for all interfaces for programs: decision 0066.

1 A request with a valid key is counted for the key and for its party, and refused if either has
  reached its limit (`count`).
2 Further requests with the same credentials are refused before anything is read or looked up,
  until the window ends (`refusal`): a flood costs others next to nothing.
3 Requests without a valid key are counted for their IP address (`count_stranger`). Valid keys
  still work from there: behind a proxy everybody may have one address.

Each process of a hub counts for itself.
"""

import time
from collections.abc import Callable

from django.http import HttpRequest, QueryDict

from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.networks import network_of
from stemtide.hub.platform.rate_windows import Limit, LimitState, RatePolicy, headers, windows
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.protocol.messages.search import asks_for_similar
from stemtide.protocol.problems import Problem, ProblemType, problem

LARGE_BYTES = 256 * 1024
"""Larger bodies count as a bulk, and so do bodies of unknown length."""

COUNTED = "stemtide.counted"
"""Where an ASGI scope has the limits of a request that was counted before Django had it."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEAVY = ("/documents/verify", "/private-match/evaluations")
_SEARCH = "/api/v1/search"
_WHOLE = (
    *("/api/v1/signals/export", "/api/v1/snapshot", "/misp/feed/hashes.csv"),
    "/api/v1/private-match/buckets",
)
_MAX_BLOCKED = 10_000

_blocked: dict[tuple[str, str, str], tuple[LimitState, ...]] = {}
"""Credentials that exceeded a limit, with the policy: refused without a look-up until it ends."""

Header = Callable[[str], str | None]
"""Returns a header of a request by its lower-case name."""


def policy_name(method: str, path: str, query: str = "", *, header: Header) -> str:
    """Return the policy that a request falls under, without a look-up."""
    if path.endswith(_HEAVY) or (path == _SEARCH and _is_similar(query)):
        return "heavy"
    if path.startswith(_WHOLE):
        return "bulk"
    if method in _SAFE:
        return "reading"
    length = header("content-length") or ""
    is_large = (
        int(length) > LARGE_BYTES if length.isdecimal() else bool(header("transfer-encoding"))
    )
    return "bulk" if is_large else "writing"


def _is_similar(query: str) -> bool:
    """Whether a query string is a search that compares with all live images."""
    search = QueryDict(query, encoding="utf-8").get("q")
    return asks_for_similar(search or "")


def count(request: HttpRequest, caller: Caller) -> None:
    """Count a request of a known caller, unless it was counted. raises: ProblemError with 429."""
    counted = getattr(request, "scope", {}).get(COUNTED)
    if counted is not None:
        request.stemtide_rates = counted  # type: ignore[attr-defined]  # read by headers_of
        return
    now = time.monotonic()
    query = request.META.get("QUERY_STRING", "")
    name = policy_name(request.method or "", request.path, query, header=request.headers.get)
    quota = hub_settings.value(f"rate_{name}")
    if quota is None:
        return
    policy = RatePolicy(name, quota)
    states = windows.take_with_party(policy, who=caller.key, party=caller.party.pk, now=now)
    request.stemtide_rates = states  # type: ignore[attr-defined]  # read by headers_of
    if states[0].is_over:
        _block(_credentials(request.headers.get, name=name), states, now=now)
        raise ProblemError.of(_too_many_problem(states[0], now=now))


def count_stranger(address: str, request: HttpRequest) -> Problem | None:
    """Count a request without a valid key; return the problem if its address sent too many."""
    quota = hub_settings.last_value("rate_stranger")
    if quota is None:
        return None
    now = time.monotonic()
    policy = RatePolicy("stranger", quota)
    states = windows.take((Limit(policy, network_of(address) or address[:60]),), now=now)
    request.stemtide_rates = states  # type: ignore[attr-defined]  # read by headers_of
    return _too_many_problem(states[0], now=now) if states[0].is_over else None


def has_blocked() -> bool:
    """Whether any credentials are over their limit."""
    return bool(_blocked)


def refusal(
    method: str, path: str, query: str = "", *, header: Header
) -> tuple[Problem, dict[str, str]] | None:
    """Return the problem and headers for credentials over their limit, or None."""
    name = policy_name(method, path, query, header=header)
    key = _credentials(header, name=name)
    states = _blocked.get(key)
    if states is None:
        return None
    now = time.monotonic()
    if states[0].ends_at <= now:
        _blocked.pop(key, None)
        return None
    return _too_many_problem(states[0], now=now), headers(states, now=now)


def headers_of(request: HttpRequest) -> dict[str, str]:
    """Return the rate limit headers for a request."""
    states: tuple[LimitState, ...] = getattr(request, "stemtide_rates", ())
    return headers(states, now=time.monotonic())


def _credentials(header: Header, *, name: str) -> tuple[str, str, str]:
    """Return the credentials of a request under a policy."""
    return (name, header("authorization") or "", header("x-functions-key") or "")


def _block(key: tuple[str, str, str], states: tuple[LimitState, ...], *, now: float) -> None:
    """Remember valid credentials that have reached a limit."""
    if len(_blocked) >= _MAX_BLOCKED:
        # Copy to a list: other threads add and remove entries meanwhile.
        for other_key, other_states in list(_blocked.items()):
            if other_states[0].ends_at <= now:
                _blocked.pop(other_key, None)
    if len(_blocked) < _MAX_BLOCKED:
        _blocked[key] = states


def _too_many_problem(state: LimitState, *, now: float) -> Problem:
    """Return the problem of an exceeded limit."""
    policy, wait_s = state.policy, state.reset_s(now)
    return problem(
        ProblemType.TOO_MANY,
        f"{policy.quota} requests in {policy.window_s} s are taken under the policy"
        f" {policy.name}, and have been: go on in {wait_s} s, or ask whoever runs the hub for more",
        retry_after_s=wait_s,
    )
