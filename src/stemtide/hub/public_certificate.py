# SPDX-License-Identifier: Apache-2.0
"""Look at the TLS certificate of the hub's public address, as the hub's own machine sees it."""

import logging
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

LOOK_EVERY_S = 600.0
"""Seconds between looks at the certificate, for metrics."""

_TIMEOUT_S = 10
_DAY = timedelta(days=1)


def certificate_end(url: str) -> datetime | None:
    """Return when the TLS certificate at an address expires; None over plain HTTP.

    raises: OSError, also for a certificate that is not valid.
    """
    parts = urlsplit(url)
    if parts.scheme != "https":
        return None
    context = ssl.create_default_context()
    place = (parts.hostname or "", parts.port or 443)
    with (
        socket.create_connection(place, timeout=_TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=parts.hostname) as encrypted,
    ):
        certificate = encrypted.getpeercert() or {}
    seconds = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return datetime.fromtimestamp(seconds, UTC)


class CertificateWatch:
    """The newest look at a certificate. Threads look, so that no request waits for a server."""

    def __init__(self) -> None:
        self._due_at = 0.0
        self._end: datetime | None = None

    def days_left(self, url: str, *, now: datetime) -> float | None:
        """Return the days until the certificate expires, and start the next look if it is due.

        It is 0 if the certificate is not valid, and None as long as nobody could look at it.
        """
        if time.monotonic() >= self._due_at and urlsplit(url).scheme == "https":
            self._due_at = time.monotonic() + LOOK_EVERY_S
            threading.Thread(target=self._look, args=[url], daemon=True).start()
        end = self._end  # a look may change it meanwhile
        return max(0.0, (end - now) / _DAY) if end else None

    def _look(self, url: str) -> None:
        """Note when the certificate expires."""
        try:
            self._end = certificate_end(url)
        except ssl.SSLCertVerificationError as error:
            log.warning("the certificate of %s is not valid: %s", url, error)
            self._end = datetime.min.replace(tzinfo=UTC)
        except (OSError, ValueError) as error:
            log.warning("the certificate of %s cannot be looked at: %s", url, error)
            self._end = None


watch = CertificateWatch()
"""The look of this process at the hub's public address."""
