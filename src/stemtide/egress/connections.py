# SPDX-License-Identifier: Apache-2.0
"""Connections to checked addresses, all with a time limit."""

import ssl
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpcore

from stemtide.egress.addresses import AllowedAddresses, UnknownHostError, resolve

_TRIES = 2
"""Addresses of one host name that are tried."""


class OutOfTimeError(Exception):
    """The time limit of the attempt is over."""


def tls_context() -> ssl.SSLContext:
    """Return settings of TLS that trust the machine's certificate authorities.

    Reading the authorities takes 9 ms of processor time, so they are read again only when their
    file has changed, or SSL_CERT_FILE or SSL_CERT_DIR names another.
    """
    paths = ssl.get_default_verify_paths()
    changed_at_ns = Path(paths.cafile).stat().st_mtime_ns if paths.cafile else None
    return _tls_context(paths.cafile, paths.capath, changed_at_ns)


@lru_cache(maxsize=1)
def _tls_context(*_state: object) -> ssl.SSLContext:
    """Return the settings, made anew when the state of the authorities is another."""
    return ssl.create_default_context()


class CheckedBackend(httpcore.NetworkBackend):
    """Network backend that resolves a host once and connects to the checked addresses only.

    scheme: of the requested address; reach: the permitted addresses.
    until: of time.monotonic(): when the whole attempt must be over, even if bytes trickle in.
    """

    def __init__(self, *, scheme: str, reach: AllowedAddresses, until: float) -> None:
        self._inner = httpcore.SyncBackend()
        self._scheme = scheme
        self._reach = reach
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the attempt has its own limit
        local_address: str | None = None,  # noqa: ARG002  # the pool passes none
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  # nor these
    ) -> httpcore.NetworkStream:
        """Connect to one of the checked addresses of a host."""
        try:
            addresses = resolve(host, port, scheme=self._scheme, reach=self._reach)
        except UnknownHostError as error:
            raise httpcore.ConnectError(str(error)) from error
        *others, last = addresses[:_TRIES]
        for address in others:
            try:
                return self._connect(address, port)
            except httpcore.ConnectError:
                continue
        return self._connect(last, port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        """Connect to one address."""
        stream = self._inner.connect_tcp(address, port, timeout=seconds_left(self._until))
        return TimedStream(stream, until=self._until)


class TimedStream(httpcore.NetworkStream):
    """A stream in which every operation is limited by the attempt's remaining time."""

    def __init__(self, inner: httpcore.NetworkStream, *, until: float) -> None:
        self._inner = inner
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # as above
        """Read bytes."""
        return self._inner.read(max_bytes, timeout=seconds_left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  # as above
        """Send bytes."""
        self._inner.write(buffer, timeout=seconds_left(self._until))

    def close(self) -> None:
        """Close the stream."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  # as above
    ) -> httpcore.NetworkStream:
        """Start TLS; the certificate is checked for the requested host name."""
        inner = self._inner.start_tls(
            ssl_context, server_hostname, timeout=seconds_left(self._until)
        )
        return TimedStream(inner, until=self._until)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # httpcore's own
        """Return facts about the connection."""
        return self._inner.get_extra_info(info)


def seconds_left(until: float) -> float:
    """Return the remaining seconds.

    raises: OutOfTimeError.
    """
    remaining_s = until - time.monotonic()
    if remaining_s <= 0:
        raise OutOfTimeError
    return remaining_s
