# SPDX-License-Identifier: Apache-2.0
"""The cast of the agent's tests: a hub, a provider's webhook, agents in threads and processes."""

import asyncio
import base64
import hashlib
import importlib.util
import json
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import certifi
import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from stemtide.agent.config.policy import DEFAULT_RULES, Policies, Policy, Unread
from stemtide.agent.config.settings import Config
from stemtide.agent.http.app import create_app
from stemtide.agent.store.database import Store
from tests import forks
from tests.agent.fake_hub import KEY, Server
from tests.cli.conftest import surroundings

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEW_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
MEMORY = Path("/dev/shm")  # noqa: S108 - each folder in it has a name of its own
PICTURES = Path(importlib.util.find_spec("skimage").origin).parent / "data"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def picture(name: str) -> bytes:
    return (PICTURES / name).read_bytes()


@contextmanager
def folder_in_memory():
    """A folder in memory, where there is room: an agent waits for the disk dozens of times."""
    with TemporaryDirectory(
        prefix="agent-", dir=MEMORY if _has_memory() else None, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _has_memory():
    """Whether a gigabyte fits into Linux's folder in memory, and programs in it may be started."""
    if not os.access(MEMORY, os.W_OK):
        return False
    room = os.statvfs(MEMORY)
    return room.f_bavail * room.f_frsize > 1 << 30 and not room.f_flag & os.ST_NOEXEC


@contextmanager
def one_authority(folder: Path):
    """Have all trust one certificate authority: these tests speak no TLS.

    Each HTTP client reads the whole list when it is made, which takes longer than many a test's
    own requests.
    """
    mark = "-----END CERTIFICATE-----\n"
    first = Path(certifi.where()).read_text("utf-8").partition(mark)[0] + mark
    file = folder / "authority.pem"
    file.write_text(first, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(file))
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


def until(holds, *, what="it"):
    """Wait until something holds; give up after a minute, so that a broken test ends."""
    ends, pause_s = time.monotonic() + 60, 0.01
    while time.monotonic() < ends:
        if found := holds():
            return found
        time.sleep(pause_s)
        pause_s = min(1.2 * pause_s, 0.05)  # to ask costs the agent what it needs for its work
    raise AssertionError(f"{what} never happened")


class Calls:
    """What a test asks of an agent, whether it runs in a thread or in a process."""

    http: httpx.Client

    def health(self):
        return self.http.get("/health").json()

    def wait(self, **wanted):
        def is_so():
            try:
                health = self.health()
            except httpx.HTTPError:
                return None
            return health if all(health[name] == value for name, value in wanted.items()) else None

        return until(is_so, what=f"health {wanted}")

    def wait_position(self, position):
        """Wait until at least that position is held."""

        def is_held():
            try:
                return self.health()["position"] >= position
            except httpx.HTTPError:  # whoever was to answer was killed
                return False

        until(is_held, what=f"position {position}")

    def match(self, content: bytes, *, ref=None):
        """Upload one piece of content; return the answer about it."""
        data = {"ref": ref} if ref else None
        answer = self.http.post("/match", files={"file": ("upload", content)}, data=data)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][0]

    def ask(self, *items, **query):
        """Ask by fingerprints; return the answers."""
        answer = self.http.post("/match", json={"items": items}, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]


class AgentInThread(Calls):
    def __init__(self, config, sandbox):
        self._store = Store(config.data_dir, has_local=config.local_features)
        self._server = Server(create_app(config, store=self._store, sandbox=sandbox))
        self.http = httpx.Client(base_url=self._server.url, timeout=60)

    def stop(self):
        self.http.close()
        self._server.stop()
        self._store.close()


@contextmanager
def agent_of(config, sandbox):
    agent = AgentInThread(config, sandbox)
    try:
        yield agent
    finally:
        agent.stop()


