# SPDX-License-Identifier: Apache-2.0
"""Connection settings of a hub: its address, the key and the limits."""

import ipaddress
import re
import ssl
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from stemtide.client.call import JSON, ApiRequest, Events, File, Lines
from stemtide.client.errors import (
    QUOTED_CHARACTERS,
    AnswerError,
    DeclinedError,
    HubError,
    NotFoundError,
    RefusedError,
    TooManyError,
    UnreachableError,
)
from stemtide.protocol.privacy.free_text import INSIST, INSIST_HEADER
from stemtide.protocol.problems import MEDIA_TYPE, Problem
from stemtide.protocol.retry_after import parse_retry_after_s

EVENT_STREAM = "text/event-stream"

_AWAY = frozenset({408, 425})
_DECLINED = frozenset({400, 409, 413, 415, 422})
_KEY_TROUBLE = frozenset({401, 403})
_NOT_FOUND = 404
_TOO_MANY = 429
_FIRST_OWN_FAULT = 500  # RFC 9110 section 15.6
_TEXT_CHARACTERS = 200
_MAX_CONNECTIONS = 10
_KEPT_S = 25.0  # agents report every 8 s, and hubs keep idle connections for 30 s
_PRINTABLE = re.compile(r"[!-~]+")

_ERRORS: dict[str, tuple[type[HubError], str]] = {
    "away": (UnreachableError, "is not well:"),
    "too many": (TooManyError, "is asked too much:"),
    "key": (RefusedError, "refused the key:"),
    "declined": (DeclinedError, "did not take it:"),
    "not found": (NotFoundError, "does not have it:"),
    "odd": (AnswerError, "answered"),
}
"""Error class and phrase for each class of unsuccessful response."""


def _ignore_pause(_: float) -> None:
    """Ignore a pause."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the size and duration of responses.

    answer_bytes, answer_s: one whole response, in bytes and seconds; not for streams.
    read_s, connect_s:      silence within a response, and time to connect, in seconds.
    silence_s:              silence of an event stream; the hub pings every 3 s.
    patience_s:             sum of the pauses that a hub may ask for in one request (Retry-After);
                            a longer one raises TooManyError at once. 0: no pauses.
    on_wait:                called before each such pause, with its seconds.
    """

    answer_bytes: int = 64 * 1024 * 1024
    answer_s: float = 120.0
    read_s: float = 30.0
    connect_s: float = 5.0
    silence_s: float = 45.0
    patience_s: float = 30.0
    on_wait: Callable[[float], object] = _ignore_pause


