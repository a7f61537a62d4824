# SPDX-License-Identifier: Apache-2.0
"""What one hostile member can do to the others: python -m benchmarks.hostile_member [--json].

A hub, five agents of five providers with the default policy, and lawful traffic at each. One more
provider is hostile: it has 20 keys. Later it has a friend of another group, and later still
somebody steals the key of an authority. For each attack it is counted how many uploads at the five
were blocked or held, and how long it takes until they are treated as they should be, from the
remedy on. Uploads of an outbreak should be blocked, all others are lawful.

Nothing is fetched from elsewhere. With PYTHONPATH at the source of an older version, the same
attacks are played on that version; what it does not know is left out.
"""

import argparse
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx

from benchmarks.members import (
    AGENCY,
    AUTHORITY,
    BRIDGE,
    CONSORTIUM,
    HOSTILE,
    KEYS,
    PROVIDERS,
    SECOND_AGENCY,
    SECOND_HOSTILE,
    Items,
    Stage,
    digest,
    fingerprints,
    person,
    picture,
    screen,
)
from stemtide.exercises import processes
from stemtide.protocol.law.frameworks import framework

PAPERS = ("paper-of-record.example", "evening-news.example")
ARTICLES = [
    {"url": f"https://{paper}/politics/{year}/article-{number}"}
    for paper in PAPERS
    for year in (2025, 2026)
    for number in range(10)
]
FOLDERS = [
    {"kind": "url", "value": f"https://{paper}/politics", "reach": "folder"} for paper in PAPERS
]
OUTBREAK = [{"sha256": digest(f"outbreak {number}")} for number in range(400)]
OTHER_OUTBREAK = [{"sha256": digest(f"other outbreak {number}")} for number in range(40)]


@dataclass(slots=True)
class Row:
    """What became of the uploads in an attack.

    remedy: what ended it; ended_ms: how long that took until all five agents did right. None: it
    did not end, or there was nothing to end.
    """

    attack: str
    uploads: int
    block: int
    hold: int
    remedy: str = ""
    ended_ms: int | None = None
    note: str = ""


def signals_of(items: Items) -> list[dict[str, object]]:
    """Return the signals of items that are looked up by one hash."""
    return [{"kind": "sha256", "value": item["sha256"]} for item in items]


def end(stage: Stage, uids: Sequence[str], item: dict[str, str]) -> dict[str, object]:
    """Have the agency withdraw signals, and say how long lawful uploads then still wait."""
    answers = [
        stage.hub[AGENCY][0].post(f"/api/v1/signals/{uid}/withdraw", json={"reason": "mistake"})
        for uid in uids
    ]
    if not all(answer.is_success for answer in answers):
        return {"note": "the agency cannot end it"}
    return {"remedy": "the agency withdraws it", "ended_ms": stage.until([item], "")}


def newspapers(stage: Stage) -> Iterator[Row]:
    """Folders of two newspapers, and the digest of a file that everybody has."""
    hostile = stage.hub[HOSTILE]
    uids = stage.share(hostile[0], FOLDERS)
    stage.settle()
    counts = stage.traffic(ARTICLES)
    ended = end(stage, uids, ARTICLES[0]) if counts["block"] or counts["hold"] else {}
    yield Row("1 folders of two newspapers", **counts, **ended)

    licence = {"sha256": digest("a licence that every project has")}
    uids = stage.share(hostile[1], signals_of([licence]))
    stage.settle()
    counts = stage.traffic([licence] * 20 + [{"sha256": digest(f"file {n}")} for n in range(80)])
    yield Row("1 digest of a common file", **counts, **end(stage, uids, licence))


def wide_match(stage: Stage) -> Iterator[Row]:
    """A screenshot of a short post, with the widest distance that the hub takes."""
    prints = fingerprints([screen(seed) for seed in range(60)], "pdq")
    screens = [{"pdq": row["value"], "quality": row["quality"]} for row in prints]
    hostile = stage.hub[HOSTILE][2]
    uids = stage.share(hostile, [prints[0]], within_bits=64) or stage.share(
        hostile, [prints[0]], within_bits=31
    )
    stage.settle()
    counts = stage.traffic(screens)
    yield Row("2 a post's screenshot, widest distance", **counts, **end(stage, uids, screens[0]))


