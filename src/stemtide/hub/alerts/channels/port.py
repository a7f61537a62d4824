# SPDX-License-Identifier: Apache-2.0
"""What every channel takes and gives."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from stemtide.hub.alerts.rules import Channel, Urgency
from stemtide.hub.outside.posting import Fate

__all__ = ["Enclosed", "Fate", "Parcel", "Post", "Result", "Send"]


@dataclass(frozen=True, slots=True)
class Enclosed:
    """One file that goes with a mail."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery, with all that a channel needs: it reads no table.

    delivery: its id, the same at every attempt, by which receivers know a repeat.
    attempt:  1 for the first.
    language: in which the text is written, as the contact point asked.
    secrets:  sign what leaves, the newest first; more than one during a rotation.
    now:      the time of this attempt.
    link:     acknowledges without signing in; "" where the hub does not know its own address.
    request:  what is asked of the addressee, as the API says it; None where nothing is.
    files:    papers that go with a mail: each is sealed, or has its signature beside it.
    notes:    what is to be known beside the text, in the parcel's language: of what, and what.
    link_ends_at: from when the link opens nothing; None where there is none.
    is_personal: for one person, not for a contact point of their party: words of its own, no files.
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
    files: tuple[Enclosed, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    link_ends_at: datetime | None = None
    is_personal: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an attempt. words: what is wrong and what to do, for people.

    is_acknowledged: the receiver said in its answer that somebody has the alert.
    proof: what the other side's server said as it took it, kept as it came.
    wait: how long the receiver asks to be left alone; None where it does not say.
    """

    fate: Fate
    words: str = ""
    is_acknowledged: bool = False
    proof: str = ""
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """How this hub sends. mail_host: "" where it sends no mail.

    mail_security: "starttls", "tls" or "none".
    mail_is_receipt: whether the mail server answers for the addressee's own, by handing over to it
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
    """How a channel is asked. It raises nothing that the network brings about."""

    def __call__(self, parcel: Parcel, *, post: Post) -> Result:
        """Try once to deliver."""
