# SPDX-License-Identifier: Apache-2.0
"""Make a release: python .ci/release.py FOLDER

1. Builds the site of the documentation, which the wheels contain.
2. Packs the sources, and builds a wheel for each kind of processor from them.
3. Lists what a hub and an agent consist of, as CycloneDX.
4. Writes SHA256SUMS.

Two runs on the same commit make the same bytes, whatever the machine: times are those of the
commit (SOURCE_DATE_EPOCH), and the lock pins what builds.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ("x86_64", "aarch64")
ROLES = ("hub", "agent")
SUMS = "SHA256SUMS"
BUILD = (sys.executable, "-m", "build", "--no-isolation")


def main(folder: Path) -> None:
    """Fill a folder with the files of a release."""
    os.umask(0o022)  # a wheel states the permissions of its files
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": commit_time(), "PYTHONHASHSEED": "0"}
    run(sys.executable, ROOT / "docs/build.py", environment=environment)
    with tempfile.TemporaryDirectory() as scratch:
        sources = pack_sources(Path(scratch), environment)
        for machine in MACHINES:
            # Each from its own copy, for kernels of one machine must not get into another's wheel.
            copy = unpack(sources, Path(scratch) / machine)
            wanted = {**environment, "STEMTIDE_WHEEL_MACHINE": machine}
            run(*BUILD, "--wheel", "--outdir", folder, copy, environment=wanted)
        shutil.copy2(sources, folder)
    version = sources.name.removeprefix("stemtide-").removesuffix(".tar.gz")
    for role in ROLES:
        list_components(role, version, folder, environment)
        shutil.copy(ROOT / f"deploy/{role}.lock", folder)
    write_sums(folder)


def commit_time() -> str:
    """Return the time of the commit that is released, in seconds since 1970."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    git = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


def pack_sources(folder: Path, environment: dict[str, str]) -> Path:
    """Return the archive of the sources."""
    run(*BUILD, "--sdist", "--outdir", folder, ROOT, environment=environment)
    (archive,) = folder.glob("stemtide-*.tar.gz")
    return archive


def unpack(archive: Path, folder: Path) -> Path:
    """Return the folder of the sources that an archive holds."""
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    (sources,) = folder.iterdir()
    return sources


def list_components(role: str, version: str, folder: Path, environment: dict[str, str]) -> None:
    """Write the packages that a role runs on, with their hashes, as CycloneDX."""
    path = folder / f"stemtide-{version}-{role}.cdx.json"
    cyclonedx = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"]
    options = ["--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "-o", path]
    run(*cyclonedx, *options, ROOT / f"deploy/{role}.lock", environment=environment)
    components = json.loads(path.read_text("utf-8"))
    released = components["metadata"]["component"]
    released |= {"version": version, "purl": f"pkg:pypi/stemtide@{version}"}
    path.write_text(json.dumps(components, indent=1) + "\n", "utf-8")


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of each file, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), "utf-8")


def run(*command: str | Path, environment: dict[str, str]) -> None:
    """Run a command; stop if it fails."""
    subprocess.run([str(word) for word in command], check=True, env=environment)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
