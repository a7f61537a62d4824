# SPDX-License-Identifier: Apache-2.0
"""How a run asks another hub: with its key, in what is left of its time and of its bytes."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from stemtide.hub.exchanges.rules import LONGEST_PAUSE
from stemtide.hub.outside.addresses import Reach
from stemtide.hub.outside.asking import (
    PORTS,
    SCHEMES,
    Answer,
    NoAnswerError,
    Question,
    TooLargeError,
    ask,
)
from stemtide.protocol.exchanges import Pull
from stemtide.protocol.webhooks import retry_after

MAX_URL_CHARS = 4000
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_RUN_BYTES = 128 * 1024 * 1024
ONE_TIMEOUT_S = 30.0
"""How long one request may take, however slowly its answer trickles."""

AFTER_S = 120.0
"""How long after its time a run still ends what it began in time; no request goes beyond it."""

_MARKS, _MARK_DIGITS = 32, 16
_OK, _MULTIPLE = 200, 300
_REFUSED = {401, 403}
_GONE, _BUSY = 404, {429, 502, 503, 504}


class SourceError(Exception):
    """The other hub cannot be used now. retry_after_s: when it asks to be asked again."""

    def __init__(self, words: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


class RefusedError(SourceError):
    """The other hub says that what we asked is wrong (4xx). status: of HTTP."""

    def __init__(self, words: str, *, status: int) -> None:
        super().__init__(words)
        self.status = status


class AllRefusedError(SourceError):
    """The other hub refuses whatever new is sent; it does answer.

    parcels: primary keys of what is new of that. said: what is known all the same of other parcels.
    """

    def __init__(
        self, trouble: SourceError, *, parcels: tuple[int, ...], said: Mapping[int, str]
    ) -> None:
        words = f"it takes nothing of what is sent: {trouble}"
        super().__init__(words, retry_after_s=trouble.retry_after_s)
        self.parcels = parcels
        self.said = said


class LargeError(SourceError):
    """An answer is larger than is read; a smaller page may not be."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where another hub is, and what opens it.

    hub: our own id. loopback: whether this machine may be reached.
    """

    address: str
    push_address: str
    account: str
    secret: str
    hub: str = ""
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """One signal to be told to another hub, or to be taken back there.

    row: the signal as collections have it. remote: by what it is known there.
    refused_since: since when it is refused in runs in which nothing new is taken.
    """

    pk: int
    row: dict[str, Any]
    remote: str
    is_back: bool
    withdrawn_at: datetime | None
    refused_since: datetime | None = None


Known: TypeAlias = Callable[[Iterable[str]], Mapping[str, str]]
"""What is known of records by their keys: versions."""


class Asking:
    """One run's requests to one other hub.

    until: of time.monotonic(); nothing new is begun after it. now: for Retry-After.
    """

    def __init__(self, place: Place, *, until: float, now: datetime) -> None:
        self.place = place
        self.now = now
        self._until = until
        self._end = until + AFTER_S
        self._left = MAX_RUN_BYTES
        self._reach = Reach(
            schemes=SCHEMES, ports=PORTS, loopback=place.loopback, max_chars=MAX_URL_CHARS
        )

    @property
    def is_over(self) -> bool:
        """Whether the run has no time or bytes left."""
        return time.monotonic() >= self._until or self._left <= 0

    def ask(self, question: Question) -> Answer:
        """Ask once; any status that is not of success or 304 is raised.

        raises: SourceError, RefusedError, LargeError.
        """
        moment = time.monotonic()
        if moment >= self._end:
            raise SourceError("it is too slow for one run: it is asked again later")
        until = min(self._end, moment + ONE_TIMEOUT_S)
        try:
            found = ask(question, reach=self._reach, until=until, max_bytes=MAX_ANSWER_BYTES)
        except TooLargeError as error:
            self._left -= MAX_ANSWER_BYTES
            raise LargeError(str(error)) from error
        except NoAnswerError as error:
            raise SourceError(str(error)) from error
        self._left -= len(found.body)
        if _OK <= found.status < _MULTIPLE or found.status == 304:  # noqa: PLR2004  # Not Modified
            return found
        raise _error(found, now=self.now)

    def signed(self, *, bare: bool = False) -> dict[str, str]:
        """The header Authorization: Basic with an account, else Bearer; bare: the secret alone.

        None at all where there is neither account nor secret.
        """
        place = self.place
        if place.account:
            pair = f"{place.account}:{place.secret}".encode()
            return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        if not place.secret:
            return {}
        return {"authorization": place.secret if bare else f"Bearer {place.secret}"}


Pusher: TypeAlias = Callable[..., tuple[dict[int, str], dict[int, str]]]
"""Pushes some parcels: (parcels, *, asking). Gives words of refusals, and ids there."""

Puller: TypeAlias = Callable[..., Pull]
"""Pulls one page: (checkpoint, *, asking, known). raises: SourceError."""


def read_json(answer: Answer) -> Any:  # noqa: ANN401  # JSON of any shape
    """The JSON of an answer. raises: SourceError."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise SourceError("its answer is no JSON") from error


def pages_with(checkpoint: Mapping[str, Any], versions: Iterable[str]) -> list[str] | None:
    """Return marks of the pages that were read one by one, with that of the page at hand.

    versions: of everything on the page, with its id. returns: None for a page of what was read on
    an earlier one. A page without anything has no mark: only its token can say that it is new.
    """
    before: list[str] = checkpoint.get("pages", [])
    named = sorted(set(versions))
    if not named:
        return before
    mark = hashlib.sha256("\n".join(named).encode("utf-8", "replace")).hexdigest()[:_MARK_DIGITS]
    return None if mark in before else [*before, mark][-_MARKS:]


def _error(answer: Answer, *, now: datetime) -> SourceError:
    """What an answer that is no success means."""
    status = answer.status
    if status in _REFUSED:
        return RefusedError(f"it refuses our key ({status}): give another", status=status)
    if status == _GONE:
        return RefusedError("it has nothing at this address (404): look at it", status=status)
    said = answer.headers.get("retry-after", "")
    wait = retry_after(said, now=now, longest=LONGEST_PAUSE)
    wait_s = None if wait is None else wait.total_seconds()
    if status in _BUSY:
        return SourceError(f"it is busy ({status})", retry_after_s=wait_s)
    if 400 <= status < 500:  # noqa: PLR2004  # what we did wrong
        return RefusedError(f"it does not take what we ask ({status})", status=status)
    return SourceError(f"it answers {status}", retry_after_s=wait_s)
