# SPDX-License-Identifier: Apache-2.0
"""Install packages with pip and show how far it is: python .ci/install.py WHAT PIP-ARGUMENTS …

With `--rest-of LONG.lock SHORT.lock` in place of PIP-ARGUMENTS, it installs what the first file has
and the second has not. Another process may install the second file at the same time.

Where everything is there already, nothing is shown. Where pip fails, all that it said is shown.
Two packages that the tests need exist as source alone. Where the machine has no C++ compiler,
ziglang, which is installed already, compiles them.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

EVERY_S = 5.0
"""How often a line says how far it is."""


class Progress:
    """What pip has done so far, read from its output."""

    def __init__(self, what: str) -> None:
        self.what, self.began = what, time.monotonic()
        self.lines: list[str] = []
        self.fetched, self.step = 0, "looking up packages"

    def read(self, line: str) -> None:
        """Take in a line of pip."""
        self.lines.append(line)
        if line.startswith("Collecting "):
            self.fetched += 1
            self.step = f"{self.fetched} packages fetched"
        elif line.startswith("Installing collected packages"):
            count = line.count(",") + 1
            self.step = f"putting {count} packages in place"
        elif "Building" in line or "Preparing" in line:
            self.step = "building Stemtide"

    def show(self) -> None:
        """Say how far it is."""
        passed_s = time.monotonic() - self.began
        print(f"  {self.what}: {self.step} ({passed_s:.0f} s)", file=sys.stderr, flush=True)


def requirements(lock: Path) -> list[str]:
    """Return the requirements of a lock file, each with the lines of its hashes."""
    text = "".join(f"{line}\n" for line in lock.read_text("utf-8").splitlines() if line[:1] != "#")
    return [entry for entry in re.split(r"\n(?=\S)", text) if entry.strip()]


def install_rest(what: str, locks: list[str]) -> int:
    """Install what one lock file has and another has not; return pip's exit code."""
    whole, installed = (requirements(Path(lock)) for lock in locks)
    known = {first_line(entry) for entry in installed}
    rest = "\n".join(entry for entry in whole if first_line(entry) not in known)
    with tempfile.NamedTemporaryFile("w", suffix=".lock", encoding="utf-8") as file:
        file.write(rest)
        file.flush()
        # Without asking for what they depend on, which may not be there yet: both files are whole.
        return install(what, ["--no-deps", "--require-hashes", "-r", file.name])


def first_line(requirement: str) -> str:
    """Return the package, version and platforms of a requirement."""
    return requirement.strip().partition("\n")[0]


def install(what: str, arguments: list[str]) -> int:
    """Run pip; return its exit code."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    command = [*pip, "--progress-bar", "off", *arguments]
    progress, is_over = Progress(what), threading.Event()
    with subprocess.Popen(
        command,
        env=os.environ | _compiler(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as pip_process:
        ticker = threading.Thread(target=_tick, args=(progress, is_over))
        ticker.start()
        for line in pip_process.stdout or ():
            progress.read(line.rstrip("\n"))
        code = pip_process.wait()
        is_over.set()
        ticker.join()
    if code:
        print("\n".join(progress.lines), file=sys.stderr)
        if not Path(sysconfig.get_path("include"), "Python.h").exists():
            print("Python's headers are missing: apt install python3-dev", file=sys.stderr)
    elif any(line.startswith("Successfully installed") for line in progress.lines):
        progress.step = "done"
        progress.show()
    return code


def _compiler() -> dict[str, str]:
    """Return what tells setuptools to compile with ziglang; empty if there is a compiler."""
    package = importlib.util.find_spec("ziglang")
    if shutil.which("c++") or package is None or package.origin is None:
        return {}
    # By its path, because pip builds packages where they cannot import ours.
    zig = Path(package.origin).with_name("zig")
    c, cxx = f"{zig} cc", f"{zig} c++"
    return {"CC": c, "CXX": cxx, "LDSHARED": f"{c} -shared", "LDCXXSHARED": f"{cxx} -shared"}


def _tick(progress: Progress, is_over: threading.Event) -> None:
    """Say how far it is, again and again."""
    while not is_over.wait(EVERY_S):
        progress.show()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if arguments[0] == "--rest-of":
        sys.exit(install_rest(what, arguments[1:]))
    sys.exit(install(what, arguments))
