# SPDX-License-Identifier: Apache-2.0
"""Check a log with Go's own packages of the checksum database, which share no code with ours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
"""Where Debian puts golang-golang-x-mod-dev."""


def build(folder: Path) -> Path:
    """Return the built checker; skip the test where Go or its packages are not installed."""
    if not shutil.which("go") or not PACKAGES.exists():
        pytest.skip("needs golang-go and golang-golang-x-mod-dev")
    program = folder / "go_tlog"
    settings = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOPROXY": "off"}
    environment = {**os.environ, **settings, "GOTOOLCHAIN": "local", "GOCACHE": str(folder / "c")}
    source = Path(__file__).parent / "main.go"
    command = ["go", "build", "-p", "1", "-o", str(program), str(source)]
    subprocess.run(command, check=True, env=environment)
    return program


def check(program: Path, folder: Path, key: str, *heads: str) -> subprocess.CompletedProcess[str]:
    """Run the checker over a folder of tiles and heads."""
    command = [str(program), str(folder), key, *heads]
    return subprocess.run(command, check=False, capture_output=True, text=True)
