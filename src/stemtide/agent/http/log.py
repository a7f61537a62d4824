# SPDX-License-Identifier: Apache-2.0
"""The hub's transparency log as this agent checks it, over HTTP."""

import asyncio
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError, invalid, read_body
from stemtide.agent.store.database import Store
from stemtide.agent.store.log.heads import read_log
from stemtide.agent.sync.proof_status import ProofStatus, proof_status, settle
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


class WrongProofOut(TypedDict):
    """A proof that the log says something else about a signal than the feed did.

    entry: its number. applied, logged: JSON, of the feed and of the log. head: the signed head.
    """

    signal: str
    entry: int
    applied: str
    logged: str
    head: str
    noticed_at: str


class LogProofsOut(TypedDict):
    """Whether what the feed brought is proved.

    state: proving; none, before the first proof; older, if the hub has no proofs; off.
    waiting: entries without proof. late: of these, those for longer than an alarm needs.
    from_entry, from_at: where the hub's log began to prove signals, as it said first.
    """

    state: str
    waiting: int
    late: int
    proved_at: str | None
    from_entry: int | None
    from_at: str | None
    wrong: list[WrongProofOut]
    alarm: str | None


class LogOut(TypedDict):
    """The hub's log as this agent knows it. head: checked last; null before the first."""

    head: LogHeadOut | None
    checked_at: str | None
    cosigned_at: str | None
    alarm: LogAlarmOut | None
    proofs: LogProofsOut


class AcceptedHeadIn(BaseModel):
    """The head of an alarm that a person accepts. root: base64, as GET /log shows it."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=0)
    root: str = Field(max_length=100)


class LogRoutes:
    """Routes of the hub's log."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/log", self.read, methods=["GET"]),
            Route("/log/accept", self.accept, methods=["POST"]),
            Route("/log/settle", self.settle, methods=["POST"]),
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

    async def settle(self, _request: Request) -> Response:
        """POST /log/settle: end the alarm about proofs."""
        await asyncio.to_thread(settle, self._store, self._config)
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
            proofs=_proofs(proof_status(self._store, self._config)),
        )


def _proofs(status: ProofStatus) -> LogProofsOut:
    """Return the state of proofs as the API has it."""
    record = status.record
    return LogProofsOut(
        state=status.state,
        waiting=status.waiting,
        late=status.late,
        proved_at=record.proved_at or None,
        from_entry=record.number or None,
        from_at=record.at or None,
        wrong=[
            WrongProofOut(
                signal=proof.signal,
                entry=proof.entry,
                applied=proof.applied,
                logged=proof.logged,
                head=proof.head,
                noticed_at=datetime.fromtimestamp(proof.noticed_at, UTC).isoformat(),
            )
            for proof in status.wrong
        ],
        alarm=status.alarm or None,
    )


def _head(note: str) -> LogHeadOut:
    """Return a signed head as the API has it."""
    head = Checkpoint.read(Note.read(note).text)
    root = encode_base64(head.root)
    return LogHeadOut(origin=head.origin, size=head.size, root=root, note=note)