class AgentInProcess(Calls):
    """An agent as a provider runs it, so that it can be killed."""

    def __init__(self, folder: Path, toml: str):
        self._file = folder / "agent.toml"
        self._file.write_text(toml, "utf-8")
        self._log = folder / "agent.log"
        self.start()

    def start(self):
        read_end, write_end = os.pipe()
        with self._log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            self._process = forks.Fork(
                ["stemtide", "agent", "start", "--config", str(self._file), "--json"],
                environment=surroundings({}),
                stdin=nothing.fileno(),
                stdout=write_end,
                stderr=log.fileno(),
            )
        os.close(write_end)
        self._said = os.fdopen(read_end)
        line = self._said.readline()
        assert line, self._log.read_text("utf-8")
        self.start_line = json.loads(line)
        self.http = httpx.Client(base_url=self.start_line["url"], timeout=60)
        return self

    def pids(self):
        """The processes that answer; the first one that was started leads while it lives."""
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text("utf-8").split()
        return [int(one) for one in children]

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, how):
        self.http.close()
        self._process.send_signal(how)  # nothing happens to one that has ended
        code = self._process.wait()
        self._said.close()
        return code


@dataclass
class FakeProvider:
    """A provider's own systems, which verify every webhook as its library says."""

    heard: list[dict] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    failures: int = 0
    failure: int = 503
    retry_after: str = ""
    talk: bytes | None = None
    pictures: dict = field(default_factory=dict)
    picture_requests: list[str] = field(default_factory=list)

    def start(self):
        routes = [
            Route("/hook", self._hear, methods=["POST"]),
            Route("/pictures/{ref:path}", self._give_picture, methods=["POST"]),
        ]
        self._server = Server(Starlette(routes=routes))
        self.address, self.url = self._server.url, f"{self._server.url}/hook"
        return self

    def stop(self):
        self._server.stop(at_once=True)

    async def _hear(self, request):
        body = await request.body()
        headers = dict(request.headers)
        said = Verifier(SECRET).verify(body, headers)
        self.headers.append(headers)
        if self.failures:
            self.failures -= 1
            asks = {"retry-after": self.retry_after} if self.retry_after else {}
            return Response(status_code=self.failure, headers=asks)
        if self.talk is not None:
            return StreamingResponse(self._talk())
        self.ids.append(request.headers["webhook-id"])
        self.heard.append(said)
        return Response(status_code=204)

    async def _give_picture(self, request):
        """The file of an upload, to whoever signs like the webhook."""
        ref = Verifier(SECRET).verify(await request.body(), dict(request.headers))["data"]["ref"]
        assert ref == request.path_params["ref"]
        self.picture_requests.append(ref)
        picture = self.pictures.get(ref, 404)
        if isinstance(picture, bytes):
            return Response(picture, media_type="image/png")
        if picture == "redirect":
            return Response(status_code=302, headers={"location": self.address})
        if isinstance(picture, str):
            return Response(b"<p>", media_type=picture)
        return Response(status_code=picture)

    async def _talk(self):
        """An answer that never ends."""
        while True:
            yield self.talk
            await asyncio.sleep(0.01)

    def told(self):
        """What was heard, as (type, ref)."""
        return [(one["type"], one["data"]["ref"]) for one in self.heard]


def share_for_a_while(hub, agent, value, *, matches, **facts):
    """Share what soon expires, once it was seen to match; for longer where all is slow."""
    for seconds in (1, 5, 25, 125):
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        hub.share(value, expires_at=ends, **facts)
        agent.wait(position=hub.head)
        if matches():
            return
    raise AssertionError("it never matched")


def config_of(hub, folder, *, rules=DEFAULT_RULES, unread=None, **other) -> Config:
    """Settings of an agent that follows a hub."""
    other = {"policies": Policies(Policy(rules, unread or Unread()))} | other
    facts = {"name": "uploads", "hub_url": hub.url, "key": KEY, "data_dir": folder / "agent"}
    return Config(**(facts | {"heartbeat_s": 0.2} | other))
