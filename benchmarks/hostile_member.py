# SPDX-License-Identifier: Apache-2.0
"""What one hostile member can do to the others: python -m benchmarks.hostile_member [--json].

A hub, five agents of five providers, and lawful traffic at each. One more provider is hostile: it
has 20 keys. It is played what it could do, and for each attack it is counted how many lawful
uploads were blocked or held at the five, until when, and what a real outbreak loses meanwhile.

1 newspapers   folders of two newspapers and the digest of a common file, shared as grave
2 wide match   a picture shared with the widest distance that the hub takes, all keys in turn
3 confirmed    the same, and every key agrees with it
4 disputes     every signal of an authority disputed by the hostile member
5 outbreak     an authority shares; two other providers share the same film of their own accord

Afterwards two agencies suspend the member, where the hub can do that, and the time is taken until
its keys are refused and nothing that it shared stops an upload. The figures are uploads, not
rates; nothing is fetched from elsewhere.
"""

import argparse
import contextlib
import json
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from PIL import Image, ImageDraw

from stemtide.exercises import processes
from stemtide.protocol.enums import Role, Scope

HOSTILE, AUTHORITY, AGENCY = "hostile-host", "be-crisis-centre", "eu-referral-unit"
SECOND_AGENCY = "eu-commission"
PROVIDERS = ("one", "two", "three", "four", "five")
KEYS = 20
COLUMNS = ("attack", "uploads", "block", "hold")
LAWFUL_ADDRESSES = [
    f"https://{paper}/politics/{year}/article-{number}"
    for paper in ("paper-of-record.example", "evening-news.example")
    for year in (2025, 2026)
    for number in range(10)
]
FOLDERS = ["https://paper-of-record.example/politics", "https://evening-news.example/politics"]


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
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


LAWFUL_FILES = [picture(seed) for seed in range(12)]
OUTBREAK = [picture(seed) for seed in range(1000, 1006)]


