# SPDX-License-Identifier: Apache-2.0
"""How fast the room of a large crisis is: a real hub process, 50 people who watch it live.

    python -m benchmarks.room [--signals 2000] [--viewers 50] [--acts 20] [--postgres URL]

A crisis with so many signals, each shared by an act of its own, is looked at by people of seven
parties, each with the stream open. Somebody acts once a second; every page then asks for its
blocks.
Prints how long pages and blocks take, from the request to their last byte, and how long after an
act the last of the viewers has its blocks.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

BAR_MS = 300.0
QUIET_MS = 100.0
"""Processor time in a second of a hub that has nothing left to do."""

PARTIES = ("authority", "authority", "agency", "provider", "provider", "provider", "consortium")


def serve(signals: int, viewers: int) -> None:
    """The server's process: makes the crisis, prints sessions, key and address, then serves."""
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    print(json.dumps(_seed(signals, viewers)), flush=True)
    boot.serve("127.0.0.1", 0, ready=lambda address: print(address, flush=True))


def _seed(count: int, viewers: int) -> dict[str, object]:
    """A live crisis: signals in some hundred clusters, sightings, messages, people."""
    import random
    import secrets
    from datetime import UTC, datetime, timedelta
    from uuid import uuid4

    from django.test import Client

    from stemtide.hub.rooms.crises.writes import (
        crises,
        moves as writes_moves,
        participants as writes_joining,
    )
    from stemtide.hub.rooms.parties.reads.parties import Actor
    from stemtide.hub.rooms.parties.writes import parties
    from stemtide.hub.rooms.signals.writes import outcomes as writes_outcomes, signals as shares
    from stemtide.protocol.enums import Scope
    from stemtide.protocol.messages.crises import (
        CheckIn,
        InviteIn,
        MeasureIn,
        ProposalIn,
        WarningIn,
    )
    from stemtide.protocol.messages.signals import SignalIn
    from stemtide.protocol.sync.agents import OutcomeReportIn, OutcomeRow

    now, run = datetime.now(UTC), secrets.token_hex(3)
    chance = random.Random(5)  # noqa: S311  # the same crisis each time
    made = [
        parties.add_party(
            f"{kind}-{number}-{run}",
            title=f"{kind} {number}",
            kind=kind,
            country="BE" if kind == "authority" else "",
            actor="benchmark",
            now=now,
        )
        for number, kind in enumerate(PARTIES)
    ]
    one, agency = (Actor(party=made[at], ref=f"key:{at}") for at in (0, 2))
    body = WarningIn(name="Attack", happened_at=now - timedelta(hours=3), countries=("BE", "FR"))
    crisis = crises.warn(body, by=one, now=now)
    for check in crisis.checks:
        crises.answer(crisis.id, test=check.test, body=CheckIn(answer="yes"), by=one, now=now)
    measure = MeasureIn(country="BE", measure="referrals", insufficient="hosts abroad")
    crises.consider(crisis.id, body=measure, by=one, now=now)
    told = writes_moves.propose(
        crisis.id, body=ProposalIn(act="activate", reason="it spreads"), by=one, now=now
    )
    writes_moves.confirm(crisis.id, told.proposals[-1].id, by=agency, now=now)
    others = [party for party in made if party not in {made[0], made[2]}]
    invitation = InviteIn(parties=tuple(party.name for party in others))
    writes_joining.invite(crisis.id, body=invitation, by=agency, now=now)
    for party in others:
        writes_joining.join(crisis.id, by=Actor(party=party, ref="key:x"), now=now)
    roots = [chance.getrandbits(256) for _ in range(150)]
    ids = []
    for _ in range(count):
        near = chance.choice(roots)
        for bit in chance.sample(range(256), 12):
            near ^= 1 << bit
        signal = SignalIn(
            kind="pdq",
            value=f"{near:064x}",
            quality=90,
            labels=("perpetrator-content",),
            severity="high",
            crisis=crisis.id,
        )
        by = made[chance.choice((0, 1, 2, 3))]
        ids.append(shares.share(signal, by=by, now=now, actor_ref="key:x").id)
    for party in made[3:6]:
        for minute in range(0, 180, 5):
            at = now - timedelta(minutes=minute)
            rows = tuple(
                OutcomeRow(signal=one, outcome="blocked", count=3, first_at=at, last_at=at)
                for one in chance.sample(ids, min(200, len(ids)))
            )
            report = OutcomeReportIn(report=uuid4(), agent="a", rows=rows)
            writes_outcomes.report_outcomes(report, by=party, now=now)
    sessions = []
    for number in range(viewers):
        person = parties.add_person(
            f"person{number}@{run}.example",
            party=made[number % len(made)],
            role=("duty_officer", "analyst")[number // len(made) % 2],
            password="tide and stem 4711",
            actor="benchmark",
            now=now,
        )
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        sessions.append(client.cookies["sessionid"].value)
    _, key = parties.new_key("b", party=made[0], scopes=list(Scope), actor="benchmark", now=now)
    return {"crisis": str(crisis.id), "sessions": sessions, "key": key}


@contextmanager
def running(signals: int, viewers: int, *, postgres: str):
    """A hub on a throw-away database: its address and what was made."""
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        environment = os.environ | {"STEMTIDE_DATA_DIR": folder}
        environment["STEMTIDE_SECOND_FACTOR"] = "offered"
        if postgres:
            environment["STEMTIDE_DATABASE_URL"] = postgres
        asked = ["--serve", "--signals", str(signals), "--viewers", str(viewers)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.room", *asked],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            facts = json.loads(process.stdout.readline()) | {"pid": process.pid}
            yield process.stdout.readline().strip(), facts
        finally:
            process.terminate()
            process.wait()


def spent_ms(pid: int) -> float:
    """The processor time that a process has used so far: what a busy machine cannot blur."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle(pid: int) -> None:
    """Wait until the hub has done what follows from the crisis that was made: its STIX, its log."""
    quiet = 0
    while quiet < 3:
        before_ms = spent_ms(pid)
        time.sleep(1)
        quiet = quiet + 1 if spent_ms(pid) - before_ms < QUIET_MS else 0


def show(what: str, took_ms: list[float]) -> None:
    """One line: median, p95 and p99, held against the bar."""
    if not took_ms:
        print(f"{what:52} nothing was measured")
        return
    ordered = sorted(took_ms)

    def at(share: float) -> float:
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    print(
        f"{what:52} p50 {statistics.median(ordered):7.1f}  p95 {at(0.95):7.1f}"
        f"  p99 {at(0.99):7.1f} ms  (n={len(ordered)}, bar {BAR_MS:.0f})",
        flush=True,
    )


async def _pages(
    client: httpx.AsyncClient, address: str, facts: dict, *, count: int
) -> list[float]:
    """How long the whole page takes one more person, right after acts, while all others watch."""
    took = []
    url = f"/api/v1/crises/{facts['crisis']}/checks/real-world-event"
    cookies = {"sessionid": facts["sessions"][0]}
    async with httpx.AsyncClient(base_url=address, cookies=cookies, timeout=60) as one_more:
        for number in range(count):
            said = {"answer": "yes", "evidence": f"again {number}"}
            (await client.put(url, json=said)).raise_for_status()
            await asyncio.sleep(number % 5 / 10)
            began = time.perf_counter()
            answer = await one_more.get(f"/crises/{facts['crisis']}")
            took.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200, answer.status_code
            await asyncio.sleep(1)
    return took


async def watch(address: str, facts: dict, *, acts: int) -> None:
    """All viewers at once, while somebody acts once a second."""
    path, took, last = f"/crises/{facts['crisis']}/_blocks", [], []
    acted_at = [0.0]

    async def viewer(session: str) -> None:
        async with (
            httpx.AsyncClient(
                base_url=address, cookies={"sessionid": session}, timeout=120
            ) as client,
            client.stream("GET", f"/crises/{facts['crisis']}/stream") as stream,
        ):
            async for line in stream.aiter_lines():
                if line not in {"event: wake", "event: tick"}:
                    continue
                began = time.perf_counter()
                answer = await client.get(path, headers={"HX-Request": "true"})
                ended = time.perf_counter()
                assert answer.status_code == 200, answer.status_code
                if acted_at[0]:
                    took.append(1000 * (ended - began))
                    if line == "event: wake":
                        last.append((acted_at[0], 1000 * (ended - acted_at[0])))

    watching = [asyncio.create_task(viewer(one)) for one in facts["sessions"]]
    await asyncio.sleep(12)  # all are connected, and have their first blocks
    headers = {"Authorization": f"Bearer {facts['key']}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        before_ms = spent_ms(facts["pid"])
        for _ in range(acts):
            test = "real-world-event"
            url = f"/api/v1/crises/{facts['crisis']}/checks/{test}"
            acted_at[0] = time.perf_counter()
            answer = await client.put(url, json={"answer": "yes", "evidence": str(acted_at[0])})
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        each = (spent_ms(facts["pid"]) - before_ms) / acts
        acted_at[0] = 0.0  # what is asked for from now on is not the answer to an act
        page = await _pages(client, address, facts, count=acts)
    await asyncio.sleep(1)
    for task in watching:
        task.cancel()
    for task in watching:
        with suppress(asyncio.CancelledError, httpx.HTTPError):
            await task
    show(f"blocks, {len(watching)} viewers at once, after each act", took)
    show(f"the page, while {len(watching)} others watch and one acts", page)
    print(f"{'processor time of the server for each act':52} {each:11.1f} ms")
    slowest: dict[float, float] = {}
    for act, ms in last:
        slowest[act] = max(slowest.get(act, 0.0), min(ms, 1e6))
    show("from an act to the last viewer's blocks", list(slowest.values()))


def measure(address: str, facts: dict, *, acts: int) -> None:
    """One person alone first, then all."""
    cookies = {"sessionid": facts["sessions"][0]}
    headers = {"Authorization": f"Bearer {facts['key']}"}
    page, blocks, content = [], [], []
    with httpx.Client(base_url=address, cookies=cookies, timeout=120) as client:
        client.get(f"/crises/{facts['crisis']}")
        for number in range(15):
            url = f"/api/v1/crises/{facts['crisis']}/checks/real-world-event"
            said = {"answer": "yes", "evidence": str(number)}
            client.put(url, json=said, headers=headers).raise_for_status()
            for took, path in ((page, ""), (blocks, "/_blocks"), (content, "/content")):
                began = time.perf_counter()
                client.get(f"/crises/{facts['crisis']}{path}").raise_for_status()
                took.append(1000 * (time.perf_counter() - began))
    show("the page, nothing made before", page)
    show("its blocks, right after the page", blocks)
    show("all clusters", content)
    asyncio.run(watch(address, facts, acts=acts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, default=2000)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--acts", type=int, default=20)
    parser.add_argument("--postgres", default="", help="a database of this benchmark's own")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.signals, asked.viewers)
    else:
        with running(asked.signals, asked.viewers, postgres=asked.postgres) as (where, made_facts):
            print(f"{asked.signals} signals, {'PostgreSQL' if asked.postgres else 'SQLite'}")
            settle(made_facts["pid"])
            measure(where, made_facts, acts=asked.acts)
