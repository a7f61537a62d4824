# SPDX-License-Identifier: Apache-2.0
"""How fast files of signals go in and out: real commands, a real hub process, HTTP on loopback.

    python -m benchmarks.bulk_files [--signals 100000]

Beside each form it times the raw bulk endpoint (bodies made beforehand, bulks of the same size),
and the reading and packing of a file without any hub; it prints ratios, and the most memory that
each process held at once (on Linux).
Each import is of values of its own.
"""

import argparse
import csv
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.hub import PLAIN, running_as
from stemtide.cli.commands.signals.bulks import AT_ONCE, _packed
from stemtide.cli.commands.signals.source import opened
from stemtide.protocol.files.columns import Columns

FORMS = ("csv", "jsonl", "parquet", "tx")
LAUNCHER = """
import resource, subprocess, sys, time

began = time.perf_counter()
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
subprocess.run([sys.argv[1], "signal", *sys.argv[2:]], check=True, **quiet)
took = time.perf_counter() - began
print(took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Starts a command and is itself small: what the system tells of a process that ended is at least
what the one held that started it."""

BAR = 20_000
"""Signals a second that a bulk load must reach in bulk."""


def rows(count: int) -> list[dict[str, object]]:
    return [{**PLAIN, "value": secrets.token_hex(32)} for _ in range(count)]


def write(path: Path, found: list[dict[str, object]]) -> None:
    """A file of signals in the form that its name says, made without our code."""
    form = path.suffix[1:]
    if form == "jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in found), "utf-8")
    elif form == "tx":
        path.write_text("".join(f"pdq {one['value']}\n" for one in found), "utf-8")
    elif form == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(found[0]))
            table.writeheader()
            table.writerows(one | {"labels": "|".join(one["labels"])} for one in found)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(found), path)


def command(address: str, key: str, *words: str) -> tuple[float, float]:
    """Run a command; seconds, and megabytes that it, or a child of it, took at most."""
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, Path(sys.executable).with_name("stemtide"), *words],
        env=os.environ | {"STEMTIDE_HUB_URL": address, "STEMTIDE_KEY": key},
        stdout=subprocess.PIPE,
        check=True,
    )
    took, kb = map(float, done.stdout.split())
    return took, kb / 1024


def raw(address: str, key: str, found: list[dict[str, object]]) -> float:
    """Seconds that the bulk endpoint takes for bodies that lie ready."""
    parts = [found[one : one + AT_ONCE] for one in range(0, len(found), AT_ONCE)]
    bodies = [json.dumps({"signals": part}).encode() for part in parts]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with httpx.Client(base_url=address, headers=headers, timeout=600, trust_env=False) as client:
        began = time.perf_counter()
        for body in bodies:
            assert client.post("/api/v1/signals/bulk", content=body).status_code == 201
        return time.perf_counter() - began


def peak_mb(pid: int | str = "self") -> float:
    """The most megabytes that a process held at once since it began its program."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def packed(path: Path, *, count: int) -> tuple[float, float, float]:
    """What reading and packing takes, in a process of its own: seconds, and megabytes of it and of
    the process that decodes Parquet, 0 where there is none."""
    words = [sys.executable, "-m", "benchmarks.bulk_files", "--pack", str(path)]
    told = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    assert told.pop() == count
    return tuple(told)


def pack(path: Path) -> None:
    """Read a file and pack its rows, without a hub; print seconds, megabytes, and rows."""
    columns = Columns(defaults={"labels": ["perpetrator-content"], "severity": "high"})
    began = time.perf_counter()
    with opened(str(path), form=None, columns=columns) as source:
        count = sum(len(one.rows) for one in _packed(source.rows, begin=1))
    took, mine = time.perf_counter() - began, peak_mb()
    decoder = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps([took, mine, decoder, count]))


def show(what: str, rate: float, against: float, mb: float) -> None:
    print(f"{what:28} {rate:>10,.0f} /s   {rate / against:5.2f} x raw   {mb:6.0f} MB", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--signals", type=int, default=100_000)
    asked.add_argument("--pack", type=Path, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.pack:
        pack(options.pack)
        return
    count = options.signals
    facts = ["--label", "perpetrator-content", "--severity", "high"]
    with tempfile.TemporaryDirectory() as folder, running_as() as hub:
        address, keys = hub.address, hub.keys
        rate = count / raw(address, keys[0], rows(count))
        print(
            f"{'raw bulk endpoint':28} {rate:>10,.0f} /s   {rate / BAR:5.2f} x the bar of {BAR:,}"
        )
        for form in FORMS:
            path = Path(folder) / f"in.{form}"
            write(path, rows(count))
            words = ["import", str(path), *(facts if form == "tx" else [])]
            took, mb, decoder_mb = packed(path, count=count)
            show(f"{form} read and packed", count / took, rate, mb)
            if decoder_mb:
                print(f"{f'{form}, its decoder':56} {decoder_mb:6.0f} MB")
            for label, more in (("dry run", ["--dry-run"]), ("in", []), ("in again", [])):
                took, mb = command(address, keys[0], *words, *more)
                show(f"{form} {label}", count / took, rate, mb)
        whole = (1 + len(FORMS)) * count
        began = time.perf_counter()
        with httpx.Client(base_url=address, timeout=600, trust_env=False) as client:
            headers = {"Authorization": f"Bearer {keys[1]}"}
            client.get("/api/v1/snapshot", headers=headers)
        of_snapshot = whole / (time.perf_counter() - began)
        print(f"{'snapshot, to compare':28} {of_snapshot:>10,.0f} /s   of {whole:,}")
        for form in FORMS:
            took, mb = command(
                address, keys[1], "export", "--to", str(Path(folder) / f"out.{form}")
            )
            print(
                f"{form + ' out':28} {whole / took:>10,.0f} /s   {whole / took / of_snapshot:5.2f}"
                f" x snapshot   {mb:6.0f} MB",
                flush=True,
            )
        print(f"{'the hub, at most':56} {peak_mb(hub.pid):6.0f} MB")


if __name__ == "__main__":
    main()
