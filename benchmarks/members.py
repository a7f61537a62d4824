# SPDX-License-Identifier: Apache-2.0
"""A hub, its members with their keys, five agents, and lawful traffic: what attacks are played on.

It also runs on versions of Stemtide without standings, so that the same attacks can be counted
before and after.
"""

import contextlib
import hashlib
import os
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import httpx
from PIL import Image, ImageDraw

from stemtide.exercises import processes
from stemtide.protocol.enums import Role, Scope

HOSTILE, SECOND_HOSTILE = "hostile-host", "hostile-friend"
CONSORTIUM, BRIDGE = "hash-sharing-group", "other-hub"
AUTHORITY, AGENCY, SECOND_AGENCY = "be-crisis-centre", "eu-referral-unit", "eu-commission"
PROVIDERS = ("one", "two", "three", "four", "five")
KEYS = 20
_MEMBERS = (
    (AUTHORITY, "authority", "BE"),
    (AGENCY, "agency", ""),
    (SECOND_AGENCY, "agency", ""),
    (CONSORTIUM, "consortium", ""),
    (BRIDGE, "consortium", ""),
    *((name, "provider", "IE") for name in (HOSTILE, SECOND_HOSTILE, *PROVIDERS)),
)

Items = Sequence[dict[str, str]]


def digest(content: str) -> str:
    """Return the SHA-256 of a made-up file."""
    return hashlib.sha256(content.encode()).hexdigest()


