# SPDX-License-Identifier: Apache-2.0
"""The interface between alerts and their channels."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from stemtide.egress.posts import PostOutcome
from stemtide.hub.rooms.alerts.rules.alerts import Channel, Urgency

__all__ = ["Attachment", "OutgoingAlert", "PostOutcome", "Result", "Send", "SendSettings"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to a mail."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class OutgoingAlert:
    """One delivery with everything that a channel needs, so that channels read no table.

    delivery: its id, the same at every attempt, by which receivers detect repeats.
    attempt:  1 for the first.
    language: of the text, as the contact point prefers.
    secrets:  sign the content, newest first; more than one during a rotation.
    now:      the time of this attempt.
    link:     acknowledges without signing in; "" if the hub does not know its own address.
    request:  the request to the addressee in API format; None if the alert carries none.
    files:    documents attached to a mail: each is sealed, or has its signature beside it.
    notes:    facts to show beside the text, in the alert's language, each with its heading.
    link_ends_at: when the link expires; None if there is none.
    is_personal: for one person, not for a contact point of their party: own text, no files.
    """

    delivery: UUID
    attempt: int
    channel: Channel
    alert: UUID
    kind: str
    urgency: Urgency
    exercise: bool
    party: str
    party_title: str
    crisis: UUID | None
    subject: str
    parameters: dict[str, str]
    created_at: datetime
    now: datetime
    address: str = ""
    language: str = "en"
    secrets: tuple[str, ...] = ()
    link: str = ""
    desk: str = ""
    request: dict[str, Any] | None = None
    files: tuple[Attachment, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    link_ends_at: datetime | None = None
    is_personal: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an attempt. words: the problem and its remedy, for people.

    is_acknowledged: the receiver said in its answer that somebody has the alert.
    proof: the reply of the receiver's server when it accepted the delivery, unchanged.
    wait: how long the receiver asks not to be called; None if it does not say.
    """

    fate: PostOutcome
    words: str = ""
    is_acknowledged: bool = False
    proof: str = ""
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SendSettings:
    """The hub's settings for sending. mail_host: "" if it sends no mail.

    mail_security: "starttls", "tls" or "none".
    mail_is_receipt: whether the mail server confirms for the addressee's own server, by relaying
        while this hub waits.
    loopback: whether webhooks may go to this machine over plain HTTP: demos and tests.
    """

    mail_host: str = ""
    mail_port: int = 25
    mail_user: str = ""
    mail_password: str = ""
    mail_security: str = "starttls"
    mail_from: str = ""
    mail_is_receipt: bool = False
    loopback: bool = False


class Send(Protocol):
    """The signature of a channel. It turns network errors into a Result."""

    def __call__(self, outgoing: OutgoingAlert, *, post: SendSettings) -> Result:
        """Make one delivery attempt."""
