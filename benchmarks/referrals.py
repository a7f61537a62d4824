# SPDX-License-Identifier: Apache-2.0
"""How long a Referral Action Day takes: the real command, a real hub process, a file of addresses.

    python -m benchmarks.referrals [--rows 2000] [--before 20000] [--postgres URL]

Of the addresses one in a hundred meets a hold, one in a hundred another authority's referral, and
one in two hundred cannot be read. Before it begins the hub holds so many older referrals. Prints
how long `stemtide referral batch` takes, from its start to its end: as a dry run, for real, and
once more with the same file; and how long the pages that show it take.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

BAR_S = 60.0
PROVIDERS = 34
"""Platforms of a Referral Action Day: so many took part on 15 December 2022."""

OLDER_AT_ONCE = 1000


def serve(before: int) -> None:
    """The server's process: makes parties and older referrals, prints keys and address, serves."""
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    print(json.dumps(_seed(before)), flush=True)
    boot.serve("127.0.0.1", 0, ready=lambda address: print(address, flush=True))


def _seed(before: int) -> dict[str, object]:
    """Two authorities with their keys, a session of the first one's officer, older referrals."""
    import secrets
    from datetime import UTC, datetime

    from django.test import Client

    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import parties as writes
    from stemtide.hub.rooms.referrals.writes import batches
    from stemtide.protocol.enums import Role, Scope
    from stemtide.protocol.messages.batches import BatchIn, RowsIn

    now, run = datetime.now(UTC), secrets.token_hex(4)
    kinds = [*["authority"] * 2, *["provider"] * PROVIDERS]
    parties = [
        writes.add_party(f"{kind}-{at}-{run}", title=kind, kind=kind, actor="benchmark", now=now)
        for at, kind in enumerate(kinds)
    ]
    officer = writes.add_person(
        f"officer-{run}@authority.example",
        party=parties[0],
        role=Role.DUTY_OFFICER,
        password=secrets.token_urlsafe(12),
        actor="benchmark",
        now=now,
    )
    providers = [one.name for one in parties[2:]]
    by = reads.actor(officer)
    opened = batches.open_batch(BatchIn(name="older"), by=by, now=now)
    for first in range(0, before, OLDER_AT_ONCE):
        if first and first % 10_000 == 0:  # a batch holds no more
            opened = batches.open_batch(BatchIn(name=f"older {first}"), by=by, now=now)
        rows = [
            row(at, "older", providers=providers) | {"number": at + 1}
            for at in range(first, min(first + OLDER_AT_ONCE, before))
        ]
        batches.add_rows(opened.id, body=RowsIn.model_validate({"rows": rows}), by=by, now=now)
    browser = Client()
    browser.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")
    keys = [
        writes.new_key("b", party=one, scopes=Scope, actor="benchmark", now=now)[1]
        for one in parties[:2]
    ]
    return {"keys": keys, "session": browser.cookies["sessionid"].value, "providers": providers}


def row(number: int, what: str, *, providers: list[str]) -> dict[str, str]:
    """One address of a file."""
    return {
        "url": f"https://host-{number % 97}.example/{what}/{number}/watch?v={number:08x}",
        "provider": providers[number % len(providers)],
        "reason": "It praises an attack and calls for another one.",
        "labels": "glorification",
        "language": ("nl", "fr", "de", "en")[number % 4],
        "content_type": "video",
    }


@contextmanager
def running(before: int, *, postgres: str):
    """A hub of its own: its address, and what _seed() made."""
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        environment = os.environ | {"STEMTIDE_DATA_DIR": folder}
        environment["STEMTIDE_SECOND_FACTOR"] = "offered"  # a session is made, nobody signs in
        if postgres:
            environment["STEMTIDE_DATABASE_URL"] = postgres
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.referrals", "--serve", "--before", str(before)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            facts = json.loads(process.stdout.readline())
            yield process.stdout.readline().strip(), facts, Path(folder)
        finally:
            process.terminate()
            process.wait()


def write_file(path: Path, rows: list[dict[str, str]]) -> None:
    """The addresses as a file; one in two hundred cannot be read."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for at, one in enumerate(rows):
            writer.writerow(one | ({"url": "no address"} if at % 200 == 150 else {}))


def meet(address: str, key: str, rows: list[dict[str, str]]) -> None:
    """What another authority has: holds on some of the addresses, referrals of others."""
    from datetime import UTC, datetime, timedelta

    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        for one in rows[10::100]:
            hold = {"url": one["url"], "until": until, "reason": "evidence", "contact": "the desk"}
            client.post("/api/v1/holds", json=hold).raise_for_status()
        opened = client.post("/api/v1/batches", json={"name": "theirs"}).json()["id"]
        theirs = [one | {"number": at + 1} for at, one in enumerate(rows[60::100])]
        client.post(f"/api/v1/batches/{opened}/rows", json={"rows": theirs}).raise_for_status()


def command(address: str, key: str, *words: str) -> tuple[float, str]:
    """Run the command; seconds from its start to its end, and its last word."""
    found = Path(sys.executable).with_name("stemtide")
    began = time.perf_counter()
    done = subprocess.run(
        [str(found), "referral", "batch", *words],
        env=os.environ | {"STEMTIDE_HUB_URL": address, "STEMTIDE_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # some rows cannot be read, and it says so
    return time.perf_counter() - began, done.stderr.splitlines()[-1]


def show(what: str, took: float, said: str = "") -> None:
    """One line."""
    print(f"{what:34} {took:8.2f} s   {took / BAR_S:6.3f} x the bar of {BAR_S:.0f} s   {said}")


def measure(address: str, facts: dict, folder: Path, *, count: int) -> None:
    """Try it, do it, do it again, look at it."""
    rows = [row(at, "day", providers=facts["providers"]) for at in range(count)]
    meet(address, facts["keys"][1], rows)
    file = folder / "day.csv"
    write_file(file, rows)
    ours, named = facts["keys"][0], ["--name", "Action day"]
    show("a dry run", *command(address, ours, str(file), "--dry-run"))
    show("for real", *command(address, ours, str(file), *named))
    show("the same file again", *command(address, ours, str(file), *named))
    cookies = {"sessionid": facts["session"]}
    with httpx.Client(base_url=address, cookies=cookies, timeout=120) as client:
        headers = {"Authorization": f"Bearer {ours}"}
        found = client.get("/api/v1/batches", headers=headers).json()
        day = next(one["id"] for one in found if one["name"] == "Action day")
        for what, path in (("the page of the batch", ""), ("its outcomes, CSV", "/outcomes.csv")):
            began = time.perf_counter()
            client.get(f"/referrals/batches/{day}{path}").raise_for_status()
            show(what, time.perf_counter() - began)
        began = time.perf_counter()
        client.get("/progress?by=provider").raise_for_status()
        show("the figures of progress of all", time.perf_counter() - began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--before", type=int, default=20_000)
    parser.add_argument("--postgres", default="", help="a database of this benchmark's own")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.before)
    else:
        with running(asked.before, postgres=asked.postgres) as (where, made, there):
            kind = "PostgreSQL" if asked.postgres else "SQLite"
            print(f"{asked.rows} rows, {asked.before:,} referrals before, {kind}", flush=True)
            measure(where, made, there, count=asked.rows)
