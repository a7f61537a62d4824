# SPDX-License-Identifier: Apache-2.0
"""Requests of one run to another hub: credentials, time budget, byte budget."""

import base64
import hashlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from stemtide.egress.addresses import AllowedAddresses
from stemtide.egress.requests import (
    PORTS,
    SCHEMES,
    NoAnswerError,
    OutboundRequest,
    Response,
    TooLargeError,
    send_request,
    stream_response,
)
from stemtide.hub.rooms.exchanges.rules.exchanges import LONGEST_PAUSE
from stemtide.interop.exchanges import Pull
from stemtide.interop.misp.groups import SharingGroup
from stemtide.interop.misp.pushed import EventKey
from stemtide.protocol.handling import Tlp
from stemtide.protocol.retry_after import retry_after

MAX_URL_CHARS = 4000
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_RUN_BYTES = 128 * 1024 * 1024
ONE_TIMEOUT_S = 30.0
"""Longest duration of one request, including its response."""

AFTER_S = 120.0
"""Extra time in which a run finishes requests that it began in time."""

_MARKS, _MARK_DIGITS = 32, 16
_OK, _MULTIPLE = 200, 300
KEY_REFUSED = {401, 403}
"""Statuses of HTTP that say that our key may not do this."""

_GONE, _BUSY = 404, {429, 502, 503, 504}


