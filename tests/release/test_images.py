# SPDX-License-Identifier: Apache-2.0
"""The images of a hub and of an agent are built from deploy/container, and run as compose.yml does.

No image is pulled. A Debian that mmdebstrap makes gets the name that the file's FROM has. podman
keeps its images in a folder of the test, and starts in a mount namespace that has the second
version of cgroups alone, for crun refuses a machine that mounts both.
"""

import configparser
import json
import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from stemtide import __version__

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy/container"
HUB = yaml.safe_load((CONTAINER / "compose.yml").read_text("utf-8"))["services"]["hub"]
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
MOST_MB = {"hub": 720, "agent": 520}
"""With Debian and Python, and with bytecode, which a read-only root could not take later."""
WRITABLE = {"/data", "/tmp", "/var/tmp", "/run/lock"}  # noqa: S108 - names in an image
IN_CGROUPS_2 = (
    'umount --recursive /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec podman "$@"'
)
LIMITS = {
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "nproc": resource.getrlimit(resource.RLIMIT_NPROC),
}
LACKING = [name for name in ("podman", "crun", "mmdebstrap") if shutil.which(name) is None]

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(
        bool(LACKING) or os.geteuid() != 0,
        reason=f"needs root, and apt install {' '.join(LACKING)}: this builds the images",
    ),
]


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    """The words that run podman with images and containers in a folder of the test."""
    folder = tmp_path_factory.mktemp("podman")
    kept = ["--root", folder / "images", "--runroot", folder / "run", "--tmpdir", folder / "tmp"]
    options = ["--cgroup-manager", "cgroupfs", "--events-backend", "none"]
    yield ["unshare", "--mount", "sh", "-c", IN_CGROUPS_2, "podman", *kept, *options]
    shutil.rmtree(folder, ignore_errors=True)


def run(*words):
    """Run a command; return its output, and its errors if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, umask=0o022)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The folder of a release of this tree."""
    folder = tmp_path_factory.mktemp("release")
    subprocess.run([sys.executable, ".ci/release.py", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def with_debian(podman, tmp_path_factory):
    """The words that run podman, once it has a Debian by the name in the container file."""
    archive = tmp_path_factory.mktemp("debian") / "root.tar"
    # As the image that this stands for, it has no lists of packages and no packages.
    emptied = 'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*'
    words = ["mmdebstrap", "--variant=minbase", f"--customize-hook={emptied}", "trixie", archive]
    run(*words)
    (line,) = filter(
        lambda line: line.startswith("ARG BASE="),
        (CONTAINER / "Containerfile").read_text("utf-8").splitlines(),
    )
    run(*podman, "import", archive, line.removeprefix("ARG BASE="))
    archive.unlink()
    return podman


@pytest.fixture(scope="module")
def settings_of_pip(tmp_path_factory):
    """A folder with how this machine reaches its package index. It is no part of an image."""
    folder = tmp_path_factory.mktemp("settings")
    settings = configparser.ConfigParser(interpolation=None)
    settings.read("/etc/pip.conf")
    if not settings.has_section("global"):
        settings.add_section("global")
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            settings["global"][name.removeprefix("PIP_").lower().replace("_", "-")] = value
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, folder)
        settings["global"]["cert"] = f"/run/settings/{CERTIFICATES.name}"
    with (folder / "pip.conf").open("w") as file:
        settings.write(file)
    return folder


@pytest.fixture(scope="module")
def images(with_debian, release, settings_of_pip):
    """The names of both images, by role."""
    here = ["--isolation", "chroot", "--network", "host", "--pull=never"]
    # podman asks for more than a test may have.
    limits = [f"--ulimit={name}={soft}:{hard}" for name, (soft, hard) in LIMITS.items()]
    pip = [
        *("--volume", f"{settings_of_pip}:/run/settings:ro"),
        *("--volume", f"{settings_of_pip}/pip.conf:/etc/pip.conf:ro"),
    ]
    for role in ("hub", "agent"):
        file = ["-f", CONTAINER / "Containerfile", "--build-arg", f"ROLE={role}"]
        run(*with_debian, "build", *here, *limits, *pip, *file, "-t", f"stemtide-{role}", release)
    return {role: f"stemtide-{role}" for role in ("hub", "agent")}


def locked_down():
    """The options by which podman runs a container as compose.yml asks for the hub's."""
    assert HUB["read_only"] is True
    options = ["--read-only", "--read-only-tmpfs=false"]
    options += [f"--tmpfs={place}" for place in HUB["tmpfs"]]
    options += [f"--cap-drop={name}" for name in HUB["cap_drop"]]
    options += [f"--security-opt={name}" for name in HUB["security_opt"]]
    return [*options, "--rm", "--cgroups=disabled", "--network=host"]


@contextmanager
def started(podman, image, *words, volume):
    """A role in its container; its first line."""
    options = [*locked_down(), "--volume", volume]
    command = [*podman, "run", *options, image, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, umask=0o022) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@pytest.mark.parametrize("role", ["hub", "agent"])
def test_an_image_is_small_and_its_user_is_not_root(podman, images, role):
    (image,) = json.loads(run(*podman, "image", "inspect", images[role]))
    print(f"{role}: {image['Size'] / 1e6:.0f} MB")
    assert image["Size"] / 1e6 <= MOST_MB[role]
    assert image["Config"]["User"] == "8100:8100"


@pytest.mark.parametrize("role", ["hub", "agent"])
def test_the_user_of_an_image_may_write_to_its_data_and_to_temporary_folders(podman, images, role):
    """On a root that is not read-only, for permissions alone keep the user out here."""
    hidden = ["-type", "d", "-not", "-readable", "-prune"]
    find = ["/", "-xdev", *hidden, "-o", "-writable", "-not", "-type", "l", "-print"]
    options = ["--rm", "--cgroups=disabled", "--network=host", "--entrypoint=find"]
    writable = run(*podman, "run", *options, images[role], *find)
    assert set(writable.split()) <= WRITABLE


def test_a_hub_and_an_agent_run_on_a_read_only_root(podman, images, tmp_path):
    """With all walls: podman's filter of system calls allows those that they use."""
    data = "stemtide:/data"
    with started(
        podman, images["hub"], "hub", "start", "--port", "0", "--json", volume=data
    ) as hub:
        health = httpx.get(f"{hub['hub']}/health", timeout=60).json()
        assert (health["status"], health["version"]) == ("ok", __version__)
        operate = [*podman, "run", *locked_down(), "--volume", data, images["hub"]]
        run(*operate, "party", "add", "small-pictures", "--kind", "provider", "--country", "EE")
        key = json.loads(run(*operate, "key", "new", "--party", "small-pictures", "--json"))["key"]
        folder = tmp_path / "agent"
        folder.mkdir()
        settings = {"name": "uploads-1", "hub_url": hub["hub"], "key": key, "port": 0}
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
        (folder / "agent.toml").write_text("".join(lines))
        for path in (tmp_path, folder, folder / "agent.toml"):
            os.chown(path, 8100, 8100)
        words = ("agent", "start", "--config", "/etc/stemtide/agent.toml", "--json")
        mounted = f"{folder}:/etc/stemtide:ro"
        with started(podman, images["agent"], *words, volume=mounted) as agent:
            health = httpx.get(f"{agent['url']}/health", timeout=60).json()
            assert (health["live"], health["version"]) == (True, __version__)
