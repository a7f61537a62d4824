# SPDX-License-Identifier: Apache-2.0
"""Links that acknowledge without signing in: signed, expiring, good for one alert."""

from datetime import UTC, datetime
from uuid import UUID

from django.core import signing

from stemtide.hub.parties.rules import NotFoundError

_signer = signing.Signer(salt="stemtide.alerts.receipt")


def make(delivery: UUID, *, until: datetime) -> str:
    """The token of a delivery's link. until: the moment from which it opens nothing."""
    return _signer.sign_object([delivery.hex, int(until.timestamp())])


def read(token: str, *, now: datetime) -> UUID:
    """The delivery that a token stands for.

    raises: NotFoundError, the same for one that is wrong and one that has expired.
    """
    try:
        name, until = _signer.unsign_object(token)
        delivery, ends_at = UUID(hex=name), datetime.fromtimestamp(until, UTC)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise _unknown() from error
    if ends_at <= now:
        raise _unknown()
    return delivery


def _unknown() -> NotFoundError:
    """What is said of every link that opens nothing."""
    return NotFoundError(
        "this link is not known here, or no longer: sign in at the desk and acknowledge there"
    )
