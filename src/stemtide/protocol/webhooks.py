# SPDX-License-Identifier: Apache-2.0
"""The headers of a webhook, of the hub as of the agent: who signed it, and which event it is.

Also what is read of its answer: how long to wait.

source: Standard Webhooks, https://www.standardwebhooks.com; CloudEvents 1.0, HTTP protocol binding,
section 3.1 (binary content mode).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from standardwebhooks import Webhook as Signer

from stemtide.protocol.waits import asked_s

_SPECVERSION = "1.0"
_PLAIN = "".join(chr(one) for one in range(0x21, 0x7F) if chr(one) not in '"%')
"""What a header of CloudEvents holds as it is; source: HTTP protocol binding, section 3.1.3.2."""


GONE = 410
"""The status by which a receiver says that nobody is to call it again."""

ASKS_TO_WAIT = frozenset({429, 503})
"""Statuses with which Retry-After says when to come again.

source: RFC 9110 section 15.6.4, RFC 6585 section 4.
"""

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A receiver is left alone no longer than this because it asked for it."""


def retry_after(
    said: str, *, now: datetime, longest: timedelta = LONGEST_RETRY_AFTER
) -> timedelta | None:
    """How long a Retry-After header asks to wait, no longer than that; None where it says nothing.

    said: the header, seconds or a date of HTTP; "" where there was none. now: aware.
    source: RFC 9110, section 10.2.3.
    """
    seconds = asked_s(said)
    if seconds is not None:
        return min(timedelta(seconds=seconds), longest)
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(timedelta(), min(at - now, longest))


def derived_secret(root: str, name: str) -> str:
    """A signing secret that is kept nowhere: made from the hub's own, as "whsec_…"."""
    made = hmac.new(root.encode(), name.encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(made).decode()}"


def sign(name: str, text: str, *, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """The three headers that sign a body, with a signature by each secret.

    name: the id of the event, the same at every attempt. at: the time of this attempt, aware.
    """
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(name, at, text) for secret in secrets),
    }


def event(name: str, kind: str, *, source: str, happened_at: datetime) -> dict[str, str]:
    """The headers by which the same request is a CloudEvent, whose data is the body.

    source: an address, absolute or not, of whoever tells; with the id it names the event for ever.
    """
    return {
        "ce-specversion": _SPECVERSION,
        "ce-id": name,
        "ce-source": quote(source, safe=_PLAIN),
        "ce-type": kind,
        "ce-time": happened_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