def confirmed_by_itself(stage: Stage) -> Iterator[Row]:
    """Lawful pictures, shared with one key and again and again, and agreed to with all others."""
    files = [picture(seed) for seed in range(12)]
    rows = fingerprints(files, "pdq", "sha256")
    hostile = stage.hub[HOSTILE]
    uids = stage.share(hostile[3], rows)
    for client in hostile[4:]:
        stage.share(client, rows)
        for uid in uids:
            client.put(f"/api/v1/signals/{uid}/opinion", json={"opinion": "agree"})
    stage.settle()
    counts = stage.traffic(files=files)
    item = {"sha256": next(row["value"] for row in rows if row["kind"] == "sha256")}
    yield Row("1 pictures, and all its keys agree", **counts, **end(stage, uids, item))


def consortium_and_bridge(stage: Stage) -> Iterator[Row]:
    """A consortium shares lawful digests, and another hub sends some in an authority's name."""
    lawful = [{"sha256": digest(f"shared by a group {number}")} for number in range(20)]
    uids = stage.share(stage.hub[CONSORTIUM][0], signals_of(lawful))
    stage.settle()
    yield Row("1 digests, by a consortium", **stage.traffic(lawful), **end(stage, uids, lawful[0]))

    lawful = [{"sha256": digest(f"from another hub {number}")} for number in range(20)]
    _bring(stage, signals_of(lawful))
    stage.settle()
    yield Row("1 digests, from another hub as an authority's", **stage.traffic(lawful))


def _bring(stage: Stage, rows: Sequence[dict[str, object]]) -> None:
    """Have another hub, on which anybody may be called an authority, send signals to this one."""
    folder = stage.folder / "other-hub"
    here, there = str(stage.folder / "hub"), str(folder)
    _command("party", "add", AUTHORITY, "--kind", "authority", "--country", "BE", data=there)
    _command("party", "add", "reader", "--kind", "authority", "--country", "FR", data=there)
    keys = [
        _command("key", "new", "--party", party, data=there)["key"]
        for party in (AUTHORITY, "reader")
    ]
    other = processes.hub(folder).start()
    stage.stack.callback(other.stop)
    stage.share(stage.client(other.address, keys[0]), rows)
    _command(
        *("exchange", "add", "other", "--kind", "taxii", "--every", "86400", "--party", BRIDGE),
        *("--address", f"{other.address}/taxii2/hub/collections/signals/", "--secret-file", "-"),
        data=here,
        stdin=keys[1],
    )
    ends = time.monotonic() + 60
    while not _command("exchange", "show", "other", data=here)["last_ok_at"]:
        if time.monotonic() > ends:
            raise SystemExit("the other hub's signals did not arrive within a minute")
        time.sleep(0.5)


def _command(*words: str, data: str, stdin: str = "") -> dict[str, str]:
    """Return what a command of the operator prints as JSON."""
    ran = subprocess.run(  # our own command, no shell
        [processes.command(), *words, "--data-dir", data, "--json"],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"STEMTIDE_EXCHANGE_LOOPBACK": "1"},
    )
    answer: dict[str, str] = json.loads(ran.stdout.splitlines()[0])
    return answer


def disputes(stage: Stage) -> Iterator[Row]:
    """The member disputes 400 signals of an authority, then a friend does so as well."""
    uids = stage.share(stage.hub[AUTHORITY][0], signals_of(OUTBREAK))
    stage.settle()
    yield Row("8 outbreak, before", **stage.traffic(OUTBREAK))
    began = time.monotonic()
    refused = _dispute(stage, HOSTILE, uids)
    note = f"{400 - refused} disputes taken in {time.monotonic() - began:.0f} s, {refused} refused"
    stage.settle()
    yield Row("8 outbreak, disputed by the member", **stage.traffic(OUTBREAK), note=note)
    _report_runaways(stage, HOSTILE, uids)
    stage.settle()
    yield Row("8 outbreak, reported by its 20 agents", **stage.traffic(OUTBREAK))

    _dispute(stage, SECOND_HOSTILE, uids)
    _report_runaways(stage, SECOND_HOSTILE, uids)
    stage.settle()
    counts = stage.traffic(OUTBREAK)
    ended = _set_aside(stage)
    yield Row("8 outbreak, disputed by the two", **counts, **ended)


def _dispute(stage: Stage, party: str, uids: Sequence[str]) -> int:
    """Dispute signals with all keys of a party in turn; return how many the hub refused."""
    clients, body = stage.hub[party], {"opinion": "dispute", "note": "wrong"}
    return sum(
        clients[number % len(clients)].put(f"/api/v1/signals/{uid}/opinion", json=body).is_error
        for number, uid in enumerate(uids)
    )


