# SPDX-License-Identifier: Apache-2.0
"""The agent's routes, and how it starts and stops."""

import asyncio
import json
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stemtide import __version__
from stemtide.agent import door
from stemtide.agent.act import Deliverer
from stemtide.agent.client import Client
from stemtide.agent.config import Config, ConfigError
from stemtide.agent.feedback import Reporter
from stemtide.agent.intake import BadRequestError, invalid, read_items
from stemtide.agent.recognise import Answer, Recogniser
from stemtide.agent.store import Store, StoreError
from stemtide.agent.sync import Sync
from stemtide.fingerprints.limits import Limits, SandboxError
from stemtide.fingerprints.sandbox import Sandbox
from stemtide.protocol.problems import ProblemType

logger = logging.getLogger(__name__)

_RESTART_S = 1.0
_STOP_S = 10


class Metrics:
    """What the agent counts, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.items = self._counter("items", "Pieces of content asked about.")
        self.decisions = self._counter("decisions", "Decisions.", ("action", "exercise"))
        self.matches = self._counter("matches", "Matches of signals.", ("kind",))
        self.undecodable = self._counter("undecodable", "Content not wholly looked at.")
        self.seconds = Histogram(
            "stemtide_agent_match_seconds",
            "Time that POST /match took.",
            registry=self._registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self._gauges = {
            name: Gauge(f"stemtide_agent_{name}", text, registry=self._registry)
            for name, text in _GAUGES.items()
        }
        self._signals = Gauge(
            "stemtide_agent_signals", "Signals held.", ("kind",), registry=self._registry
        )

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"stemtide_agent_{name}", text, labels, registry=self._registry)

    def count(self, answers: list[Answer]) -> None:
        """Count what a request led to."""
        self.items.inc(len(answers))
        for answer in answers:
            decision = answer.decision
            action, is_exercise = decision.action or "none", str(decision.exercise).lower()
            self.decisions.labels(action, is_exercise).inc()
            self.undecodable.inc(decision.undecodable)
            for match in answer.matches:
                self.matches.labels(match.kind).inc()

    def text(self, health: dict[str, Any]) -> bytes:
        """Everything in Prometheus's text form; the gauges say what /health says."""
        for name, gauge in self._gauges.items():
            value = health[name]
            gauge.set(float("nan") if value is None else value)
        for kind, number in health["signals"].items():
            self._signals.labels(kind).set(number)
        return generate_latest(self._registry)


_GAUGES = {
    "ready": "1 once there are signals to match against.",
    "hub_reachable": "1 while the hub answers.",
    "streaming": "1 while the hub's stream wakes the agent.",
    "position": "Feed position of the signals held.",
    "hub_head": "Highest feed position heard of.",
    "stale_s": "Seconds since the hub said that these are all the signals.",
    "outbox": "Outcomes not yet acknowledged by the hub.",
    "outbox_refused": "Outcomes that the hub refused.",
    "deliveries": "Deliveries under way.",
    "dead_letters": "Webhooks given up until someone retries them.",
    "unrecorded": "Decisions that could not be written down.",
    "skipped": "Feed entries that this version cannot read.",
}


