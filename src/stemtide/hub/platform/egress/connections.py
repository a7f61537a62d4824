# SPDX-License-Identifier: Apache-2.0
"""Connections to checked addresses, which all end in time."""

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from stemtide.hub.platform.egress.addresses import Reach, UnknownHostError, resolve

_TRIES = 2
"""Addresses of one name that are tried."""


class OutOfTimeError(Exception):
    """The attempt's time is over."""


class CheckedBackend(httpcore.NetworkBackend):
    """Looks a name up once and connects to what it found: no second look-up can lead elsewhere.

    scheme: of the address that is asked for; reach: what of it is allowed.
    until: of time.monotonic(): when the whole attempt must be over, however slowly bytes trickle.
    """

    def __init__(self, *, scheme: str, reach: Reach, until: float) -> None:
        self._inner = httpcore.SyncBackend()
        self._scheme = scheme
        self._reach = reach
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the attempt's own end counts
        local_address: str | None = None,  # noqa: ARG002  # the pool names none
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  # nor any of these
    ) -> httpcore.NetworkStream:
        """A connection to one of the checked addresses of a name."""
        try:
            found = resolve(host, port, scheme=self._scheme, reach=self._reach)
        except UnknownHostError as error:
            raise httpcore.ConnectError(str(error)) from error
        *others, last = found[:_TRIES]
        for address in others:
            try:
                return self._connect(address, port)
            except httpcore.ConnectError:
                continue
        return self._connect(last, port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        """A connection to one address."""
        stream = self._inner.connect_tcp(address, port, timeout=left(self._until))
        return TimedStream(stream, until=self._until)


class TimedStream(httpcore.NetworkStream):
    """A stream whose every step gets what is left of the attempt's time, and no more."""

    def __init__(self, inner: httpcore.NetworkStream, *, until: float) -> None:
        self._inner = inner
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # as above
        """Some bytes."""
        return self._inner.read(max_bytes, timeout=left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  # as above
        """Send bytes."""
        self._inner.write(buffer, timeout=left(self._until))

    def close(self) -> None:
        """End it."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  # as above
    ) -> httpcore.NetworkStream:
        """Make it secure; the certificate is checked for the name that was asked for."""
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout=left(self._until))
        return TimedStream(inner, until=self._until)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # httpcore's own
        """Facts about the connection."""
        return self._inner.get_extra_info(info)


def left(until: float) -> float:
    """The seconds that are left.

    raises: OutOfTimeError.
    """
    found = until - time.monotonic()
    if found <= 0:
        raise OutOfTimeError
    return found
