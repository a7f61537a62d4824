# SPDX-License-Identifier: Apache-2.0
"""Messages about alerts: what a party is told, and that it has it."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from stemtide.protocol.words import Urgency


class AlertReceiptOut(BaseModel):
    """Who acknowledged: via says how; step counts from 0, the first step of the ladder."""

    received_at: AwareDatetime
    via: str
    step: int


class AlertOut(BaseModel):
    """One alert, as its party's machine reads it. title and text are English.

    next_step_due: when the next step of the ladder is asked, if nobody acknowledges.
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
