# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/run/README.md, as they stand, on an empty Debian in a folder (chroot).

There is no systemd in a chroot: Debian's package `systemctl`, which starts units without one, is
put there first. It makes no StateDirectory= and gives no capabilities, so the test makes the folder
and lets Caddy check its file. The rest is what the commands themselves install. On the machine of
the database there is no stand-in: the test starts PostgreSQL by Debian's own command.
"""

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from tests.hub.running.test_workers import COMMAND
from tests.release.test_wheel import releases  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/run/README.md"
BLOCK = re.compile(r"```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
NEEDED = ("/etc/pip.conf", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
"""What says how this machine reaches its package registries."""

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(
        shutil.which("mmdebstrap") is None or os.geteuid() != 0,
        reason="needs mmdebstrap (apt install mmdebstrap), and root for the chroot",
    ),
]

UMASK = 0o022
"""That of an empty machine. A hub that ran in this process before has set a strict one."""


def commands():
    """The blocks of commands: try it, a hub, an agent, and five of many machines.

    Those are the database, a hub's files, its keys, the proxy and the link to set it up. Here the
    database is tried; tests/flows/test_many_machines.py runs the others.
    """
    return [dedent(block) for block in BLOCK.findall(PAGE.read_text("utf-8"))]


def unpack():
    """The command that unpacks the files to deploy with."""
    return re.search(r"`(tar -xzf [^`]+)`", PAGE.read_text("utf-8"))[1]


def empty_debian(folder, *, packages):
    """Unpack an empty Debian with a few packages."""
    words = ["mmdebstrap", "--variant=minbase", f"--include={packages}", "trixie", folder]
    subprocess.run(words, check=True, umask=UMASK)
    for path in map(Path, NEEDED):
        if path.exists():
            shutil.copy(path, folder / path.relative_to("/"))
    return folder


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """An empty Debian, unpacked."""
    folder = tmp_path_factory.mktemp("debian") / "root"
    return empty_debian(folder, packages="ca-certificates,procps,systemctl")


@contextmanager
def started(folder):
    """A machine in a folder: a program that keeps its namespaces, until its input is closed.

    The file systems of the kernel are mounted for its processes alone, and these end with it. So
    nothing of them is left in the folder when the tests are killed: who deletes it later would
    delete the devices of this machine.
    """
    mounts = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && echo && exec cat'
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    keeper = subprocess.Popen(
        [*namespaces, "sh", "-c", mounts, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with keeper:
        assert keeper.stdout.readline() == b"\n"
        yield Machine(folder, keeper.pid)


class Machine:
    """A machine in a folder. keeper: the process whose child keeps its namespaces."""

    def __init__(self, folder, keeper):
        self.folder = folder
        of_child = f"--pid=/proc/{keeper}/ns/pid_for_children"
        self.enter = ["nsenter", f"--mount=/proc/{keeper}/ns/mnt", of_child, "chroot", folder]

    def run(self, script, *, typed=""):
        """Run a script as root, in the folder of the release. Returns its output.

        typed: what a person types. It has no terminal, so that programs read it from standard
            input.
        """
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        environment = kept | {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        done = subprocess.run(
            [*self.enter, "sh", "-ec", f"cd /release\n{script}"],
            env=environment,
            input=typed,
            start_new_session=True,
            capture_output=True,
            text=True,
            check=False,
            umask=UMASK,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def machine(debian, releases):  # noqa: F811 - the fixture
    """An empty machine on which somebody has put a release, unpacked as SECURITY.md says."""
    shutil.copytree(releases[0], debian / "release")
    with started(debian) as machine:
        machine.run(f"{unpack()}\napt-get update -q")
        yield machine


def without_systemd(script, role):
    """The commands, with what systemd would have done."""
    folder = f"install -d -o stemtide-{role} -m 0700 /var/lib/stemtide-{role}"
    script = script.replace("systemctl enable", f"{folder}\nsystemctl enable")
    return script.replace(
        "systemctl restart caddy",
        "caddy validate --adapter caddyfile --config /etc/caddy/Caddyfile",
    )


def test_the_blocks_are_short():
    blocks = [block.strip().splitlines() for block in commands()]
    assert len(blocks) == 8
    assert all(len(lines) <= 10 for lines in blocks)


def test_a_look_plays_a_crisis(machine):
    script = commands()[0].replace("stemtide demo", "stemtide demo --once --json")
    counts = json.loads(machine.run(script).splitlines()[-1])
    assert counts


def test_a_hub_and_an_agent_become_services_of_one_machine(machine):
    _, hub, agent, *_ = commands()
    walls = "landlock,seccomp,network,memory,privileges"
    accept = f"echo STEMTIDE_ACCEPT_MISSING_WALLS={walls} >> deploy/systemd/hub.env"
    assert "https://hub.example.eu/set-up/" in machine.run(
        f"{accept}\n{without_systemd(hub, 'hub')}"
    )
    run_as_hub = "runuser -u stemtide-hub -- env STEMTIDE_DATA_DIR=/var/lib/stemtide-hub"
    stemtide = f"{run_as_hub} /opt/stemtide/hub/bin/stemtide"
    new_key = (
        f"{stemtide} party add small-pictures --kind provider --country EE\n"
        f"{stemtide} key new --party small-pictures --json"
    )
    key = json.loads(machine.run(new_key).splitlines()[-1])["key"]
    (machine.folder / "release/agent.key").write_text(key)
    here = "sed -i s,https://hub.example.eu,http://127.0.0.1:8100, deploy/systemd/agent.toml"
    accept = f"echo STEMTIDE_AGENT_ACCEPT_MISSING_WALLS={walls} > /etc/stemtide/agent.env"
    agent = agent.replace("curl --silent", "curl --silent --fail --retry 60 --retry-all-errors")
    health = json.loads(
        machine.run(f"{here}\n{accept}\n{without_systemd(agent, 'agent')}").splitlines()[-1]
    )
    assert health["live"] is True
    machine.run("systemctl stop stemtide-agent stemtide-hub")


@pytest.fixture
def database(tmp_path):
    """A machine of its own for the database, empty, with Debian's list of packages."""
    folder = empty_debian(tmp_path / "database", packages="ca-certificates")
    shutil.copytree(ROOT / "deploy", folder / "release/deploy")
    with started(folder) as machine:
        machine.run("apt-get update -q")
        yield machine
        machine.run("pg_ctlcluster $(pg_lsclusters -h | cut -d' ' -f1,2) stop")


