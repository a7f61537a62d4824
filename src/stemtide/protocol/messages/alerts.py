# SPDX-License-Identifier: Apache-2.0
"""Messages about alerts and their acknowledgement."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.enums import Urgency


class AlertReceiptOut(BaseModel):
    """An acknowledgement. via: how it was given. step: the escalation step, counted from 0."""

    received_at: AwareDatetime
    via: str
    step: int


class AlertOut(BaseModel):
    """An alert, as its party's programs read it. title and text are in English.

    next_step_due: when the next escalation step is notified if nobody acknowledges.
    """

    id: UUID
    kind: str
    title: str
    text: str
    urgency: Urgency
    state: str
    exercise: bool
    crisis: UUID | None
    subject: str
    created_at: AwareDatetime
    next_step_due: AwareDatetime | None
    receipt: AlertReceiptOut | None


class AssignIn(BaseModel):
    """Assign an alert. person: the mail address of a colleague; "" for nobody."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(default="", max_length=254)


class SnoozeIn(BaseModel):
    """Set an alert aside for its party."""

    model_config = ConfigDict(extra="forbid")

    hours: int = Field(ge=1, le=24)


class MuteIn(BaseModel):
    """Mute a kind of alert for oneself."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(ge=1, le=30)
