# SPDX-License-Identifier: Apache-2.0
"""The numbers of the trust between members, read from limits.toml."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class NewMemberLimits(BaseModel):
    """When a new member becomes a member: after so many confirmed signals, or so many days."""

    model_config = _FROZEN

    confirmed_signals: int = Field(ge=1)
    days: int = Field(ge=1)


class ConfirmationLimits(BaseModel):
    """How many independent parties must stand behind a signal, its sharer included."""

    model_config = _FROZEN

    parties: int = Field(ge=2)


class OpinionLimits(BaseModel):
    """How often a party may change its opinion of one signal in a day."""

    model_config = _FROZEN

    changes_a_day: int = Field(ge=1)


class QuestionLimits(BaseModel):
    """How many questions to sharers of signals a party may send in a day."""

    model_config = _FROZEN

    a_day: int = Field(ge=1)


class DisputeLimits(BaseModel):
    """How many parties must dispute, and how many disputes a party may open in a day."""

    model_config = _FROZEN

    parties: int = Field(ge=2)
    a_day: int = Field(ge=1)


class TrustLimits(BaseModel):
    """All numbers of limits.toml."""

    model_config = _FROZEN

    new_member: NewMemberLimits
    confirmation: ConfirmationLimits
    opinion: OpinionLimits
    question: QuestionLimits
    dispute: DisputeLimits


@cache
def limits() -> TrustLimits:
    """Return the numbers of limits.toml."""
    text = files(__package__).joinpath("limits.toml").read_text("utf-8")
    return TrustLimits.model_validate(tomllib.loads(text))
