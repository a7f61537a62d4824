# SPDX-License-Identifier: Apache-2.0
"""A release is made twice, looked into, and installed where there is no compiler and no git."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from stemtide import __version__
from tests.accepted_walls import ACCEPTED

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[2]
MOST_MB = 450
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
QEMU = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
ARM_LIBC = Path("/usr/aarch64-linux-gnu")


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """Two releases of this tree, each by its own run."""
    folders = [tmp_path_factory.mktemp("release") for _ in range(2)]
    for folder in folders:
        words = [sys.executable, ".ci/release.py", folder]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return folders


@pytest.fixture(scope="module")
def release(releases):
    return releases[0]


def wheel_for(release, machine):
    (path,) = release.glob(f"*_{machine}.whl")
    return path


def test_two_builds_are_the_same_bytes_and_the_sums_name_each_file(releases):
    first, second = (folder / "SHA256SUMS" for folder in releases)
    assert first.read_text() == second.read_text()
    sums = dict(reversed(line.split("  ")) for line in first.read_text().splitlines())
    files = {path.name: path for path in releases[0].iterdir() if path != first}
    assert sums == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }
    assert len(files) == 7  # sources, two wheels, and of each role its lock and its components


@pytest.mark.parametrize("machine", ELF_MACHINES)
def test_a_wheel_has_kernels_for_its_machine_and_all_else_that_is_made(release, machine):
    with zipfile.ZipFile(wheel_for(release, machine)) as wheel:
        names = set(wheel.namelist())
        kernels = [name for name in names if "/_native_" in name]
        machines = {wheel.read(name)[18] for name in kernels}
    assert machines == {ELF_MACHINES[machine]}
    assert len(kernels) == {"x86_64": 3, "aarch64": 1}[machine]
    made = ("hub/desk/static/desk/share/kernels.wasm", "hub/desk/documentation/site/README.html")
    catalogues = [f"hub/locale/{code}/LC_MESSAGES/django.mo" for code in ("de", "fr", "nl")]
    assert {f"stemtide/{name}" for name in (*made, *catalogues)} <= names


@pytest.mark.parametrize("role", ["hub", "agent"])
def test_the_components_of_a_role_are_those_that_its_lock_pins(release, role):
    listed = json.loads((release / f"stemtide-{__version__}-{role}.cdx.json").read_text())
    assert listed["metadata"]["component"]["version"] == __version__
    lines = (release / f"{role}.lock").read_text().splitlines()
    pinned = {line.split(" ")[0] for line in lines if line and not line.startswith(" ")}
    assert {f"{one['name']}=={one['version']}" for one in listed["components"]} == pinned
    assert all(one["externalReferences"][0]["hashes"] for one in listed["components"])


@pytest.fixture(scope="module")
def installed(release, tmp_path_factory):
    """The programs of a hub and of an agent, installed in environments of their own."""
    return {role: install(release, role, tmp_path_factory) for role in ("hub", "agent")}


def install(release, role, tmp_path_factory):
    """Install as docs/run says, without a compiler or git to find. Returns the environment."""
    folder = tmp_path_factory.mktemp(role)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = settings | {"PATH": str(folder / "bin"), "HOME": str(folder)}
    pip = [folder / "bin/python", "-m", "pip", "install", "-q"]
    locked = ["--only-binary", ":all:", "--require-hashes", "-r", release / f"{role}.lock"]
    wheel = ["--no-deps", wheel_for(release, "x86_64")]
    for words in (locked, wheel):
        subprocess.run([*pip, *words], env=environment, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("role", ["hub", "agent"])
def test_what_a_role_runs_is_small(installed, role):
    """Without pip, and without the bytecode that pip writes beside what it installs."""
    (packages,) = installed[role].glob("lib/python3*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    of_pip = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    kept = [file for file in files if not file.relative_to(packages).parts[0].startswith(of_pip)]
    size_mb = sum(file.lstat().st_size for file in kept) / 1e6
    print(f"{role}: {size_mb:.0f} MB")
    assert size_mb <= MOST_MB


def test_an_agent_has_no_web_framework_and_no_documents(installed):
    packages = {path.name for path in installed["agent"].glob("lib/python3*/site-packages/*")}
    assert packages.isdisjoint({"django", "typst", "pyhanko", "ziglang"})


@contextmanager
def started(program, words, environment):
    """A role as a process; its first line."""
    command = [program / "bin/stemtide", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def test_both_roles_start_from_their_wheels(installed, tmp_path):
    environment = ACCEPTED | {
        "PATH": str(installed["hub"] / "bin"),
        "HOME": str(tmp_path),
        "STEMTIDE_DATA_DIR": str(tmp_path / "hub"),
    }

    def operate(*words):
        command = [installed["hub"] / "bin/stemtide", *words]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    with started(installed["hub"], ("hub", "start", "--port", "0", "--json"), environment) as hub:
        operate("party", "add", "small-pictures", "--kind", "provider", "--country", "EE")
        operate("key", "new", "--party", "small-pictures", "--out", str(tmp_path / "hub.key"))
        config = tmp_path / "agent.toml"
        settings = {
            "name": "uploads-1",
            "hub_url": hub["hub"],
            "key_file": str(tmp_path / "hub.key"),
            "data_dir": str(tmp_path / "agent"),
            "port": 0,
        }
        config.write_text("".join(f"{name} = {json.dumps(it)}\n" for name, it in settings.items()))
        words = ("agent", "start", "--config", str(config), "--json")
        with started(installed["agent"], words, environment) as agent:
            health = httpx.get(f"{agent['url']}/health", timeout=60).json()
            assert health["version"] == __version__
            assert httpx.get(f"{hub['hub']}/docs/README.html", timeout=60).status_code == 200


def test_the_kernels_for_arm_compute_what_those_for_x86_do(release, tmp_path):
    if QEMU is None or not ARM_LIBC.is_dir():
        pytest.skip("apt install qemu-user libc6-arm64-cross: this runs the kernels for ARM")
    printed = {}
    for machine, runner in (("x86_64", []), ("aarch64", [QEMU, "-L", ARM_LIBC])):
        with zipfile.ZipFile(wheel_for(release, machine)) as wheel:
            level = {"x86_64": "v2", "aarch64": "v1"}[machine]
            kernels = wheel.extract(f"stemtide/kernels/_native_{level}", tmp_path / machine)
        program = tmp_path / f"kernels-{machine}"
        zig = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-gnu.2.17"]
        source = Path(__file__).with_name("kernels.c")
        subprocess.run([*zig, "-o", program, source, "-lm", "-ldl"], check=True)
        words = [*runner, program, kernels]
        printed[machine] = subprocess.run(words, capture_output=True, check=True).stdout
    assert printed["aarch64"] == printed["x86_64"] != b""
