# SPDX-License-Identifier: Apache-2.0
"""Try the path of an upload: the hub, the running agent, and the provider's own upload address."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import httpx

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.review.first_match import sample_picture
from stemtide.client import HubError
from stemtide.protocol.enums import Scope

_PATIENCE_S = 60.0
_NEEDED = (Scope.FEED_READ, Scope.FEEDBACK_WRITE)
_ITEMS = re.compile(r"^stemtide_agent_items_total (\S+)$", re.MULTILINE)
_SERVER_ERROR = 500
_WATCHED_S = 1.0
"""For at least so long, and as long as the upload takes, nobody else may ask the agent."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """A step of the path.

    text: the state, and the remedy if it does not work. is_away: nothing answers at all.
    """

    name: str
    works: bool
    text: str
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class UploadAddress:
    """Where the provider's users upload. field: of the form. headers: that uploads need."""

    url: str
    field: str
    headers: Mapping[str, str]


async def try_path(config: Config, upload: UploadAddress) -> AsyncIterator[PathStep]:
    """Yield the steps of the path, until one that the next ones need does not work.

    upload: with no url, the provider's own address is not tried.
    """
    yield await _try_hub(config)
    host = f"[{config.host}]" if ":" in config.host else config.host
    headers = {"Authorization": f"Bearer {config.token}"} if config.token else {}
    address = f"http://{host}:{config.port}"
    # No proxy of the environment may get the token.
    async with httpx.AsyncClient(
        base_url=address, headers=headers, timeout=_PATIENCE_S, trust_env=False
    ) as agent:
        step = await _try_health(agent)
        yield step
        if step.is_away:
            return
        yield await _try_match(agent)
        if upload.url:
            yield await _try_upload(agent, upload)


async def _try_hub(config: Config) -> PathStep:
    """Ask the hub for the party and the scopes of the key."""
    try:
        async with Client(config) as hub:
            me = await hub.whoami()
    except HubError as error:
        return PathStep("hub", works=False, text=str(error))
    missing = [scope for scope in _NEEDED if scope not in me.scopes]
    if missing:
        text = f"the key of {me.party} lacks {', '.join(missing)}: make one with it at the hub"
        return PathStep("hub", works=False, text=text)
    return PathStep("hub", works=True, text=f"answers, and knows the key of {me.party}")


async def _try_health(agent: httpx.AsyncClient) -> PathStep:
    """Ask the agent how it is."""
    try:
        answer = await agent.get("/health")
        health = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        text = (
            f"does not answer at {agent.base_url} ({type(error).__name__}): start it with"
            " `stemtide agent start`, with these settings"
        )
        return PathStep("agent", works=False, text=text, is_away=True)
    if not health.get("ready"):
        text = "runs, and has no signals yet: wait until it has loaded them"
        return PathStep("agent", works=False, text=text)
    if dead := health.get("dead_letters"):
        text = (
            f"runs, but your webhook did not take {dead} actions: mend it, then"
            " POST /deliveries/retry"
        )
        return PathStep("agent", works=False, text=text)
    if troubles := health.get("troubles"):
        listed = "; ".join(f"{name}: {text}" for name, text in troubles.items())
        return PathStep("agent", works=False, text=f"runs, and has trouble with {listed}")
    text = "runs, and has signals"
    if "rar" not in health.get("archives", ()):
        text += ". RAR archives are not opened: pip install 'stemtide[archives]'"
    return PathStep("agent", works=True, text=text)


async def _try_match(agent: httpx.AsyncClient) -> PathStep:
    """Have the agent look at a made-up picture."""
    began = time.monotonic()
    try:
        answer = await agent.post("/match?look=1", files={"file": ("check.png", sample_picture())})
    except httpx.HTTPError as error:
        return PathStep("match", works=False, text=f"no answer ({type(error).__name__})")
    took_ms = (time.monotonic() - began) * 1000
    if answer.is_error:
        text = f"the agent answers {answer.status_code}: {answer.text[:200]}"
        return PathStep("match", works=False, text=text)
    action = answer.json()["items"][0]["decision"]["action"] or "nothing"
    text = f"decided about a made-up picture in {took_ms:.0f} ms: {action}"
    return PathStep("match", works=True, text=text)


async def _try_upload(agent: httpx.AsyncClient, upload: UploadAddress) -> PathStep:
    """Upload a made-up picture as a user does, and look whether the agent was asked."""
    try:
        number_others = await _count_during(agent, _WATCHED_S)
        before = await _count_items(agent)
        began = time.monotonic()
        answer = await _send(upload)
        if isinstance(answer, PathStep):
            return answer
        took_s = time.monotonic() - began
        number_asked = await _count_items(agent) - before
        if number_asked and took_s > _WATCHED_S:
            number_others += await _count_during(agent, took_s - _WATCHED_S)
    except httpx.HTTPError as error:
        text = f"the agent does not say what it was asked ({type(error).__name__}): see its log"
        return PathStep("upload", works=False, text=text)
    status = f"{upload.url} answered {answer.status_code} in {took_s:.1f} s"
    if not number_asked:
        text = (
            f"{status}, and did not ask this agent: is the recipe in this address's way, does it"
            " ask at this agent's address, and may the upload be made at all?"
        )
        return PathStep("upload", works=False, text=text)
    if number_others:
        text = (
            f"{status}, but this check cannot tell whether it asked this agent, because other"
            " uploads did at the same time: try again while nobody uploads"
        )
        return PathStep("upload", works=False, text=text)
    if answer.status_code >= _SERVER_ERROR:
        text = f"{status}, after it asked the agent: see the log of your program"
        return PathStep("upload", works=False, text=text)
    return PathStep("upload", works=True, text=f"{status}, and asked the agent")


async def _send(upload: UploadAddress) -> httpx.Response | PathStep:
    """Upload a picture that nobody uploaded before; return the answer, or the step if none came."""
    picture = sample_picture(secrets.randbits(64))
    files = {upload.field: ("stemtide-check.png", picture, "image/png")}
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as user:
            return await user.post(upload.url, files=files, headers=dict(upload.headers))
    except httpx.HTTPError as error:
        text = f"{upload.url} does not answer ({type(error).__name__}): is your program running?"
        return PathStep("upload", works=False, text=text)


async def _count_during(agent: httpx.AsyncClient, span_s: float) -> float:
    """Wait, and return how much content the agent was asked about in this time."""
    before = await _count_items(agent)
    await asyncio.sleep(span_s)
    return await _count_items(agent) - before


async def _count_items(agent: httpx.AsyncClient) -> float:
    """Return how much content the agent was asked about. raises: httpx.HTTPError."""
    answer = await agent.get("/metrics")
    number = _ITEMS.search(answer.raise_for_status().text)
    return float(number[1]) if number else 0.0
