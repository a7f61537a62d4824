# SPDX-License-Identifier: Apache-2.0
"""Compile the kernels and the catalogues of texts while the package is built.

The machine needs no compiler of its own: `ziglang` brings clang, and Babel makes of each
catalogue that people translate (.po) what gettext reads (.mo). Each C file of the kernels room
goes into one shared library for each level of processor; the one to use is chosen when it is
loaded (stemtide.kernels.native). docs/decide/0014 says why so and not otherwise. What browsers
compute with goes into one WebAssembly file (docs/decide/0110).

A wheel is for this machine, or for the one that STEMTIDE_WHEEL_MACHINE names: x86_64 or aarch64.
"""

import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)

ROOM = Path("src/stemtide/kernels")
LOCALE = Path("src/stemtide/hub/locale")
BROWSER_KERNELS = Path("src/stemtide/hub/desk/static/desk/share/kernels.wasm")
BROWSER_FLAGS = (
    *("-std=c11", "-O3", "-fvisibility=hidden", "-fno-sanitize=undefined", "-Wall", "-Wextra"),
    *("-Werror", "-g0", "-target", "wasm32-freestanding", "-msimd128", "-nostdlib"),
    *("-Wl,--no-entry", "-Wl,--export-dynamic", "-Wl,-s", "-Wl,--export=__heap_base"),
)
LEVELS = {
    "x86_64": {
        "v2": "x86_64_v2",
        "v3": "x86_64_v3",
        "v4": "x86_64_v4+avx512bitalg+avx512vpopcntdq",
    },
    "aarch64": {"v1": "generic"},
}
WANTED = "STEMTIDE_WHEEL_MACHINE"
"""Environment variable: the kind of processor that a wheel is for, instead of this machine's."""
MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
FLAGS = (
    *("-std=c11", "-O3", "-shared", "-fPIC", "-fvisibility=hidden", "-fno-sanitize=undefined"),
    *("-Wall", "-Wextra", "-Werror", "-g0", "-s"),
)


class CompiledHook(BuildHookInterface):
    """Puts what is compiled into the wheel, or beside its source when that is editable."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile for the machine that the wheel is for. version: "standard" or "editable"."""
        machine = machine_to_compile_for(is_editable=version == "editable")
        compile_all(Path(self.root) / ROOM, machine)
        compile_for_browsers(Path(self.root) / ROOM, Path(self.root) / BROWSER_KERNELS)
        compile_catalogues(Path(self.root) / LOCALE)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform_tag(machine)}"
        build_data["artifacts"] += [f"{ROOM}/_native_*", f"{LOCALE}/**/*.mo", str(BROWSER_KERNELS)]


def machine_to_compile_for(*, is_editable: bool) -> str:
    """Return the kind of processor that the wheel is for: a key of LEVELS."""
    wanted = platform.machine() if is_editable else os.environ.get(WANTED, platform.machine())
    machine = MACHINES.get(wanted.lower())
    if machine is None:
        raise SystemExit(
            f"Stemtide's kernels are not written for {wanted}; it runs on {' and '.join(LEVELS)}"
        )
    return machine


def compile_all(room: Path, machine: str) -> None:
    """Make one library a level, all at the same time; an old one stays if a new one fails."""
    sources = sorted(str(path) for path in room.glob("*.c"))
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        running = {}
        for level, processor in LEVELS[machine].items():
            made = Path(cache) / f"_native_{level}"
            command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-target", _target(machine)]
            command += [f"-mcpu={processor}", "-o", str(made), *sources]
            running[level] = subprocess.Popen(command, env=environment)  # noqa: S603 - our own words
        for level, process in running.items():
            if process.wait():
                raise SystemExit(f"the kernels for {machine} {level} did not compile: see above")
        for stale in room.glob("_native_*"):  # an earlier wheel may have been for another machine
            if stale.name.removeprefix("_native_") not in running:
                stale.unlink()
        for level in running:
            made = Path(cache) / f"_native_{level}"
            fresh = room / f"_native_{level}.new"
            fresh.write_bytes(made.read_bytes())
            fresh.replace(room / f"_native_{level}")


def compile_for_browsers(room: Path, target: Path) -> None:
    """Make the WebAssembly file of PDQ, and of what browsers lack; the old one stays on failure."""
    sources = [str(room / "pdq.c"), *sorted(str(path) for path in room.glob("browser/*.c"))]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        made = Path(cache) / target.name
        command = [sys.executable, "-m", "ziglang", "cc", *BROWSER_FLAGS, "-o", str(made), *sources]
        if subprocess.run(command, env=environment, check=False).returncode:  # noqa: S603 - our own words
            raise SystemExit("the kernels for browsers did not compile: see above")
        fresh = target.with_suffix(".new")
        fresh.write_bytes(made.read_bytes())
        fresh.replace(target)


def compile_catalogues(locale: Path) -> None:
    """Make the .mo of every .po. Texts that nobody translated yet, or not surely, stay English."""
    for path in sorted(locale.glob("*/LC_MESSAGES/*.po")):
        with path.open("rb") as source:
            catalogue = read_po(source, locale=path.parents[1].name)
        catalogue.creation_date = _NO_DATE  # else now, and no two builds would be equal
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            write_mo(file, catalogue)
        fresh.replace(path.with_suffix(".mo"))


def _target(machine: str) -> str:
    """Return the system to compile for: this one, and older ones of its kind."""
    if sys.platform == "darwin":
        return f"{machine}-macos"
    return f"{machine}-linux-{'musl' if _is_musl() else 'gnu.2.17'}"


def _platform_tag(machine: str) -> str:
    """Return the tag of the systems on which _target(machine) runs. source: PEP 600, PEP 656."""
    if sys.platform == "darwin":
        return sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"{'musllinux_1_1' if _is_musl() else 'manylinux_2_17'}_{machine}"


def _is_musl() -> bool:
    return "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "")