def _report_runaways(stage: Stage, party: str, uids: Sequence[str]) -> None:
    """Report from 20 agents that signals match too much."""
    body = {"state": "lowered", "matches": 5000, "lookups": 6000, "most": 29}
    body |= {"since": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
    clients = stage.hub[party]
    for agent in range(KEYS):
        for uid in uids[:10]:
            path = f"/api/v1/agents/invented-{agent}/runaways/{uid}"
            clients[agent % len(clients)].put(path, json=body)


def _set_aside(stage: Stage) -> dict[str, object]:
    """Have the agency set all disputes of the two aside, and say when all is blocked again."""
    agency = stage.hub[AGENCY][0]
    for party in (HOSTILE, SECOND_HOSTILE):
        path = f"/api/v1/parties/{party}/disputes"
        counted = agency.get(path)
        if counted.is_error:
            return {"note": "the agency cannot end it"}
        body = {"count": counted.json()["count"], "reason": "The outbreak is real."}
        agency.post(f"{path}/set-aside", json=body).raise_for_status()
    ended_ms = stage.until(OUTBREAK, "block")
    return {"remedy": "the agency sets their disputes aside", "ended_ms": ended_ms}


def in_a_crisis(stage: Stage) -> Iterator[Row]:
    """The same folders during an active crisis, in which acts need not wait; and an outbreak."""
    crisis = _activate(stage)
    folders = [row | {"value": f"{row['value']}/2026"} for row in FOLDERS]
    uids = stage.share(stage.hub[HOSTILE][5], folders, crisis=crisis)
    stage.settle()
    counts = stage.traffic(ARTICLES)
    ended = end(stage, uids, ARTICLES[-1]) if counts["hold"] or counts["block"] else {}
    yield Row("1 folders, in an active crisis", **counts, **ended)

    for name in PROVIDERS[:2]:
        stage.share(stage.hub[name][0], signals_of(OTHER_OUTBREAK))
    stage.settle()
    yield Row("- outbreak, shared by two providers", **stage.traffic(OTHER_OUTBREAK))
    yield _withdrawals(stage, "S withdraws 300 signals in the crisis", crisis=crisis)


def _activate(stage: Stage) -> str:
    """Activate a crisis by an authority and an agency; the hostile member takes part."""
    authority, agency = stage.hub[AUTHORITY][0], stage.hub[AGENCY][0]
    kind = "eucp-2023"
    warning = {"name": "Attack (played)", "framework": kind, "countries": ["BE", "FR"]}
    warning |= {"summary": "Played.", "happened_at": datetime.now(UTC).isoformat()}
    crisis = str(_ok(authority.post("/api/v1/crises", json=warning))["id"])
    path = f"/api/v1/crises/{crisis}"
    _ok(authority.post(f"{path}/triage", json={"harm": 4, "virality": 3}))
    for test in framework(kind).tests:
        _ok(authority.put(f"{path}/checks/{test}", json={"answer": "yes", "evidence": "played"}))
    measure = {"country": "BE", "measure": "referrals (played)", "insufficient": "hosts abroad"}
    _ok(authority.post(f"{path}/measures", json=measure))
    proposal = {"act": "activate", "reason": "it spreads across borders (played)"}
    proposed = _ok(authority.post(f"{path}/proposals", json=proposal))["proposals"][-1]["id"]
    _ok(agency.post(f"{path}/proposals/{proposed}/confirm"))
    _ok(agency.post(f"{path}/invite", json={"kinds": ["provider"]}))
    _ok(stage.hub[HOSTILE][0].post(f"{path}/join"))
    return crisis


def _ok(response: httpx.Response) -> dict:
    """Return the body of a response that must be no error."""
    if response.is_error:
        raise SystemExit(f"{response.request.url}: {response.text}")
    return response.json()


def suspension(stage: Stage) -> Iterator[Row]:
    """Lawful digests by the member, and two agencies suspend it."""
    lawful = [{"sha256": digest(f"last {number}")} for number in range(40)]
    stage.share(stage.hub[HOSTILE][6], signals_of(lawful))
    stage.settle()
    counts = stage.traffic(lawful)
    yield Row("1 digests, until it is suspended", **counts, **_suspend(stage, HOSTILE, lawful))


def _suspend(stage: Stage, party: str, items: Items) -> dict[str, object]:
    """Suspend a party, and say how long its keys and its signals still did something."""
    body = {"reason": "it shares lawful content"}
    proposed = stage.hub[AGENCY][0].post(f"/api/v1/parties/{party}/suspensions", json=body)
    if proposed.is_error:
        return {"note": "nobody can suspend it"}
    from stemtide.hub.rooms.parties.writes import suspensions

    began = time.monotonic()
    person(SECOND_AGENCY, suspensions.confirm, UUID(proposed.json()["id"]))
    for client in stage.hub[party]:
        while client.get("/api/v1/whoami").status_code not in (401, 403):
            time.sleep(0.005)
    note = f"its keys were refused after {round((time.monotonic() - began) * 1000)} ms"
    stage.until(items, "")
    ended_ms = round((time.monotonic() - began) * 1000)
    return {"remedy": "two agencies suspend it", "ended_ms": ended_ms, "note": note}


def stolen_key(stage: Stage) -> Iterator[Row]:
    """What somebody can do who has stolen a key of an authority, while there is no crisis."""
    thief = stage.hub[AUTHORITY][0]
    hosts = [{"kind": "url", "value": f"https://{paper}/", "reach": "host"} for paper in PAPERS]
    stage.share(thief, hosts)
    stage.settle()
    yield Row("S hosts of two newspapers", **stage.traffic(ARTICLES))

    prints = fingerprints([screen(seed) for seed in range(100, 160)], "pdq")
    stage.share(thief, [prints[0]])
    stage.settle()
    screens = [{"pdq": row["value"], "quality": row["quality"]} for row in prints]
    yield Row("S a post's screenshot", **stage.traffic(screens))
    yield _withdrawals(stage, "S withdraws 300 signals of an outbreak")


def _withdrawals(stage: Stage, attack: str, **facts: object) -> Row:
    """Share an outbreak as the authority, and withdraw all of it with the same key."""
    items = [{"sha256": digest(f"{attack} {number}")} for number in range(300)]
    thief = stage.hub[AUTHORITY][0]
    for uid in stage.share(thief, signals_of(items), **facts):
        thief.post(f"/api/v1/signals/{uid}/withdraw", json={"reason": "mistake"})
    stage.settle()
    return Row(attack, **stage.traffic(items))


def stolen_digests(stage: Stage) -> Iterator[Row]:
    """Digests of lawful files with the stolen key, until two agencies suspend the authority."""
    lawful = [{"sha256": digest(f"a lawful film {number}")} for number in range(40)]
    stage.share(stage.hub[AUTHORITY][0], signals_of(lawful))
    stage.settle()
    counts = stage.traffic(lawful)
    yield Row("S digests of 40 lawful files", **counts, **_suspend(stage, AUTHORITY, lawful))


def readable_files(stage: Stage) -> Iterator[Row]:
    """Files of the hub that another user of its machine can read, in a folder that was there."""
    files = [path for path in (stage.folder / "hub").rglob("*") if path.is_file()]
    is_open = (stage.folder / "hub").stat().st_mode & 0o005 == 0o005
    readable = [path.name for path in files if is_open and path.stat().st_mode & 0o004]
    note = f"{len(readable)} of {len(files)} files of the hub can be read by others"
    yield Row("7 the hub's folder had the mode 755", 0, 0, 0, note=note)


ATTACKS = (
    *(readable_files, newspapers, wide_match, confirmed_by_itself, consortium_and_bridge),
    *(disputes, stolen_key, in_a_crisis, suspension, stolen_digests),
)


def main() -> None:
    """Play on a new hub and print a line for each attack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one object a line")
    parser.add_argument("--only", nargs="+", choices=[play.__name__ for play in ATTACKS])
    asked = parser.parse_args()
    attacks = [play for play in ATTACKS if not asked.only or play.__name__ in asked.only]
    with tempfile.TemporaryDirectory(prefix="stemtide-") as folder, contextlib.ExitStack() as stack:
        stage = Stage(Path(folder), stack)
        stage.settle()
        for play in attacks:
            for row in play(stage):
                print(json.dumps(asdict(row)) if asked.json else _line(row), flush=True)


def _line(row: Row) -> str:
    ended = f"{row.remedy}: {row.ended_ms} ms" if row.remedy else ""
    return (
        f"{row.attack:46} {row.uploads:5} uploads {row.block:5} blocked {row.hold:5} held  "
        f"{'; '.join(filter(None, (ended, row.note)))}"
    )


if __name__ == "__main__":
    main()
