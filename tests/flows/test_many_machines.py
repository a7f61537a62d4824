# SPDX-License-Identifier: Apache-2.0
"""The path "Many machines" of docs/run/README.md, with a folder in place of each machine.

Left out are commands that need a machine: they install packages, add users, and talk to systemd.
The rest is carried out as it stands, and what the unit file starts is started as a process. The
database has a standby, as docs/run/large.md sets it up. tests/release/test_paths.py runs what is
left out here.
"""

import re
import shutil
import ssl
import subprocess
import time
from contextlib import ExitStack

import httpx
import pytest

from tests import caddy, postgres, standby
from tests.accepted_walls import ACCEPTED
from tests.flows.conftest import digest, row
from tests.hub.running.test_deployed import agent_settings, key_of, started
from tests.hub.running.test_workers import COMMAND
from tests.release.test_paths import PAGE, ROOT, commands

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(not caddy.is_installed(), reason="Caddy is not installed"),
]

NEEDS_A_MACHINE = re.compile(
    r"^(apt-get|useradd|python3 -m venv|/opt/stemtide/hub/bin/pip|systemctl) .*\n", re.MULTILINE
)
OWNER = re.compile(r" -[og] stemtide-hub")
SETTING = re.compile(r"^# (?=STEMTIDE_)", re.MULTILINE)
UNIT = (ROOT / "deploy/systemd/stemtide-hub.service").read_text("utf-8")


class Machine:
    """A folder with what the page puts on a machine, and the release that it begins with."""

    def __init__(self, folder):
        self.folder, self.release = folder, folder / "release"
        shutil.copytree(ROOT / "deploy", self.release / "deploy")
        for name in ("etc/systemd/system", "etc/caddy", "var/lib"):
            (folder / name).mkdir(parents=True)

    def here(self, text):
        """A text with this machine's folders."""
        return re.sub(r"(?<=[\s=])/(etc|var)/", rf"{self.folder}/\1/", text)

    def carry_out(self, block):
        """Carry out a block of commands, but for those that need a machine."""
        script = OWNER.sub("", NEEDS_A_MACHINE.sub("", block))
        subprocess.run(["sh", "-ec", self.here(script)], cwd=self.release, check=True)

    def put(self, name, text):
        """Write a file into the folder of the release."""
        (self.release / name).write_text(text)

    def settings(self):
        """The environment that the unit file gives the hub: of the unit, then of its file."""
        (given,) = re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE)
        lines = [*given.split(), *(self.folder / "etc/stemtide/hub.env").read_text().splitlines()]
        pairs = [line.split("=", 1) for line in lines if "=" in line and line[0] != "#"]
        return {name: self.here(f"={value}")[1:] for name, value in pairs}

    @property
    def data(self):
        """The hub's data folder."""
        return self.folder / "var/lib/stemtide-hub"


def prepare(machine, *, address):
    """Edit the files of step 2 as its text says, and carry out its commands."""
    text = (machine.release / "deploy/systemd/hub.env").read_text()
    text, count = SETTING.subn("", text.replace("hub.example.eu", "localhost"))
    assert count == 3, "the page speaks of the last three settings"
    machine.put("deploy/systemd/hub.env", text)
    machine.put("database.url", address)
    machine.carry_out(commands()[4])


def hub(machine):
    """The hub of a machine as a process, on a port of its own."""
    settings = machine.settings()
    (line,) = re.findall(r"^ExecStart=\S+ (.*)$", UNIT, re.MULTILINE)
    words = re.sub(r"\$\{(\w+)\}", lambda match: settings[match[1]], line).split()
    here = ["--host", "127.0.0.1", "--port", "0", "--workers", "2", "--json"]
    return started(environment(machine), *words, *here)


def environment(machine):
    """The environment of a hub or command on a machine."""
    return {"PATH": "/usr/bin:/bin"} | ACCEPTED | machine.settings()


def proxied(machine, *, hubs):
    """Where Caddy looks for the hubs, by the file that step 4 writes."""
    machine.carry_out(commands()[6])
    assert (machine.folder / "etc/caddy/Caddyfile").read_text() == caddy.CADDYFILE.read_text()
    text = (machine.folder / "etc/systemd/system/caddy.service.d/stemtide.conf").read_text()
    (places,) = re.findall(r'^\[Service\]\nEnvironment="STEMTIDE_HUB=(.*)"$', text, re.MULTILINE)
    for number, address in enumerate(hubs, start=1):
        places = places.replace(f"hub-{number}:8100", address.removeprefix("http://"))
    return places


def test_two_machines_of_a_hub_work_as_the_page_sets_them_up(tmp_path):
    (written,) = re.findall(r"`(postgres://[^`]+)`", PAGE.read_text("utf-8"))
    with ExitStack() as stack:
        servers = stack.enter_context(standby.pair(is_synchronous=True))
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        address = written.replace("PASSWORD", servers[0].secret).replace("DATABASE-HOST", hosts)
        first, second, proxy = (Machine(tmp_path / name) for name in ("hub-1", "hub-2", "proxy"))
        for machine in (first, second):
            prepare(machine, address=address)
        hubs = [stack.enter_context(hub(first))["hub"]]
        (keys,) = re.findall(r"-m 0600 (.*) /var/lib/stemtide-hub/", commands()[5])
        for key in keys.split():
            shutil.copy(first.data / key, second.release / key)
        second.carry_out(commands()[5])
        hubs.append(stack.enter_context(hub(second))["hub"])
        assert "/set-up/" in link_of(first)

        places = proxied(proxy, hubs=hubs)
        folder = tmp_path / "caddy"
        folder.mkdir()
        running = stack.enter_context(caddy.running(folder, hub=places))
        shared_value_is_found(first, *running, folder=tmp_path)


def link_of(machine):
    """What the command of step 5 prints; runuser and the folder of the program are left out."""
    _, words = commands()[7].split(" -- ")
    words = words.replace("/opt/stemtide/hub/bin/stemtide", str(COMMAND))
    command = ["sh", "-ec", machine.here(words)]
    settings = environment(machine)
    done = subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def shared_value_is_found(machine, address, authority, *, folder):
    """Share a value through the proxy, and look for it at an agent behind the proxy."""
    sharer, reader = (
        key_of(environment(machine), name, kind)
        for name, kind in (("be-police", "authority"), ("small-pictures", "provider"))
    )
    value = digest()
    trusting = ssl.create_default_context(cafile=authority)
    headers = {"Authorization": f"Bearer {sharer}"}
    with httpx.Client(base_url=address, headers=headers, verify=trusting, timeout=60) as client:
        answer = client.post("/api/v1/signals", json=row(value))
        assert answer.status_code == 201, answer.text
    config = agent_settings(folder, hub=address, key=reader)
    settings = environment(machine) | {"SSL_CERT_FILE": str(authority)}
    with started(settings, "agent", "start", "--config", str(config), "--json") as agent:
        lookup = f"{agent['url']}/match/hash?sha256={value}"
        while not httpx.get(lookup, timeout=60).json().get("matches"):  # at first not ready
            time.sleep(0.05)
