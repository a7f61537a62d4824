# SPDX-License-Identifier: Apache-2.0
"""Messages for managing webhooks: registration, state, delivery log.

A webhook's own body is thin: ids and where to read them, never content. Receivers read the API.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

MAX_URL_CHARS = 300
MAX_TYPES = 50

_STRICT = ConfigDict(extra="forbid", frozen=True)

TypePattern = Annotated[str, Field(pattern=r"^(\*|[a-z]+\.(\*|[a-z]+))$", max_length=40)]
"""An event type, a group of types ("signal.*"), or all ("*")."""


class EventType(StrEnum):
    """Type of an event. docs/use/connect/webhooks.md says which parties receive which."""

    SIGNAL_SHARED = "signal.shared"
    SIGNAL_CHANGED = "signal.changed"
    SIGNAL_WITHDRAWN = "signal.withdrawn"
    SIGNAL_EXPIRED = "signal.expired"
    CRISIS_WARNED = "crisis.warned"
    CRISIS_WIDENED = "crisis.widened"
    CRISIS_ACTIVATED = "crisis.activated"
    CRISIS_LAPSED = "crisis.lapsed"
    CRISIS_REVIEWED = "crisis.reviewed"
    CRISIS_DEESCALATED = "crisis.deescalated"
    CRISIS_RESUMED = "crisis.resumed"
    CRISIS_CLOSED = "crisis.closed"
    CRISIS_ENDED = "crisis.ended"
    PARTICIPANT_INVITED = "participant.invited"
    INFORMATION_GIVEN = "information.given"
    ORDER_ISSUED = "order.issued"
    ORDER_ENTERED = "order.entered"
    ENTRY_CONFIRMED = "entry.confirmed"
    ENTRY_DISPUTED = "entry.disputed"
    ORDER_COPIED = "order.copied"
    ORDER_EXECUTED = "order.executed"
    ORDER_SUSPENDED = "order.suspended"
    ORDER_RESUMED = "order.resumed"
    ORDER_MISSED = "order.missed"
    ORDER_WITHDRAWN = "order.withdrawn"
    ORDER_ANNULLED = "order.annulled"
    ORDER_PROLONGED = "order.prolonged"
    ORDER_OVERLAPPED = "order.overlapped"
    ORDER_REINSTATED = "order.reinstated"
    ORDER_APPEALED = "order.appealed"
    ORDER_FINALISED = "order.finalised"
    APPEAL_DECIDED = "appeal.decided"
    APPEAL_EXPIRED = "appeal.expired"
    FINALITY_COMMUNICATED = "finality.communicated"
    FINALITY_CORRECTED = "finality.corrected"
    SCRUTINY_REQUESTED = "scrutiny.requested"
    SCRUTINY_OPENED = "scrutiny.opened"
    SCRUTINY_ANNOUNCED = "scrutiny.announced"
    SCRUTINY_CONFIRMED = "scrutiny.confirmed"
    SCRUTINY_COMMUNICATED = "scrutiny.communicated"
    SCRUTINY_MISSED = "scrutiny.missed"
    REFERRAL_SENT = "referral.sent"
    REFERRALS_SENT = "referrals.sent"
    REFERRAL_EXPLAINED = "referral.explained"
    REFERRAL_ANSWERED = "referral.answered"
    REFERRAL_REINSTATED = "referral.reinstated"
    REFERRAL_WITHDRAWN = "referral.withdrawn"
    REFERRAL_FREED = "referral.freed"
    REFERRAL_OVERLAPPED = "referral.overlapped"
    HOLD_MET = "hold.met"
    HOLD_ORDERED = "hold.ordered"
    HOLD_OVERRIDDEN = "hold.overridden"
    WEBHOOK_TEST = "webhook.test"


class WebhookState(StrEnum):
    """State of a webhook."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Its party has paused it."""
    DISABLED = "disabled"
    """The hub has given up; the party has to resume it."""


class WebhookDeliveryState(StrEnum):
    """State of an event's delivery to a webhook."""

    QUEUED = "queued"
    SENDING = "sending"
    FAILED = "failed"
    SENT = "sent"
    DEAD = "dead"
    STOPPED = "stopped"
    MOOT = "moot"


class WebhookIn(BaseModel):
    """A webhook to register. exercise: also send events of exercises, which are marked as such."""

    model_config = _STRICT

    url: str = Field(min_length=1, max_length=MAX_URL_CHARS)
    event_types: list[TypePattern] = Field(default=["*"], min_length=1, max_length=MAX_TYPES)
    exercise: bool = False


class WebhookChangeIn(BaseModel):
    """Change, pause or resume a webhook; omitted fields stay unchanged."""

    model_config = _STRICT

    event_types: list[TypePattern] | None = Field(default=None, min_length=1, max_length=MAX_TYPES)
    exercise: bool | None = None
    state: Literal["active", "paused"] | None = None

    @model_validator(mode="after")
    def _check_not_empty(self) -> "WebhookChangeIn":
        """Require at least one changed field."""
        if self.event_types is None and self.exercise is None and self.state is None:
            raise ValueError("state: nothing is changed: give event_types, exercise or state")
        return self


class WebhookOut(BaseModel):
    """A webhook, as its party reads it, without its secret, which is shown at registration only.

    reason: why it is disabled, else "". key: prefix of the API key that manages it.
    failing_since: when deliveries began to fail; None if the last attempt succeeded.
    waiting, dead: numbers of events queued and given up.
    """

    id: UUID
    url: str
    event_types: list[str]
    exercise: bool
    state: WebhookState
    reason: str
    key: str
    made_at: AwareDatetime
    failing_since: AwareDatetime | None
    last_sent_at: AwareDatetime | None
    waiting: int
    dead: int


class WebhookMadeOut(WebhookOut):
    """A webhook that was just registered. secret: "whsec_…", shown only once."""

    secret: str


class WebhookSecretOut(BaseModel):
    """A new secret, shown only once. both_until: until then the old one signs as well."""

    id: UUID
    secret: str
    both_until: AwareDatetime


class WebhookDeliveryOut(BaseModel):
    """The delivery of an event to a webhook. id: the webhook-id of every attempt.

    count: number of things that the event is about, if known.
    next_at: time of the next attempt; None if there will be none.
    status: of the last response; None if there was none. said: a description of the error.
    """

    id: UUID
    type: EventType
    exercise: bool
    count: int
    state: WebhookDeliveryState
    attempts: int
    happened_at: AwareDatetime
    queued_at: AwareDatetime
    tried_at: AwareDatetime | None
    next_at: AwareDatetime | None
    sent_at: AwareDatetime | None
    status: int | None
    said: str


class WebhookDeliveriesOut(BaseModel):
    """A page of the delivery log, latest first. next: pass it as `before`; None at the end."""

    deliveries: list[WebhookDeliveryOut]
    next: UUID | None