class KeyAuth(httpx.Auth):
    """Add the API key to each request, from its file if it has one, which may change."""

    def __init__(self, key: str, file: Path | None = None) -> None:
        self._key, self._file = key, file
        # The file may have changed since somebody read this key: the first request reads it again.
        self._read_at: tuple[int, int] | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the key."""
        self._follow_file()
        request.headers["Authorization"] = f"Bearer {self._key}"
        yield request

    def _follow_file(self) -> None:
        """Read the file if it has changed."""
        changed_at = self._changed_at()
        if self._file is None or changed_at is None or changed_at == self._read_at:
            return
        try:
            key = self._file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return
        if _PRINTABLE.fullmatch(key):
            self._key, self._read_at = key, changed_at

    def _changed_at(self) -> tuple[int, int] | None:
        """Return what changes with the file: its number and time; None if there is no file."""
        try:
            status = self._file.stat() if self._file else None
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns) if status else None


@dataclass(frozen=True, slots=True)
class Connection:
    """Address of a hub, and the settings of requests to it.

    exercise: include exercise signals in feed, snapshot and stream.
    insecure: allow plain http to another machine, where the key is readable on the network.
    key_file: a file with the key, which is read again once it changes; while it has no usable key,
              the last one is used.
    certificate: a PEM file with a client certificate and its private key.
    insists: the personal data in the texts that are sent are needed; without it the hub refuses
             texts that look like personal data.
    raises:   RefusedError for a key that cannot be a header; UnreachableError for plain http, or
              for an invalid address.
    """

    hub: str
    key: str = field(repr=False)
    exercise: bool = False
    insecure: bool = False
    limits: Limits = field(default_factory=Limits)
    key_file: Path | None = None
    certificate: Path | None = None
    insists: bool = False

    def __post_init__(self) -> None:
        if not _PRINTABLE.fullmatch(self.key):
            raise RefusedError(
                self.hub, "the key is empty or holds what no header carries: copy it once more"
            )
        try:
            address = httpx.URL(self.hub)
        except httpx.InvalidURL as error:
            raise self.unreachable("cannot be reached", error) from error
        if address.scheme == "http" and not self.insecure and not self.is_here:
            raise UnreachableError(
                self.hub,
                "is plain http, so the key would travel readably: use https, or say insecure=True "
                "if that network is yours alone",
            )

    @property
    def is_here(self) -> bool:
        """Whether the hub is on this machine."""
        return is_loopback(httpx.URL(self.hub).host)

    def options(self) -> dict[str, Any]:
        """Return the arguments of an httpx client."""
        return {
            "base_url": self.hub,
            "auth": KeyAuth(self.key, self.key_file),
            "timeout": httpx.Timeout(self.limits.read_s, connect=self.limits.connect_s),
            "limits": httpx.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=_KEPT_S),
            # A proxy from the environment is for other machines, not for this one.
            "trust_env": not self.is_here,
            # Its certificate may be of an authority that SSL_CERT_FILE names, here as elsewhere.
            "verify": self._tls(),
        }

    def _tls(self) -> ssl.SSLContext:
        """Return the settings of TLS. raises: UnreachableError for an unusable certificate."""
        context = httpx.create_ssl_context()
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate)
            except (OSError, ssl.SSLError) as error:
                failure = f"needs a client certificate, and {self.certificate} cannot be used"
                raise self.unreachable(failure, error) from error
        return context

    def request_arguments(self, call: ApiRequest[Any]) -> dict[str, Any]:
        """Return the arguments of an httpx request."""
        arguments: dict[str, Any] = {
            "method": call.method,
            "url": call.path,
            "params": call.params(exercise=self.exercise),
            "headers": call.own_headers() | ({INSIST_HEADER: INSIST} if self.insists else {}),
            "content": call.content(),
        }
        if isinstance(call, Events):
            arguments["headers"]["Accept"] = EVENT_STREAM
            waits = {"connect": self.limits.connect_s, "read": self.limits.silence_s}
            arguments["timeout"] = httpx.Timeout(self.limits.read_s, **waits)
        return arguments

    def unreachable(self, failure: str, error: Exception) -> UnreachableError:
        """Return the error for a network failure. failure: for example "cannot be reached"."""
        return UnreachableError(self.hub, f"{failure} ({error!r})")

    def unreadable(self, error: Exception) -> AnswerError:
        """Return the error for a response that cannot be parsed."""
        return AnswerError(self.hub, f"answered something unreadable: {error}")

    def error_for(self, status: int, *, media_type: str, content: bytes) -> HubError:
        """Return the error for an unsuccessful response."""
        problem = _problem(content) if media_type == MEDIA_TYPE else None
        text = content[:_TEXT_CHARACTERS].decode(errors="replace")
        detail = f"{status} {(problem.detail if problem else text)[:QUOTED_CHARACTERS]}"
        kind, phrase = _ERRORS[_class_of(status, is_problem=problem is not None)]
        return kind(self.hub, f"{phrase} {detail}", status=status, problem=problem, text=text)


@dataclass(slots=True)
class Patience:
    """Seconds left of the pauses that a hub may ask for in one request.

    on_wait: called before each pause.
    """

    left_s: float
    on_wait: Callable[[float], object] = _ignore_pause

    def pause_s(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Return how long to wait before sending the same request again; None: do not retry.

        A hub that asks for a pause has done nothing yet (RFC 6585 section 4), so that any request
        may be repeated. Of the two forms of Retry-After, seconds are understood (RFC 9110
        section 10.2.3): a date would need both clocks to agree.
        """
        seconds = parse_retry_after_s(headers.get("Retry-After", ""))
        if status != _TOO_MANY or seconds is None:
            return None
        pause = float(max(1, seconds))
        if pause > self.left_s:
            return None
        self.left_s -= pause
        self.on_wait(pause)
        return pause


def is_loopback(host: str) -> bool:
    """Whether a host can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def media_type_of(headers: Mapping[str, str]) -> str:
    """Return the media type of a response, without parameters."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def name_of(headers: Mapping[str, str]) -> str:
    """Return the file name of a response, without folders; "" if it has none."""
    match = re.search(r'filename="([^"]*)"', headers.get("Content-Disposition", ""))
    name = re.split(r"[/\\]", match[1])[-1] if match else ""
    return "" if name.strip(".") == "" or not name.isprintable() else name


def _class_of(status: int, *, is_problem: bool) -> str:
    """Classify an unsuccessful response. A 404 without a problem document is from no hub."""
    if status == _TOO_MANY:
        return "too many"
    if status >= _FIRST_OWN_FAULT or status in _AWAY:
        return "away"
    if status == _NOT_FOUND and is_problem:
        return "not found"
    if status in _KEY_TROUBLE:
        return "key"
    return "declined" if status in _DECLINED else "odd"


def _problem(content: bytes) -> Problem | None:
    """Parse a problem document; None if it is not one."""
    try:
        return Problem.model_validate_json(content)
    except ValueError:
        return None


def is_file(call: ApiRequest[Any], media_type: str) -> bool:
    """Whether a response of this media type is a file, and not a message."""
    return File in call.answers and (len(call.answers) == 1 or media_type != JSON)


def check_end(lines: Lines[Any], last: object, *, hub: str) -> None:
    """Check that the last line is of the last type. raises: AnswerError."""
    end = lines.answers[-1]
    if not isinstance(last, end):
        raise AnswerError(hub, f"its answer broke off: it has no {end.__name__}")
