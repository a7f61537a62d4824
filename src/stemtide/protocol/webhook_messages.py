# SPDX-License-Identifier: Apache-2.0
"""Messages about webhooks that a party's machines register: what they ask for, what became of it.

A webhook's own body is thin: ids and where to read them, never content. Who gets it reads the API.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

MAX_URL_CHARS = 300
MAX_TYPES = 50

_ORDERS = ConfigDict(extra="forbid", frozen=True)

TypePattern = Annotated[str, Field(pattern=r"^(\*|[a-z]+\.(\*|[a-z]+))$", max_length=40)]
"""An event type, all of one thing ("signal.*"), or all ("*")."""


class EventType(StrEnum):
    """What is told. docs/use/connect/webhooks.md says whom each is told to."""

    SIGNAL_SHARED = "signal.shared"
    SIGNAL_CHANGED = "signal.changed"
    SIGNAL_WITHDRAWN = "signal.withdrawn"
    SIGNAL_EXPIRED = "signal.expired"
    CRISIS_WARNED = "crisis.warned"
    CRISIS_WIDENED = "crisis.widened"
    CRISIS_ACTIVATED = "crisis.activated"
    CRISIS_REVIEWED = "crisis.reviewed"
    CRISIS_DEESCALATED = "crisis.deescalated"
    CRISIS_RESUMED = "crisis.resumed"
    CRISIS_CLOSED = "crisis.closed"
    CRISIS_ENDED = "crisis.ended"
    PARTICIPANT_INVITED = "participant.invited"
    INFORMATION_GIVEN = "information.given"
    ORDER_ISSUED = "order.issued"
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
    """Where a webhook stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Its party wants nothing now."""
    DISABLED = "disabled"
    """The hub gave it up; somebody must resume it."""


class WebhookDeliveryState(StrEnum):
    """Where one event on its way to one webhook stands."""

    QUEUED = "queued"
    SENDING = "sending"
    FAILED = "failed"
    SENT = "sent"
    DEAD = "dead"
    STOPPED = "stopped"
    MOOT = "moot"


class WebhookIn(BaseModel):
    """Register an address. exercise: events of exercises too, which are marked as such."""

    model_config = _ORDERS

    url: str = Field(min_length=1, max_length=MAX_URL_CHARS)
    event_types: list[TypePattern] = Field(default=["*"], min_length=1, max_length=MAX_TYPES)
    exercise: bool = False


class WebhookChangeIn(BaseModel):
    """Change what is told, pause, or resume; what is not said stays."""

    model_config = _ORDERS

    event_types: list[TypePattern] | None = Field(default=None, min_length=1, max_length=MAX_TYPES)
    exercise: bool | None = None
    state: Literal["active", "paused"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "WebhookChangeIn":
        """A change changes something."""
        if self.event_types is None and self.exercise is None and self.state is None:
            raise ValueError("state: nothing is changed: give event_types, exercise or state")
        return self


class WebhookOut(BaseModel):
    """A webhook as its party reads it; its secret is shown once, when it is made.

    reason: why it is disabled, "" where it is not. key: prefix of the key that looks after it.
    failing_since: since when nothing arrived; None where the last attempt did.
    waiting, dead: events on their way, and those given up.
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
    """A webhook that was just made. secret: "whsec_…", shown this once."""

    secret: str


class WebhookSecretOut(BaseModel):
    """A new secret, shown this once. both_until: the one before signs beside it for so long."""

    id: UUID
    secret: str
    both_until: AwareDatetime


class WebhookDeliveryOut(BaseModel):
    """One event on its way to one webhook. id: the webhook-id of its every attempt.

    count: how many things it tells of, as far as it counts them.
    next_at: when it is tried; None where it is not tried any more.
    status: of the last answer; None where there was none. said: what went wrong, in our words.
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
    """A page of the delivery log, the latest first. next: give it as `before`; None at the end."""

    deliveries: list[WebhookDeliveryOut]
    next: UUID | None