class SourceError(Exception):
    """The other hub cannot be used now. retry_after_s: the wait that it requested."""

    def __init__(self, words: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


class SourceRefusedError(SourceError):
    """The other hub rejects our request (4xx).

    status: of HTTP. body: of the answer. is_of_all: whether all signals of a message are refused,
    so that a part of it would be, too.
    """

    def __init__(
        self, words: str, *, status: int, body: bytes = b"", is_of_all: bool = False
    ) -> None:
        super().__init__(words)
        self.status = status
        self.body = body
        self.is_of_all = is_of_all


class AllRefusedError(SourceError):
    """The other hub responds, and refuses everything new.

    outgoing_signals: primary keys of the new ones. results: known results of the others.
    """

    def __init__(
        self, trouble: SourceError, *, outgoing_signals: tuple[int, ...], results: Mapping[int, str]
    ) -> None:
        words = f"it takes nothing of what is sent: {trouble}"
        super().__init__(words, retry_after_s=trouble.retry_after_s)
        self.outgoing_signals = outgoing_signals
        self.results = results


class GroupsError(SourceError):
    """The sharing groups of a MISP cannot be read, or an event in one cannot be deleted.

    Everything without an audience goes on.
    """


class LargeError(SourceError):
    """A response is larger than the limit; a smaller page may fit."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of another hub, and the credentials for it.

    hub: our own id. loopback: whether this machine may be reached.
    feedback: whether opinions and sightings are asked for, too.
    sharing_group: to which a MISP may pass TLP:AMBER events on; None for no one.
    tlp_strictest: the strictest mark of records that are taken.
    organisations: which organisation of a MISP, by its UUID, is which party here, by its name.
    """

    address: str
    push_address: str
    account: str
    secret: str
    hub: str = ""
    loopback: bool = False
    feedback: bool = False
    sharing_group: int | None = None
    tlp_strictest: Tlp = Tlp.AMBER
    organisations: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutgoingSignal:
    """One signal to be sent to another hub, or to be withdrawn there.

    row: the signal as collections have it. remote: its id there.
    refused_since: since when it is refused in runs in which nothing new is accepted.
    event: of one audience, in a sharing group of a MISP.
    """

    pk: int
    row: dict[str, Any]
    remote: str
    is_back: bool
    withdrawn_at: datetime | None
    refused_since: datetime | None = None
    event: EventKey | None = None


VersionsOf: TypeAlias = Callable[[Iterable[str]], Mapping[str, str]]
"""Returns the known versions of records, by key."""


class SourceClient:
    """The requests of one run to one other hub.

    until: of time.monotonic(); nothing new is begun after it. now: for Retry-After.
    after_s: how much longer requests take that were begun in time; None for AFTER_S.
    pages: what a source still yields in this run, if it is read in one go.
    groups: the sharing groups of a MISP, once they were read.
    """

    pages: Iterator[Pull] | None = None
    groups: Mapping[int, SharingGroup] | None = None

    def __init__(
        self, endpoint: Endpoint, *, until: float, now: datetime, after_s: float | None = None
    ) -> None:
        self.endpoint = endpoint
        self.now = now
        self._until = until
        self._end = until + (AFTER_S if after_s is None else after_s)
        self._left = MAX_RUN_BYTES
        self._reach = AllowedAddresses(
            schemes=SCHEMES, ports=PORTS, loopback=endpoint.loopback, max_chars=MAX_URL_CHARS
        )

    @property
    def is_over(self) -> bool:
        """Whether the run has no time or bytes left."""
        return time.monotonic() >= self._until or self._left <= 0

    def ask(self, question: OutboundRequest) -> Response:
        """Send a request; any status other than success or 304 raises an error.

        A source that needs many requests for one page cannot read more than a run may.

        raises: SourceError, SourceRefusedError, LargeError.
        """
        until = self._until_of_next()
        try:
            response = send_request(
                question, reach=self._reach, until=until, max_bytes=MAX_ANSWER_BYTES
            )
        except TooLargeError as error:
            self._left -= MAX_ANSWER_BYTES
            raise LargeError(str(error)) from error
        except NoAnswerError as error:
            raise SourceError(str(error)) from error
        self._left -= len(response.body)
        if _OK <= response.status < _MULTIPLE or response.status == 304:  # noqa: PLR2004  # Not Modified
            return response
        raise _error(response, now=self.now)

    def stream(self, question: OutboundRequest) -> Generator[bytes, None, None]:
        """Send a request; yield its response in parts, until it ends or its time is over.

        Close the iterator to end the connection.

        raises: SourceError, SourceRefusedError, LargeError.
        """
        parts = stream_response(
            question,
            reach=self._reach,
            until=self._until_of_next(),
            max_bytes=MAX_ANSWER_BYTES,
        )
        try:
            for part in parts:
                if part.status != _OK:
                    raise _error(part, now=self.now)
                if not part.headers.get("content-type", "").startswith("text/event-stream"):
                    raise SourceError("its answer is no stream of events")
                self._left -= len(part.body)
                yield part.body
        except TooLargeError as error:
            raise LargeError(str(error)) from error
        except NoAnswerError as error:
            raise SourceError(str(error)) from error
        finally:
            parts.close()

    def _until_of_next(self) -> float:
        """Return when the next request must be over. raises: SourceError if none is allowed."""
        started = time.monotonic()
        if started >= self._end:
            raise SourceError("it is too slow for one run: it is asked again later")
        if self._left <= 0:
            words = (
                f"it sends more than {MAX_RUN_BYTES:,} bytes in one run: it is asked again later"
            )
            raise SourceError(words)
        return min(self._end, started + ONE_TIMEOUT_S)

    def signed(self, *, bare: bool = False) -> dict[str, str]:
        """Return the Authorization header: Basic with an account, else Bearer, or bare the secret.

        Empty if there is neither account nor secret.
        """
        endpoint = self.endpoint
        if endpoint.account:
            credentials = f"{endpoint.account}:{endpoint.secret}".encode()
            return {"authorization": f"Basic {base64.b64encode(credentials).decode()}"}
        if not endpoint.secret:
            return {}
        return {"authorization": endpoint.secret if bare else f"Bearer {endpoint.secret}"}


Pusher: TypeAlias = Callable[..., tuple[dict[int, str], dict[int, str]]]
"""Pushes signals: (outgoing_signals, *, client). Returns words of refusals, and ids there."""

Reactor: TypeAlias = Callable[..., dict[int, str]]
"""Sends opinions: ({key: (name there, opinion, one to take back)}, *, client). Returns words of
refusals."""

Puller: TypeAlias = Callable[..., Pull]
"""Pulls one page: (checkpoint, *, client, versions_of). raises: SourceError."""


def read_json(response: Response) -> Any:  # noqa: ANN401  # JSON of any shape
    """Return the JSON of a response. raises: SourceError."""
    return decode_json(response.body)


def decode_json(body: bytes) -> Any:  # noqa: ANN401  # JSON of any shape
    """Return JSON. raises: SourceError."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise SourceError("its answer is no JSON") from error


def pages_with(checkpoint: Mapping[str, Any], versions: Iterable[str]) -> list[str] | None:
    """Return the marks of the pages read so far, including the present page.

    versions: of everything on the page, with ids. returns: None for a page that was read before. An
    empty page has no mark: only its token can show that it is new.
    """
    before: list[str] = checkpoint.get("pages", [])
    sorted_versions = sorted(set(versions))
    if not sorted_versions:
        return before
    mark = hashlib.sha256("\n".join(sorted_versions).encode("utf-8", "replace")).hexdigest()[
        :_MARK_DIGITS
    ]
    return None if mark in before else [*before, mark][-_MARKS:]


def _error(response: Response, *, now: datetime) -> SourceError:
    """Return the error for an unsuccessful response."""
    status = response.status
    if status in KEY_REFUSED:
        words = f"it refuses our key ({status}): give another"
        return SourceRefusedError(words, status=status, body=response.body)
    if status == _GONE:
        return SourceRefusedError("it has nothing at this address (404): look at it", status=status)
    retry_header = response.headers.get("retry-after", "")
    wait = retry_after(retry_header, now=now, longest=LONGEST_PAUSE)
    wait_s = None if wait is None else wait.total_seconds()
    if status in _BUSY:
        return SourceError(f"it is busy ({status})", retry_after_s=wait_s)
    if 400 <= status < 500:  # noqa: PLR2004  # client errors
        return SourceRefusedError(f"it does not take what we ask ({status})", status=status)
    return SourceError(f"it answers {status}", retry_after_s=wait_s)
