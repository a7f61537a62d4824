# SPDX-License-Identifier: Apache-2.0
"""Messages about complaints: the provider's link, the complaint and its outcome."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    ComplaintState,
    Exemption,
    RedressState,
    Restriction,
)

_STRICT = ConfigDict(extra="forbid", frozen=True)

MIN_WORDS = 10
"""Minimum characters of a complaint, and of a decision's reasons."""

MAX_WORDS = 4000
"""Maximum characters of a complaint, and of a decision's reasons."""

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,119}$")]
"""A provider's own identifier of a decision: opaque, without an at sign, so it is no e-mail
address.
"""

StaffId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}$")]
"""A provider's own identifier of the person who decided: opaque as well, and no e-mail address."""

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
"""A language code. source: RFC 5646, primary subtag."""


class ComplaintLinkIn(BaseModel):
    """A decision of a provider that may be complained about. Contains nothing about a user.

    reference:    the provider's own identifier of the decision; one complaint for each.
    basis:        what the decision rests on; ground: the id of that signal, referral or order.
    acted_at:     when the provider acted. acted_by: who decided, by an identifier of the provider.
    is_automatic: no person looked before the action.
    """

    model_config = _STRICT

    reference: Reference
    basis: ComplaintBasis
    ground: UUID | None = None
    measure: Restriction
    acted_at: AwareDatetime
    acted_by: StaffId | None = None
    is_automatic: bool = False
    exercise: bool = False


class ComplaintLinkOut(BaseModel):
    """A link for the statement of reasons. Its page accepts a complaint until expires_at."""

    reference: str
    link: str
    token: str
    expires_at: AwareDatetime


class ComplaintIn(ComplaintLinkIn):
    """A complaint that the provider received elsewhere and files on the uploader's behalf."""

    text: str = Field(min_length=MIN_WORDS, max_length=MAX_WORDS)
    language: Language = "en"


class ComplaintOutcomeIn(BaseModel):
    """A reviewer's decision.

    exemption:   the context that makes the content lawful; "none" if no such context does.
    finding:     upheld only: what was wrong. ground: the signal itself.
    reasons:     shown to the uploader word for word.
    note:        for the party that asked for the measure: no personal data.
    reviewed_by: the reviewer, by an identifier of the provider; required from a machine.
    """

    model_config = _STRICT

    is_upheld: bool
    exemption: Exemption
    finding: ComplaintFinding | None = None
    reasons: str = Field(min_length=MIN_WORDS, max_length=MAX_WORDS)
    note: str = Field(default="", max_length=500)
    reviewed_by: StaffId | None = None


class ComplaintTakeIn(BaseModel):
    """Take up a complaint. reviewed_by: the reviewer, by an identifier of the provider."""

    model_config = _STRICT

    reviewed_by: StaffId | None = None


class RedressIn(BaseModel):
    """The response to a request for redress: keep with a reason, or take back. No personal data."""

    model_config = _STRICT

    keep: bool
    reason: str = Field(default="", max_length=500)


class ComplaintOut(BaseModel):
    """A complaint, as the provider that made the decision reads it.

    number:  the provider's own count. due_at: when the uploader must be told the outcome.
    text, reasons: empty once erased_at is set.
    redress: the state of the request to asked_of; None if nobody was asked.
    seal:    with the text it yields the digest in the ledger; see docs.
    """

    id: UUID
    number: str
    state: ComplaintState
    reference: str
    basis: ComplaintBasis
    ground: UUID | None
    measure: Restriction
    acted_at: AwareDatetime
    acted_by: str | None
    is_automatic: bool
    exercise: bool
    text: str
    language: str
    filed_at: AwareDatetime
    due_at: AwareDatetime
    taken_at: AwareDatetime | None
    reviewer: str | None
    decided_at: AwareDatetime | None
    exemption: Exemption | None
    finding: ComplaintFinding | None
    reasons: str
    note: str
    redress: RedressState | None
    asked_of: str | None
    answer: str
    answered_at: AwareDatetime | None
    erase_due: AwareDatetime
    erased_at: AwareDatetime | None
    seal: str


class ComplaintFiledOut(BaseModel):
    """A complaint that was just filed. code: lets the uploader follow its state."""

    complaint: ComplaintOut
    code: str


class RedressOut(BaseModel):
    """A request for redress to the party that asked for the measure, without the uploader's words.

    basis, ground: the subject. is_upheld: False where the provider complies but has doubts.
    """

    id: UUID
    basis: ComplaintBasis
    ground: UUID
    provider: str
    is_upheld: bool
    measure: Restriction
    exemption: Exemption
    note: str
    state: RedressState
    asked_at: AwareDatetime
    answer: str
    answered_at: AwareDatetime | None
    exercise: bool


class ComplaintStatusOut(BaseModel):
    """The state of a complaint, as the complainant reads it. It names nobody but the provider.

    state: None if no complaint was filed yet.
    """

    provider: str
    reference: str
    measure: Restriction
    basis: ComplaintBasis
    acted_at: AwareDatetime
    is_automatic: bool
    exercise: bool
    state: ComplaintState | None = None
    filed_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    decided_at: AwareDatetime | None = None
    reasons: str = ""
    is_erased: bool = False