def picture(seed: int) -> bytes:
    """Return a made-up picture as PNG: overlapping shapes, other ones for each seed."""
    chosen = random.Random(seed)  # noqa: S311  # the same picture each time
    image = Image.new("RGB", (256, 256), tuple(chosen.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        left, top = chosen.randrange(220), chosen.randrange(220)
        box = (left, top, left + chosen.randrange(20, 120), top + chosen.randrange(20, 120))
        colour = tuple(chosen.randrange(256) for _ in range(3))
        (draw.ellipse if chosen.random() < 0.5 else draw.rectangle)(box, fill=colour)
    return _png(image)


def screen(seed: int) -> bytes:
    """Return a made-up screenshot of a short post as PNG: a round portrait and lines of text."""
    chosen = random.Random(seed)  # noqa: S311  # the same picture each time
    image = Image.new("RGB", (480, 320), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 70, 70), fill=tuple(chosen.randrange(256) for _ in range(3)))
    draw.rectangle((85, 32, 85 + chosen.randrange(60, 160), 42), fill="black")
    for line in range(chosen.randrange(2, 8)):
        left, top = 20, 100 + 26 * line
        while left < chosen.randrange(300, 440):
            width = chosen.randrange(12, 70)
            draw.rectangle((left, top, left + width, top + 9), fill=(40, 40, 40))
            left += width + 9
    return _png(image)


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class Stage:
    """A hub, its agents, and a client for each key."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.keys = _cast(folder / "hub")
        loopback = {"STEMTIDE_EXCHANGE_LOOPBACK": "1"}
        hub = processes.hub(folder / "hub", environment=loopback).start()
        stack.callback(hub.stop)
        self.address = hub.address
        self.hub = {
            name: [self.client(hub.address, key) for key in keys]
            for name, keys in self.keys.items()
        }
        running = [
            processes.agent(name, folder=folder / name, hub_url=hub.address, key=self.keys[name][0])
            for name in PROVIDERS
        ]
        with ThreadPoolExecutor(len(running)) as pool:
            list(pool.map(processes.Running.start, running))
        for agent in running:
            stack.callback(agent.stop)
        self.agents = [
            stack.enter_context(httpx.Client(base_url=agent.address, timeout=60))
            for agent in running
        ]

    def client(self, address: str, key: str) -> httpx.Client:
        """Return a client of a hub with a key."""
        headers = {"Authorization": f"Bearer {key}"}
        return self.stack.enter_context(
            httpx.Client(base_url=address, headers=headers, timeout=120)
        )

    def share(
        self, client: httpx.Client, rows: Sequence[dict[str, object]], **facts: object
    ) -> list[str]:
        """Share signals and return the ids of those that the hub took."""
        grave = {
            "labels": ["perpetrator-content"],
            "severity": "critical",
            "provenance": "perpetrator",
            "confidence": 100,
            "tlp": "green",
        }
        body = {"signals": [grave | row | facts for row in rows]}
        response = client.post("/api/v1/signals/bulk?partial=1", json=body)
        if response.status_code >= 400:
            return []
        return [signal["id"] for signal in response.json()["signals"] if signal]

    def settle(self) -> None:
        """Wait until every agent has what the hub has."""
        head = self.hub[AGENCY][0].get("/api/v1/feed", params={"limit": 1}).json()["head"]
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            if all(agent.get("/health").json()["position"] >= head for agent in self.agents):
                return
            time.sleep(0.05)
        raise SystemExit("the agents did not catch up within two minutes")

    def traffic(self, items: Items = (), *, files: Sequence[bytes] = ()) -> dict[str, int]:
        """Send the same uploads to every agent and count what happened to them."""

        def send(agent: httpx.Client) -> list[str]:
            actions = []
            for start in range(0, len(items), 200):
                batch = [{"ref": uuid4().hex, **item} for item in items[start : start + 200]]
                answers = agent.post("/match", json={"items": batch}).json()["items"]
                actions += [answer["decision"]["action"] or "" for answer in answers]
            for blob in files:
                ref = uuid4().hex
                answer = agent.post("/match", files={"file": (ref, blob)}, data={"ref": ref}).json()
                actions += [answer["items"][0]["decision"]["action"] or ""]
            return actions

        with ThreadPoolExecutor(len(self.agents)) as pool:
            actions = [action for sent in pool.map(send, self.agents) for action in sent]
        return {
            "uploads": len(actions),
            "block": actions.count("block"),
            "hold": actions.count("hold"),
        }

    def until(self, items: Items, action: str, *, within_s: float = 60) -> int | None:
        """Return the ms until every agent does this to uploads; "": nothing; None: never."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            counts = self.traffic(items)
            stopped = counts["block"] + counts["hold"]
            if (counts[action] == counts["uploads"]) if action else not stopped:
                return round((time.monotonic() - began) * 1000)
        return None


def person(party: str, act: Callable[..., object], *subject: object, **more: object) -> None:
    """Do something as a person of a party at the desk, which no key can do."""
    from stemtide.hub.rooms.parties.reads.parties import Actor, party as read

    by = Actor(read(party), "person:1", Role.COORDINATOR)
    act(*subject, by=by, now=datetime.now(UTC), **more)


def _cast(folder: Path) -> dict[str, list[str]]:
    """Create the parties and their keys; all have been members for longer than a month."""
    os.environ["STEMTIDE_DATA_DIR"] = str(folder)
    folder.mkdir(parents=True, mode=0o755)
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from stemtide.hub.rooms.parties.models import Party
    from stemtide.hub.rooms.parties.writes import parties as writes

    now = datetime.now(UTC)
    keys: dict[str, list[str]] = {}
    for name, kind, country in _MEMBERS:
        party = writes.add_party(
            name, title=name, kind=kind, country=country, actor="benchmark", now=now
        )
        keys[name] = [
            writes.new_key(
                f"key-{number}", party=party, scopes=list(Scope), actor="benchmark", now=now
            )[1]
            for number in range(KEYS if name == HOSTILE else 1)
        ]
    if hasattr(Party, "standing"):
        Party.objects.update(standing="member")
    return keys


def fingerprints(blobs: Sequence[bytes], *kinds: str) -> list[dict[str, object]]:
    """Return the fingerprints of pictures as rows to share."""
    from stemtide.fingerprints.analysis import AnalysisOptions
    from stemtide.fingerprints.sandbox.pool import Sandbox

    with Sandbox() as sandbox:
        contents = [
            sandbox.analyse(blob, options=AnalysisOptions(share=True)).fingerprints
            for blob in blobs
        ]
    return [
        {"kind": each.kind.value, "value": each.hex, "quality": each.quality}
        for content in contents
        for each in content.each
        if each.kind in kinds
    ]