class Agent:
    """The running agent: its parts, its routes, and the tasks that keep it going."""

    def __init__(self, config: Config, *, store: Store, sandbox: Sandbox) -> None:
        self._config = config
        self._store = store
        self._client = Client(config)
        self._metrics = Metrics()
        self._reporter = Reporter(config=config, store=store, client=self._client)
        self._deliverer = Deliverer(config=config, store=store)
        self._sync = Sync(
            config=config,
            store=store,
            client=self._client,
            deliverer=self._deliverer,
            reporter=self._reporter,
        )
        self._recogniser = Recogniser(
            config=config,
            store=store,
            sandbox=sandbox,
            deliverer=self._deliverer,
            reporter=self._reporter,
        )

    def routes(self) -> list[Route]:
        """What the agent answers."""
        return [
            Route("/match", self.match, methods=["POST"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/deliveries/retry", self.retry, methods=["POST"]),
        ]

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Follow the hub and empty the outboxes for as long as the server runs."""
        async with self._client:
            tasks = [
                asyncio.create_task(_keep_running(part.run))
                for part in (self._sync, self._reporter, self._deliverer)
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.to_thread(self._recogniser.close)

    async def match(self, request: Request) -> Response:
        """POST /match: recognise content, decide, act."""
        began = time.perf_counter()
        look_only = _wants_look(request)
        if self._store.origin is None:
            trouble = self._sync.standing.trouble or "the first snapshot is on its way"
            raise BadRequestError(
                ProblemType.NOT_READY, f"no signals yet: {trouble}; ask again when /health is ready"
            )
        items = await read_items(request, self._config)
        answers = await self._recogniser.recognise(items, look_only=look_only)
        self._metrics.count(answers)
        self._metrics.seconds.observe(time.perf_counter() - began)
        body = {
            "items": answers,
            "position": self._store.position,
            "stale_s": self._stale_s(),
            "ready": True,
        }
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def health(self, request: Request) -> Response:
        """GET /health: how the agent stands. With ?ready the status says it too."""
        health = await asyncio.to_thread(self._health)
        is_asked = "ready" in request.query_params
        status = 503 if is_asked and not health["ready"] else 200
        if not door.knows(request):
            health = {name: health[name] for name in ("live", "ready")}
        return JSONResponse(health, status_code=status)

    async def metrics(self, _request: Request) -> Response:
        """GET /metrics: the same for Prometheus."""
        health = await asyncio.to_thread(self._health)
        return Response(self._metrics.text(health), media_type=CONTENT_TYPE_LATEST)

    async def retry(self, _request: Request) -> Response:
        """POST /deliveries/retry: try again what was given up."""
        deliveries = await asyncio.to_thread(self._deliverer.retry_dead)
        outcomes = await asyncio.to_thread(self._reporter.retry_refused)
        self._deliverer.wake()
        self._reporter.wake()
        return JSONResponse({"deliveries": deliveries, "outcome_rows": outcomes})

    def _stale_s(self) -> float | None:
        """Seconds since the hub said that these are all the signals; None before the first time."""
        synced_at = self._store.synced_at
        if synced_at is None:
            return None
        return round(max(0.0, (datetime.now(UTC) - synced_at).total_seconds()), 3)

    def _health(self) -> dict[str, Any]:
        standing, outbox, deliveries = (
            self._sync.standing,
            self._reporter.size(),
            self._deliverer.size(),
        )
        synced_at = self._store.synced_at
        troubles = {
            "hub": standing.trouble,
            "key": standing.key_trouble,
            "status": standing.status_trouble,
            "webhook": deliveries.webhook_trouble,
            "actions_file": deliveries.file_trouble,
            "store": self._store.trouble,
        }
        return {
            "name": self._config.name,
            "version": __version__,
            "live": True,
            "ready": self._store.origin is not None,
            "exercise": self._config.exercise,
            "hub": self._config.hub_url,
            "hub_reachable": standing.is_reachable,
            "streaming": standing.is_streaming,
            "position": self._store.position,
            "hub_head": standing.head,
            "last_sync_at": synced_at.isoformat() if synced_at else None,
            "stale_s": self._stale_s(),
            "signals": {str(kind): n for kind, n in self._store.library.counts().items()},
            "outbox": outbox.waiting,
            "outbox_refused": outbox.refused,
            "deliveries": deliveries.waiting,
            "dead_letters": deliveries.dead,
            "unrecorded": self._recogniser.unrecorded,
            "skipped": standing.skipped,
            "troubles": {name: text for name, text in troubles.items() if text},
        }


async def _keep_running(run: Callable[[], Awaitable[None]]) -> None:
    """Run a part for ever: a full disk today must not leave the agent deaf tomorrow."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("a part of the agent failed and starts again")
        await asyncio.sleep(_RESTART_S)


def _wants_look(request: Request) -> bool:
    """Whether the caller only looks. Unknown parameters are refused: a typo must not act."""
    for name, value in request.query_params.multi_items():
        if name not in ("look", "ref"):
            raise invalid(name[:80], "is no parameter of /match; known are look and ref")
        if name == "look" and value not in ("0", "1"):
            raise invalid("look", "must be 0 or 1")
    return request.query_params.get("look") == "1"


def create_app(config: Config, *, store: Store, sandbox: Sandbox) -> Starlette:
    """The agent as an ASGI application; its tasks run while its lifespan does."""
    agent = Agent(config, store=store, sandbox=sandbox)
    return Starlette(
        routes=agent.routes(),
        lifespan=agent.lifespan,
        middleware=[door.middleware(config)],
        exception_handlers=door.EXCEPTION_HANDLERS,
    )


def serve(
    config: Config, *, as_json: bool = False, announce: Callable[[str], None] | None = None
) -> None:
    """Run the agent until SIGTERM or Ctrl-C; requests under way are finished first.

    as_json:  say the address as a line of JSON on stdout instead of a sentence on stderr.
    announce: called with the address instead, once the agent answers there.
    raises:   ConfigError for a setting that does not work here.
    """
    _set_up_logging()
    listener = _bind(config)
    announce = announce or (_say_json if as_json else _say_plainly)
    limits = Limits(max_input_bytes=config.max_upload_bytes)
    try:
        with (
            listener,
            Store(config.data_dir) as store,
            Sandbox(workers=config.workers, limits=limits) as sandbox,
        ):
            sandbox.warm()
            app = create_app(config, store=store, sandbox=sandbox)
            _run(app, listener, announce=announce)
    except StoreError as error:
        raise ConfigError("data_dir", str(error)) from error
    except SandboxError as error:
        raise ConfigError("workers", f"the sandbox does not start: {error}") from error


class _Server(uvicorn.Server):
    """A server that says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, *, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_start()


def _run(app: Starlette, listener: socket.socket, *, announce: Callable[[str], None]) -> None:
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_STOP_S,
        lifespan="on",
    )
    is_main = threading.current_thread() is threading.main_thread()
    # uvicorn raises the signal again once it has stopped; to be asked to stop is no failure.
    before = {one: signal.signal(one, _stopped) for one in _STOPS} if is_main else {}
    try:
        _Server(settings, on_start=lambda: announce(address)).run(sockets=[listener])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


_STOPS = (signal.SIGTERM, signal.SIGINT)


def _stopped(_number: int, _frame: FrameType | None) -> None:
    """Take no further notice of a signal that was obeyed."""


def _bind(config: Config) -> socket.socket:
    """Listen where the settings say; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            "host or port",
            f"cannot listen at {config.host}:{config.port} ({error}); choose another, or port = 0 "
            "for a free one",
        ) from error


def _say_json(address: str) -> None:
    """One line on stdout, for whoever started us."""
    sys.stdout.write(json.dumps({"url": address}) + "\n")
    sys.stdout.flush()


def _say_plainly(address: str) -> None:
    sys.stderr.write(f"The agent answers at {address}\n")
    sys.stderr.flush()


def _set_up_logging() -> None:
    """Log to stderr, unless whoever started us has set logging up."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request to the hub
