# SPDX-License-Identifier: Apache-2.0
"""Headers of webhook requests, at hub and agent: signatures and CloudEvents attributes.

Also parses Retry-After in responses.

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

from stemtide.protocol.retry_after import parse_retry_after_s

_SPECVERSION = "1.0"
_UNESCAPED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""Characters that CloudEvents headers carry unescaped; source: HTTP protocol binding, section
3.1.3.2.
"""


GONE = 410
"""Status of a receiver that must not be called again."""

ASKS_TO_WAIT = frozenset({429, 503})
"""Statuses whose Retry-After gives a time to wait.

source: RFC 9110 section 15.6.4, RFC 6585 section 4.
"""

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""Maximum wait that a receiver can request."""


def retry_after(
    header: str, *, now: datetime, longest: timedelta = LONGEST_RETRY_AFTER
) -> timedelta | None:
    """Return the wait of a Retry-After header, limited to `longest`; None if absent or invalid.

    said: the header, in seconds or as an HTTP date; "" if absent. now: aware.
    source: RFC 9110, section 10.2.3.
    """
    seconds = parse_retry_after_s(header)
    if seconds is not None:
        return min(timedelta(seconds=seconds), longest)
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(timedelta(), min(at - now, longest))


def derived_secret(root: str, name: str) -> str:
    """Return a signing secret ("whsec_…") derived from the hub's root secret, so never stored."""
    digest = hmac.new(root.encode(), name.encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(digest).decode()}"


def sign(name: str, text: str, *, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the three headers that sign a body, with a signature by each secret.

    name: the id of the event, the same at every attempt. at: the time of this attempt, aware.
    """
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(name, at, text) for secret in secrets),
    }


def event(name: str, kind: str, *, source: str, happened_at: datetime) -> dict[str, str]:
    """Return the headers that make the request a CloudEvent with the body as its data.

    source: URL of the sender, absolute or relative; with the id it identifies the event globally.
    """
    return {
        "ce-specversion": _SPECVERSION,
        "ce-id": name,
        "ce-source": quote(source, safe=_UNESCAPED),
        "ce-type": kind,
        "ce-time": happened_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
