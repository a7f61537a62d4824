# SPDX-License-Identifier: Apache-2.0
"""One honest fake of the hub's machine API, as an agent sees it: real HTTP, real messages.

It keeps the promises that an agent builds on: a feed by cursor in which each signal stands at its
latest position, a snapshot in segments, a stream that only wakes, and reports counted once.
Faults are switched on by name, and happen once unless said otherwise.
"""

import asyncio
import io
import itertools
import secrets
import socket
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from stemtide.protocol.enums import Outcome, SignalState
from stemtide.protocol.messages.signals import OpinionIn, QuestionIn, SignalQuestionOut
from stemtide.protocol.privacy.free_text import INSIST, INSIST_HEADER, find_in_message
from stemtide.protocol.problems import MEDIA_TYPE, ProblemType, problem
from stemtide.protocol.sync.agents import (
    AgentStatusIn,
    OutcomeReportIn,
    OutcomeReportOut,
    RejectedOutcome,
)
from stemtide.protocol.sync.allowlists import AllowedContent, AllowlistManifest, AllowMatchesIn
from stemtide.protocol.sync.feed import (
    MAX_PAGE,
    FeedPage,
    FeedParty,
    FeedSignal,
    Tombstone,
    Wake,
)
from stemtide.protocol.sync.local_features import LocalEntry, LocalPage
from stemtide.protocol.sync.proofs import ProofsIn
from stemtide.protocol.sync.propagation import OtherOutcomesOut, OtherOutcomeSum
from stemtide.protocol.sync.runaways import RunawayReportIn
from stemtide.protocol.sync.segments import SegmentManifest, seal_segment
from stemtide.protocol.sync.signatures import PublicKey, sign
from stemtide.protocol.sync.snapshot_files import LineWriter, head_member
from stemtide.protocol.sync.snapshots import SnapshotManifest, WholeHead
from stemtide.protocol.sync.witnesses import CosignatureIn
from tests.agent.fake_log import FakeLog

KEY = "st_agent_secret"

CAST = {
    "europol": "agency",
    "be-crisis-centre": "authority",
    "fr-referral-unit": "authority",
    "small-provider": "provider",
    "own-provider": "provider",
    "another-provider": "provider",
    "paste-corner": "provider",
    "tech-consortium": "consortium",
}
"""Parties of the hub and their kinds; all are members until a test changes them."""


def cast():
    return {
        name: FeedParty(position=0, name=name, kind=kind, standing="member")
        for name, kind in CAST.items()
    }


class _PromptServer(uvicorn.Server):
    """A server that stops when it is told to.

    uvicorn looks ten times a second whether it should, and then waits for a tenth of a second.
    """

    async def startup(self, sockets=None):
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self):
        while not await self.on_tick(0):  # which dates the answers
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._told.wait()

    async def shutdown(self, sockets=None):
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.sleep(0.01)
        while (state.connections or state.tasks) and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if not self.force_exit:
            await self.lifespan.shutdown()

    def end(self, *, at_once):
        """Begin to stop. Called from another thread."""
        self.should_exit, self.force_exit = True, at_once
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._told.set)


class Server:
    """An ASGI application on loopback, in a thread of its own."""

    def __init__(self, app, *, port=0):
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        settings = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on")
        self._server = _PromptServer(settings)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server did not start")
            threading.Event().wait(0.005)

    def stop(self, *, at_once=False):
        self._server.end(at_once=at_once)
        self._thread.join()
        self._socket.close()


