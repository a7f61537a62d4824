# SPDX-License-Identifier: Apache-2.0
"""The upload journal over HTTP: its size, and erasing an upload."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.journal.file import JournalFile
from stemtide.protocol.problems import ProblemType


class JournalOut(TypedDict):
    """The upload journal. enabled: whether there is one.

    oldest: the hour of its first upload; None if it is empty.
    """

    enabled: bool
    entries: int
    size_bytes: int
    oldest: str | None


class JournalRoutes:
    """Routes of the upload journal.

    journal: None if it is off. wake: called when an upload was erased.
    """

    def __init__(self, journal: JournalFile | None, *, wake: Callable[[], None]) -> None:
        self._journal = journal
        self._wake = wake

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/journal", self.read, methods=["GET"]),
            Route("/journal/{ref:path}", self.erase, methods=["DELETE"]),
        ]

    async def read(self, _request: Request) -> Response:
        """GET /journal: say how large the journal is."""
        if self._journal is None:
            return JSONResponse(JournalOut(enabled=False, entries=0, size_bytes=0, oldest=None))
        size = await asyncio.to_thread(self._journal.size)
        hour = size.oldest_hour
        oldest = None if hour is None else datetime.fromtimestamp(hour, UTC).isoformat()
        return JSONResponse(
            JournalOut(
                enabled=True, entries=size.entries, size_bytes=size.size_bytes, oldest=oldest
            )
        )

    async def erase(self, request: Request) -> Response:
        """DELETE /journal/{ref}: erase what the journal has of an upload."""
        ref: str = request.path_params["ref"]
        if self._journal is None or not await asyncio.to_thread(self._journal.erase, ref):
            raise BadRequestError(
                ProblemType.NOT_FOUND, f"the upload journal has no upload {ref[:100]!r}"
            )
        self._wake()
        return Response(status_code=204)
