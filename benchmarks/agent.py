# SPDX-License-Identifier: Apache-2.0
"""How fast an agent answers by hash, how much memory it takes, and how soon it is there again.

    python -m benchmarks.agent [--signals 1000000] [--http-workers 2] [--seconds 6] [--json]

A real agent over a store of so many signals, asked over HTTP on loopback by `wrk` if it is there,
else by a loader of our own. The same machine runs both ends.
"""

import argparse
import http.client
import json
import logging
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np

CONNECTIONS = 4
BATCH = 5000
CHUNK = 20_000
SEED = 20261124
HUB = UUID(int=SEED)
TEXT = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/vnd.stemtide.hashes"}


def values_of(size: int) -> np.ndarray:
    """The PDQ hashes of the signals, (size, 32) uint8: the same in every run."""
    return np.random.default_rng(SEED).integers(0, 256, (size, 32), dtype=np.uint8)


def asked_of(known: np.ndarray, count: int) -> np.ndarray:
    """Hashes of which one in a hundred is 10 bits away from a signal, and the others from none."""
    numbers = np.random.default_rng(SEED + 1)
    asked = numbers.integers(0, 256, (count, 32), dtype=np.uint8)
    places = np.arange(0, count, 100)
    asked[places] = known[numbers.integers(0, len(known), len(places))]
    asked[places, 0] ^= 0xFF
    asked[places, 1] ^= 0x03
    return asked


def fill(folder: Path, size: int) -> None:
    """Fill a store as a snapshot does."""
    from tests.agent.fake_hub import FakeHub

    from stemtide.agent.store.database import Origin, Store
    from stemtide.agent.store.rows import SignalRow

    hub, now = FakeHub(), datetime.now(UTC)
    like = hub.share("ab" * 32, kind="pdq")
    body, values = like.model_dump_json(), values_of(size)
    with Store(folder) as store:
        incoming = store.begin_incoming()
        for start in range(0, size, CHUNK):
            rows = []
            for number, value in enumerate(values[start : start + CHUNK], start=start):
                uid = str(UUID(int=number + (1 << 100)))
                whole = body.replace(str(like.id), uid).replace("ab" * 32, value.tobytes().hex())
                rows.append(SignalRow(uid, "pdq", value.tobytes(), None, None, False, False, whole))
            store.add_incoming(incoming, rows)
        origin = Origin(str(HUB), "small-provider", exercise=False)
        store.adopt_incoming(
            incoming, origin=origin, position=size, now=now, alongside=lambda *_: None
        )
        store.save()


class Agent:
    """A real agent, as a provider runs it."""

    def __init__(self, folder: Path, *, hub: str, workers: int) -> None:
        self._toml = folder / "agent.toml"
        self._toml.write_text(
            f'name = "bench"\nhub_url = "{hub}"\nkey = "st_agent_secret"\nport = 0\n'
            f'data_dir = "data"\nhttp_workers = {workers}\nmax_hashes = 50000\n'
        )
        self._log = (folder / "agent.log").open("ab")

    def start(self) -> float:
        """Start it; seconds until it is ready."""
        began = time.perf_counter()
        program = "from stemtide.cli.app import main; main()"
        command = [sys.executable, "-c", program, "agent", "start", "--json", "--config"]
        self.process = subprocess.Popen(
            [*command, self._toml], stdout=subprocess.PIPE, stderr=self._log
        )
        line = self.process.stdout.readline()
        assert line, f"it did not start; {self._log.name} says why"
        url = json.loads(line)["url"]
        self.port = int(url.rpartition(":")[2])
        while self.ask("GET", "/health?ready")[0] != 200:
            time.sleep(0.002)
        return time.perf_counter() - began

    def cpu_s(self) -> float:
        """Processor time that all its processes took so far."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def pids(self) -> list[int]:
        """The parent, then those that answer."""
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        answering = [int(one) for one in children if "stemtide" in command_of(one)]
        return [parent, *answering]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str):
        """Ask over a connection of its own."""
        line = http.client.HTTPConnection("127.0.0.1", self.port)
        line.request(method, path, body, headers)
        answer = line.getresponse()
        content = answer.read()
        line.close()
        return answer.status, content

    def stop(self) -> None:
        """Stop it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