def test_a_hub_takes_the_database_that_many_machines_share(database, tmp_path):
    """The first line installs PostgreSQL, which systemd would start; the others make a database."""
    install, *others = commands()[3].strip().splitlines()
    database.run(install)
    control = "pg_ctlcluster $(pg_lsclusters -h | cut -d' ' -f1,2)"
    database.run(f"{control} start")
    script = "\n".join(others).replace("systemctl restart postgresql", f"{control} restart")
    database.run(script, typed="a-password\na-password\n")
    port = database.run("pg_lsclusters -h | tr -s ' ' | cut -d' ' -f3").strip()
    written = re.search(r"`(postgres://[^`]+)`", PAGE.read_text("utf-8"))
    address = written[1].replace("PASSWORD", "a-password")
    file = tmp_path / "database.url"
    file.write_text(address.replace("DATABASE-HOST", f"127.0.0.1:{port}"))
    here = {
        "STEMTIDE_DATABASE_URL_FILE": str(file),
        "STEMTIDE_DATA_DIR": str(tmp_path / "hub"),
    }
    ours = ("STEMTIDE_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    words = [COMMAND, "party", "add", "small-pictures", "--kind", "provider", "--country", "EE"]
    subprocess.run(words, env=kept | here, check=True)
    query = "select distinct tableowner from pg_tables where tableowner <> current_user"
    owners = database.run(f"runuser -u postgres -- psql -qtA stemtide -c '{query}'")
    assert owners.split() == ["stemtide"]
