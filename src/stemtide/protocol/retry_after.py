# SPDX-License-Identifier: Apache-2.0
"""Parse Retry-After headers."""

_MAX_DIGITS = 9


def parse_retry_after_s(header: str) -> int | None:
    """Return the seconds of a Retry-After header, None if it is a date or invalid.

    More digits than any real wait are cut; the result is still longer than any wait.
    source: RFC 9110, section 10.2.3.
    """
    if not (header.isascii() and header.isdigit()):
        return None
    return int(header[:_MAX_DIGITS])
