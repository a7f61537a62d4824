# SPDX-License-Identifier: Apache-2.0
"""Check this machine: disk, rights of files, walls of the sandbox, open files."""

import os
import resource
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from stemtide.fingerprints.sandbox.lockdown import available_walls
from stemtide.fingerprints.sandbox.walls import missing_walls, refusal
from stemtide.hub import host_keys, vitals
from stemtide.hub.checks.results import CheckResult, Level
from stemtide.hub.rooms.ledger.rules.keys import KeyName

_PLENTY_MB = 2_000
_FEW_FILES = 4_096
_OTHERS = 0o077
_EVERYBODY = 0o007


def disk() -> Iterator[CheckResult]:
    """Check that the folders of the hub can be written to, and have room."""
    troubles = list(vitals.disk_troubles())
    for trouble in troubles:
        remedy = "make room, or let this user write there; STEMTIDE_MIN_FREE_MB is the limit"
        yield CheckResult("disk", Level.FAIL, trouble.text, remedy)
    if troubles:
        return
    for folder in vitals.folders():
        free_mb = shutil.disk_usage(folder).free // 1_000_000
        if free_mb < _PLENTY_MB:
            text = f"{folder} has only {free_mb} MB left"
            yield CheckResult("disk", Level.WARN, text, "make room before it is full")
        else:
            yield CheckResult("disk", Level.OK, f"{folder} has {free_mb} MB left")


def permissions() -> Iterator[CheckResult]:
    """Check that nobody but the hub's user can read its keys.

    Files of settings may be a group's, and a container shows secrets to its only user as it likes.
    """
    own = [path for name in KeyName if isinstance(path := host_keys.place_of(name), Path)]
    named = {Path(path) for name, path in os.environ.items() if _is_secret_file(name) and path}
    places = [(path, _OTHERS, Level.FAIL, "go=") for path in (Path(settings.DATA_DIR), *own)]
    places += [(path, _EVERYBODY, Level.WARN, "o=") for path in sorted(named - set(own))]
    flaws = []
    for path, rights, level, change in places:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
        if mode & rights:
            text = f"others can use {path} (mode {mode:04o})"
            flaws.append(CheckResult("permissions", level, text, f"chmod {change} {path}"))
    yield from flaws
    if not flaws:
        yield CheckResult("permissions", Level.OK, "nobody else can use the hub's secrets")


def walls() -> Iterator[CheckResult]:
    """Check the walls around decoders of pictures and documents."""
    standing, accepted = available_walls(), settings.ACCEPT_MISSING_WALLS
    missing = ", ".join(missing_walls(standing))
    if reason := refusal(standing, accepted=accepted):
        text = f"the hub does not start: STEMTIDE_ACCEPT_MISSING_WALLS {reason}"
        yield CheckResult("walls", Level.FAIL, text)
    elif missing:
        remedy = "run the hub on a system that has them: docs/understand/sandbox.md"
        text = f"decoders run without these walls: {missing}"
        yield CheckResult("walls", Level.WARN, text, remedy)
    else:
        yield CheckResult("walls", Level.OK, "all walls around decoders stand")


def open_files() -> Iterator[CheckResult]:
    """Check how many files this user may open: each stream and connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _FEW_FILES:
        remedy = "LimitNOFILE=65536 in the service's unit, or ulimit -n"
        text = f"at most {hard} files can be open, and each agent's stream is one"
        yield CheckResult("open files", Level.WARN, text, remedy)
    else:
        yield CheckResult("open files", Level.OK, "the limit is high enough")


def _is_secret_file(name: str) -> bool:
    """Whether a setting names a file with a secret."""
    is_public = name in {"STEMTIDE_SEAL_TRUST_FILE", "STEMTIDE_AUTHORITIES_FILE"}
    is_public |= name == "STEMTIDE_TIMESTAMP_TRUST_FILE"
    return name.startswith("STEMTIDE_") and name.endswith("_FILE") and not is_public
