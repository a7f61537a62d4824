# SPDX-License-Identifier: Apache-2.0
"""Links that acknowledge without signing in: signed, expiring, good for one alert."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.core import signing

from stemtide.hub.parties.rules import NotFoundError

_signer = signing.Signer(salt="stemtide.alerts.receipt")


@dataclass(frozen=True, slots=True)
class Link:
    """What a token stands for, whether or not it still opens anything."""

    delivery: UUID
    ends_at: datetime


def make(delivery: UUID, *, until: datetime) -> str:
    """The token of a delivery's link. until: the moment from which it opens nothing."""
    return _signer.sign_object([delivery.hex, int(until.timestamp())])


def opened(token: str) -> Link:
    """What a token says that this hub has made, also once it has expired.

    raises: NotFoundError for one that this hub never made.
    """
    try:
        name, until = _signer.unsign_object(token)
        return Link(UUID(hex=name), datetime.fromtimestamp(until, UTC))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise _unknown() from error


def read(token: str, *, now: datetime) -> UUID:
    """The delivery that a token stands for.

    raises: NotFoundError, the same for one that is wrong and one that has expired.
    """
    link = opened(token)
    if link.ends_at <= now:
        raise _unknown()
    return link.delivery


def _unknown() -> NotFoundError:
    """What is said of every link that opens nothing."""
    return NotFoundError(
        "this link is not known here, or no longer: sign in at the desk and acknowledge there"
    )