def command_of(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def kilobytes(pid: int, *names: str) -> int:
    """Memory of a process, as /proc says."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1]) for name in names)


def memory(agent: Agent) -> Iterator[dict]:
    """Resident memory of the largest process; private memory of the others."""
    parent, *answering = agent.pids()
    each = answering or [parent]
    resident = max(kilobytes(pid, "Rss") for pid in each) / 1024
    yield row("resident memory of a process, MB", resident, bar=450, less=True)
    for pid in each[1:]:
        private = kilobytes(pid, "Private_Clean", "Private_Dirty") / 1024
        yield row("private memory of a further process, MB", private, bar=150, less=True)
    if answering:
        private = kilobytes(parent, "Private_Clean", "Private_Dirty") / 1024
        yield row("private memory of the parent, MB", private)


def row(case: str, value: float, *, bar: float | None = None, less: bool = False, **more) -> dict:
    """One measurement, and how many times better than its bar it is."""
    found = {"case": case, "value": round(value, 3), **more}
    if bar is not None:
        ratio = bar / value if less else value / bar
        found |= {"bar": f"{'<=' if less else '>='} {bar:,}", "ratio_to_bar": round(ratio, 2)}
    return found


LUA = """
local lines = {}
for line in io.lines("%s") do lines[#lines + 1] = "/match/hash?pdq=" .. line end
local at = math.floor(#lines * math.random())
request = function()
  at = at %% #lines + 1
  return wrk.format("GET", lines[at])
end
delay = function() return math.random(0, %d) end
"""


def one_by_one(agent: Agent, asked: np.ndarray, *, seconds: int, folder: Path) -> Iterator[dict]:
    """GET /match/hash over four connections."""
    hexes = [one.tobytes().hex() for one in asked]
    load = with_wrk if shutil.which("wrk") else with_threads
    how = {"loader": load.__name__.removeprefix("with_")}
    # First as fast as it goes, then with some time between: no more is asked of it than the bar.
    for case, rest_ms in (("flat out", 0), ("at the bar's rate", 1)):
        rate, p50, p99 = load(agent, hexes, seconds=seconds, rest_ms=rest_ms, folder=folder)
        how["load_average"] = os.getloadavg()[0]
        yield row(f"one by one, {case}, /s", rate, bar=None if rest_ms else 4000, **how)
        yield row(f"one by one, {case}, p99, ms", p99, bar=5, less=True, p50=p50)


def with_wrk(agent: Agent, hexes: list[str], *, seconds: int, rest_ms: int, folder: Path):
    (folder / "hashes").write_text("\n".join(hexes))
    (folder / "ask.lua").write_text(LUA % (folder / "hashes", rest_ms))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s"]
    url = f"http://127.0.0.1:{agent.port}"
    said = subprocess.run(
        [*command, folder / "ask.lua", url], check=True, capture_output=True, text=True
    ).stdout
    assert "Non-2xx" not in said, said
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return rate, *(in_ms(re.search(rf" {part}%\s+(\S+)", said)[1]) for part in (50, 99))


def in_ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def with_threads(agent: Agent, hexes: list[str], *, seconds: int, rest_ms: int, folder: Path):  # noqa: ARG001 - as wrk is called
    """Ask over bare sockets from as many threads; costs the machine more than wrk does."""
    took: list[float] = []

    def ask(start: int) -> None:
        line = socket.create_connection(("127.0.0.1", agent.port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ends, at = time.perf_counter() + seconds, start
        while (began := time.perf_counter()) < ends:
            at = (at + 1) % len(hexes)
            line.sendall(
                f"GET /match/hash?pdq={hexes[at]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
            answer = b""
            while b'"ready":true}' not in answer:
                answer += line.recv(65536) or b'"ready":true}'
            assert answer.startswith(b"HTTP/1.1 200"), answer
            took.append(time.perf_counter() - began)
            time.sleep(rest_ms / 2000)
        line.close()

    side_by_side([lambda at=at: ask(at * len(hexes) // CONNECTIONS) for at in range(CONNECTIONS)])
    cuts = statistics.quantiles(took, n=100)
    return len(took) / seconds, cuts[49] * 1000, cuts[98] * 1000


def side_by_side(works: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for one in [pool.submit(work) for work in works]:
            one.result()


def batches(agent: Agent, asked: np.ndarray, *, seconds: int) -> Iterator[dict]:
    """POST /match/hashes, in both forms, over as many connections as there are processes."""
    known = len(range(0, BATCH, 100))
    parts = [asked[at : at + BATCH] for at in range(0, len(asked), BATCH)]
    packed = [part.tobytes() for part in parts]
    spelt = [
        json.dumps({"kind": "pdq", "hashes": [one.tobytes().hex() for one in part]}).encode()
        for part in parts
    ]
    forms = {"bytes": ("?kind=pdq", BYTES, packed), "JSON": ("", TEXT, spelt)}
    for form, (query, headers, bodies) in forms.items():
        done: list[int] = []

        def ask(query=query, headers=headers, bodies=bodies, done=done) -> None:
            line = http.client.HTTPConnection("127.0.0.1", agent.port)
            ends, at = time.perf_counter() + seconds, 0
            while time.perf_counter() < ends:
                at = (at + 1) % len(bodies)
                line.request("POST", f"/match/hashes{query}", bodies[at], headers)
                answer = line.getresponse()
                content = answer.read()
                assert answer.status == 200, content
                found = len(content) // 24 if query else len(json.loads(content)["matched"])
                assert found == known, (found, known)
                done.append(BATCH)
            line.close()

        began = time.perf_counter()
        side_by_side([ask, ask])
        rate = sum(done) / (time.perf_counter() - began)
        yield row(f"batches of {BATCH:,} as {form}, hashes/s", rate, bar=50_000)


def behind(agent: Agent, hub, *, shares: int, workers: int) -> Iterator[dict]:
    """How long after the first process that has a new signal the last one has it."""
    lines = {}
    for _ in range(20 * workers):
        line = http.client.HTTPConnection("127.0.0.1", agent.port)
        line.request("GET", "/health")
        lines.setdefault(json.loads(line.getresponse().read())["answered_by"], line)
    assert len(lines) == workers
    waits: dict[str, list[float]] = {"new": [], "withdrawn": []}
    for number in range(shares):
        value = np.random.default_rng(number).bytes(32).hex()
        made = hub.share(value, kind="pdq")
        waits["new"].append(spread(lines.values(), value, there=True))
        hub.withdraw(made)
        waits["withdrawn"].append(spread(lines.values(), value, there=False))
    for what, took in waits.items():
        p99 = statistics.quantiles(took, n=100)[98]
        yield row(f"{what} signal: last process after the first, p99, ms", p99, bar=20, less=True)


def spread(lines, value: str, *, there: bool) -> float:
    """Milliseconds between the first and the last process that says so."""
    open_ones, first = list(lines), None
    while True:
        for line in list(open_ones):
            line.request("GET", f"/match/hash?pdq={value}")
            if (b'"matches":[]' not in line.getresponse().read()) == there:
                open_ones.remove(line)
                first = first or time.perf_counter()
        if not open_ones:
            return (time.perf_counter() - first) * 1000


@contextmanager
def followed_hub() -> Iterator:
    """A hub that has nothing new, now or in a later run: the one of the tests."""
    from tests.agent.fake_hub import FakeHub

    hub = FakeHub(id=HUB, head=int(time.time())).start()
    try:
        yield hub
    finally:
        hub.stop()


def measure(folder: Path, *, size: int, workers: int, seconds: int) -> Iterator[dict]:
    """Everything, one after the other."""
    if not (folder / "data").exists():
        program = f"from benchmarks.agent import *; fill(Path({str(folder / 'data')!r}), {size})"
        subprocess.run([sys.executable, "-c", program], check=True)
    known = values_of(size)
    asked = asked_of(known, 20 * BATCH)
    with followed_hub() as hub:
        agent = Agent(folder, hub=hub.url, workers=workers)
        ready, busy = [], []
        for _ in range(3):
            ready.append(agent.start())
            busy.append(agent.cpu_s())
            settle(agent, workers)
            agent.stop()
        ready.append(agent.start())
        yield row(
            "restart to ready, s",
            min(ready),
            bar=1,
            less=True,
            each=[round(one, 2) for one in ready],
        )
        yield row("  of it on a processor, s", min(busy))
        try:
            settle(agent, workers)
            yield from memory(agent)
            yield from one_by_one(agent, asked, seconds=seconds, folder=folder)
            yield from batches(agent, asked, seconds=seconds)
            yield from memory(agent)
            if workers > 1:
                yield from behind(agent, hub, shares=100, workers=workers)
        finally:
            agent.stop()


def settle(agent: Agent, workers: int) -> None:
    """Wait until all processes answer and the lead has read its whole file."""
    while json.loads(agent.ask("GET", "/health")[1])["http_workers"] < workers:
        time.sleep(0.01)
    time.sleep(4)


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--json", action="store_true", help="one object a line")
    words.add_argument("--signals", type=int, default=1_000_000)
    words.add_argument("--http-workers", type=int, default=2)
    words.add_argument("--seconds", type=int, default=6, help="of each load")
    words.add_argument("--folder", type=Path, help="keeps the filled store for the next run")
    asked = words.parse_args()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the hub is cut off at the end
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as throw_away:
        folder = asked.folder or Path(throw_away)
        folder.mkdir(parents=True, exist_ok=True)
        for one in measure(
            folder, size=asked.signals, workers=asked.http_workers, seconds=asked.seconds
        ):
            told = json.dumps(one) if asked.json else "  ".join(f"{k} {v}" for k, v in one.items())
            print(told, flush=True)


if __name__ == "__main__":
    main()
