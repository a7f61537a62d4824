# SPDX-License-Identifier: Apache-2.0
"""The agent as an ASGI application: its routes and background tasks."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stemtide.agent.config.settings import Config, ConfigError
from stemtide.agent.counters import Counters
from stemtide.agent.hma.sync import HmaSync
from stemtide.agent.http import (
    hash_requests,
    metrics,
    middleware,
    url_prefixes,
)
from stemtide.agent.http.background import BackgroundTasks
from stemtide.agent.http.companion import CompanionRoutes
from stemtide.agent.http.health import HealthCollector
from stemtide.agent.http.hma.banks import BankRoutes
from stemtide.agent.http.hma.contents import OwnContents
from stemtide.agent.http.hma.lookups import HmaRoutes
from stemtide.agent.http.journal import CatalogueRoutes, JournalRoutes
from stemtide.agent.http.live import LiveRoutes
from stemtide.agent.http.log import LogRoutes
from stemtide.agent.http.match_requests import BadRequestError, invalid, read_items
from stemtide.agent.http.openapi.document import document
from stemtide.agent.http.own_banks import OwnBankRoutes
from stemtide.agent.http.own_list import AllowRoutes
from stemtide.agent.http.review.routes import ReviewRoutes
from stemtide.agent.http.signals.runaways import RunawayRoutes
from stemtide.agent.http.signals.switched_off import SwitchRoutes
from stemtide.agent.hub.client import Client
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.journal.key import JournalKeyError
from stemtide.agent.live.streams import Live
from stemtide.agent.outbox.actions import Deliverer
from stemtide.agent.outbox.disputes import DisputeReporter
from stemtide.agent.outbox.engine import Outboxes
from stemtide.agent.outbox.outcomes import Reporter
from stemtide.agent.outbox.questions import QuestionSender
from stemtide.agent.outbox.runaways import RunawayReporter
from stemtide.agent.outbox.statements import Statements
from stemtide.agent.recognise.hashes import HashLookup, HashQuery, HashResult, as_records
from stemtide.agent.recognise.pipeline import Recogniser
from stemtide.agent.recognise.recent import RecentUploads
from stemtide.agent.review.kept_files import KeptFiles
from stemtide.agent.store.database import Store
from stemtide.agent.sync.feed import Sync
from stemtide.agent.sync.flood_guard import FloodGuard
from stemtide.agent.sync.prover import Prover
from stemtide.agent.sync.retro_match import RetroMatcher
from stemtide.agent.sync.witness import LogWitness
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.protocol.problems import ProblemType

_THREADS = 64
"""Threads of `asyncio.to_thread`. Those that write may all wait for a file that another program
holds; the default, a few more than processors, would leave none to answer /health or to match.
"""

_SMALL_BYTES = 16 * 1024
"""Requests up to this size are answered on the event loop, as a thread would cost more."""


class Agent:
    """One process of the running agent: its components, routes and background tasks."""

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        sandbox: Sandbox,
        counters: Counters,
        on_settled: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._tally = counters
        client = Client(config)
        self._outboxes = _outboxes(config, store=store, client=client)
        self._companion = HmaSync(config=config, store=store)
        self._recent = RecentUploads()
        self._create_feed_parts(client)
        self._create_content_parts(sandbox, client)
        self._health = HealthCollector(
            config=config,
            store=store,
            counters=counters,
            sync=self._sync,
            log_trouble=lambda: self._witness.trouble or self._prover.trouble,
            outboxes=self._outboxes,
            companion=self._companion,
            journal=self._journal,
            kept_files=self._kept,
            retro=self._retro,
            open_streams=lambda: self._live.streams.count(now=time.time()),
            walls=lambda: sandbox.standing,
        )
        self._create_review(sandbox, client)
        self._duties = BackgroundTasks(
            client=client,
            store=store,
            counters=counters,
            sync=self._sync,
            health=self._health,
            live=self._live,
            outboxes=self._outboxes,
            companion=self._companion,
            write_lookups=self._recogniser.write_lookups,
            flood_guard=(self._flood_guard.run, self._runaways.run),
            review=(self._disputes.run, self._questions.run, self._kept.run),
            log=(self._witness.run, self._prover.run),
            retro=self._retro.run,
            on_settled=on_settled,
        )

    def _wake_all(self) -> None:
        """Announce that actions and wanted banks changed."""
        self._outboxes.wake()
        self._companion.wake()
        self._runaways.wake()

    def _wake_after_page(self) -> None:
        """Announce that signals changed: wanted banks, marks, and uploads that came before them."""
        self._companion.wake()
        self._runaways.wake()
        self._retro.wake()

    def _create_feed_parts(self, client: Client) -> None:
        """Create the components that follow the hub's signals."""
        self._journal = _open_journal(self._config)
        self._retro = RetroMatcher(
            config=self._config,
            store=self._store,
            journal=self._journal,
            counters=self._tally,
            on_actions=self._outboxes.wake,
            on_lowered=self._wake_all,
        )
        self._witness = LogWitness(config=self._config, store=self._store, client=client)
        self._sync = Sync(
            config=self._config,
            store=self._store,
            client=client,
            counters=self._tally,
            recent=self._recent,
            on_undo=self._outboxes.wake,
            on_change=self._wake_after_page,
            reason_to_wait=self._witness.reason_to_wait,
        )
        self._prover = Prover(
            config=self._config,
            store=self._store,
            client=client,
            witness=self._witness,
            on_undo=self._wake_all,
        )

    def _create_content_parts(self, sandbox: Sandbox, client: Client) -> None:
        """Create the components that process content."""
        self._kept = _open_kept_files(self._config, store=self._store, counters=self._tally)
        self.lookup = HashLookup(config=self._config, store=self._store, counters=self._tally)
        self._runaways = RunawayReporter(config=self._config, store=self._store, client=client)
        self._flood_guard = FloodGuard(
            config=self._config, store=self._store, on_change=self._wake_all
        )
        self._recogniser = Recogniser(
            config=self._config,
            store=self._store,
            counters=self._tally,
            sandbox=sandbox,
            wake=self._outboxes.wake,
            recent=self._recent,
            journal=self._journal,
            keep_held=self._kept.keep,
            on_matches=self._flood_guard.count,
        )
        self._live = Live(
            config=self._config,
            store=self._store,
            counters=self._tally,
            sandbox=sandbox,
            decoders=self._recogniser.decoders,
            lookups=self._recogniser.pending,
        )

    def _create_review(self, sandbox: Sandbox, client: Client) -> None:
        """Create the components with which people decide about held content."""
        self._disputes = DisputeReporter(store=self._store, client=client)
        self._questions = QuestionSender(store=self._store, client=client)
        self._review = ReviewRoutes(
            config=self._config,
            store=self._store,
            counters=self._tally,
            sandbox=sandbox,
            decoders=self._recogniser.decoders,
            recogniser=self._recogniser,
            kept_files=self._kept,
            wake=self._wake_after_review,
            search=self._health.journal,
        )

    def _wake_after_review(self) -> None:
        """Announce that a person decided."""
        self._outboxes.wake()
        self._companion.wake()
        self._disputes.wake()
        self._questions.wake()
        self._kept.wake()

    def routes(self) -> list[Route]:
        """Return all routes of the agent."""
        live = LiveRoutes(
            config=self._config,
            live=self._live,
            wake=self._outboxes.wake,
            as_of=self._as_of,
            check_ready=self._check_ready,
        )
        runaways = RunawayRoutes(config=self._config, store=self._store, wake=self._wake_all)
        companion = CompanionRoutes(
            config=self._config,
            store=self._store,
            counters=self._tally,
            wake=self._outboxes.wake,
            as_of=self._as_of,
            check_ready=self._check_ready,
            health=self._health.report,
        )
        return [
            Route("/match", self.match, methods=["POST"]),
            *self._hma_routes(),
            Route(FAST_PATH, self.match_hash, methods=["GET"]),
            Route("/match/hashes", self.match_hashes, methods=["POST"]),
            Route("/match/urls", self.match_urls, methods=["GET"]),
            *live.routes(),
            *companion.routes(),
            *self._list_routes(),
            *runaways.routes(),
            *LogRoutes(self._store, self._config).routes(),
            *JournalRoutes(self._journal, wake=self._retro.wake).routes(),
            *self._catalogue_routes(),
            *self._review.routes(),
            Route("/health", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/deliveries/retry", self.retry, methods=["POST"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
        ]

    def _catalogue_routes(self) -> list[Route]:
        """Return the route of scans of what is stored."""
        return CatalogueRoutes(
            config=self._config,
            store=self._store,
            counters=self._tally,
            check_ready=self._check_ready,
            wake=self._outboxes.wake,
            on_lowered=self._wake_all,
        ).routes()

    def _list_routes(self) -> list[Route]:
        """Return the routes of the provider's own lists, and of signals that are switched off."""
        config, store, wake = self._config, self._store, self._outboxes.wake
        return [
            *AllowRoutes(config=config, store=store, wake=wake).routes(),
            *OwnBankRoutes(config=config, store=store, wake=wake).routes(),
            *SwitchRoutes(config=config, store=store, wake=self._wake_all).routes(),
        ]

    def _hma_routes(self) -> list[Route]:
        """Return the HMA-compatible routes."""
        contents = OwnContents(config=self._config, store=self._store, recogniser=self._recogniser)
        banks = BankRoutes(
            config=self._config,
            store=self._store,
            contents=contents,
            health=self._health.report,
            check_ready=self._check_ready,
        )
        return HmaRoutes(
            config=self._config,
            store=self._store,
            recogniser=self._recogniser,
            banks=banks,
            contents=contents,
            check_ready=self._check_ready,
        ).routes()

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Run the background tasks while the server runs."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "agent"))
        task = asyncio.create_task(self._duties.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.to_thread(self._recogniser.close)
            await asyncio.to_thread(self.lookup.close)
            await asyncio.to_thread(self._live.close)
            if self._journal:
                await asyncio.to_thread(self._journal.close)

    async def match(self, request: Request) -> Response:
        """POST /match: recognise content, decide, act."""
        began = time.perf_counter()
        look_only = _wants_look(request)
        self._check_ready()
        items = await read_items(request, self._config)
        answers = await self._recogniser.recognise(
            items, look_only=look_only, caller=request.headers.get("traceparent", "")
        )
        metrics.count(self._tally, answers, took_s=time.perf_counter() - began)
        return _json({"items": answers, **self._as_of()})

    async def match_hash(self, request: Request) -> Response:
        """GET /match/hash: look up one hash; FastPath answers most of these before."""
        self._check_ready()
        hash_query = hash_requests.read_hash(request)
        results = await asyncio.to_thread(self.lookup.look_up, hash_query)
        payload: dict[str, Any] = {"matches": results[0].matches if results else []}
        if results and results[0].more:
            payload["more"] = results[0].more
        if hash_query.decide:
            payload["decision"] = results[0].decision if results else None
        return _json({**payload, **self._as_of()})

    async def match_hashes(self, request: Request) -> Response:
        """POST /match/hashes: look up many hashes."""
        self._check_ready()
        read, size = await hash_requests.read_hashes(request, self._config)
        as_of = self._as_of()
        if size <= _SMALL_BYTES:
            hash_query = read()
            if not hash_query.decide:
                is_binary = hash_requests.wants_binary(request, hash_query)
                return _hashes_response(
                    hash_query,
                    self.lookup.look_up(hash_query, on_loop=True),
                    as_of,
                    is_binary=is_binary,
                )

        def answer() -> Response:
            hash_query = read()
            is_binary = hash_requests.wants_binary(request, hash_query)
            return _hashes_response(
                hash_query, self.lookup.look_up(hash_query), as_of, is_binary=is_binary
            )

        return await asyncio.get_running_loop().run_in_executor(self.lookup.threads, answer)

    async def match_urls(self, request: Request) -> Response:
        """GET /match/urls: list known digests by prefix, so that the URL stays undisclosed."""
        self._check_ready()
        prefixes = url_prefixes.read_prefixes(request)
        job = partial(url_prefixes.digests, prefixes, store=self._store, config=self._config)
        digests = await asyncio.get_running_loop().run_in_executor(self.lookup.threads, job)
        return _json({"digests": digests, **self._as_of()})

    async def health(self, request: Request) -> Response:
        """GET /health: show the agent's health; 503 while it is not healthy.

        ?ready: 503 only while it cannot answer look-ups. ?live: never, while the process lives.
        """
        health = await asyncio.to_thread(self._health.report)
        condition = next(
            (name for name in ("live", "ready") if name in request.query_params), "healthy"
        )
        status = 200 if health[condition] else 503
        if not middleware.is_authorized(request):
            health = {name: health[name] for name in ("live", "ready", "healthy")}
        return JSONResponse(health, status_code=status)

    async def metrics(self, _request: Request) -> Response:
        """GET /metrics: the same for Prometheus."""
        health = await asyncio.to_thread(self._health.report)
        return Response(
            metrics.text(self._tally, health, self._config.policies), media_type=CONTENT_TYPE_LATEST
        )

    async def retry(self, _request: Request) -> Response:
        """POST /deliveries/retry: queue dead deliveries and rejected reports again."""
        retried = {
            name: await asyncio.to_thread(outbox.retry_refused)
            for name, outbox in self._outboxes._asdict().items()
        }
        self._outboxes.wake()
        return JSONResponse(retried)

    async def openapi(self, _request: Request) -> Response:
        """GET /openapi.json: describe the routes as OpenAPI."""
        return JSONResponse(document())

    def _check_ready(self) -> None:
        """Raise rather than report "no match" while there are no signals to match against."""
        if self._store.origin is None:
            trouble = self._health.hub_trouble() or "the first snapshot is on its way"
            raise BadRequestError(
                ProblemType.NOT_READY, f"no signals yet: {trouble}; ask again when /health is ready"
            )

    def _as_of(self) -> dict[str, Any]:
        """Return the version of the signals that a response is based on."""
        view = self._store.view
        return {"position": view.position, "stale_s": view.stale_s(), "ready": True}


def _open_journal(config: Config) -> JournalFile | None:
    """Open the upload journal; None if it is off. raises: ConfigError."""
    if not config.journal.enabled:
        return None
    try:
        return JournalFile(config.data_dir, key_path=config.journal.key_file)
    except JournalKeyError as error:
        raise ConfigError(
            "journal.key_file",
            f"{error}: put the key back, or move the file away, and the agent makes a new one",
        ) from error
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            "journal", f"the upload journal in {config.data_dir} cannot be used: {error}"
        ) from error


def _open_kept_files(config: Config, *, store: Store, counters: Counters) -> KeptFiles:
    """Open the folder of copies of held files. raises: ConfigError."""
    try:
        return KeptFiles(config, store=store, counters=counters)
    except JournalKeyError as error:
        raise ConfigError(
            "review.keep_files_hours",
            f"{error}: put the key back, or delete the file, and the agent makes a new one",
        ) from error
    except OSError as error:
        raise ConfigError(
            "review.keep_files_hours", f"{config.data_dir} cannot be used for copies: {error}"
        ) from error


def _outboxes(config: Config, *, store: Store, client: Client) -> Outboxes:
    """Return the outboxes of an agent."""
    return Outboxes(
        Deliverer(config=config, store=store),
        Reporter(config=config, store=store, client=client),
        Statements(settings=config.transparency, store=store),
    )


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")


def _hashes_response(
    hash_query: HashQuery, results: list[HashResult], as_of: dict[str, Any], *, is_binary: bool
) -> Response:
    """Return the response of POST /match/hashes."""
    if not is_binary:
        matched = [_result_fields(result) for result in results]
        return _json({"hashes": hash_query.count, "matched": matched, **as_of})
    headers = {
        "Stemtide-Position": str(as_of["position"]),
        "Stemtide-Stale-S": str(as_of["stale_s"]),
        "Stemtide-More": str(sum(result.more for result in results)),
    }
    return Response(as_records(results), media_type=hash_requests.BINARY_ANSWER, headers=headers)


def _result_fields(result: HashResult) -> dict[str, Any]:
    """Return the matches of one hash, without empty fields."""
    fields: dict[str, Any] = {"hash": result.query, "matches": result.matches}
    if result.more:
        fields["more"] = result.more
    if result.decision:
        fields["decision"] = result.decision
    return fields


def _wants_look(request: Request) -> bool:
    """Whether the request is read-only. Unknown parameters are refused, to catch typos."""
    for name, value in request.query_params.multi_items():
        if name not in ("look", "ref"):
            raise invalid(name[:80], "is no parameter of /match; known are look and ref")
        if name == "look" and value not in ("0", "1"):
            raise invalid("look", "must be 0 or 1")
    return request.query_params.get("look") == "1"


FAST_PATH = "/match/hash"


def normalise_path(path: str) -> str:
    """Return a path without double slashes and without a slash at its end.

    Clients join an address that ends in a slash with a path that begins with one.
    """
    return "/" + "/".join(part for part in path.split("/") if part)


class FastPath:
    """Fast path: answers plain look-ups of one hash directly and passes on all other requests.

    routes: the routes of the application behind it.
    """

    def __init__(self, app: Starlette, *, config: Config, lookup: HashLookup) -> None:
        self._app = app
        self.routes = app.routes
        self._door = middleware.AccessMiddleware(app, config)
        self._looker = lookup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "http" and ("//" in scope["path"] or scope["path"].endswith("/")):
            scope["path"] = normalise_path(scope["path"])
        if (
            scope["type"] != "http"
            or scope["path"] != FAST_PATH
            or scope["method"] != "GET"
            or not self._door.certainly_allows(scope)
            or (body := self._looker.fast_answer(scope["query_string"])) is None
        ):
            await self._app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def create_app(
    config: Config,
    *,
    store: Store,
    sandbox: Sandbox,
    counters: Counters | None = None,
    on_settled: Callable[[], None] = lambda: None,
) -> FastPath:
    """Create the agent's ASGI application; its tasks run during its lifespan.

    counters:   shared with the agent's other processes; None: there are none.
    on_settled: called once the Library's files are complete.
    """
    counters = counters or Counters(more=metrics.shadow_columns(config.policies))
    agent = Agent(config, store=store, sandbox=sandbox, counters=counters, on_settled=on_settled)
    app = Starlette(
        routes=agent.routes(),
        lifespan=agent.lifespan,
        middleware=[middleware.middleware(config)],
        exception_handlers=middleware.EXCEPTION_HANDLERS,
    )
    return FastPath(app, config=config, lookup=agent.lookup)
