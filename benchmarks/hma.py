# SPDX-License-Identifier: Apache-2.0
"""What a look-up of a picture by HMA's route costs: an agent beside a real HMA.

    python -m benchmarks.hma [--pictures 300] [--hma http://127.0.0.1:5100 --hma-pid 4711]

Both know the same hashes, and are sent the same pictures, each once, in turn. Processor time is
that of all processes of a side, decoders included. The fingerprints are made in this process, too,
without a sandbox: the agent's forks a process for each picture, and HMA has none. An agent makes
hashes of several views of a picture, where HMA makes one; that one is made alone, too.

HMA is not a package. Check out facebook/ThreatExchange, install hasher-matcher-actioner, and run it
with the roles of hasher, matcher and curator and one worker of gunicorn: its number is --hma-pid.
"""

import argparse
import http.client
import io
import json
import os
import random
import secrets
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from benchmarks.agent import Agent, followed_hub
from stemtide.exercises.pictures import photographs
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.image import fingerprint as image
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox

STRANGERS = 1000
IDLE_S = 5.0
BOUNDARY = "stemtide-bench"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
BANK = "BENCH"


def altered(blob: bytes, chance: random.Random) -> bytes:
    """A copy of a photograph that nobody sent before: another size and quality."""
    with Image.open(io.BytesIO(blob)) as opened:
        whole = opened.convert("RGB")
    scale = chance.uniform(0.7, 1.0)
    kept = io.BytesIO()
    size = (int(whole.width * scale), int(whole.height * scale))
    whole.resize(size).save(kept, "JPEG", quality=chance.randint(60, 90))
    return kept.getvalue()


