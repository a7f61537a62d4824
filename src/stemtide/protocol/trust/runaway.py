# SPDX-License-Identifier: Apache-2.0
"""When a signal matches far more uploads than it plausibly can. Pure; numbers in runaway.toml.

1 A signal that two independent parties stand behind is never lowered; an implausible share of the
  look-ups only raises an alarm.
2 Of an authority, an agency, a trusted party or the agent's own party, growth is not suspicious: a
  real outbreak grows. Only an implausible share of all look-ups lowers such a signal. Matches that
  are too many for 1,000 look-ups need not wait for the last of them (decision 0118).
3 Any other signal is lowered as well if it matches many times as often as is usual.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from statistics import median

from pydantic import BaseModel, ConfigDict, Field

from stemtide.protocol.trust.limits import limits

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class GrowthLimits(BaseModel):
    """How much more than usual a signal may match within an hour."""

    model_config = _FROZEN

    matches: int = Field(ge=1)
    times: float = Field(gt=1)
    peers: int = Field(ge=1)
    hours: int = Field(ge=1)
    unknown_percent: float = Field(gt=0, le=100)


class ShareLimits(BaseModel):
    """The share of all look-ups of a kind that no real content has.

    lookups: fewer count as so many, and an agent with fewer within a day says nothing.
    """

    model_config = _FROZEN

    percent: float = Field(gt=0, le=100)
    lookups: int = Field(ge=1)


class CountLimits(BaseModel):
    """How long an agent keeps its counts, and how many rows of them."""

    model_config = _FROZEN

    minutes_for_hours: int = Field(ge=2)
    hours_for_days: int = Field(ge=1)
    rows: int = Field(ge=1)


class ReportLimits(BaseModel):
    """How many independent parties must report a signal before it is lowered everywhere."""

    model_config = _FROZEN

    parties: int = Field(ge=2)
    parties_for_authorities: int = Field(ge=2)


class RunawayLimits(BaseModel):
    """All numbers of runaway.toml."""

    model_config = _FROZEN

    growth: GrowthLimits
    share: ShareLimits
    counts: CountLimits
    reports: ReportLimits


@cache
def runaway_limits() -> RunawayLimits:
    """Return the numbers of runaway.toml."""
    text = files(__package__).joinpath("runaway.toml").read_text("utf-8")
    return RunawayLimits.model_validate(tomllib.loads(text))


class RunawayState(StrEnum):
    """The state of a runaway signal at an agent.

    lowered: the signal leads to hold at most. alarmed: it only says so, because two independent
    parties stand behind the signal. lifted: the provider decided that the matches are right.
    """

    LOWERED = "lowered"
    ALARMED = "alarmed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class Rate:
    """How many uploads a signal matched, of how many look-ups of its kind."""

    matches: int
    lookups: int

    @property
    def share(self) -> float:
        """Return the matches as a share of the look-ups, 0..1."""
        return min(1.0, self.matches / self.lookups) if self.lookups else 0.0


@dataclass(frozen=True, slots=True)
class Support:
    """Who supports a signal, as far as the flood guard needs it.

    parties:    independent parties that count. is_vouched: one of them is an authority, an agency,
                a trusted party or the agent's own party.
    """

    parties: int
    is_vouched: bool


def usual_share(own_hours: Sequence[float], busiest_of_peers: Sequence[float]) -> float | None:
    """Return the share of the look-ups that is usual for a signal; None if that is unknown.

    own_hours: the signal's shares in earlier hours with look-ups.
    busiest_of_peers: the share in the busiest hour of each other signal of the kind that another
    party shared: so nobody raises its own limit with signals of its own.
    """
    growth = runaway_limits().growth
    medians = []
    if len(own_hours) >= growth.hours:
        medians.append(median(own_hours))
    if len(busiest_of_peers) >= growth.peers:
        medians.append(median(busiest_of_peers))
    return max(medians, default=None)


def most_matches(lookups: int, *, usual: float | None) -> int:
    """Return how many matches within an hour of so many look-ups are not out of line."""
    growth = runaway_limits().growth
    share = growth.unknown_percent / 100 if usual is None else growth.times * usual
    return max(growth.matches - 1, int(share * lookups))


def most_of_share(lookups: int) -> int:
    """Return how many matches are a plausible share of so many look-ups."""
    share = runaway_limits().share
    return int(share.percent * max(lookups, share.lookups) / 100)


@dataclass(frozen=True, slots=True)
class Traffic:
    """An agent's counts of a signal.

    hour:        its rate within the last hour.
    since_first: its rates since it first matched within an hour and within a day.
    day_lookups: look-ups of its kind within a day, also before its first match.
    usual:       as usual_share returns it.
    """

    hour: Rate
    since_first: Sequence[Rate]
    day_lookups: int
    usual: float | None


def assess(traffic: Traffic, *, support: Support) -> tuple[RunawayState, str] | None:
    """Return the next state of a signal and the reason; None if its matches are plausible."""
    state = RunawayState.LOWERED
    if _is_confirmed(support):
        state = RunawayState.ALARMED
    if traffic.day_lookups >= runaway_limits().share.lookups:
        for rate in traffic.since_first:
            if rate.matches > most_of_share(rate.lookups):
                percent = round(100 * rate.share)
                return state, f"{rate.matches} of {rate.lookups} look-ups matched it ({percent} %)"
    if support.is_vouched or state is RunawayState.ALARMED:
        return None
    hour = traffic.hour
    most = most_matches(hour.lookups, usual=traffic.usual)
    if hour.matches <= most:
        return None
    return state, f"{hour.matches} uploads matched it within an hour, where {most} are the most"


def matches_left(traffic: Traffic, *, support: Support) -> int:
    """Return how many more uploads a plausible signal can match before it is to be assessed again.

    Look-ups raise the limits, so until then it stays plausible, but for what a day or an hour ends.
    """
    left = [most_of_share(rate.lookups) - rate.matches for rate in traffic.since_first]
    if not (support.is_vouched or _is_confirmed(support)):
        hour = traffic.hour
        left.append(most_matches(hour.lookups, usual=traffic.usual) - hour.matches)
    return max(0, min(left))


def _is_confirmed(support: Support) -> bool:
    """Whether so many independent parties stand behind a signal that counts lower nothing."""
    return support.parties >= limits().confirmation.parties