class Stage:
    """A hub, its agents, and a client for each key."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.keys = _cast(folder / "hub")
        hub = processes.hub(folder / "hub").start()
        stack.callback(hub.stop)
        self.hub = {
            name: [
                stack.enter_context(
                    httpx.Client(
                        base_url=hub.address, headers={"Authorization": f"Bearer {key}"}, timeout=60
                    )
                )
                for key in keys
            ]
            for name, keys in self.keys.items()
        }
        running = [
            processes.agent(name, folder=folder / name, hub_url=hub.address, key=keys[0])
            for name in PROVIDERS
            if (keys := self.keys[name])
        ]
        with ThreadPoolExecutor(len(running)) as pool:
            list(pool.map(processes.Running.start, running))
        for agent in running:
            stack.callback(agent.stop)
        self.agents = [
            stack.enter_context(httpx.Client(base_url=agent.address, timeout=60))
            for agent in running
        ]

    def share(self, client: httpx.Client, rows: list[dict[str, object]]) -> list[str]:
        """Share signals and return the ids of those that the hub took."""
        body = {
            "signals": [
                {
                    "labels": ["perpetrator-content"],
                    "severity": "critical",
                    "provenance": "perpetrator",
                    "confidence": 100,
                    "tlp": "green",
                    **row,
                }
                for row in rows
            ]
        }
        response = client.post("/api/v1/signals/bulk?partial=1", json=body)
        if response.status_code >= 400:
            return []
        return [signal["id"] for signal in response.json()["signals"] if signal]

    def settle(self) -> None:
        """Wait until every agent has what the hub has."""
        head = self.hub[AGENCY][0].get("/api/v1/feed", params={"limit": 1}).json()["head"]
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            if all(agent.get("/health").json()["position"] >= head for agent in self.agents):
                return
            time.sleep(0.05)
        raise SystemExit("the agents did not catch up within a minute")

    def traffic(self, *, addresses: bool = False, files: list[bytes] = ()) -> dict[str, int]:
        """Send the same uploads to every agent and count what happened to them."""
        counts = {"uploads": 0, "block": 0, "hold": 0}

        def send(agent: httpx.Client) -> list[str]:
            actions = []
            if addresses:
                items = [{"ref": uuid4().hex, "url": address} for address in LAWFUL_ADDRESSES]
                answer = agent.post("/match", json={"items": items}).json()["items"]
                actions += [item["decision"]["action"] or "" for item in answer]
            for blob in files:
                ref = uuid4().hex
                answer = agent.post("/match", files={"file": (ref, blob)}, data={"ref": ref}).json()
                actions += [answer["items"][0]["decision"]["action"] or ""]
            return actions

        with ThreadPoolExecutor(len(self.agents)) as pool:
            for actions in pool.map(send, self.agents):
                counts["uploads"] += len(actions)
                for action in ("block", "hold"):
                    counts[action] += actions.count(action)
        return counts

    def suspend(self) -> dict[str, object]:
        """Suspend the hostile member; return the ms until its keys and its signals did nothing."""
        path = f"/api/v1/parties/{HOSTILE}/suspensions"
        body = {"reason": "it shares lawful content"}
        proposed = self.hub[AGENCY][0].post(path, json=body)
        if proposed.status_code == 404:
            return {"suspended": False}
        proposed.raise_for_status()
        began = time.monotonic()
        _confirm(UUID(proposed.json()["id"]))
        for client in self.hub[HOSTILE]:
            while client.get("/api/v1/whoami").status_code not in (401, 403):
                time.sleep(0.005)
        keys_ms = (time.monotonic() - began) * 1000
        items = [{"ref": uuid4().hex, "url": LAWFUL_ADDRESSES[0]}]
        for agent in self.agents:
            while True:
                answer = agent.post("/match", json={"items": items}).json()["items"][0]
                if answer["decision"]["action"] not in ("block", "hold"):
                    break
                time.sleep(0.01)
        signals_ms = (time.monotonic() - began) * 1000
        return {"suspended": True, "keys_ms": round(keys_ms), "signals_ms": round(signals_ms)}


def _confirm(suspension: UUID) -> None:
    """Confirm a suspension as a person of the second agency, which no key can do."""
    from stemtide.hub.rooms.parties.reads.parties import Actor, party
    from stemtide.hub.rooms.parties.writes import suspensions

    by = Actor(party(SECOND_AGENCY), "person:1", Role.COORDINATOR)
    suspensions.confirm(suspension, by=by, now=datetime.now(UTC))


def _cast(folder: Path) -> dict[str, list[str]]:
    """Create the parties and their keys; all have been members for longer than a month."""
    import os

    os.environ["STEMTIDE_DATA_DIR"] = str(folder)
    folder.mkdir(parents=True)
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from stemtide.hub.rooms.parties.models import Party
    from stemtide.hub.rooms.parties.writes import parties as writes

    now = datetime.now(UTC)
    parties = [
        (AUTHORITY, "authority", "BE"),
        (AGENCY, "agency", ""),
        (SECOND_AGENCY, "agency", ""),
    ]
    parties += [(name, "provider", "IE") for name in (HOSTILE, *PROVIDERS)]
    keys: dict[str, list[str]] = {}
    for name, kind, country in parties:
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


def _prints(blob: bytes) -> list[dict[str, object]]:
    """Return the fingerprints of a picture as rows to share."""
    from stemtide.fingerprints.analysis import AnalysisOptions
    from stemtide.fingerprints.sandbox.pool import Sandbox

    with Sandbox() as sandbox:
        prints = sandbox.analyse(blob, options=AnalysisOptions(share=True)).fingerprints
    return [
        {"kind": one.kind, "value": one.hex, "quality": one.quality}
        for one in prints.each
        if one.kind in ("pdq", "sha256")
    ]


def play(stage: Stage) -> list[dict[str, object]]:
    """Play the attacks, one after the other, and return a row of figures for each."""
    rows: list[dict[str, object]] = []

    def note(attack: str, counts: dict[str, int], **more: object) -> None:
        rows.append({"attack": attack, **counts, **more})

    hostile = stage.hub[HOSTILE]
    stage.settle()
    note("0 before", stage.traffic(addresses=True, files=LAWFUL_FILES))

    folders = [{"kind": "url", "value": folder, "reach": "folder"} for folder in FOLDERS]
    stage.share(hostile[0], folders)
    digest = next(row for row in _prints(LAWFUL_FILES[0]) if row["kind"] == "sha256")
    stage.share(hostile[1], [digest])
    stage.settle()
    note("1 newspapers", stage.traffic(addresses=True, files=LAWFUL_FILES[:1]))

    wide = [row | {"within_bits": 64} for row in _prints(LAWFUL_FILES[1]) if row["kind"] == "pdq"]
    taken = stage.share(hostile[2], wide) or stage.share(
        hostile[2], [row | {"within_bits": 31} for row in wide]
    )
    stage.settle()
    note("2 wide match", stage.traffic(files=LAWFUL_FILES[1:]))

    for client in hostile[3:]:
        for uid in taken:
            client.put(f"/api/v1/signals/{uid}/opinion", json={"opinion": "agree"})
    for client in hostile[3:]:
        stage.share(client, [row for blob in LAWFUL_FILES for row in _prints(blob)])
    stage.settle()
    note("3 confirmed by its own keys", stage.traffic(addresses=True, files=LAWFUL_FILES))

    prints = [row for blob in OUTBREAK for row in _prints(blob)]
    shared = stage.share(stage.hub[AUTHORITY][0], prints[: len(prints) // 2])
    stage.settle()
    half = OUTBREAK[: len(OUTBREAK) // 2]
    note("5 outbreak, shared by an authority", stage.traffic(files=half))
    refused = 0
    for number, uid in enumerate(shared):
        body = {"opinion": "dispute", "note": "wrong"}
        answer = hostile[number % KEYS].put(f"/api/v1/signals/{uid}/opinion", json=body)
        refused += answer.status_code >= 400
    stage.settle()
    note("4 outbreak, disputed by the member", stage.traffic(files=half), refused=refused)
    rest = prints[len(prints) // 2 :]
    for name in PROVIDERS[:2]:
        stage.share(stage.hub[name][0], rest)
    stage.settle()
    note("5 outbreak, shared by two providers", stage.traffic(files=OUTBREAK[len(half) :]))
    ended = stage.suspend()
    stage.settle()
    note("6 after the suspension", stage.traffic(addresses=True, files=LAWFUL_FILES), **ended)
    return rows


def main() -> None:
    """Play on a new hub and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one object a line")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory(prefix="stemtide-") as folder, contextlib.ExitStack() as stack:
        rows = play(Stage(Path(folder), stack))
    for row in rows:
        if as_json:
            print(json.dumps(row))
        else:
            more = {name: value for name, value in row.items() if name not in COLUMNS}
            print(
                f"{row['attack']:42} {row['uploads']:5} uploads  "
                f"{row['block']:4} blocked  {row['hold']:4} held  {more or ''}"
            )


if __name__ == "__main__":
    main()
