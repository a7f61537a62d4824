# SPDX-License-Identifier: Apache-2.0
"""Parse Retry-After headers."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MAX_DIGITS = 9

ASKS_TO_WAIT = frozenset({429, 503})
"""Statuses whose Retry-After gives a time to wait.

source: RFC 9110 section 15.6.4, RFC 6585 section 4.
"""

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""Maximum wait that a receiver can request."""


def parse_retry_after_s(header: str) -> int | None:
    """Return the seconds of a Retry-After header, None if it is a date or invalid.

    More digits than any real wait are cut; the result is still longer than any wait.
    source: RFC 9110, section 10.2.3.
    """
    if not (header.isascii() and header.isdigit()):
        return None
    return int(header[:_MAX_DIGITS])


def retry_after(
    header: str, *, now: datetime, longest: timedelta = LONGEST_RETRY_AFTER
) -> timedelta | None:
    """Return the wait of a Retry-After header, limited to `longest`; None if absent or invalid.

    header: in seconds or as an HTTP date; "" if absent. now: aware.
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
