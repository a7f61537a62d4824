# SPDX-License-Identifier: Apache-2.0
"""A line to a hub: where it is, whose key, how much and how long one waits."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from stemtide.client.call import JSON, Events, File, Lines, Question
from stemtide.client.errors import (
    SAID_CHARACTERS,
    AnswerError,
    DeclinedError,
    HubError,
    NotFoundError,
    RefusedError,
    TooManyError,
    UnreachableError,
)
from stemtide.protocol.problems import MEDIA_TYPE, Problem
from stemtide.protocol.waits import asked_s

EVENT_STREAM = "text/event-stream"

_AWAY = frozenset({408, 425})
_DECLINED = frozenset({400, 409, 413, 415, 422})
_KEY_TROUBLE = frozenset({401, 403})
_NOT_FOUND = 404
_TOO_MANY = 429
_FIRST_OWN_FAULT = 500  # RFC 9110 section 15.6
_TEXT_CHARACTERS = 200
_MAX_CONNECTIONS = 10
_PRINTABLE = re.compile(r"[!-~]+")

_KINDS: dict[str, tuple[type[HubError], str]] = {
    "away": (UnreachableError, "is not well:"),
    "too many": (TooManyError, "is asked too much:"),
    "key": (RefusedError, "refused the key:"),
    "declined": (DeclinedError, "did not take it:"),
    "not found": (NotFoundError, "does not have it:"),
    "odd": (AnswerError, "answered"),
}
"""What each kind of answer is, and how it is said."""


def _tell_nobody(_: float) -> None:
    """A pause of which nobody hears."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken from a hub, and how long it is waited for.

    answer_bytes, answer_s: one whole answer, in bytes and seconds; no stream.
    read_s, connect_s:      silence within an answer, and until a connection stands, in seconds.
    silence_s:              silence of a stream of events; the hub pings every 3 s.
    patience_s:             all pauses together that a hub may ask of one question (Retry-After);
                            a longer one is TooManyError at once. 0: none.
    told:                   hears of each such pause before it is made, in seconds.
    """

    answer_bytes: int = 64 * 1024 * 1024
    answer_s: float = 120.0
    read_s: float = 30.0
    connect_s: float = 5.0
    silence_s: float = 45.0
    patience_s: float = 30.0
    told: Callable[[float], object] = _tell_nobody


@dataclass(frozen=True, slots=True)
class Line:
    """Where a hub is, and how it is spoken to.

    exercise: exercise signals too, in feed, snapshot and stream.
    insecure: the key may travel readably over plain http to another machine.
    raises:   RefusedError for a key that no header carries; UnreachableError for plain http, or for
              what is no address.
    """

    hub: str
    key: str = field(repr=False)
    exercise: bool = False
    insecure: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not _PRINTABLE.fullmatch(self.key):
            raise RefusedError(
                self.hub, "the key is empty or holds what no header carries: copy it once more"
            )
        try:
            address = httpx.URL(self.hub)
        except httpx.InvalidURL as error:
            raise self.cannot("cannot be reached", error) from error
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
        """What an httpx client is made with."""
        return {
            "base_url": self.hub,
            "headers": {"Authorization": f"Bearer {self.key}"},
            "timeout": httpx.Timeout(self.limits.read_s, connect=self.limits.connect_s),
            "limits": httpx.Limits(max_connections=_MAX_CONNECTIONS),
            # A proxy of the environment is for the world outside, not for this machine.
            "trust_env": not self.is_here,
        }

    def asked(self, question: Question[Any]) -> dict[str, Any]:
        """What a request of httpx is made of."""
        found: dict[str, Any] = {
            "method": question.method,
            "url": question.path,
            "params": question.params(exercise=self.exercise),
            "headers": question.sent_headers(),
            "content": question.content(),
        }
        if isinstance(question, Events):
            found["headers"]["Accept"] = EVENT_STREAM
            waits = {"connect": self.limits.connect_s, "read": self.limits.silence_s}
            found["timeout"] = httpx.Timeout(self.limits.read_s, **waits)
        return found

    def cannot(self, what: str, error: Exception) -> UnreachableError:
        """The error where something of the network failed. what: "cannot be reached"."""
        return UnreachableError(self.hub, f"{what} ({error!r})")

    def unreadable(self, error: Exception) -> AnswerError:
        """The error where an answer is not what it should be."""
        return AnswerError(self.hub, f"answered something unreadable: {error}")

    def trouble(self, status: int, *, media_type: str, content: bytes) -> HubError:
        """The error that an answer says, which is none of the good ones."""
        problem = _problem(content) if media_type == MEDIA_TYPE else None
        text = content[:_TEXT_CHARACTERS].decode(errors="replace")
        said = f"{status} {(problem.detail if problem else text)[:SAID_CHARACTERS]}"
        kind, words = _KINDS[_of(status, is_problem=problem is not None)]
        return kind(self.hub, f"{words} {said}", status=status, problem=problem, text=text)


@dataclass(slots=True)
class Patience:
    """What is left of the pauses that a hub may ask of one question, in seconds.

    told: hears of each pause.
    """

    left_s: float
    told: Callable[[float], object] = _tell_nobody

    def pause_s(self, status: int, headers: Mapping[str, str]) -> float | None:
        """How long to wait before asking the same again; None: not at all.

        A hub that asks for a pause has done nothing yet (RFC 6585 section 4), so that any question
        may be asked again. Of the two spellings of Retry-After, seconds are understood (RFC 9110
        section 10.2.3): a moment would need both clocks to agree.
        """
        seconds = asked_s(headers.get("Retry-After", ""))
        if status != _TOO_MANY or seconds is None:
            return None
        pause = float(max(1, seconds))
        if pause > self.left_s:
            return None
        self.left_s -= pause
        self.told(pause)
        return pause


def is_loopback(host: str) -> bool:
    """Whether a host can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def media_type_of(headers: Mapping[str, str]) -> str:
    """The media type of an answer, without what follows it."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def name_of(headers: Mapping[str, str]) -> str:
    """The name that an answer has as a file, such that it names no folder; "" where it has none."""
    said = re.search(r'filename="([^"]*)"', headers.get("Content-Disposition", ""))
    name = re.split(r"[/\\]", said[1])[-1] if said else ""
    return "" if name.strip(".") == "" or not name.isprintable() else name


def _of(status: int, *, is_problem: bool) -> str:
    """What an answer is that is not a good one. A 404 that says nothing comes from no hub."""
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
    """A problem document; None for what is none."""
    try:
        return Problem.model_validate_json(content)
    except ValueError:
        return None


def is_file(question: Question[Any], media_type: str) -> bool:
    """Whether an answer of this media type is a file, and not a message."""
    return File in question.answers and (len(question.answers) == 1 or media_type != JSON)


def check_end(lines: Lines[Any], last: object, *, hub: str) -> None:
    """Whether the last line is the one that must be the last. raises: AnswerError."""
    end = lines.answers[-1]
    if not isinstance(last, end):
        raise AnswerError(hub, f"its answer broke off: it has no {end.__name__}")
