# SPDX-License-Identifier: Apache-2.0
"""Download stored content from its address, from public hosts and those that the settings name.

Addresses in a catalogue may come from users. So they lead nowhere inside the provider's network,
redirects are not followed, and size and time are limited: see stemtide.egress.
"""

import time

from stemtide.egress.addresses import AllowedAddresses
from stemtide.egress.requests import NoAnswerError, OutboundRequest, TooLargeError, send_request

_WITHIN_S = 120.0
_MAX_CHARS = 4096
_OK = 200


class DownloadError(Exception):
    """Content could not be downloaded. The message says why."""


def download(url: str, *, trusted: frozenset[str], max_bytes: int) -> bytes:
    """Return the content at a URL. trusted: hosts that need not be public.

    raises: DownloadError.
    """
    reach = AllowedAddresses(
        schemes=frozenset({"http", "https"}),
        ports=frozenset({80, 443, 8443}),
        trusted=trusted,
        max_chars=_MAX_CHARS,
    )
    until = time.monotonic() + _WITHIN_S
    try:
        response = send_request(OutboundRequest(url), reach=reach, until=until, max_bytes=max_bytes)
    except TooLargeError as error:
        raise DownloadError(f"cannot be downloaded: {error}, which is the limit") from error
    except NoAnswerError as error:
        raise DownloadError(f"cannot be downloaded: {error}") from error
    if response.status != _OK:
        raise DownloadError(f"cannot be downloaded: its server answers {response.status}")
    return response.body
