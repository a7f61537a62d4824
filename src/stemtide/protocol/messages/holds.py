# SPDX-License-Identifier: Apache-2.0
"""Messages about holds: requests not to act on content yet, without detailed reasons."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.enums.referrals import HoldReason, HoldState
from stemtide.protocol.messages.referrals import MAX_URL_CHARS

_STRICT = ConfigDict(extra="forbid", frozen=True)


class HoldIn(BaseModel):
    """A request to leave content alone until a given time.

    url:            of the content. Only a digest of it is stored.
    signal:         a fingerprint of the content; give url, signal or both.
    contact:        a desk to call about the hold, not a person.
    case_reference: the holder's own; nobody else ever reads it.
    """

    model_config = _STRICT

    url: str = Field(default="", max_length=MAX_URL_CHARS)
    signal: UUID | None = None
    until: AwareDatetime
    reason: HoldReason
    contact: str = Field(min_length=3, max_length=200)
    case_reference: str = Field(default="", max_length=80)
    exercise: bool = False

    @model_validator(mode="after")
    def _check_subject(self) -> "HoldIn":
        """Require a url or a signal."""
        if not self.url.strip() and self.signal is None:
            raise ValueError("url: say what is to be held: give url, signal or both")
        return self


class ExtendIn(BaseModel):
    """A later end for a hold."""

    model_config = _STRICT

    until: AwareDatetime


class HoldOut(BaseModel):
    """A hold, as its holder or an agency reads it.

    digest:         of the canonical URL; "" if the hold is on a signal alone.
    case_reference: "" to everyone but the holder.
    met:            number of referrals that wait for it. overridden: number sent despite it.
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