@dataclass
class FakeHub:
    """A hub with one party's view of the signals."""

    id: UUID = field(default_factory=uuid4)
    party: str = "small-provider"
    scopes: tuple[str, ...] = ("feed:read", "feedback:write")
    entries: dict[UUID, FeedSignal | Tombstone] = field(default_factory=dict)
    parties: dict[str, FeedParty] | None = field(default_factory=cast)
    allow_version: str | None = ""
    allowed: dict[UUID, AllowedContent] = field(default_factory=dict)
    allow_matches: dict[UUID, int] = field(default_factory=dict)
    runaways: dict[str, RunawayReportIn] = field(default_factory=dict)
    allow_key: Ed25519PrivateKey | None = None
    head: int = 0
    marks: dict[int, str] = field(default_factory=dict)
    places: list[LocalEntry] = field(default_factory=list)
    gives_places: bool = True
    outcomes: Counter = field(default_factory=Counter)
    opinions: list = field(default_factory=list)
    questions: dict[str, SignalQuestionOut] = field(default_factory=dict)
    other_outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    question_fault: ProblemType | None = None
    languages: Counter = field(default_factory=Counter)
    lookups: dict[str, int] = field(default_factory=dict)
    knows_lookups: bool = True
    earlier: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    knows_earlier: bool = True
    reports: list[UUID] = field(default_factory=list)
    corrected_in: list[UUID] = field(default_factory=list)
    statuses: list[tuple[str, AgentStatusIn]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    faults: Counter = field(default_factory=Counter)
    odd_lines: list[str] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    asked: Counter = field(default_factory=Counter)
    snapshot_gate: threading.Event | None = None
    log: FakeLog | None = None
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    played_back: bytes = b""
    segments: dict[str, bytes] = field(default_factory=dict)
    fetched: list[tuple[str, int]] = field(default_factory=list)
    segment_gate: threading.Event | None = None
    hold_after: int = 0
    is_frozen: bool = False
    carries: bool = True
    carried: int = 0
    rewritten: int | None = None
    _server: Server | None = None
    _port: int = 0

    # what the test does

    def start(self):
        app = Starlette(routes=self._routes())
        self._server = Server(app, port=self._port)
        self._port = self._server.port
        return self

    def stop(self):
        if self._server:
            self._server.stop(at_once=True)
            self._server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def share(self, value, *, kind="sha256", **other):
        """Put a signal into the feed and return it."""
        facts = {
            "quality": 100 if kind == "pdq" else None,
            "within_bits": None,
            "content": None,
            "labels": ["perpetrator-content"],
            "severity": "critical",
            "provenance": "perpetrator",
            "confidence": 90,
            "tlp": "amber",
            "pap": "green",
            "disputed": False,
            "crisis": None,
            "exercise": False,
            "shared_by": "europol",
            "shared_at": datetime.now(UTC),
            "expires_at": None,
        }
        made = FeedSignal(
            id=uuid4(), kind=kind, value=value, position=self.head + 1, **(facts | other)
        )
        self._put(made)
        return made

    def dispute(self, signal, *, by_you=False):
        marks = {"disputed": True, "disputed_by_you": by_you}
        self._put(signal.model_copy(update={**marks, "position": self.head + 1}))

    def limit(self, signal, *, expires_at):
        """Give a signal the end of its crisis."""
        facts = {"expires_at": expires_at, "position": self.head + 1}
        self._put(signal.model_copy(update=facts))

    def confirm(self, signal, *names):
        """Let exactly these parties agree with a signal."""
        after = signal.model_copy(update={"confirmed_by": [*names], "position": self.head + 1})
        self._put(after)
        return after

    def lower(self, signal):
        """Lower a signal everywhere, which older agents read as disputed."""
        marks = {"lowered": True, "disputed": True, "position": self.head + 1}
        self._put(signal.model_copy(update=marks))

    def clear(self, signal):
        """Let an agency decide that the signal's many matches are right."""
        self._put(signal.model_copy(update={"cleared": True, "position": self.head + 1}))

    def set_party(self, name, **facts):
        """Change the standing of a party, or add one."""
        self._advance(self.head + 1)
        before = {"kind": "provider", "standing": "member"}
        if name in self.parties:
            before = self.parties[name].model_dump()
        named = {"name": name, "position": self.head}
        self.parties[name] = FeedParty.model_validate(before | facts | named)

    def allow(self, kind, value, *, within_bits=0, reason="logo of Newsroom", **facts):
        """Put content on the allow-list, and return the entry."""
        entry = AllowedContent(
            id=uuid4(),
            kind=kind,
            value=value,
            within_bits=within_bits,
            reason=reason,
            source="Newsroom",
            **facts,
        )
        self.allowed[entry.id] = entry
        self._change_allowlist()
        return entry

    def send_places(self, signal, value):
        """Send local features of a signal's picture; None removes them."""
        number = self.places[-1].number + 1 if self.places else 1
        self.places.append(LocalEntry(number=number, signal=signal.id, value=value))
        if signal.id in self.entries:
            self._put(signal.model_copy(update={"position": self.head + 1}))

    def disallow(self, entry):
        del self.allowed[entry.id]
        self._change_allowlist()

    def _change_allowlist(self):
        self.allow_version = secrets.token_hex(16)
        self._advance(self.head + 1)

    def withdraw(self, signal, *, state=SignalState.WITHDRAWN):
        self._put(Tombstone(id=signal.id, position=self.head + 1, state=state))

    def _put(self, entry):
        self.entries.pop(entry.id, None)
        self.entries[entry.id] = entry
        self._advance(entry.position)

    def _advance(self, position):
        """Move the head. The mark comes first: requests are answered meanwhile."""
        self.marks[position] = secrets.token_hex(8)
        self.head = position

    def rewrite_history(self):
        """Give the present position another mark, as after a restore: agents take a snapshot."""
        self.marks[self.head] = "of another history"
        self.rewritten = self.head

    def set_back(self, entries, head):
        """Go back to a backup: later positions are given out anew, with other marks."""
        self.entries, self.head = dict(entries), head
        self.marks = {at: mark for at, mark in self.marks.items() if at <= head}

    # what the agent sees

    def _routes(self):
        each = {
            ("GET", "/whoami"): self._whoami,
            ("GET", "/feed"): self._feed,
            ("GET", "/segments"): self._segment_list,
            ("GET", "/segments/{name}"): self._segment,
            ("GET", "/local-features"): self._local_features,
            ("GET", "/events/stream"): self._stream,
            ("GET", "/allowlist/file"): self._allowlist_file,
            ("PUT", "/allowlist/matches/{agent}"): self._allow_matches,
            ("PUT", "/agents/{name}"): self._status,
            ("PUT", "/agents/{name}/review-page"): self._review_page,
            ("PUT", "/agents/{name}/runaways/{uid}"): self._runaway,
            ("PUT", "/signals/{uid}/opinion"): self._opinion,
            ("PUT", "/signals/{uid}/question"): self._question,
            ("GET", "/signals/{uid}/questions"): self._questions,
            ("GET", "/signals/{uid}/outcomes"): self._outcomes_of_others,
            ("POST", "/outcomes"): self._outcomes,
            ("POST", "/log/cosignatures"): self._cosignature,
            ("POST", "/log/proofs"): self._proofs,
        }
        return [
            *(
                Route(f"/api/v1{path}", self._guarded(path, answer), methods=[method])
                for (method, path), answer in each.items()
            ),
            Route("/log/{path:path}", self._guarded("/log", self._log_file), methods=["GET"]),
        ]

    def _guarded(self, path, answer):
        async def check(request: Request) -> Response:
            self.asked[path] += 1
            await self._thawed()
            if request.headers.get("authorization") != f"Bearer {KEY}":
                return _problem(ProblemType.UNAUTHENTICATED, "Authorization: not a key of this hub")
            if path in self.answers:  # what no honest hub says
                return Response(self.answers[path], media_type="application/json")
            return await answer(request)

        return check

    async def _thawed(self):
        """Say nothing while frozen, as a process that was stopped, whose connections stand."""
        while self.is_frozen:  # noqa: ASYNC110 - the test thaws it from another thread
            await asyncio.sleep(0.01)

    def _take(self, fault):
        """Whether a fault is due now."""
        if self.faults[fault] <= 0:
            return False
        self.faults[fault] -= 1
        return True

    async def _local_features(self, request):
        """Two to a page, so that an agent has to ask again."""
        if not self.gives_places:
            return _problem(ProblemType.NOT_ALLOWED, "only providers get local features")
        after = int(request.query_params["after"])
        rest = [entry for entry in self.places if entry.number > after]
        head = self.places[-1].number if self.places else 0
        following = rest[1].number if len(rest) > 2 else max(head, after)
        return _json(LocalPage(entries=rest[:2], next=following, head=head, more=len(rest) > 2))

    async def _review_page(self, _request):
        return JSONResponse({"client_id": "the agent", "people": ["7"]})

    async def _log_file(self, request):
        content = self.log.file(request.path_params["path"]) if self.log else None
        if content is None:
            return _problem(ProblemType.NOT_FOUND, "the log has no such file")
        return Response(content, media_type="application/octet-stream")

    async def _cosignature(self, request):
        self.log.cosignatures.append(CosignatureIn.model_validate_json(await request.body()))
        return JSONResponse({})

    async def _proofs(self, request):
        body = ProofsIn.model_validate_json(await request.body())
        answer = self.log.prove(body) if self.log else None
        if answer is None:
            return _problem(ProblemType.NOT_FOUND, "there is no such endpoint")
        return _json(answer)

    async def _whoami(self, _request):
        return JSONResponse(
            {"party": self.party, "kind": "provider", "key": "st_agent", "scopes": self.scopes}
        )

    def _visible(self, request, *, after=0):
        wants_exercise = request.query_params.get("exercise") == "1"
        return [
            entry
            for entry in list(self.entries.values())
            if entry.position > after
            and (isinstance(entry, Tombstone) or wants_exercise or not entry.exercise)
        ]

    async def _feed(self, request):
        after, limit = int(request.query_params["after"]), int(request.query_params["limit"])
        assert 1 <= limit <= MAX_PAGE
        head = self.head  # the test may share meanwhile: a page never promises what it lacks
        if after > head:
            return _problem(ProblemType.CONFLICT, f"after: {after} lies beyond {head}")
        if request.query_params.get("history", self.marks.get(after)) != self.marks.get(after):
            return _problem(ProblemType.CONFLICT, f"history: another one up to {after}")
        parties_after = request.query_params.get("parties_after")
        answer = self._page(request, after, head, limit=limit, parties_after=parties_after)
        # An older hub knows no parties, and no allow-list.
        fields = {"parties": self.parties, "allowlist": self.allow_version}
        return _json(answer, exclude={name for name, value in fields.items() if value is None})

    def _page(self, request, after, head, *, limit, parties_after):
        found = [one for one in self._visible(request, after=after) if one.position <= head]
        page = found[:limit]
        more = len(found) > limit
        following = page[-1].position if more else head
        return FeedPage(
            hub=self.id,
            entries=page,
            next=following,
            head=head,
            more=more,
            history=self.marks.get(following, ""),
            parties=self._parties(parties_after, until=following),
            allowlist=self.allow_version,
        )

    async def _allowlist_file(self, _request):
        manifest = AllowlistManifest(
            hub=self.id,
            version=self.allow_version,
            changed_at=datetime.now(UTC),
            entries=list(self.allowed.values()),
        )
        return _json(sign(manifest, keys=[self.allow_key or self.key]))

    async def _runaway(self, request):
        body = RunawayReportIn.model_validate_json(await request.body())
        self.runaways[request.path_params["uid"]] = body
        return JSONResponse({})

    async def _allow_matches(self, request):
        body = AllowMatchesIn.model_validate_json(await request.body())
        self.allow_matches = {row.entry: row.count for row in body.counts}
        return JSONResponse({"accepted": True})

    def _parties(self, after, *, until):
        """Those whose standing changed after a position; all for 0, none for None."""
        if self.parties is None or after is None:
            return []
        return [
            party
            for party in self.parties.values()
            if after == "0" or int(after) < party.position <= until
        ]

    def segment_list(self, *, exercise=False, made_at=None, version=None):
        """The signed list of a snapshot's segments; their files are kept from now on."""
        head = self.head  # the test may share meanwhile: a list never promises what it lacks
        live = [one for one in list(self.entries.values()) if isinstance(one, FeedSignal)]
        lines = [
            (one.position, one.model_dump_json())
            for one in live
            if one.exercise <= exercise and one.position <= head
        ]
        lines += [(head, line) for line in self.odd_lines]
        step, reached, segments = max(2, len(lines) // 8), 0, []
        for start in range(0, len(lines), step):
            part = lines[start : start + step]
            text = "".join(f"{line}\n" for _, line in part).encode()
            until = part[-1][0]
            segment, content = seal_segment(
                text, after=reached, until=until, entries=len(part), secret=b"secret"
            )
            self.segments[segment.name] = content
            segments.append(segment)
            reached = until
        manifest = SegmentManifest.model_construct(
            hub=self.id,
            party=self.party,
            exercise=exercise,
            version=head if version is None else version,
            made_at=made_at or datetime.now(UTC),
            history=self.marks.get(head, ""),
            parties=[*(self.parties or {}).values()],
            segments=segments,
        )
        return sign(manifest, keys=[self.key]).model_dump_json().encode()

    async def _segment_list(self, request):
        if self.parties is None:
            return _problem(ProblemType.NOT_FOUND, "an older hub has no segments")
        is_exercise = request.query_params.get("exercise") == "1"
        content = self.played_back or self.segment_list(exercise=is_exercise)
        if self.snapshot_gate:
            await asyncio.to_thread(self.snapshot_gate.wait)
        return Response(content, media_type="application/json")

    async def _segment(self, request):
        name = request.path_params["name"]
        content = self.segments[name]
        if self._take("torn segment"):
            content = content[:-1] + b"x"
        range_header = request.headers.get("range", "")
        begin = int(range_header.removeprefix("bytes=").removesuffix("-") or 0)
        self.fetched.append((name, begin))
        if self.segment_gate and len(self.fetched) > self.hold_after:
            await asyncio.to_thread(self.segment_gate.wait)
        if self._take("cut segment"):

            async def cut():
                yield content[begin : begin + len(content) // 2]
                raise ConnectionResetError

            headers = {"Content-Length": str(len(content) - begin)}
            return StreamingResponse(cut(), status_code=206 if begin else 200, headers=headers)
        return Response(content[begin:], status_code=206 if begin else 200)

    def signed(self, *, exercise=False, key=None, version=None, made_at=None):
        """A signed snapshot as a file."""
        body = io.BytesIO()
        writer = LineWriter(body)
        live = [one for one in list(self.entries.values()) if isinstance(one, FeedSignal)]
        for one in live:
            writer.add(one.model_dump_json(exclude={"op"}).encode() + b"\n")
        writer.flush()
        manifest = SnapshotManifest(
            hub=self.id,
            party=self.party,
            exercise=exercise,
            version=self.head if version is None else version,
            made_at=made_at or datetime.now(UTC),
            view="0" * 32,
            history=self.marks.get(self.head if version is None else version, ""),
            size_bytes=writer.size_bytes,
            sha256=writer.sha256,
            signals=len(live),
            tlp="amber" if live else None,
            pap="green" if live else None,
            parties=None if self.parties is None else [*self.parties.values()],
        )
        signed = sign(manifest, keys=[key or self.key])
        return head_member(WholeHead(snapshot=signed)) + body.getvalue()

    @property
    def public_key(self):
        return PublicKey.of(self.key)

    async def _stream(self, request):
        seen = int(request.headers.get("last-event-id", "0"))
        if self.faults["no stream"]:
            return _problem(ProblemType.NOT_READY, "no stream now")

        mark = self.marks.get(seen)

        async def body():
            nonlocal seen, mark
            yield ": ping\n\n"
            for turn in itertools.count(1):
                await self._thawed()
                if turn % 10 == 0:
                    yield ": ping\n\n"
                if self.head > seen:
                    is_same = self.marks.get(seen) == mark
                    wake = self._carried(request, seen if is_same else None)
                    seen, mark = wake.position, self.marks.get(wake.position)
                    if self._take("lost event"):
                        continue
                    data = wake.model_dump_json()
                    yield f"event: wake\nid: {seen}\ndata: {data}\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(body(), media_type="text/event-stream")

    def _carried(self, request, seen):
        """A wake, with the entries if they were asked for and this hub sends them.

        seen: None if the hub was set back since: the feed then says that its history is another.
        So it does after `rewrite_history`, whenever this reader opened its stream.
        """
        head = self.head
        if (
            seen in {None, self.rewritten}
            or not self.carries
            or request.query_params.get("entries") != "1"
        ):
            return Wake(position=head)
        page = self._page(request, seen, head, limit=MAX_PAGE, parties_after=str(seen))
        self.carried += 1
        return Wake(position=head, previous=seen, page=page)

    async def _status(self, request):
        status = AgentStatusIn.model_validate_json(await request.body())
        self.statuses.append((request.path_params["name"], status))
        return JSONResponse({})

    async def _opinion(self, request):
        opinion = OpinionIn.model_validate_json(await request.body())
        if _is_personal(opinion, request):
            return _problem(ProblemType.INVALID, "note: looks like personal data")
        self.opinions.append((request.path_params["uid"], opinion.opinion.value, opinion.note))
        return JSONResponse({})

    async def _question(self, request):
        body = QuestionIn.model_validate_json(await request.body())
        if self.question_fault:
            return _problem(self.question_fault, "the signal has ended")
        if _is_personal(body, request):
            return _problem(ProblemType.INVALID, "text: looks like personal data")
        question = SignalQuestionOut(party=self.party, text=body.text, sent_at=datetime.now(UTC))
        self.questions[request.path_params["uid"]] = question
        return JSONResponse(question.model_dump(mode="json"))

    async def _questions(self, request):
        question = self.questions.get(request.path_params["uid"])
        return JSONResponse([question.model_dump(mode="json")] if question else [])

    async def _outcomes_of_others(self, request):
        uid = request.path_params["uid"]
        if uid not in self.other_outcomes:
            return _problem(ProblemType.NOT_FOUND, "there is no such signal")
        sums = [
            OtherOutcomeSum(outcome=outcome, parties=self.other_outcomes[uid].get(outcome))
            for outcome in Outcome
        ]
        return JSONResponse(OtherOutcomesOut(signal=uid, sums=sums).model_dump(mode="json"))

    def answer_question(self, signal, text):
        answered = {"answer": text, "answered_at": datetime.now(UTC)}
        self.questions[str(signal)] = self.questions[str(signal)].model_copy(update=answered)

    async def _outcomes(self, request):
        try:
            report = OutcomeReportIn.model_validate_json(await request.body())
        except ValidationError as error:
            return _problem(ProblemType.INVALID, str(error))
        if self._take("decline report"):
            return _problem(ProblemType.INVALID, "rows: not today")
        if report.lookups and not self.knows_lookups:
            return _problem(ProblemType.INVALID, "lookups: Extra inputs are not permitted")
        if report.earlier and not self.knows_earlier:
            return _problem(ProblemType.INVALID, "earlier: Extra inputs are not permitted")
        self.lookups |= {one.begins_at.isoformat(): one.count for one in report.lookups}
        is_repeat = report.report in self.reports
        rejected = [
            RejectedOutcome(signal=row.signal, message="no such signal")
            for row in report.rows
            if str(row.signal) in self.unknown
        ]
        good = [row for row in report.rows if str(row.signal) not in self.unknown]
        if not is_repeat:  # as the hub does: a report is read once
            self.reports.append(report.report)
            self.earlier |= {str(row.signal): (row.count, row.first_hour) for row in report.earlier}
            for row in good:
                self.outcomes[str(row.signal), row.outcome.value] += row.count
                if row.was:
                    self.corrected_in.append(report.report)
                    self.outcomes[str(row.was_signal or row.signal), row.was.value] -= row.count
                self.languages[row.language] += row.count
        if self._take("lose the answer"):
            return _problem(ProblemType.INTERNAL, "the answer was lost on its way")
        counted = 0 if is_repeat else sum(row.count for row in good)
        return _json(
            OutcomeReportOut(
                report=report.report, counted=counted, is_repeat=is_repeat, rejected=rejected
            )
        )


def _json(message, *, exclude=None):
    return Response(message.model_dump_json(exclude=exclude), media_type="application/json")


def _is_personal(message, request):
    """Whether the hub refuses a text because it looks like personal data."""
    return bool(find_in_message(message)) and request.headers.get(INSIST_HEADER) != INSIST


def _problem(which, detail):
    found = problem(which, detail)
    return Response(found.model_dump_json(), status_code=found.status, media_type=MEDIA_TYPE)
