# SPDX-License-Identifier: Apache-2.0
"""The hub's transparency log as this agent checks it, over HTTP."""

import asyncio

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.http.match_requests import BadRequestError, invalid, read_body
from stemtide.agent.store.database import Store
from stemtide.agent.store.log import read_log
from stemtide.agent.sync.witness import accept
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.tlog.notes import Checkpoint, Note, decode_base64, encode_base64
from stemtide.protocol.validation import field_problems, summary

_MAX_JSON = 4 * 1024


class LogHeadOut(TypedDict):
    """A signed head of the log. root: base64. note: as the hub signed it."""

    origin: str
    size: int
    root: str
    note: str


class LogAlarmOut(TypedDict):
    """Two heads of which the later does not continue the earlier.

    is_renamed: the log has another name; new entries of the feed are applied meanwhile.
    """

    text: str
    noticed_at: str
    is_renamed: bool
    kept: LogHeadOut
    shown: LogHeadOut


class LogOut(TypedDict):
    """The hub's log as this agent knows it. head: checked last; null before the first."""

    head: LogHeadOut | None
    checked_at: str | None
    cosigned_at: str | None
    alarm: LogAlarmOut | None


class AcceptedHeadIn(BaseModel):
    """The head of an alarm that a person accepts. root: base64, as GET /log shows it."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=0)
    root: str = Field(max_length=100)


class LogRoutes:
    """Routes of the hub's log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/log", self.read, methods=["GET"]),
            Route("/log/accept", self.accept, methods=["POST"]),
        ]

    async def read(self, _request: Request) -> Response:
        """GET /log: the head that was checked last, and an alarm."""
        return JSONResponse(await asyncio.to_thread(self._read))

    async def accept(self, request: Request) -> Response:
        """POST /log/accept: go on from the head of the alarm."""
        content = await read_body(request, _MAX_JSON)
        try:
            body = AcceptedHeadIn.model_validate_json(content, strict=True)
        except ValidationError as error:
            problems = field_problems(error)
            raise BadRequestError(
                ProblemType.INVALID, summary(problems), errors=problems
            ) from error
        root = decode_base64(body.root)
        if not await asyncio.to_thread(accept, self._store, size=body.size, root=root):
            raise invalid("root", "no alarm is about this head: see GET /log")
        return JSONResponse(await asyncio.to_thread(self._read))

    def _read(self) -> LogOut:
        record = read_log(self._store.read)
        alarm = record.alarm
        return LogOut(
            head=_head(record.note) if record.note else None,
            checked_at=record.checked_at or None,
            cosigned_at=record.cosigned_at or None,
            alarm=LogAlarmOut(
                text=alarm.text,
                noticed_at=alarm.noticed_at,
                is_renamed=alarm.is_renamed,
                kept=_head(alarm.kept),
                shown=_head(alarm.shown),
            )
            if alarm
            else None,
        )


def _head(note: str) -> LogHeadOut:
    """Return a signed head as the API has it."""
    head = Checkpoint.read(Note.read(note).text)
    root = encode_base64(head.root)
    return LogHeadOut(origin=head.origin, size=head.size, root=root, note=note)
