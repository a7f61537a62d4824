# SPDX-License-Identifier: Apache-2.0
"""Signed, expiring links that acknowledge one alert without signing in."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.core import signing

from stemtide.hub.platform.errors import NotFoundError

_signer = signing.Signer(salt="stemtide.alerts.receipt")


@dataclass(frozen=True, slots=True)
class Link:
    """The content of a link's token, whether or not it has expired."""

    delivery: UUID
    ends_at: datetime


def make_token(delivery: UUID, *, until: datetime) -> str:
    """Return the token for a delivery's link. until: when it expires."""
    return _signer.sign_object([delivery.hex, int(until.timestamp())])


def parse_token(token: str) -> Link:
    """Return the content of a token of this hub, even if it has expired.

    raises: NotFoundError if this hub never made it.
    """
    try:
        name, until = _signer.unsign_object(token)
        return Link(UUID(hex=name), datetime.fromtimestamp(until, UTC))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise _unknown() from error


def read_token(token: str, *, now: datetime) -> UUID:
    """Return the delivery of a valid token.

    raises: NotFoundError, the same for a wrong token and an expired one.
    """
    link = parse_token(token)
    if link.ends_at <= now:
        raise _unknown()
    return link.delivery


def _unknown() -> NotFoundError:
    """Return the error for every link that is not valid."""
    return NotFoundError(
        "this link is invalid or has expired: sign in at the desk and acknowledge there"
    )