def form_of(picture: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="p.jpg"\r\n'
    kind = "Content-Type: image/jpeg\r\n\r\n"
    return head.encode() + kind.encode() + picture + f"\r\n--{BOUNDARY}--\r\n".encode()


def cpu_s(pid: int, *, is_alone: bool = False) -> float:
    """Processor time of a process and, unless alone, of all that it started, ended ones, too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = sum(map(int, fields[11 : 13 if is_alone else 15])) / os.sysconf("SC_CLK_TCK")
    if is_alone:
        return used
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [child for thread in threads for child in (thread / "children").read_text().split()]
    return used + sum(cpu_s(int(child)) for child in children)


class Side:
    """A server that is asked."""

    def __init__(self, name: str, address: str, pid: int) -> None:
        self.name, self.pid = name, pid
        self.used, self.used_by_server, self.matched = 0.0, 0.0, 0
        self.idle = 0.0
        self._place = urlsplit(address)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        line = http.client.HTTPConnection(self._place.hostname, self._place.port)
        line.request(method, path, body, headers)
        answer = line.getresponse()
        content = answer.read()
        line.close()
        assert answer.status < 300, (self.name, path, answer.status, content[:300])
        return content

    def look_up(self, pictures: list[bytes]) -> None:
        """Look pictures up, and add what it cost."""
        before, before_alone = cpu_s(self.pid), cpu_s(self.pid, is_alone=True)
        began = time.perf_counter()
        for picture in pictures:
            answer = self.ask("POST", "/m/lookup?types=pdq", form_of(picture), **FORM)
            self.matched += bool(json.loads(answer).get("pdq"))
        time.sleep(0.1)  # workers that are ready for the next ones
        idle = self.idle * (time.perf_counter() - began)
        self.used += cpu_s(self.pid) - before - idle
        self.used_by_server += cpu_s(self.pid, is_alone=True) - before_alone - idle

    def rest(self) -> None:
        """Measure what it costs without look-ups, which is no part of theirs."""
        before = cpu_s(self.pid)
        time.sleep(IDLE_S)
        self.idle = (cpu_s(self.pid) - before) / IDLE_S


def teach_hma(hma: Side, hashes: list[str]) -> None:
    """Put hashes into a bank of HMA, and wait until it matches them."""
    body = json.dumps({"name": BANK, "enabled": True}).encode()
    hma.ask("POST", "/c/banks", body, **{"Content-Type": "application/json"})
    for value in hashes:
        body = json.dumps({"pdq": value}).encode()
        hma.ask("POST", f"/c/bank/{BANK}/signal", body, **{"Content-Type": "application/json"})
    path = f"/m/raw_lookup?signal_type=pdq&signal={hashes[-1]}"
    while not json.loads(hma.ask("GET", path))["matches"]:
        time.sleep(1)


def fingerprints_cost_s(pictures: list[bytes], *, with_views: bool) -> float:
    """Processor time to make fingerprints in this process: the agent's, or HMA's one hash."""
    limits, options = DecodingLimits(), AnalysisOptions(views=with_views)
    began = time.process_time()
    for picture in pictures:
        image.analyse(picture, limits=limits, options=options, progress=lambda *_: None)
    return time.process_time() - began


def measure(options: argparse.Namespace, folder: Path) -> None:
    chance, shared = random.Random(17), photographs()  # noqa: S311  # the same in every run
    names = sorted(shared)
    with Sandbox() as sandbox:
        known = [sandbox.fingerprint(shared[name]).of(Kind.PDQ)[0].hex for name in names[::2]]
    hashes = [*known, *(secrets.token_hex(32) for _ in range(STRANGERS))]
    pictures = [altered(shared[names[n % len(names)]], chance) for n in range(options.pictures)]
    with followed_hub() as hub:
        for value in hashes:
            hub.share(value, kind="pdq")
        agent = Agent(folder, hub=hub.url, workers=1)
        agent.start()
        while json.loads(agent.ask("GET", "/health")[1])["signals"].get("pdq") != len(hashes):
            time.sleep(0.1)
        sides = [Side("agent", f"http://127.0.0.1:{agent.port}", agent.process.pid)]
        if options.hma:
            sides.append(Side("HMA", options.hma, options.hma_pid))
            teach_hma(sides[-1], hashes)
        for side in sides:
            side.look_up([altered(shared[names[0]], chance)])  # what is imported at the first
            side.rest()
            side.used, side.used_by_server, side.matched = 0.0, 0.0, 0
        own = single = 0.0
        for begin in range(0, len(pictures), 25):
            part = pictures[begin : begin + 25]
            own += fingerprints_cost_s(part, with_views=True)
            single += fingerprints_cost_s(part, with_views=False)
            for side in sides:
                side.look_up(part)
        agent.stop()
    show(sides, count=len(pictures), fingerprints=own, one_hash=single)


def show(sides: list[Side], *, count: int, fingerprints: float, one_hash: float) -> None:
    """Print the cost of a look-up, and of the agent's its parts."""
    for side in sides:
        print(f"{side.name:6} {side.used / count * 1000:6.2f} ms of CPU; matched {side.matched}")
    agent, *others = sides
    parts = {
        "its server, which decodes nothing": agent.used_by_server,
        "the same fingerprints, made in this process": fingerprints,
        "of them the one hash that HMA makes, too": one_hash,
        "the rest is the sandbox": agent.used - agent.used_by_server - fingerprints,
    }
    for name, seconds in parts.items():
        print(f"   {seconds / count * 1000:6.2f} ms: {name}")
    for hma in others:
        print(f"HMA is {hma.used / agent.used:.1f} x the agent,", end=" ")
        without = agent.used_by_server + fingerprints
        print(f"{hma.used / without:.1f} x the agent without its sandbox,", end=" ")
        print(f"and {hma.used / (agent.used_by_server + one_hash):.1f} x if it made one hash, too")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--pictures", type=int, default=300)
    asked.add_argument("--hma", default="", help="address of a real HMA")
    asked.add_argument("--hma-pid", type=int, help="its gunicorn")
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        measure(asked.parse_args(), Path(folder))


if __name__ == "__main__":
    main()
