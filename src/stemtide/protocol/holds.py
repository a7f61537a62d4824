# SPDX-License-Identifier: Apache-2.0
"""Messages about holds: please do not act on this yet, without saying why in detail."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.referrals import MAX_URL_CHARS
from stemtide.protocol.words_referrals import HoldReason, HoldState

_ORDERS = ConfigDict(extra="forbid", frozen=True)


class HoldIn(BaseModel):
    """Ask that content be left alone until a moment.

    url:            its address. Only a digest of it is kept.
    signal:         or a fingerprint of it; one of both at least.
    contact:        where those who meet the hold call: a desk, not a person.
    case_reference: the holder's own; nobody else ever reads it.
    """

    model_config = _ORDERS

    url: str = Field(default="", max_length=MAX_URL_CHARS)
    signal: UUID | None = None
    until: AwareDatetime
    reason: HoldReason
    contact: str = Field(min_length=3, max_length=200)
    case_reference: str = Field(default="", max_length=80)
    exercise: bool = False

    @model_validator(mode="after")
    def _says_of_what(self) -> "HoldIn":
        """A hold is of something."""
        if not self.url.strip() and self.signal is None:
            raise ValueError("url: say what is to be held: give url, signal or both")
        return self


class ExtendIn(BaseModel):
    """Let a hold stand longer."""

    model_config = _ORDERS

    until: AwareDatetime


class HoldOut(BaseModel):
    """A hold as its holder or an agency reads it.

    digest:         of the canonical spelling of its address; "" where it is of a signal alone.
    case_reference: "" to everyone but the holder.
    met:            how many referrals wait for it. overridden: how many were sent over it.
    """

    id: UUID
    reference: str
    state: HoldState
    holder: str
    digest: str
    signal: UUID | None
    until: AwareDatetime
    reason: HoldReason
    contact: str
    case_reference: str
    exercise: bool
    placed_at: AwareDatetime
    ended_at: AwareDatetime | None
    met: int
    overridden: int
